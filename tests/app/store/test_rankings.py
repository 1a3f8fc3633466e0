from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from clpips.errors import StudyError

if TYPE_CHECKING:
    from floor import Floor


def test_every_permutation_of_four_is_stored_as_submitted(floor: Floor) -> None:
    study = floor.study(targets=1, max_rounds=24)
    person = floor.person(study)
    sent = []
    for order in itertools.permutations(range(4)):
        board = floor.board(person)
        submission = floor.submission(board, order)
        assert floor.send(person, submission).outcome == "saved"
        sent.append(tuple(board.candidates[place].image for place in order))
    stored = floor.store.rankings.of_study(study.id)
    assert [ranking.nearest_first() for ranking in stored] == sent
    assert all(ranking.ranks == (1, 2, 3, 4) for ranking in stored)


def test_five_quick_edits_leave_one_final_ranking_and_its_history(floor: Floor) -> None:
    study = floor.study()
    person = floor.person(study)
    board = floor.board(person)
    sent, last = [], None
    for order in list(itertools.permutations(range(4)))[:6]:
        submission = floor.submission(board, order, replaces=last)
        assert floor.send(person, submission).outcome == "saved"
        sent.append(submission)
        last = submission.uuid
    history = floor.store.rankings.history(board.id)
    assert [each.revision for each in history] == [1, 2, 3, 4, 5, 6]
    assert [each.order for each in history] == [each.order for each in sent]
    assert floor.store.rounds.get(board.id).ranking == history[-1]
    assert len(floor.store.rankings.of_study(study.id)) == 1


def test_a_double_click_makes_one_ranking(floor: Floor) -> None:
    person = floor.person(floor.study())
    submission = floor.submission(floor.board(person))
    saved = floor.send(person, submission)
    again = floor.send(person, submission)
    assert (saved.outcome, again.outcome) == ("saved", "duplicate")
    assert again.ranking == saved.ranking
    assert len(floor.store.rankings.history(submission.round_id)) == 1


def test_the_same_ranking_from_a_second_tab_is_a_duplicate(floor: Floor) -> None:
    person = floor.person(floor.study())
    board = floor.board(person)
    saved = floor.send(person, floor.submission(board))
    assert floor.send(person, floor.submission(board)).outcome == "duplicate"
    assert floor.store.rounds.get(board.id).ranking == saved.ranking


def test_a_different_ranking_from_a_second_tab_is_a_conflict_and_the_first_stands(
    floor: Floor,
) -> None:
    person = floor.person(floor.study())
    board = floor.board(person)
    saved = floor.send(person, floor.submission(board))
    other = floor.submission(board, (3, 2, 1, 0))
    told = floor.send(person, other)
    assert told.outcome == "conflict" and told.ranking == saved.ranking
    kept = floor.store.rankings.attempts(board.id)
    assert [attempt.outcome for attempt in kept] == ["saved", "conflict"]
    assert kept[1].payload["order"] == list(other.order)


def test_an_edit_of_a_replaced_ranking_is_a_conflict(floor: Floor) -> None:
    person = floor.person(floor.study())
    board = floor.board(person)
    first = floor.send(person, floor.submission(board)).ranking
    floor.send(person, floor.submission(board, (1, 0, 2, 3), replaces=first.uuid))
    late = floor.submission(board, (3, 2, 1, 0), replaces=first.uuid)
    told = floor.send(person, late)
    assert told.outcome == "conflict" and told.ranking.revision == 2


def test_replaying_a_whole_outbox_changes_nothing(floor: Floor) -> None:
    person = floor.person(floor.study())
    board = floor.board(person)
    first = floor.submission(board)
    edit = floor.submission(board, (1, 0, 2, 3), replaces=first.uuid)
    for submission in (first, edit):
        floor.send(person, submission)
    before = floor.store.rankings.history(board.id)
    floor.board(person)  # the next round is open by now
    assert [floor.send(person, each).outcome for each in (first, edit)] == ["duplicate"] * 2
    assert floor.store.rankings.history(board.id) == before


def test_a_uuid_that_comes_back_with_another_order_is_not_called_saved(floor: Floor) -> None:
    person = floor.person(floor.study())
    board = floor.board(person)
    first = floor.submission(board, uuid="the-same-uuid")
    floor.send(person, first)
    other = floor.submission(board, (3, 2, 1, 0), uuid="the-same-uuid")
    assert floor.send(person, other).outcome == "conflict"


