from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sqlite_utils.utils import sqlite3

from app.store import Store
from app.study.settings import StudySettings
from clpips.errors import StudyError

if TYPE_CHECKING:
    from floor import Floor

SECRET = "a-secret-drawn-by-the-page"


def bytes_on_disk(floor: Floor) -> bytes:
    """Everything the database files hold, the write-ahead log too."""
    files = sorted(floor.store.path.parent.glob("clpips.sqlite*"))
    return b"".join(path.read_bytes() for path in files)


# --- studies and images ---------------------------------------------------------------------


def test_a_study_comes_back_as_it_was_made(floor: Floor) -> None:
    settings = StudySettings(candidates=6, min_rounds=1, max_rounds=9, backbone="vgg")
    made = floor.store.studies.create("  Two   shapes ", settings, [("red", floor.image(1))])
    assert floor.store.studies.get(made.id) == made
    assert (made.title, made.settings, made.is_open) == ("Two shapes", settings, True)
    assert floor.store.studies.by_join_code(made.join_code) == made
    assert [target.name for target in floor.store.studies.targets(made.id)] == ["red"]


def test_an_archived_study_is_out_of_the_list_and_its_join_link_is_dead(floor: Floor) -> None:
    study = floor.study()
    floor.store.studies.set_archived(study.id, True)
    assert floor.store.studies.all() == ()
    assert floor.store.studies.all(include_archived=True) == (study,)
    assert floor.store.studies.by_join_code(study.join_code) is None


def test_a_study_whose_target_image_is_unknown_is_refused_whole(floor: Floor) -> None:
    targets = [("known", floor.image(1)), ("unknown", "0" * 64)]
    with pytest.raises(StudyError, match="image must be in the store"):
        floor.store.studies.create("Shapes", StudySettings(), targets)
    assert floor.store.studies.all() == ()


def test_an_image_is_kept_once_under_its_hash(floor: Floor) -> None:
    data = b"the same bytes"
    first = floor.store.images.add(data, width=64, height=64)
    assert floor.store.images.add(data, width=64, height=64) == first
    assert first == hashlib.sha256(data).hexdigest()
    assert floor.store.images.path(first).read_bytes() == data
    assert floor.store.images.path(first).parts[-3:] == ("images", first[:2], f"{first}.png")
    assert floor.store.images.exists(first) and not floor.store.images.exists("0" * 64)
    assert len(list(floor.store.settings.images.glob("*/*"))) == 1


# --- people and links -----------------------------------------------------------------------


def test_a_double_click_on_join_makes_one_participant(floor: Floor) -> None:
    study = floor.study()
    first, token = floor.store.participants.join(study.id, SECRET)
    assert floor.store.participants.join(study.id, SECRET) == (first, token)
    assert floor.store.participants.of_study(study.id) == (first,)
    assert floor.store.participants.by_token(token) == first


def test_a_closed_study_takes_nobody_new_but_knows_who_joined(floor: Floor) -> None:
    study = floor.study()
    joined = floor.store.participants.join(study.id, SECRET)
    floor.store.studies.set_open(study.id, False)
    assert floor.store.participants.join(study.id, SECRET) == joined
    with pytest.raises(StudyError, match="does not take new participants"):
        floor.store.participants.join(study.id, "another" + SECRET)


def test_no_secret_of_a_link_is_on_the_disk(floor: Floor) -> None:
    study = floor.study()
    _, joined = floor.store.participants.join(study.id, SECRET)
    _, added = floor.store.participants.create(study.id)
    stored = bytes_on_disk(floor)
    assert not any(secret.encode() in stored for secret in (joined, added, SECRET))
    assert min(len(joined), len(added)) >= 22


def test_a_new_link_revokes_the_old_one(floor: Floor) -> None:
    person, old = floor.store.participants.create(floor.study().id)
    new = floor.store.participants.renew_link(person.id)
    assert floor.store.participants.by_token(old) is None
    assert floor.store.participants.by_token(new) == person


def test_people_meet_the_targets_in_orders_of_their_own(floor: Floor) -> None:
    study = floor.study(targets=6)
    orders = set()
    for seed in range(5):
        person, _ = floor.store.participants.create(study.id, seed=seed)
        trials = floor.store.progress.of_participant(person.id).trials
        assert [trial.position for trial in trials] == list(range(6))
        orders.add(tuple(trial.target.position for trial in trials))
    assert len(orders) == 5


def test_true_weights_come_back(floor: Floor) -> None:
    study = floor.study()
    weights = {"layer_1": [0.5, 0.25]}
    robot, _ = floor.store.participants.create(study.id, simulated=True, true_weights=weights)
    assert floor.store.participants.true_weights(robot.id) == weights and robot.simulated
    assert floor.store.participants.true_weights(floor.person(study).id) is None


# --- the way through a study ----------------------------------------------------------------


