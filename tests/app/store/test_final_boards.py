"""The last part: boards shown again, and boards that everybody ranks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from floor import Floor

from app.files.bundle import open_bundle, write_bundle
from app.files.ranking_table import ranking_rows
from app.store import Store
from app.store.final_boards import Board, plan
from app.study.records import CalibrationBoard
from app.study.settings import StudySettings
from app.study.types import Participant, Study
from clpips.errors import StudyError
from clpips.progress import Watch
from clpips.types import Provenance

MADE = Provenance("scenes", "1", "a hat", 1, 64, 64)


def calibrate(floor: Floor, study: Study) -> list[CalibrationBoard]:
    boards = [
        CalibrationBoard(
            f"calibration {number}",
            floor.image(500 + number),
            tuple((floor.image(600 + 10 * number + place), MADE) for place in range(4)),
        )
        for number in range(study.settings.calibration)
    ]
    assert floor.store.calibration.add(study.id, boards)
    return boards


def to_the_last_part(floor: Floor, study: Study) -> Participant:
    """A new participant who has ranked the least number of rounds of every target."""
    person = floor.person(study)
    for _ in floor.store.studies.targets(study.id):
        for _ in range(study.settings.min_rounds):
            floor.rank(person, (2, 0, 1, 3))
        person = floor.finish(person)
    return person


def rank_board(floor: Floor, person: Participant, order: tuple[int, ...] | None = None) -> int:
    """Rank the board in view and go on; its round's number."""
    board = floor.store.progress.of_participant(person.id).round
    assert board is not None
    floor.send(person, floor.submission(board, order))
    floor.store.final_boards.show_next(person.id, board.id)
    return board.id


def images(floor: Floor, round_id: int) -> list[str]:
    return [each.image for each in floor.store.rounds.get(round_id).candidates]


# --- the plan -----------------------------------------------------------------------------------


def own(trials: int, rounds: int) -> list[Board]:
    return [
        Board(10 * trial + number, trial) for trial in range(trials) for number in range(rounds)
    ]


@pytest.mark.parametrize("seed", range(40))
def test_repeats_are_of_different_targets_and_not_of_the_last_one(seed: int) -> None:
    chosen = plan(own(4, 2), (), repeats=3, seed=seed)
    assert {board.trial_id for board in chosen} == {0, 1, 2}


def test_every_earlier_board_is_repeated_somewhere_and_every_kind_comes_first() -> None:
    shared = [Board(None, 90), Board(None, 91)]
    plans = [plan(own(3, 2), shared, repeats=2, seed=seed) for seed in range(300)]
    assert {board.repeats for each in plans for board in each} == {None, 0, 1, 10, 11}
    first = Counter(each[0].repeats is None for each in plans)
    assert 100 < first[True] < 200
    assert all(len(each) == 4 and len(set(each)) == 4 for each in plans)


@pytest.mark.parametrize("seed", range(40))
def test_a_board_never_follows_itself(seed: int) -> None:
    (only,) = own(1, 1)
    assert plan([only], (), repeats=1, seed=seed) == []
    shared = Board(None, 90)
    assert plan([only], [shared], repeats=1, seed=seed) == [shared, only]
    assert plan(own(1, 2), (), repeats=5, seed=seed) == [Board(0, 0)]


def test_a_plan_stays_the_same_however_often_it_is_asked() -> None:
    shared = [Board(None, 90)]
    assert plan(own(3, 2), shared, repeats=2, seed=7) == plan(own(3, 2), shared, repeats=2, seed=7)


