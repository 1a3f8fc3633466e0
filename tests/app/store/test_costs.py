"""What a study's images cost: the sums of the store, and the researcher's line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.study.records import CalibrationBoard, Cost
from app.study.types import Participant, Round
from app.views.researcher.progress.tab import spent
from clpips.types import Provenance

if TYPE_CHECKING:
    from floor import Floor


def source(prompt: str, cost: float | None, currency: str = "USD") -> Provenance:
    record: dict[str, Any] = {"base_url": "https://images.example.com/v1"}
    if cost is not None:
        record |= {"cost": cost, "currency": currency}
    return Provenance("http", "1.0", prompt, 1, 64, 64, options={"service": record})


def made(floor: Floor, asked: Round, cost: float | None, currency: str = "USD") -> Round:
    """A board of four images at a price."""
    each = source(asked.prompt, cost, currency)
    images = [(floor.image(1000 * asked.id + number), each) for number in range(4)]
    assert floor.store.rounds.add_candidates(asked.id, images)
    return floor.store.rounds.get(asked.id)


def next_board(floor: Floor, who: Participant, cost: float | None, currency: str = "USD") -> Round:
    board = made(floor, floor.ask(who), cost, currency)
    floor.send(who, floor.submission(board))
    return board


def test_costs_are_summed_by_currency_and_the_unknown_are_counted(floor: Floor) -> None:
    study = floor.study()
    ada, ben = floor.person(study), floor.person(study)
    next_board(floor, ada, 0.04)
    next_board(floor, ben, 0.04)
    next_board(floor, ada, 0.05, "EUR")
    next_board(floor, ada, None)
    next_board(floor, floor.person(floor.study()), 7.0)  # another study's
    assert floor.store.studies.costs(study.id) == (
        Cost("EUR", pytest.approx(0.2), 4),
        Cost("USD", pytest.approx(0.32), 8),
        Cost(None, None, 4),
    )


def test_images_that_were_made_and_not_shown_cost_as_much(floor: Floor) -> None:
    ada = floor.person(study := floor.study())
    asked = floor.ask(ada)
    job = floor.store.jobs.claim("worker", ["generate"])
    assert job is not None
    made(floor, asked, 0.04)
    floor.store.jobs.finish(job.id, "worker", {"choice": {"images": [{}] * 12}})
    assert floor.store.studies.costs(study.id) == (Cost("USD", pytest.approx(0.48), 12),)


def test_a_repeat_costs_nothing_and_shared_boards_cost_once(floor: Floor) -> None:
    study = floor.study(targets=1, min_rounds=1, repeats=1, calibration=1)
    target = floor.image(500)
    shared = tuple((floor.image(501 + number), source("", 0.5)) for number in range(4))
    floor.store.calibration.add(study.id, [CalibrationBoard("shared", target, shared)])
    for who in (floor.person(study), floor.person(study)):
        next_board(floor, who, 0.25)
        floor.finish(who)
        while (board := floor.store.progress.of_participant(who.id).round) is not None:
            floor.send(who, floor.submission(board))
            floor.store.final_boards.show_next(who.id, board.id)
        assert floor.store.participants.get(who.id).completed_at is not None
    assert floor.store.studies.costs(study.id) == (
        Cost("USD", pytest.approx(2 * 4 * 0.25 + 4 * 0.5), 12),
    )


def test_the_line_names_what_is_known_and_how_much_is_not() -> None:
    costs = (Cost("EUR", 0.0064, 4), Cost("USD", 1234.5, 3000), Cost(None, None, 12))
    words = (
        "Cost of generated images, shown or not: 0.0064 EUR for 4, 1,234.50 USD for 3,000; "
        "unknown for 12 more"
    )
    assert words in spent(costs)
    assert "unknown" not in spent(costs[:2])


def test_there_is_no_line_where_nothing_has_a_cost() -> None:
    assert spent(()) == "" and spent((Cost(None, None, 12),)) == ""