def test_an_edit_whose_first_submission_never_came_is_kept(floor: Floor) -> None:
    person = floor.person(floor.study())
    board = floor.board(person)
    told = floor.send(person, floor.submission(board, replaces="never-arrived"))
    assert told.outcome == "saved" and told.ranking.revision == 1


def test_ties_are_stored(floor: Floor) -> None:
    study = floor.study()
    person = floor.person(study)
    tied = replace(floor.submission(floor.board(person)), ranks=(1, 2, 2, 4))
    floor.send(person, tied)
    assert floor.store.rankings.of_study(study.id)[0].ranks == (1, 2, 2, 4)


def test_a_participant_cannot_submit_to_anothers_round(floor: Floor) -> None:
    study = floor.study()
    ada, ben = floor.person(study), floor.person(study)
    board = floor.board(ada)
    with pytest.raises(StudyError, match="the participant's own"):
        floor.send(ben, floor.submission(board))
    assert floor.store.rounds.get(board.id).ranking is None
    (attempt,) = floor.store.rankings.attempts(board.id)
    assert (attempt.outcome, attempt.participant_id) == ("refused", ben.id)
    assert "own" in attempt.message


def test_candidates_of_another_round_are_refused(floor: Floor) -> None:
    study = floor.study()
    ada, ben = floor.person(study), floor.person(study)
    mine, theirs = floor.board(ada), floor.board(ben)
    mixed = replace(floor.submission(theirs), round_id=mine.id)
    with pytest.raises(StudyError, match="exactly the candidates of its round"):
        floor.send(ada, mixed)


def test_a_ranking_of_a_board_that_was_shown_otherwise_is_refused(floor: Floor) -> None:
    person = floor.person(floor.study())
    submission = floor.submission(floor.board(person))
    with pytest.raises(StudyError, match="order they were shown"):
        floor.send(person, replace(submission, shown=submission.shown[::-1]))


def test_a_round_that_is_still_being_made_cannot_be_ranked(floor: Floor) -> None:
    person = floor.person(floor.study())
    asked = floor.ask(person)
    submission = replace(floor.submission(floor.board(floor.person(floor.study()))))
    with pytest.raises(StudyError, match="got one that is generating"):
        floor.send(person, replace(submission, round_id=asked.id))


def test_a_ranking_cannot_be_changed_after_the_next_round_was_asked_for(floor: Floor) -> None:
    person = floor.person(floor.study())
    board = floor.board(person)
    first = floor.send(person, floor.submission(board)).ranking
    floor.ask(person)
    with pytest.raises(StudyError, match="after the next round"):
        floor.send(person, floor.submission(board, (3, 2, 1, 0), replaces=first.uuid))


def test_a_ranking_cannot_be_changed_after_its_target_was_finished(floor: Floor) -> None:
    person = floor.person(floor.study(min_rounds=1))
    board = floor.board(person)
    first = floor.send(person, floor.submission(board)).ranking
    floor.finish(person)
    with pytest.raises(StudyError, match="after its target was finished"):
        floor.send(person, floor.submission(board, (3, 2, 1, 0), replaces=first.uuid))
    assert floor.store.rounds.get(board.id).ranking == first


@pytest.mark.parametrize("ranks", [(1, 1, 3, 4), (1, 1, 2, 3), (1, 1, 1, 1), (1, 2, 2, 4)])
def test_ties_may_be_counted_either_way(floor: Floor, ranks: tuple[int, ...]) -> None:
    board = floor.board(floor.person(floor.study()))
    assert replace(floor.submission(board), ranks=ranks).ranks == ranks


@pytest.mark.parametrize(
    "ranks", [(1, 3, 4, 5), (1, 2, 3, 9), (1, 1, 4, 5), (1, 1, 2, 4), (1, 1, 3, 3_000_000)]
)
def test_ranks_with_other_gaps_are_refused(floor: Floor, ranks: tuple[int, ...]) -> None:
    submission = floor.submission(floor.board(floor.person(floor.study())))
    with pytest.raises(StudyError, match="gaps after ties"):
        replace(submission, ranks=ranks)