# --- repeats ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_a_repeat_shows_the_same_images_in_another_order_and_is_a_ranking_of_its_own(
    floor: Floor, seed: int
) -> None:
    study = floor.study(targets=2, min_rounds=1, repeats=1)
    person = to_the_last_part(floor, study)
    standing = floor.store.progress.of_participant(person.id)
    again = standing.round
    assert again is not None and again.repeats is not None
    assert (standing.phase, standing.board, standing.boards) == ("ranking", 1, 1)
    assert (again.kind, person.completion_code) == ("repeat", None)
    first = floor.store.rounds.get(again.repeats)
    assert sorted(images(floor, again.id)) == sorted(images(floor, first.id))
    assert images(floor, again.id) != images(floor, first.id)
    assert not {c.id for c in again.candidates} & {c.id for c in first.candidates}
    before = first.ranking
    rank_board(floor, person, (3, 2, 1, 0))
    assert floor.store.rounds.get(first.id).ranking == before
    assert floor.store.participants.get(person.id).completion_code is not None
    one, two = (
        each
        for each in floor.store.rankings.of_study(study.id)
        if each.target == standing.trial.target.image  # type: ignore[union-attr]
    )
    assert set(one.images) == set(two.images)
    assert (one.participant, one.trial, one.round) != (two.participant, two.trial, two.round)


def test_a_study_without_extra_boards_ends_with_its_last_target(floor: Floor) -> None:
    person = to_the_last_part(floor, floor.study(targets=2, min_rounds=1))
    assert person.completion_code is not None
    assert floor.store.progress.of_participant(person.id).phase == "done"


def test_what_cannot_be_repeated_is_left_out_and_the_study_ends(floor: Floor) -> None:
    person = to_the_last_part(floor, floor.study(targets=1, min_rounds=1, repeats=2))
    assert person.completion_code is not None


def test_a_board_can_be_changed_until_the_next_one_and_not_after(floor: Floor) -> None:
    study = floor.study(targets=3, min_rounds=1, repeats=2)
    person = to_the_last_part(floor, study)
    board = floor.store.progress.of_participant(person.id).round
    assert board is not None
    first = floor.send(person, floor.submission(board)).ranking
    edit = floor.submission(board, (1, 0, 2, 3), replaces=first.uuid)
    stands = floor.send(person, edit).ranking
    assert stands.revision == 2
    floor.store.final_boards.show_next(person.id, board.id)
    with pytest.raises(StudyError, match="after the next board was shown"):
        floor.send(person, floor.submission(board, replaces=stands.uuid))
    last = floor.store.progress.of_participant(person.id).round
    assert last is not None
    ranking = floor.send(person, floor.submission(last)).ranking
    floor.store.final_boards.show_next(person.id, last.id)
    with pytest.raises(StudyError, match="after the study was finished"):
        floor.send(person, floor.submission(last, (3, 2, 1, 0), replaces=ranking.uuid))


def test_a_second_click_on_next_board_skips_nothing(floor: Floor) -> None:
    study = floor.study(targets=3, min_rounds=1, repeats=2)
    person = to_the_last_part(floor, study)
    board = floor.store.progress.of_participant(person.id).round
    assert board is not None
    with pytest.raises(StudyError, match="must be ranked before the next one"):
        floor.store.final_boards.show_next(person.id, board.id)
    floor.send(person, floor.submission(board))
    for _ in range(3):
        floor.store.final_boards.show_next(person.id, board.id)
    assert floor.store.progress.of_participant(person.id).board == 2
    rank_board(floor, person)
    done = floor.store.participants.get(person.id)
    assert done.completion_code is not None
    assert floor.store.final_boards.show_next(person.id, board.id) == done


def test_the_last_part_is_the_persons_own(floor: Floor) -> None:
    study = floor.study(targets=2, min_rounds=1, repeats=1)
    ada, ben = to_the_last_part(floor, study), floor.person(study)
    board = floor.store.progress.of_participant(ada.id).round
    assert board is not None
    with pytest.raises(StudyError, match="the participant's own"):
        floor.store.final_boards.show_next(ben.id, board.id)
    own_round = floor.store.rounds.ranked(study.id, ada.id)[0].round
    with pytest.raises(StudyError, match="a board of the last part"):
        floor.store.final_boards.show_next(ada.id, own_round.id)