def test_a_participant_goes_through_every_phase(floor: Floor) -> None:
    store, study = floor.store, floor.study(targets=1, min_rounds=1)
    person, _ = store.participants.create(study.id)
    seen = [store.progress.of_participant(person.id).phase]
    store.participants.consent(person.id)
    seen.append(store.progress.of_participant(person.id).phase)
    store.participants.start(person.id)
    seen.append(store.progress.of_participant(person.id).phase)
    asked = floor.ask(person)
    seen.append(store.progress.of_participant(person.id).phase)
    board = floor.make(asked)
    seen.append(store.progress.of_participant(person.id).phase)
    floor.send(person, floor.submission(board))
    seen.append(store.progress.of_participant(person.id).phase)
    floor.finish(person)
    seen.append(store.progress.of_participant(person.id).phase)
    assert seen == [
        "consent", "instructions", "compose", "generating", "ranking", "ranked", "done"
    ]  # fmt: skip


def test_the_completion_code_comes_with_the_last_trial_and_stays(floor: Floor) -> None:
    person = floor.person(floor.study(targets=2, min_rounds=1))
    trials = floor.store.progress.of_participant(person.id).trials
    floor.rank(person)
    assert floor.finish(person).completion_code is None
    floor.rank(person)
    done = floor.finish(person)
    assert re.fullmatch(r"[A-Z2-9]{4}-[A-Z2-9]{4}", done.completion_code or "")
    assert floor.store.trials.finish(person.id, trials[1].id) == done
    assert floor.store.progress.of_participant(person.id).completion_code == done.completion_code


def test_a_target_cannot_be_left_before_enough_rounds(floor: Floor) -> None:
    person = floor.person(floor.study(min_rounds=2))
    floor.rank(person)
    assert not floor.store.progress.of_participant(person.id).can_finish_trial
    with pytest.raises(StudyError, match="at least 2 ranked rounds, got 1"):
        floor.finish(person)
    floor.rank(person)
    assert floor.store.progress.of_participant(person.id).can_finish_trial


def test_a_double_click_on_generate_makes_one_round(floor: Floor) -> None:
    person = floor.person(floor.study())
    trial = floor.store.progress.of_participant(person.id).trial
    assert trial is not None
    asked = [
        floor.store.rounds.request(person.id, trial.id, "a cube", request_id="same")
        for _ in range(2)
    ]
    assert asked[0] == asked[1]
    assert len(floor.store.jobs.latest(kinds=["generate"])) == 1


def test_a_second_round_waits_for_the_first_to_be_ranked(floor: Floor) -> None:
    person = floor.person(floor.study())
    asked = floor.ask(person)
    with pytest.raises(StudyError, match="must be ranked first"):
        floor.ask(person)
    floor.make(asked)
    with pytest.raises(StudyError, match="must be ranked first"):
        floor.ask(person)


def test_all_rounds_used_up_is_said_and_refused(floor: Floor) -> None:
    person = floor.person(floor.study(min_rounds=1, max_rounds=2))
    floor.rank(person)
    floor.rank(person)
    assert not floor.store.progress.of_participant(person.id).can_request_round
    with pytest.raises(StudyError, match="at most 2 rounds"):
        floor.ask(person)


@pytest.mark.parametrize("prompt", ["  \n ", "x" * 2001, "\0 \u202e", "half \ud800 a letter"])
def test_an_impossible_prompt_is_refused(floor: Floor, prompt: str) -> None:
    person = floor.person(floor.study())
    with pytest.raises(StudyError, match="a prompt must"):
        floor.ask(person, prompt)
    assert floor.store.jobs.latest() == ()


def test_a_failed_round_costs_nothing_and_the_numbers_stay_consecutive(floor: Floor) -> None:
    person = floor.person(floor.study(min_rounds=1, max_rounds=2))
    floor.rank(person)
    floor.store.rounds.fail(floor.ask(person).id, "the maker ran out of paint")
    standing = floor.store.progress.of_participant(person.id)
    assert standing.phase == "compose" and standing.round is None
    assert standing.setback is not None
    assert standing.setback.message == "the maker ran out of paint"
    floor.rank(person)
    ranked = floor.store.progress.of_participant(person.id).ranked_rounds
    assert [each.number for each in ranked] == [1, 2]


def test_nobody_reaches_another_persons_rounds_or_trials(floor: Floor) -> None:
    study = floor.study()
    ada, ben = floor.person(study), floor.person(study)
    asked = floor.ask(ada)
    for reach in (floor.store.rounds.get_own, floor.store.rounds.cancel):
        with pytest.raises(StudyError, match="the participant's own"):
            reach(ben.id, asked.id)
    with pytest.raises(StudyError, match="the participant's own"):
        floor.store.trials.finish(ben.id, asked.trial_id)
    with pytest.raises(StudyError, match="the participant's own"):
        floor.store.rounds.request(ben.id, asked.trial_id, "mine", request_id="r")


