"""Rankings: submitting is idempotent, storing is append-only, and every attempt is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from app.store.database import DatabaseAccess, Row, first, insert, now, number, rows
from app.store.final_boards import latest_board
from app.store.guidance import ask_for_guide, was_shown
from app.store.participant_rows import read_participant
from app.store.ranked_rounds import nearest_candidates, ranking_of, read_ranked_rounds
from app.store.round_rows import LIVE, board_ranking, check_owner, read_round
from app.store.studies import read_study
from app.study.records import Attempt, RankedRound, submission_payload
from app.study.submission import BoardRanking, Outcome, Submission, SubmitResult
from clpips.errors import StudyError
from clpips.text import without_paths
from clpips.types import Ranking

MAX_PAYLOAD = 20_000  # characters kept of one attempt; a real one has a few hundred


# CROSS JOIN keeps the order of the loops, each by an index.
_ROUNDS = """FROM participant CROSS JOIN trial ON trial.participant_id = participant.id
    CROSS JOIN round ON round.trial_id = trial.id"""


@dataclass(frozen=True, slots=True)
class _Decision:
    outcome: Outcome
    ranking: BoardRanking


class Rankings:
    """Rankings: current ones, those they replaced, and every attempt to submit one."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def submit(self, participant_id: int, submission: Submission) -> SubmitResult:
        """Store a ranking, or say why not; it is on disk when this returns.

        - The uuid was stored before with the same content: ``duplicate``.
        - Nothing is stored yet: ``saved``, revision 1.
        - It replaces the current ranking: ``saved``, one revision more; the old one is kept.
        - The current ranking has the same order, ranks and confidence: ``duplicate``.
        - Anything else: ``conflict``; the current ranking stays.

        Every call is kept in the attempt table, refused ones too. The ranking returned is
        the current one.

        Raises:
            StudyError: not the participant's round, not a permutation of its candidates, another
                shown order than the board's, nothing to rank yet, or too late to edit.
        """
        with self._access.write() as db:
            read_participant(db, participant_id)
            try:
                decision = _decide(db, participant_id, submission)
            except StudyError as refusal:
                # Not raised from in here: the record of the attempt must be committed.
                _insert_attempt(db, participant_id, submission, "refused", without_paths(refusal))
                refused = refusal
            else:
                _insert_attempt(db, participant_id, submission, decision.outcome, "")
                if decision.outcome == "saved":
                    ask_for_guide(db, participant_id, submission.round_id)
                return SubmitResult(outcome=decision.outcome, ranking=decision.ranking)
        raise refused

    def history(self, round_id: int) -> tuple[BoardRanking, ...]:
        """Every ranking of a round, oldest first; the last one is current."""
        with self._access.read() as db:
            return read_history(db, round_id)

    def attempts(self, round_id: int) -> tuple[Attempt, ...]:
        """Every call of :meth:`submit` that named this round, oldest first."""
        sql = "SELECT * FROM attempt WHERE round_id = ? ORDER BY id"
        with self._access.read() as db:
            return tuple(_attempt(row) for row in rows(db, sql, [round_id]))

    def of_study(self, study_id: int, *, participant_id: int | None = None) -> list[Ranking]:
        """The current rankings of a study, in the form that :mod:`clpips` takes.

        ``participant`` is the label (unique in the study), ``target`` and ``images`` are content
        hashes, ``trial`` the target's place in that person's order and ``round`` its number,
        both from 1. Where two candidates are the same image, the nearer one counts. A round
        of one distinct image holds no comparison and is left out. So are blind pairs: they test
        metrics, and nothing is fitted to them.

        Raises:
            StudyError: there is no such study.
        """
        rankings = map(ranking_of, self._comparable_rounds(study_id, participant_id))
        return [ranking for ranking in rankings if len(ranking.images) > 1]

    def sizes(self, study_id: int, participant_ids: Sequence[int]) -> tuple[int, int] | None:
        """The fewest and the most images that a ranking of some participants has.

        Of the rankings that :meth:`of_study` gives; ``None`` where there are none.
        """
        sql = f"""
            SELECT min(images) AS fewest, max(images) AS most FROM (
                SELECT count(DISTINCT image) AS images {_ROUNDS}
                    CROSS JOIN candidate ON candidate.round_id = round.id
                WHERE study_id = ?1 AND round.state = 'ranked' AND round.kind != 'duel'
                    AND participant.id IN (SELECT value FROM json_each(?2))
                GROUP BY round.id HAVING images > 1)"""
        with self._access.read() as db:
            row = first(db, sql, [study_id, json.dumps(list(participant_ids))])
        return None if row is None or row["fewest"] is None else (row["fewest"], row["most"])

    def shown_positions(
        self, study_id: int, *, participant_id: int | None = None
    ) -> list[tuple[int, ...]]:
        """The position on the board at which each ranked image was shown, from 1.

        One tuple for each ranking of :meth:`of_study` with the same arguments, with one position
        for each of the ranking's images, in their order; position bias is measured on it.

        Raises:
            StudyError: there is no such study.
        """
        found = map(nearest_candidates, self._comparable_rounds(study_id, participant_id))
        return [
            tuple(candidate.position + 1 for candidate, _ in each.values())
            for each in found
            if len(each) > 1
        ]

    def count(
        self, study_id: int, *, participant_id: int | None = None, after: str | None = None
    ) -> int:
        """How many rankings there are; blind pairs are left out.

        Args:
            study_id: the study.
            participant_id: only this participant's.
            after: only those that were submitted or edited after this moment.
        """
        edited = """AND EXISTS (SELECT 1 FROM submission WHERE round_id = round.id
                                AND submitted_at > ?3)"""
        sql = f"""SELECT count(*) {_ROUNDS} WHERE study_id = ?1
                  AND (?2 IS NULL OR participant.id = ?2) AND round.state = 'ranked'
                  AND round.kind != 'duel' {edited if after is not None else ""}"""
        wanted = [study_id, participant_id, *([] if after is None else [after])]
        with self._access.read() as db:
            return number(db, sql, wanted)

    def over_time(self, study_id: int, *, steps: int = 200) -> tuple[tuple[str, int], ...]:
        """How many current rankings there were at some moments; blind pairs are left out.

        Args:
            study_id: the study.
            steps: about how many moments, however many rankings there are; the first ranking's
                and the last one's are always among them.
        """
        sql = f"""
            WITH current AS (
                SELECT max(submitted_at) AS at {_ROUNDS}
                    CROSS JOIN submission ON submission.round_id = round.id
                WHERE study_id = ?1 AND round.kind != 'duel' GROUP BY round.id
            ), numbered AS (
                SELECT at, row_number() OVER (ORDER BY at) AS place, count(*) OVER () AS total
                FROM current
            )
            SELECT at, place FROM numbered
            WHERE place % max(1, total / ?2) = 0 OR place IN (1, total) ORDER BY place"""
        with self._access.read() as db:
            return tuple((row["at"], row["place"]) for row in rows(db, sql, [study_id, steps]))

    def _comparable_rounds(self, study_id: int, participant_id: int | None) -> list[RankedRound]:
        """Every ranked round but blind pairs, by participant, then in order."""
        with self._access.read() as db:
            read_study(db, study_id)
            found = read_ranked_rounds(db, study_id, participant_id=participant_id)
        return [each for each in found if each.round.kind != "duel"]