def test_no_target_can_be_worked_on_in_the_last_part(floor: Floor) -> None:
    study = floor.study(targets=2, min_rounds=1, repeats=1)
    person = to_the_last_part(floor, study)
    standing = floor.store.progress.of_participant(person.id)
    assert standing.trial is not None
    assert not standing.can_finish_trial and not standing.can_request_round
    with pytest.raises(StudyError, match="must be the current one"):
        floor.store.rounds.request(person.id, standing.trial.id, "more", request_id="round-9")
    assert floor.store.trials.finish(person.id, standing.trial.id).completion_code is None


# --- calibration --------------------------------------------------------------------------------


def test_everybody_ranks_the_same_images_in_an_order_of_their_own(floor: Floor) -> None:
    study = floor.study(targets=2, min_rounds=1, repeats=1, calibration=2)
    boards = calibrate(floor, study)
    shown = []
    for _ in range(5):
        person = to_the_last_part(floor, study)
        kinds = []
        while (standing := floor.store.progress.of_participant(person.id)).round is not None:
            kinds.append(standing.round.kind)
            if standing.round.kind == "calibration":
                shown.append((standing.trial.target.image, tuple(images(floor, standing.round.id))))  # type: ignore[union-attr]
            rank_board(floor, person)
        assert sorted(kinds) == ["calibration", "calibration", "repeat"]
        assert floor.store.participants.get(person.id).completion_code is not None
    for board in boards:
        seen = [order for target, order in shown if target == board.target]
        assert len(seen) == 5 and len(set(seen)) > 1
        assert {frozenset(order) for order in seen} == {frozenset(image for image, _ in board.made)}


def test_calibration_targets_are_no_targets_of_the_study(floor: Floor) -> None:
    study = floor.study(targets=2, min_rounds=1, calibration=1)
    calibrate(floor, study)
    person = to_the_last_part(floor, study)
    assert [each.kind for each in floor.store.studies.targets(study.id)] == ["own", "own"]
    (line,) = floor.store.progress.of_study(study.id)
    assert (line.phase, line.done_trials, line.trials) == ("ranking", 2, 2)
    assert (line.rounds, line.rankings, line.boards_done, line.boards) == (3, 2, 0, 1)
    rank_board(floor, person)
    tally = floor.store.progress.tallies()[study.id]
    assert (tally.targets, tally.trials, tally.done_trials, tally.rankings) == (2, 2, 2, 3)
    (line,) = floor.store.progress.of_study(study.id)
    assert (line.phase, line.boards_done) == ("done", 1)


def test_nobody_waits_for_boards_that_are_not_made(floor: Floor) -> None:
    study = floor.study(targets=2, min_rounds=1, calibration=3)
    person = to_the_last_part(floor, study)
    assert person.completion_code is not None


def test_boards_that_come_while_somebody_is_in_the_last_part_change_nothing_for_them(
    floor: Floor,
) -> None:
    study = floor.study(targets=2, min_rounds=1, repeats=1, calibration=1)
    person = to_the_last_part(floor, study)
    calibrate(floor, study)
    assert floor.store.progress.of_participant(person.id).boards == 1
    rank_board(floor, person)
    assert floor.store.participants.get(person.id).completion_code is not None


def test_a_calibration_set_is_taken_once_and_whole(floor: Floor) -> None:
    study = floor.study(calibration=2)
    (board, *_) = calibrate(floor, floor.study(calibration=1))
    with pytest.raises(StudyError, match=r"2 calibration boards must be given.*got 1"):
        floor.store.calibration.add(study.id, [board])
    with pytest.raises(StudyError, match="must be in the store"):
        floor.store.calibration.add(study.id, [board, board._replace(target="0" * 64)])
    assert floor.store.calibration.of_study(study.id) == ()
    assert floor.store.calibration.add(study.id, [board, board])
    assert not floor.store.calibration.add(study.id, [board, board])
    assert len(floor.store.calibration.of_study(study.id)) == 2