def test_the_board_keeps_its_shuffled_order_and_takes_candidates_once(floor: Floor) -> None:
    person = floor.person(floor.study())
    board = floor.board(person)
    assert not floor.store.rounds.add_candidates(board.id, [])
    assert floor.store.rounds.get_own(person.id, board.id) == board
    assert [candidate.position for candidate in board.candidates] == [0, 1, 2, 3]
    made_order = {
        tuple(candidate.provenance.seed for candidate in floor.board(each).candidates)
        for each in [floor.person(floor.study()) for _ in range(8)]
    }
    assert len(made_order) > 1


def test_progress_counts_what_each_person_did(floor: Floor) -> None:
    study = floor.study(targets=2, min_rounds=1)
    ada, ben = floor.person(study), floor.person(study)
    floor.rank(ada)
    floor.finish(ada)
    asked = floor.ask(ada)
    first, second = floor.store.progress.of_study(study.id)
    assert (first.done_trials, first.trials, first.rounds, first.rankings) == (1, 2, 2, 1)
    assert (first.phase, second.phase) == ("generating", "compose")
    assert (second.participant, second.rankings) == (ben, 0)
    assert first.last_activity >= second.last_activity
    (ranked,) = floor.store.rounds.ranked(study.id, ada.id)
    assert ranked.round.id != asked.id and ranked.participant.id == ada.id


# --- what the worker leaves behind ----------------------------------------------------------


def test_difference_vectors_come_back_to_the_last_bit(floor: Floor) -> None:
    study = floor.study()
    board = floor.board(floor.person(study))
    missing = floor.store.vectors.missing(study.id, "alex")
    assert {image for _, image in missing} == {each.image for each in board.candidates}
    exact = np.random.default_rng(1).random(1152)
    target, image = missing[0]
    floor.store.vectors.add([(target, image, "alex", "sum", exact, False)])
    found = floor.store.vectors.of_pairs(missing, "alex")
    assert list(found) == [missing[0]]
    assert found[missing[0]].dtype == np.float64 and np.array_equal(found[missing[0]], exact)
    assert floor.store.vectors.missing(study.id, "alex") == missing[1:]
    assert floor.store.vectors.of_pairs(missing, "vgg") == {}
    stale = floor.store.vectors.missing(study.id, "alex", checksum="newer")
    assert stale == missing


def test_a_comparison_is_kept_by_fit_and_replaced_by_the_next(floor: Floor) -> None:
    study = floor.study()
    first, second = (
        floor.store.fits.add(study.id, None, "pooled", "alex", f"weights/{name}", {}).id
        for name in "ab"
    )
    assert floor.store.comparisons.of_fits([first, second]) == {}
    floor.store.comparisons.add(first, {"table": [1]})
    floor.store.comparisons.add(first, {"table": [2]})
    assert floor.store.comparisons.of_fits([second, first, 99]) == {first: {"table": [2]}}
    with pytest.raises(StudyError, match="unknown number 99"):
        floor.store.comparisons.add(99, {})
    with pytest.raises(ValueError, match="JSON"):
        floor.store.comparisons.add(first, {"p": float("nan")})


def test_the_latest_fit_is_the_persons_own_or_the_pooled_one(floor: Floor) -> None:
    study = floor.study()
    person = floor.person(study)
    floor.store.fits.add(study.id, person.id, "participant", "alex", "weights/a", {"n": 1})
    newer = floor.store.fits.add(study.id, person.id, "participant", "alex", "weights/b", {})
    pooled = floor.store.fits.add(study.id, None, "pooled", "alex", "weights/c", {"n": 3})
    assert floor.store.fits.latest(study.id, person.id) == newer
    assert floor.store.fits.latest(study.id) == pooled == floor.store.fits.get(pooled.id)
    assert pooled.metric_path == floor.store.settings.weights.absolute() / "c"
    assert len(floor.store.fits.of_study(study.id)) == 3


def test_a_download_is_kept_under_a_plain_name(floor: Floor) -> None:
    study = floor.study()
    made = floor.store.exports.add(study.id, "ada.pth", Path("exports/1"), "application/x", 3, "ab")
    assert floor.store.exports.get(made.id) == made and floor.store.exports.of_study(study.id) == (
        made,
    )
    with pytest.raises(StudyError, match="plain file name"):
        floor.store.exports.add(study.id, "../ada.pth", "exports/1", "application/x", 3, "ab")


def test_a_row_cannot_point_at_an_image_that_is_not_there(floor: Floor) -> None:
    with (
        pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"),
        floor.store.access.write() as db,
    ):
        db.execute("INSERT INTO target VALUES (1, 99, 0, 'lost', 'nowhere', 'own')")


def test_a_database_that_is_no_sqlite_file_is_named_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "clpips.sqlite"
    file.write_bytes(b"holiday photographs, many of them, " * 200)
    with pytest.raises(StudyError, match=f"an SQLite file that can be written, got '{file}'"):
        Store(tmp_path)


def test_a_folder_that_cannot_be_written_is_named_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match="the data folder must be one that can be written"):
        Store(tmp_path / "file" / "data")
