from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from clock import set_clock

from app.store.job_queue import MAX_ATTEMPTS
from clpips.errors import StudyError

if TYPE_CHECKING:
    from floor import Floor


def test_jobs_are_done_in_the_order_they_came(floor: Floor) -> None:
    made = [floor.store.jobs.enqueue("fit", {"n": number}) for number in range(3)]
    claimed = [floor.store.jobs.claim("w", ["fit"]) for _ in range(4)]
    assert [job and job.id for job in claimed] == [job.id for job in made] + [None]
    assert claimed[0] and claimed[0].payload == {"n": 0} and claimed[0].state == "running"


def test_the_more_urgent_kind_goes_first(floor: Floor) -> None:
    floor.store.jobs.enqueue("fit", {})
    urgent = floor.store.jobs.enqueue("export", {})
    job = floor.store.jobs.claim("w", ["export", "fit"])
    assert job is not None and job.id == urgent.id


def test_a_worker_gets_only_the_kinds_it_asked_for(floor: Floor) -> None:
    floor.store.jobs.enqueue("fit", {})
    assert floor.store.jobs.claim("w", ["generate", "vectors"]) is None


def test_a_key_keeps_an_open_job_from_being_queued_twice(floor: Floor) -> None:
    first = floor.store.jobs.enqueue("fit", {"n": 1}, key="fit-1")
    assert floor.store.jobs.enqueue("fit", {"n": 2}, key="fit-1") == first
    job = floor.store.jobs.claim("w", ["fit"])
    assert job is not None
    floor.store.jobs.finish(job.id, "w", {"ok": True})
    assert floor.store.jobs.enqueue("fit", {"n": 3}, key="fit-1").id != first.id
    assert floor.store.jobs.get(first.id).result == {"ok": True}


def test_one_eager_person_does_not_keep_the_others_waiting(floor: Floor) -> None:
    study = floor.study(targets=1, max_rounds=9)
    eager, patient = floor.person(study), floor.person(study)
    for _ in range(2):
        asked = floor.ask(eager)
        job = floor.store.jobs.claim("w", ["generate"])
        assert job is not None
        board = floor.make(asked)
        floor.store.jobs.finish(job.id, "w", {})
        floor.send(eager, floor.submission(board))
    third, first = floor.ask(eager), floor.ask(patient)
    assert floor.store.rounds.queue_position(first.id) == 0
    assert floor.store.rounds.queue_position(third.id) == 1
    job = floor.store.jobs.claim("w", ["generate"])
    assert job is not None and job.payload["round_id"] == first.id
    assert floor.store.rounds.queue_position(third.id) == 1


def drawn(floor: Floor, monkeypatch: pytest.MonkeyPatch, at: float) -> int:
    """Let the next round be drawn, ``at`` seconds from now, and be ranked; whose it was."""
    with monkeypatch.context() as later:
        set_clock(later, at)
        job = floor.store.jobs.claim("w", ["generate"])
        assert job is not None and job.participant_id is not None
        board = floor.make(floor.store.rounds.get(job.payload["round_id"]))
        floor.store.jobs.finish(job.id, "w", {})
    person = floor.store.participants.get(job.participant_id)
    floor.send(person, floor.submission(board))
    return person.id