def read_history(db: Database, round_id: int) -> tuple[BoardRanking, ...]:
    """Every ranking of a round, oldest first."""
    sql = "SELECT * FROM submission WHERE round_id = ? ORDER BY revision"
    return tuple(board_ranking(row) for row in rows(db, sql, [round_id]))


def _decide(db: Database, participant_id: int, submission: Submission) -> _Decision:
    """Decide what becomes of a submission, and store it if it is to be saved."""
    check_owner(db, participant_id, submission.round_id)
    _check_board(db, submission)
    same_uuid = "SELECT * FROM submission WHERE round_id = ? AND uuid = ?"
    seen = first(db, same_uuid, [submission.round_id, submission.uuid])
    current = _current_ranking(db, submission.round_id)
    if current is None:
        # An edit whose original submission never arrived is stored too: the user did submit it.
        return _insert_ranking(db, submission, revision=1)
    if seen is not None:
        # A uuid that comes back with other content must not be told 'duplicate': that content
        # was never stored.
        same = _same(board_ranking(seen), submission)
        return _Decision("duplicate" if same else "conflict", current)
    if _same(current, submission):
        return _Decision("duplicate", current)
    if submission.replaces != current.uuid:
        return _Decision("conflict", current)
    _check_editable(db, submission.round_id)
    return _insert_ranking(db, submission, revision=current.revision + 1)


