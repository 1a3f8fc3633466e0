"""A study read as a whole: its rankings for the science, its rounds and people for the screens."""

from __future__ import annotations

from sqlite_utils import Database

from app.store.database import Door, rows
from app.store.participant_state import extra_boards, phase_of
from app.store.participants import read_participants, read_trials
from app.store.round_rows import read_rounds
from app.store.studies import read_study
from app.study.records import Cost, ParticipantProgress, RankedRound, StudyTally, Wait
from app.study.submission import BoardRanking
from app.study.types import Candidate, Participant, Round, Trial
from clpips.types import Ranking


class Overview(Door):
    """What the researcher's pages and the fit read."""

    def study_rankings(self, study_id: int, *, participant_id: int | None = None) -> list[Ranking]:
        """The rankings that stand, as the science takes them.

        ``participant`` is the label (unique in the study), ``target`` and ``images`` are content
        hashes, ``trial`` the target's place in that person's order and ``round`` its number,
        both from 1. Of two candidates that are the same image the nearer counts. A round whose
        candidates are all one image compares nothing and is left out, and so are duels: they
        examine metrics, and nothing is fitted to them.

        Raises:
            StudyError: there is no such study.
        """
        found = self.ranked_rounds(study_id, participant_id=participant_id)
        rankings = (_ranking(each) for each in found if each.round.kind != "duel")
        return [ranking for ranking in rankings if len(ranking.images) > 1]

    def shown_positions(
        self, study_id: int, *, participant_id: int | None = None
    ) -> list[tuple[int, ...]]:
        """Where the board showed each ranked image, 1 for its first place.

        One tuple for each ranking of :meth:`study_rankings` with the same arguments, and in it one
        place for each of the ranking's images, in their order: what position bias is measured on.

        Raises:
            StudyError: there is no such study.
        """
        found = self.ranked_rounds(study_id, participant_id=participant_id)
        placed = (tuple(_nearest(each).values()) for each in found if each.round.kind != "duel")
        return [
            tuple(candidate.position + 1 for candidate, _ in each)
            for each in placed
            if len(each) > 1
        ]

    def ranked_rounds(self, study_id: int, participant_id: int | None = None) -> list[RankedRound]:
        """Every ranked round of a study or of one person in it, by person, then in order.

        Raises:
            StudyError: there is no such study.
        """
        with self._read() as db:
            read_study(db, study_id)
            return read_ranked_rounds(db, study_id, participant_id=participant_id)

    def progress(self, study_id: int) -> list[ParticipantProgress]:
        """How far everybody is, in the order they joined.

        Raises:
            StudyError: there is no such study.
        """
        with self._read() as db:
            boards = extra_boards(read_study(db, study_id).settings)
            participants = read_participants(db, study_id)
            trials = read_trials(db, study_id, participant_id=None)
            rounds = _rounds_of_study(db, study_id)
            activity = _last_activity(db, study_id)
        return [
            _progress(participant, trials, rounds, activity[participant.id], boards=boards)
            for participant in participants
        ]

    def tallies(self) -> dict[int, StudyTally]:
        """The numbers of every study's line, by study id, in one query.

        The list of studies is redrawn every few seconds, so it must not read every round.
        """
        with self._read() as db:
            return {
                row["study_id"]: StudyTally(**{**row, "last_activity": row["last_activity"] or ""})
                for row in rows(db, _TALLIES)
            }

    def waits(self, study_id: int) -> tuple[Wait, ...]:
        """How long people waited for each board that was made, in the order of time.

        Thinking and ranking are not in it: they begin when the board is shown.
        """
        sql = """SELECT (julianday(job.started_at) - julianday(job.created_at)) * 86400 AS queued,
                        (julianday(job.finished_at) - julianday(job.started_at)) * 86400 AS making
                 FROM job JOIN round ON round.job_id = job.id
                 WHERE job.study_id = ? AND job.kind = 'generate' AND job.state = 'done'
                 ORDER BY job.id"""
        with self._read() as db:
            return tuple(
                Wait(max(row["queued"], 0.0), row["making"]) for row in rows(db, sql, [study_id])
            )

    def costs(self, study_id: int) -> tuple[Cost, ...]:
        """What the images of a study cost so far, by currency; last those of unknown cost.

        Counted is what was made for its boards, shown or not, as far as the store knows: an image
        that informative choice left out counts at its round's price. A hidden repeat makes
        nothing anew, and calibration images count once, not for each person. Not counted are
        images of rounds that failed or were cancelled, and whatever a service charges for
        attempts without an image; a study that was opened from a bundle has no record of the
        images that were not shown.

        Raises:
            StudyError: there is no such study.
        """
        with self._read() as db:
            read_study(db, study_id)
            return tuple(
                Cost(row["currency"], row["amount"], row["images"])
                for row in rows(db, _COSTS, [study_id])
            )

    def ranking_moments(
        self, study_id: int, *, participant_id: int | None = None
    ) -> tuple[str, ...]:
        """When each ranking that stands was submitted, earliest first; duels are left out."""
        sql = """SELECT max(submission.submitted_at) AS at FROM submission
                 JOIN round ON round.id = round_id JOIN trial ON trial.id = trial_id
                 JOIN participant ON participant.id = participant_id
                 WHERE study_id = ?1 AND (?2 IS NULL OR participant_id = ?2)
                     AND round.kind != 'duel'
                 GROUP BY round.id ORDER BY at"""
        with self._read() as db:
            return tuple(row["at"] for row in rows(db, sql, [study_id, participant_id]))


