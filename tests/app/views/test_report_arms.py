"""What the researcher reads about a study's arms: makers, and metrics shown between rounds."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from signed_in import signed_in_store, study_page
from staged import empty_study, person, picture
from streamlit.testing.v1 import AppTest

from app.store import Store
from app.study.arms import MakerArm
from app.study.records import ArmBoard, ArmImage, GuidanceCount
from app.study.submission import Submission
from app.study.types import Participant, Study
from app.views.researcher.report.arms import beats, guidance_rows, maker_rows
from app.views.researcher.settings import summary
from clpips.stats.preference import clustered_share
from clpips.types import Provenance

ARMS = (MakerArm("plain", "scenes"), MakerArm("small model", "tiny", {"steps": 5, "guidance": 3.0}))
_pictures, _clicks = itertools.count(70_000), itertools.count(1)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return signed_in_store(tmp_path, monkeypatch)


def page_of(study: Study, tab: str) -> str:
    screen = AppTest.from_function(study_page, default_timeout=120)
    screen.query_params["study"] = str(study.id)
    screen.session_state["tab"] = tab
    screen.run()
    assert not screen.exception, screen.exception[0].message
    html = [each.proto.body for each in screen.get("html")]
    return "\n".join([*html, *(str(each.value) for each in screen.get("caption"))])


def rank(store: Store, somebody: Participant, by: list[str], *, finish: bool = True) -> None:
    """One round with an image by each named arm, ranked in this order; then its target is left."""
    trial = store.progress.of_participant(somebody.id).trial
    assert trial is not None
    click = f"c{next(_clicks)}"
    asked = store.rounds.request(somebody.id, trial.id, "a hat", request_id=click, queued=False)
    made = [
        (
            picture(store, next(_pictures)),
            Provenance("m", "1", "a hat", 1, 64, 64, {"arm": arm}, seconds=1.5 + place),
        )
        for place, arm in enumerate(by)
    ]
    store.rounds.add_candidates(asked.id, made)
    images = {each.image: each.id for each in store.rounds.get(asked.id).candidates}
    order = tuple(images[sha] for sha, _ in made)
    shown = tuple(each.id for each in store.rounds.get(asked.id).candidates)
    ranks = tuple(range(1, len(order) + 1))
    store.rankings.submit(
        somebody.id, Submission(f"uuid-of-{asked.id}", asked.id, order, ranks, shown)
    )
    if finish:
        store.trials.finish(somebody.id, trial.id)


def board(who: str, *images: tuple[str, int | None]) -> ArmBoard:
    return ArmBoard(who, tuple(ArmImage(arm, 1.0, rank) for arm, rank in images))


def arms_study(store: Store, **settings: Any) -> Study:
    return empty_study(store, arms=ARMS, **settings)


# --- makers -------------------------------------------------------------------------------------


def test_each_way_has_its_rounds_images_and_seconds(store: Store) -> None:
    study = arms_study(store)
    ada = person(store, study, "Ada")
    rank(store, ada, ["plain"] * 4)
    rank(store, ada, ["small model"] * 3)
    boards = store.arms.boards(study.id)
    assert maker_rows(["plain", "small model"], boards, mixed=False) == [
        ("plain", "1", "4", "3.0"),
        ("small model", "1", "3", "2.5"),
    ]
    text = page_of(study, "Progress")
    assert "Results by study arm" in text
    assert "Ranked nearer" not in text  # no board has images of two ways


def test_a_way_without_images_has_dashes(store: Store) -> None:
    assert maker_rows(["plain"], (), mixed=True) == [("plain", "0", "0", "–", "–")]
    assert store.arms.boards(arms_study(store).id) == ()


def test_mixed_boards_say_how_often_a_way_is_nearer() -> None:
    one = board("Ada", ("a", 1), ("b", 2), ("a", 3))
    assert beats("a", [one]).points == (1.0, 0.0)
    assert beats("b", [one]).points == (0.0, 1.0)
    tied = board("Ben", ("a", 1), ("b", 1), ("b", 2))
    found = beats("a", [one, tied, board("Cem", ("a", None), ("b", None))])
    assert found.points == (1.0, 0.0, 0.5, 1.0)
    assert found.people == ("Ada", "Ada", "Ben", "Ben")


def test_a_way_is_nearer_as_often_as_the_only_other_is_not() -> None:
    boards = [board(who, ("a", 1), ("b", 2), ("b", 3), ("a", 4)) for who in "xyz"]
    boards += [board("y", ("b", 2), ("a", 1)), board("z", ("b", 1), ("a", 1))]
    one, other = beats("a", boards), beats("b", boards)
    shares = [clustered_share(each.points, each.people).share for each in (one, other)]
    assert sum(shares) == pytest.approx(1)


def test_the_progress_tab_shows_the_interval_over_people(store: Store) -> None:
    study = arms_study(store, mixes_arms=True)
    for label in ("Ada", "Ben"):
        somebody = person(store, study, label)
        for _ in range(2):
            rank(store, somebody, ["plain", "small model", "plain", "small model"])
    text = page_of(study, "Progress")
    found = beats("plain", store.arms.boards(study.id))
    low, high = clustered_share(found.points, found.people).interval
    assert f'75 %<span class="cl-ci">{100 * low:.0f} to {100 * high:.0f}' in text
    assert "The 95 % interval is clustered by participant." in text


def test_of_one_person_alone_there_is_no_interval() -> None:
    row = maker_rows(["a"], [board("Ada", ("a", 1), ("b", 2))], mixed=True)[0]
    assert "one participant so far" in row[-1]


def test_repeats_do_not_count_as_rounds_of_a_way(store: Store) -> None:
    study = arms_study(store, repeats=1)
    ada = person(store, study, "Ada")
    rank(store, ada, ["plain"] * 4)
    rank(store, ada, ["plain"] * 4)
    again = store.progress.of_participant(ada.id).round
    assert again is not None and again.kind == "repeat"
    assert len(store.arms.boards(study.id)) == 2


# --- metrics shown between rounds ---------------------------------------------------------------


def test_people_are_counted_by_the_metric_they_are_shown(store: Store) -> None:
    study = empty_study(store, guidance=("stock",))
    ada, ben = person(store, study, "Ada"), person(store, study, "Ben")
    store.participants.create(study.id, label="Not yet begun")
    for somebody, rounds in ((ada, (2, 1)), (ben, (1,))):
        for count in rounds:
            for number in range(count):
                rank(store, somebody, ["plain"] * 2, finish=number == count - 1)
    rank(store, ben, ["plain"] * 2, finish=False)  # on a target that is not finished
    assert store.arms.guidance_counts(study.id) == (GuidanceCount("stock", 2, 1, 3, 4),)


def test_a_metric_that_nobody_has_yet_is_shown_with_none() -> None:
    counts = [GuidanceCount("personal", 3, 2, 4, 9)]
    assert guidance_rows(("none", "personal"), counts) == [
        ("No metric", "0", "0", "–"),
        ("Their personal metric", "3", "2", "2.2"),
    ]


def test_the_progress_tab_compares_only_what_a_study_compares(store: Store) -> None:
    compared = empty_study(store, guidance=("none", "personal"))
    person(store, compared)
    text = page_of(compared, "Progress")
    assert "Results by metric shown between rounds" in text and "Their personal metric" in text
    plain = empty_study(store)
    person(store, plain)
    text = page_of(plain, "Progress")
    assert "Results by metric" not in text and "Results by study arm" not in text


# --- settings in words --------------------------------------------------------------------------


def test_the_settings_tab_tells_what_a_study_compares(store: Store) -> None:
    study = arms_study(
        store,
        guidance=("none", "personal"),
        duels=3,
        choice="nearest",
        made_per_round=12,
    )
    text = page_of(study, "Settings")
    for words in (
        "2 arms, see below; each round uses one arm, in random order",
        "Built-in small diffusion model",
        "steps 5, guidance 3",
        "one of these at random: No metric, Their personal metric",
        "3 pairs, personal vs stock metric",
        "of 12 generated, the 3 nearest by the participant’s metric "
        "and one of the others at random",
    ):
        assert words in text


def test_the_settings_tab_of_a_plain_study_stays_plain(store: Store) -> None:
    text = page_of(empty_study(store), "Settings")
    assert "Built-in renderer (no model)<" in text
    assert "no metric" in text and "see below" not in text


@pytest.mark.parametrize(
    ("maker", "words"),
    [
        ("scenes", "Built-in renderer (no model)"),
        ("pool:pools/0123456789abcdef.zip", "Images made elsewhere (upload): 01234567"),
        ("diffusers:owner/model", "A diffusers model (folder or id): owner/model"),
    ],
)
def test_makers_are_called_as_in_the_form(maker: str, words: str) -> None:
    assert summary.made_by(maker) == words


def test_the_list_of_participants_says_what_each_is_shown(store: Store) -> None:
    compared = empty_study(store, guidance=("stock", "personal"))
    for _ in range(2):
        person(store, compared)
    store.participants.create(compared.id)  # has not begun, so nothing is drawn for them yet
    text = page_of(compared, "Progress").split("Results by metric shown between rounds")[0]
    assert "Shown between rounds" in text
    assert text.count("Stock LPIPS") == text.count("Their personal metric") == 1
    assert "Shown between rounds" not in page_of(empty_study(store), "Progress")