def test_the_set_is_asked_for_once_and_again_after_a_failure(floor: Floor) -> None:
    store = floor.store
    study = floor.study(calibration=1)
    (job,) = store.jobs.latest(study.id, kinds=["generate"])
    assert job.payload == {"calibration": study.id}
    store.studies.set_open(study.id, True)
    assert len(store.jobs.latest(study.id)) == 1
    claimed = store.jobs.claim("test", ["generate"])
    assert claimed is not None
    store.jobs.fail(claimed.id, "test", "no paint")
    floor.person(study)
    assert [each.state for each in store.jobs.latest(study.id)] == ["queued", "failed"]
    calibrate(floor, study)
    store.jobs.cancel(store.jobs.latest(study.id)[0].id)
    floor.person(study)
    assert len(store.jobs.latest(study.id)) == 2


def test_difference_vectors_of_calibration_boards_are_missing_before_anybody_saw_them(
    floor: Floor,
) -> None:
    study = floor.study(calibration=1)
    (board,) = calibrate(floor, study)
    missing = floor.store.vectors.missing(study.id, "alex")
    assert sorted(missing) == sorted((board.target, image) for image, _ in board.made)


# --- what others read ---------------------------------------------------------------------------


def test_shown_positions_stand_beside_the_rankings(floor: Floor) -> None:
    study = floor.study(targets=2, min_rounds=1, repeats=1)
    person = to_the_last_part(floor, study)
    rank_board(floor, person, (1, 3, 0, 2))
    rankings = floor.store.rankings.of_study(study.id)
    positions = floor.store.rankings.shown_positions(study.id, participant_id=person.id)
    assert sorted(positions) == [(2, 4, 1, 3), (3, 1, 2, 4), (3, 1, 2, 4)]
    boards = [images(floor, each.round.id) for each in floor.store.rounds.ranked(study.id)]
    for ranking, places, board in zip(rankings, positions, boards, strict=True):
        assert tuple(board[place - 1] for place in places) == ranking.images


def test_confidence_travels_into_rankings_exports_and_history(floor: Floor) -> None:
    study = floor.study(ask_confidence=True)
    person = floor.person(study)
    board = floor.board(person)
    from dataclasses import replace

    first = replace(floor.submission(board), confidence=0.25)
    assert floor.send(person, first).outcome == "saved"
    assert floor.send(person, first).outcome == "duplicate"
    surer = replace(floor.submission(board, replaces=first.uuid), confidence=1.0)
    assert floor.send(person, surer).outcome == "saved"
    other_tab = replace(floor.submission(board), confidence=0.0)
    assert floor.send(person, other_tab).outcome == "conflict"
    assert [each.confidence for each in floor.store.rankings.history(board.id)] == [0.25, 1.0]
    (ranking,) = floor.store.rankings.of_study(study.id)
    assert ranking.confidence == 1.0
    kept = [attempt.payload["confidence"] for attempt in floor.store.rankings.attempts(board.id)]
    assert kept == [0.25, 0.25, 1.0, 0.0]
    assert {row["confidence"] for row in ranking_rows(floor.store, study.id, None)} == {1.0}


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_a_confidence_outside_its_range_cannot_exist(floor: Floor, wrong: float) -> None:
    from dataclasses import replace

    board = floor.board(floor.person(floor.study()))
    with pytest.raises(StudyError, match=r"confidence must lie in \[0, 1\]"):
        replace(floor.submission(board), confidence=wrong)


def without_numbers(store: Store, study: Study) -> list[object]:
    told: list[object] = [
        store.rankings.of_study(study.id),
        store.rankings.shown_positions(study.id),
    ]
    told += [store.calibration.of_study(study.id)]
    for ranked in store.rounds.ranked(study.id):
        original = ranked.round.repeats and store.rounds.get(ranked.round.repeats)
        told.append((ranked.round.kind, original and original.seed, ranked.trial.target.kind))
    return told