def _check_board(db: Database, submission: Submission) -> None:
    """A submission must rank exactly the candidates that the board showed."""
    board = read_round(db, submission.round_id)
    if board.state not in ("ranking", "ranked"):
        raise StudyError(
            f"a round must have candidates to be ranked, got one that is {board.state}"
        )
    shown = tuple(candidate.id for candidate in board.candidates)
    if sorted(submission.order) != sorted(shown):
        raise StudyError("a submission must rank exactly the candidates of its round")
    if submission.shown != shown:
        raise StudyError("a submission must name the candidates in the order they were shown")


def _check_editable(db: Database, round_id: int) -> None:
    place = first(
        db,
        """SELECT trial_id, trial.state, kind, participant_id, completed_at
           FROM round JOIN trial ON trial.id = trial_id
           JOIN participant ON participant.id = participant_id WHERE round.id = ?""",
        [round_id],
    )
    if place is not None and place["kind"] != "own":
        if place["completed_at"] is not None:
            raise StudyError("a ranking cannot be changed after the study was finished")
        if latest_board(db, place["participant_id"]) != round_id:
            raise StudyError("a ranking cannot be changed after the next board was shown")
        return
    if place is None or place["state"] == "done":
        raise StudyError("a ranking cannot be changed after its target was finished")
    if was_shown(db, round_id):
        raise StudyError("a ranking cannot be changed after the computer's measure was shown")
    later = f"SELECT count(*) FROM round WHERE trial_id = ? AND id > ? AND {LIVE}"
    if number(db, later, [place["trial_id"], round_id]):
        raise StudyError("a ranking cannot be changed after the next round was asked for")


def _insert_ranking(db: Database, submission: Submission, *, revision: int) -> _Decision:
    submission_id = insert(
        db,
        "submission",
        {
            "round_id": submission.round_id,
            "uuid": submission.uuid,
            "order": json.dumps(submission.order),
            "ranks": json.dumps(submission.ranks),
            "shown": json.dumps(submission.shown),
            "replaces": submission.replaces,
            "revision": revision,
            "elapsed_ms": max(0, submission.elapsed_ms),
            "input": json.dumps(dict(submission.input)),
            "submitted_at": now(),
            "confidence": submission.confidence,
        },
    )
    db.execute("UPDATE round SET state = 'ranked' WHERE id = ?", [submission.round_id])
    row = first(db, "SELECT * FROM submission WHERE id = ?", [submission_id])
    if row is None:
        raise RuntimeError("a submission that was just stored could not be read back")
    return _Decision("saved", board_ranking(row))


def _current_ranking(db: Database, round_id: int) -> BoardRanking | None:
    sql = "SELECT * FROM submission WHERE round_id = ? ORDER BY revision DESC LIMIT 1"
    row = first(db, sql, [round_id])
    return None if row is None else board_ranking(row)


def _same(ranking: BoardRanking, submission: Submission) -> bool:
    here = (ranking.order, ranking.ranks, ranking.confidence)
    return here == (submission.order, submission.ranks, submission.confidence)


def _insert_attempt(
    db: Database, participant_id: int, submission: Submission, outcome: str, message: str
) -> None:
    payload = json.dumps(submission_payload(submission))
    if len(payload) > MAX_PAYLOAD:
        payload = json.dumps({"too_long": len(payload), "begins": payload[:1000]})
    insert(
        db,
        "attempt",
        {
            "uuid": submission.uuid,
            "round_id": submission.round_id,
            "participant_id": participant_id,
            "payload": payload,
            "outcome": outcome,
            "message": message,
            "at": now(),
        },
    )


def _attempt(row: Row) -> Attempt:
    return Attempt(
        uuid=row["uuid"],
        round_id=row["round_id"],
        participant_id=row["participant_id"],
        payload=json.loads(row["payload"]),
        outcome=row["outcome"],
        message=row["message"],
        at=row["at"],
    )