_TALLIES = """
    SELECT study.id AS study_id,
        (SELECT count(*) FROM target WHERE study_id = study.id AND kind = 'own') AS targets,
        (SELECT count(*) FROM participant WHERE study_id = study.id) AS participants,
        (SELECT count(*) FROM participant WHERE study_id = study.id
            AND completed_at IS NOT NULL) AS completed,
        count(DISTINCT CASE WHEN target.kind = 'own' THEN trial.id END) AS trials,
        count(DISTINCT CASE WHEN target.kind = 'own' AND trial.state = 'done' THEN trial.id END)
            AS done_trials,
        count(DISTINCT submission.round_id) AS rankings,
        max(submission.submitted_at) AS last_activity
    FROM study
    LEFT JOIN participant ON participant.study_id = study.id
    LEFT JOIN trial ON trial.participant_id = participant.id
    LEFT JOIN target ON target.id = trial.target_id
    LEFT JOIN round ON round.trial_id = trial.id
    LEFT JOIN submission ON submission.round_id = round.id
    GROUP BY study.id"""

# One request has one price, so a board's shown images tell that of the others.
_COSTS = """
    WITH drawn (board, provenance, made) AS (
        SELECT 'round ' || round.id, candidate.provenance,
            json_array_length(job.result, '$.choice.images')
        FROM candidate JOIN round ON round.id = round_id JOIN trial ON trial.id = trial_id
            JOIN target ON target.id = target_id LEFT JOIN job ON job.id = job_id
        WHERE target.study_id = ?1 AND round.kind = 'own'
        UNION ALL
        SELECT 'calibration ' || calibration.id, calibration.provenance, 1
        FROM calibration JOIN target ON target.id = target_id WHERE study_id = ?1
    ), priced AS (
        SELECT max(count(*), coalesce(max(made), 0)) AS images,
            max(json_extract(provenance, '$.options.service.cost')) AS price,
            max(json_extract(provenance, '$.options.service.currency')) AS currency
        FROM drawn GROUP BY board
    )
    SELECT currency, sum(price * images) AS amount, sum(images) AS images
    FROM priced GROUP BY currency ORDER BY currency IS NULL, currency"""