def test_of_people_who_ask_at_once_the_last_is_first_the_next_time(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = floor.study(targets=1, max_rounds=9)
    people = [floor.person(study) for _ in range(4)]
    orders = []
    for wave in range(2):
        set_clock(monkeypatch, wave * 40.0)
        for person in people:
            floor.ask(person)
        orders.append([drawn(floor, monkeypatch, wave * 40.0 + 8 * turn) for turn in range(4)])
    first = [person.id for person in people]
    assert orders == [first, first[::-1]]


def test_who_comes_new_to_a_crowd_is_not_put_behind_it(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = floor.study(targets=1, max_rounds=9)
    crowd = [floor.person(study) for _ in range(3)]
    for person in crowd:
        floor.ask(person)
    for turn in range(3):
        drawn(floor, monkeypatch, 30.0 + turn)
    newcomer = floor.person(study)
    set_clock(monkeypatch, 100.0)
    for person in [*crowd[:2], newcomer, crowd[2]]:
        floor.ask(person)
    order = [drawn(floor, monkeypatch, 101.0 + turn) for turn in range(4)]
    assert order == [each.id for each in (newcomer, *reversed(crowd))]


def test_a_long_wait_goes_before_any_credit(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    study = floor.study(targets=1, max_rounds=9)
    unlucky, quick = floor.person(study), floor.person(study)
    floor.ask(unlucky)
    drawn(floor, monkeypatch, 20.0)
    set_clock(monkeypatch, 0.0)
    floor.ask(quick)
    drawn(floor, monkeypatch, 0.0)
    set_clock(monkeypatch, 100.0)
    floor.ask(quick)
    set_clock(monkeypatch, 115.0)  # more than half of the 20 s that the other once waited
    floor.ask(unlucky)
    assert drawn(floor, monkeypatch, 116.0) == quick.id


def test_a_dead_workers_job_is_taken_back_and_the_dead_one_can_no_longer_end_it(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = floor.store.jobs.enqueue("fit", {})
    floor.store.jobs.claim("dead", ["fit"], lease_seconds=600)
    assert floor.store.jobs.claim("heir", ["fit"]) is None
    set_clock(monkeypatch, 601)
    job = floor.store.jobs.claim("heir", ["fit"])
    assert job is not None and (job.id, job.attempts) == (made.id, 2)
    assert not floor.store.jobs.heartbeat(made.id, "dead", progress=0.9)
    assert not floor.store.jobs.finish(made.id, "dead", {})
    assert floor.store.jobs.finish(made.id, "heir", {})


def test_a_heartbeat_keeps_the_lease(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    made = floor.store.jobs.enqueue("fit", {})
    floor.store.jobs.claim("w", ["fit"], lease_seconds=60)
    assert floor.store.jobs.heartbeat(made.id, "w", progress=0.5, message="half", lease_seconds=900)
    set_clock(monkeypatch, 61)
    assert floor.store.jobs.claim("heir", ["fit"]) is None
    job = floor.store.jobs.get(made.id)
    assert (job.progress, job.message) == (0.5, "half")


def test_work_that_kills_its_worker_is_given_up_and_its_round_fails(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = floor.ask(floor.person(floor.study()))
    for attempt in range(MAX_ATTEMPTS):
        assert floor.store.jobs.claim("w", ["generate"], lease_seconds=60) is not None
        set_clock(monkeypatch, 61 * (attempt + 1))
    assert floor.store.jobs.claim("w", ["generate"]) is None
    failed = floor.store.rounds.get(asked.id)
    assert failed.state == "failed" and "interrupted" in failed.message
    assert floor.store.jobs.latest()[0].state == "failed"


def test_a_job_that_fails_takes_its_round_with_it(floor: Floor) -> None:
    person = floor.person(floor.study())
    asked = floor.ask(person)
    job = floor.store.jobs.claim("w", ["generate"])
    assert job is not None
    assert floor.store.jobs.fail(job.id, "w", "the maker ran out of paint")
    assert floor.store.rounds.get(asked.id).message == "the maker ran out of paint"
    assert floor.store.progress.of_participant(person.id).phase == "compose"


def test_a_queued_round_that_is_cancelled_is_never_made(floor: Floor) -> None:
    person = floor.person(floor.study())
    asked = floor.ask(person)
    assert floor.store.rounds.cancel(person.id, asked.id).state == "cancelled"
    assert floor.store.jobs.claim("w", ["generate"]) is None
    assert floor.store.jobs.latest()[0].state == "cancelled"
    assert floor.ask(person).number == asked.number


def test_a_running_round_that_is_cancelled_stops_and_its_late_images_are_ignored(
    floor: Floor,
) -> None:
    person = floor.person(floor.study())
    asked = floor.ask(person)
    job = floor.store.jobs.claim("w", ["generate"])
    assert job is not None
    floor.store.rounds.cancel(person.id, asked.id)
    assert not floor.store.jobs.heartbeat(job.id, "w", progress=0.5)
    assert not floor.store.rounds.add_candidates(asked.id, [])
    assert floor.store.jobs.confirm_cancelled(job.id, "w")
    assert floor.store.rounds.get(asked.id).candidates == ()
    assert floor.store.jobs.get(job.id).state == "cancelled"


def test_a_board_that_is_ready_cannot_be_cancelled_any_more(floor: Floor) -> None:
    person = floor.person(floor.study())
    board = floor.board(person)
    assert floor.store.rounds.cancel(person.id, board.id) == board


def test_cancelling_a_fit_asks_its_worker_to_stop(floor: Floor) -> None:
    made = floor.store.jobs.enqueue("fit", {})
    floor.store.jobs.claim("w", ["fit"])
    assert floor.store.jobs.cancel(made.id).cancel_requested
    assert not floor.store.jobs.heartbeat(made.id, "w", progress=0.1)


def test_a_worker_that_stops_in_good_order_puts_its_jobs_back(floor: Floor) -> None:
    made = floor.store.jobs.enqueue("fit", {})
    floor.store.workers.mark_alive("w")
    floor.store.jobs.claim("w", ["fit"])
    assert floor.store.workers.alive() == ("w",)
    assert floor.store.jobs.release("w") == 1
    assert floor.store.workers.alive() == ()
    job = floor.store.jobs.claim("other", ["fit"])
    assert job is not None and (job.id, job.attempts) == (made.id, 1)


def test_progress_of_a_round_is_its_jobs(floor: Floor) -> None:
    person = floor.person(floor.study())
    asked = floor.ask(person)
    job = floor.store.jobs.claim("w", ["generate"])
    assert job is not None
    floor.store.jobs.heartbeat(job.id, "w", progress=0.25, message="1 of 4")
    shown = floor.store.rounds.get_own(person.id, asked.id)
    assert (shown.progress, shown.message) == (0.25, "1 of 4")


def test_an_unknown_job_is_said_to_be_unknown(floor: Floor) -> None:
    with pytest.raises(StudyError, match="unknown number 7"):
        floor.store.jobs.get(7)


def test_the_jobs_of_a_dead_worker_are_taken_back_before_their_leases_end(floor: Floor) -> None:
    store = floor.store
    lost, kept = (store.jobs.enqueue("fit", {"n": number}) for number in range(2))
    for name in ("dead", "alive"):
        store.workers.mark_alive(name)
        store.jobs.claim(name, ["fit"])
    assert store.jobs.reclaim_from(lambda name: name == "dead") == 1
    assert [store.jobs.get(job.id).state for job in (lost, kept)] == ["queued", "running"]
    assert store.workers.alive() == ("alive",)
    for _ in range(2):  # the death counts as an attempt: a job that kills its worker must end
        store.jobs.claim("dead", ["fit"])
        store.jobs.reclaim_from(lambda name: name == "dead")
    assert store.jobs.get(lost.id).state == "failed"