def whole_study(floor: Floor) -> Study:
    study = floor.study(targets=2, min_rounds=1, repeats=1, calibration=2)
    calibrate(floor, study)
    person = to_the_last_part(floor, study)
    rank_board(floor, person, (3, 1, 2, 0))
    rank_board(floor, person)
    to_the_last_part(floor, study)
    return study


def test_a_study_travels_with_its_repeats_and_calibration(floor: Floor, tmp_path: Path) -> None:
    study = whole_study(floor)
    bundle = floor.store.transfer.export_study(study.id, tmp_path / "bundle.sqlite")
    busy = floor.person(floor.study())
    floor.rank(busy)
    there = floor.store.transfer.import_study(bundle)
    assert without_numbers(floor.store, there) == without_numbers(floor.store, study)
    assert set(floor.store.images.of_study(there.id)) == set(floor.store.images.of_study(study.id))
    half_way, _ = floor.store.participants.of_study(there.id)
    assert floor.store.progress.of_participant(half_way.id).board == 3
    rank_board(floor, half_way)
    assert floor.store.participants.get(half_way.id).completion_code is not None


def test_a_bundle_with_calibration_nobody_has_seen_brings_the_images(
    tmp_path: Path,
) -> None:
    from staged import empty_study, picture

    store = Store(tmp_path / "here")
    study = empty_study(store, calibration=1)
    made = tuple((picture(store, 50 + place), MADE) for place in range(4))
    store.calibration.add(study.id, [CalibrationBoard("shared", picture(store, 49), made)])
    write_bundle(store, study.id, tmp_path / "study.zip", Watch())
    elsewhere = Store(tmp_path / "there")
    there = open_bundle(elsewhere, tmp_path / "study.zip", Watch())
    assert elsewhere.calibration.of_study(there.id) == store.calibration.of_study(study.id)
    assert all(elsewhere.images.exists(image) for image, _ in made)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE round SET repeats = NULL WHERE kind = 'repeat'",
        "UPDATE round SET kind = 'own' WHERE kind = 'repeat'",
        """UPDATE round SET repeats = (SELECT id FROM round AS other WHERE kind = 'own'
               AND other.trial_id != round.trial_id LIMIT 1) WHERE kind = 'repeat'""",
        """UPDATE candidate SET image = (SELECT image FROM target LIMIT 1) WHERE position = 0
               AND round_id IN (SELECT id FROM round WHERE kind = 'repeat')""",
    ],
)
def test_a_bundle_whose_repeat_is_of_another_board_is_refused(
    floor: Floor, tmp_path: Path, change: str
) -> None:
    from sql import run_sql

    study = whole_study(floor)
    bundle = floor.store.transfer.export_study(study.id, tmp_path / "bundle.sqlite")
    run_sql(bundle, change)
    with pytest.raises(StudyError, match="a repeat of another board"):
        floor.store.transfer.import_study(bundle)
    assert len(floor.store.studies.all()) == 1


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"repeats": -1}, "repeats must lie between 0 and 12, got -1"),
        ({"calibration": 13}, "calibration must lie between 0 and 12, got 13"),
        ({"made_per_round": 3}, r"made_per_round must lie between candidates \(4\) and 36, got 3"),
        ({"made_per_round": 37}, "got 37"),
        ({"choice": "clever"}, "choice must be one of .*got 'clever'"),
    ],
)
def test_a_setting_outside_its_range_is_refused(wrong: dict[str, int], sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        StudySettings(**wrong)


def test_without_a_word_nothing_more_is_asked_of_anybody() -> None:
    plain = StudySettings(candidates=5)
    assert (plain.repeats, plain.calibration, plain.ask_confidence) == (0, 0, False)
    assert (plain.choice, plain.made_per_round) == ("random", 5)