def read_ranked_rounds(
    db: Database, study_id: int, *, participant_id: int | None
) -> list[RankedRound]:
    """Every ranked round by person, trial position and number."""
    people = {person.id: person for person in read_participants(db, study_id)}
    trials = {trial.id: trial for trial in read_trials(db, study_id, participant_id=participant_id)}
    found = [
        RankedRound(people[trials[each.trial_id].participant_id], trials[each.trial_id], each)
        for each in _rounds_of_study(db, study_id)
        if each.state == "ranked" and each.trial_id in trials
    ]
    found.sort(key=lambda each: (each.participant.id, each.trial.position, each.round.number))
    return found


def _rounds_of_study(db: Database, study_id: int) -> tuple[Round, ...]:
    inside = """round.trial_id IN (SELECT trial.id FROM trial JOIN participant
                    ON participant.id = participant_id WHERE study_id = ?)"""
    return read_rounds(db, inside, study_id)


def _ranking(ranked: RankedRound) -> Ranking:
    """A ranked round as the science takes it; of two equal images the nearer counts."""
    nearest = _nearest(ranked)
    return Ranking(
        participant=ranked.participant.label,
        target=ranked.trial.target.image,
        images=tuple(nearest),
        ranks=tuple(rank for _, rank in nearest.values()),
        trial=str(ranked.trial.position + 1),
        round=str(ranked.round.number),
        confidence=_board(ranked).confidence,
    )


def _nearest(ranked: RankedRound) -> dict[str, tuple[Candidate, int]]:
    """Each image of a ranked round once, nearest first: its candidate there and its rank."""
    board = _board(ranked)
    candidates = {candidate.id: candidate for candidate in ranked.round.candidates}
    nearest: dict[str, tuple[Candidate, int]] = {}
    for candidate_id, rank in zip(board.order, board.ranks, strict=True):
        candidate = candidates[candidate_id]
        nearest.setdefault(candidate.image, (candidate, rank))
    return nearest


def _board(ranked: RankedRound) -> BoardRanking:
    if ranked.round.ranking is None:
        raise RuntimeError(f"round {ranked.round.id} is ranked but has no ranking")
    return ranked.round.ranking


def _progress(
    participant: Participant,
    trials: tuple[Trial, ...],
    rounds: tuple[Round, ...],
    last_activity: str,
    *,
    boards: int,
) -> ParticipantProgress:
    met = {trial.id: trial for trial in trials if trial.participant_id == participant.id}
    theirs = [each for each in rounds if each.trial_id in met]
    last_part = [each for each in theirs if each.kind != "own"]
    active = next((trial for trial in met.values() if trial.state == "active"), None)
    here = [each for each in theirs if active and each.trial_id == active.id]
    if last_part:
        active, here = met[last_part[-1].trial_id], last_part
    own = [trial for trial in met.values() if trial.target.kind == "own"]
    return ParticipantProgress(
        participant=participant,
        phase=phase_of(participant, active, here[-1] if here else None),
        done_trials=sum(trial.state == "done" for trial in own),
        trials=len(own),
        rounds=sum(each.state not in ("failed", "cancelled") for each in theirs),
        rankings=sum(each.ranking is not None for each in theirs),
        last_activity=last_activity,
        boards_done=sum(each.ranking is not None for each in last_part),
        boards=boards if participant.completed_at is None else len(last_part),
    )


def _last_activity(db: Database, study_id: int) -> dict[int, str]:
    """When each participant last did something that was stored."""
    sql = """
        SELECT participant.id, max(
            participant.created_at, coalesce(consented_at, ''), coalesce(started_at, ''),
            coalesce(completed_at, ''),
            coalesce((SELECT max(at) FROM attempt WHERE participant_id = participant.id), ''),
            coalesce((SELECT max(max(requested_at, coalesce(finished_at, '')))
                      FROM round JOIN trial ON trial.id = trial_id
                      WHERE participant_id = participant.id), '')
        ) AS at FROM participant WHERE study_id = ?"""
    return {row["id"]: row["at"] for row in rows(db, sql, [study_id])}
