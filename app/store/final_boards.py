"""The final boards of a study, which need no prompt, and then the completion code.

Two kinds have their images already and are shown in random order: repeats of the participant's
own boards, which measure how repeatable their rankings are, and calibration boards, which have
the same images for everybody and measure how far people agree. Participants are not told which
is which. Blind pairs follow; their two images are generated once everything that a metric is
fitted to has been ranked.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlite_utils import Database

from app.store.database import DatabaseAccess, Row, first, insert, now, number, row_by_id, rows
from app.store.participant_rows import read_participant
from app.store.round_requests import insert_blind_pair
from app.store.round_rows import LIVE, check_owner, insert_candidates
from app.store.studies import code, read_study
from app.study.arms import in_blocks
from app.study.seeds import seed_of
from app.study.types import Participant
from clpips.errors import StudyError


class Board(NamedTuple):
    """One final board: the round it repeats, if any, its trial, and whether it is a blind pair."""

    repeats: int | None
    trial_id: int
    is_blind_pair: bool = False


class FinalBoards:
    """The boards at the end of a study, one after another."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def show_next(self, participant_id: int, round_id: int) -> Participant:
        """Go on from a ranked final board to the next; after the last one the study is completed.

        Calling it again for the same board changes nothing, so a second click is harmless.

        A blind pair that failed or was cancelled is left unranked.

        Raises:
            StudyError: not the participant's round, not a final board, or not ranked yet.
        """
        with self._access.write() as db:
            check_owner(db, participant_id, round_id)
            board = first(db, "SELECT kind, state FROM round WHERE id = ?", [round_id])
            if board is None or board["kind"] == "own":
                raise StudyError("a board of the last part must be named, got another round")
            is_lost = board["kind"] == "duel" and board["state"] in ("failed", "cancelled")
            if board["state"] != "ranked" and not is_lost:
                raise StudyError("a board must be ranked before the next one")
            participant = read_participant(db, participant_id)
            if participant.completed_at is None and latest_board(db, participant_id) == round_id:
                show_next_board(db, participant_id)
            return read_participant(db, participant_id)


def begin_final_boards(db: Database, participant_id: int) -> None:
    """After the last target: the first board, or the end where there is none."""
    study_id = number(db, "SELECT study_id FROM participant WHERE id = ?", [participant_id])
    last = number(db, "SELECT max(position) FROM trial WHERE participant_id = ?", [participant_id])
    # Only targets whose images exist, so that nobody has to wait for them at the end.
    sql = """SELECT id FROM target WHERE study_id = ? AND kind = 'calibration'
             AND id IN (SELECT target_id FROM calibration) ORDER BY position"""
    for position, target in enumerate(rows(db, sql, [study_id]), start=last + 1):
        place = {"participant_id": participant_id, "target_id": target["id"]}
        insert(db, "trial", {**place, "position": position, "state": "waiting"})
    show_next_board(db, participant_id)


def show_next_board(db: Database, participant_id: int) -> None:
    """Show the next final board; after the last one the participant has completed the study."""
    db.execute(
        """UPDATE trial SET state = 'done', finished_at = ?
           WHERE participant_id = ? AND state = 'active'""",
        [now(), participant_id],
    )
    planned, shown = read_plan(db, participant_id), boards_shown(db, participant_id)
    if shown < len(planned):
        _insert_board(db, participant_id, planned[shown], place=shown + 1)
        return
    db.execute(
        "UPDATE participant SET completed_at = ?, completion_code = ? WHERE id = ?",
        [now(), _fresh_code(db, participant_id), participant_id],
    )


def latest_board(db: Database, participant_id: int) -> int | None:
    """The round of the newest final board; ``None`` before the first."""
    sql = """SELECT max(round.id) AS id FROM round JOIN trial ON trial.id = trial_id
             WHERE participant_id = ? AND kind != 'own'"""
    row = first(db, sql, [participant_id])
    return None if row is None else row["id"]


def boards_shown(db: Database, participant_id: int) -> int:
    """How many final boards the participant has been shown, including the current one."""
    sql = """SELECT count(*) FROM round JOIN trial ON trial.id = trial_id
             WHERE participant_id = ? AND kind != 'own'"""
    return number(db, sql, [participant_id])


def read_plan(db: Database, participant_id: int) -> list[Board]:
    """All final boards of a participant, in order; the same on every call.

    Valid once every target is finished: nothing it depends on changes after that.
    """
    person = row_by_id(db, "participant", participant_id)
    own = """SELECT round.id, trial_id FROM round JOIN trial ON trial.id = trial_id
             WHERE participant_id = ? AND kind = 'own' AND round.state = 'ranked'
                 AND (SELECT count(DISTINCT image) FROM candidate WHERE round_id = round.id) > 1
             ORDER BY round.id"""
    calibration = """SELECT trial.id FROM trial JOIN target ON target.id = target_id
                     WHERE participant_id = ? AND kind = 'calibration' ORDER BY trial.position"""
    settings = read_study(db, person["study_id"]).settings
    ranked = [Board(row["id"], row["trial_id"]) for row in rows(db, own, [participant_id])]
    mixed = plan(
        ranked,
        [Board(None, row["id"]) for row in rows(db, calibration, [participant_id])],
        repeats=settings.repeats,
        seed=person["seed"],
    )
    trials = list(dict.fromkeys(board.trial_id for board in ranked))
    return mixed + blind_pairs(trials, count=settings.duels, seed=person["seed"])


def plan(
    own: Sequence[Board], calibration: Sequence[Board], *, repeats: int, seed: int
) -> list[Board]:
    """The repeats and calibration boards to show, in random order.

    Repeats are spread over as many targets as possible. The last target comes last, because
    its boards are still fresh in memory. The very last board is repeated only if nothing else is
    left, and never first.

    Args:
        own: the boards the participant has ranked, in chronological order.
        calibration: the calibration boards.
        repeats: the maximum number of their own boards to repeat.
        seed: determines the choice and the order.
    """
    rng = random.Random(f"boards/{seed}")
    pool = list(own[:-1])
    rng.shuffle(pool)
    taken: Counter[int] = Counter()
    ranked: list[tuple[bool, int, Board]] = []
    for board in pool:
        ranked.append((board.trial_id == own[-1].trial_id, taken[board.trial_id], board))
        taken[board.trial_id] += 1
    ranked.sort(key=lambda each: each[:2])
    chosen = [board for _, _, board in ranked] + (list(own[-1:]) if calibration else [])
    mixed = [*chosen[:repeats], *calibration]
    rng.shuffle(mixed)
    if own and mixed and mixed[0] == own[-1]:
        other = next(place for place, board in enumerate(mixed) if board.repeats is None)
        mixed[0], mixed[other] = mixed[other], mixed[0]
    return mixed


def blind_pairs(trials: Sequence[int], *, count: int, seed: int) -> list[Board]:
    """Blind pairs: each trial equally often, in random order; none without a trial."""
    if not trials:
        return []
    return [
        Board(None, in_blocks(trials, f"duels/{seed}", place), is_blind_pair=True)
        for place in range(count)
    ]


def _insert_board(db: Database, participant_id: int, board: Board, *, place: int) -> None:
    if board.is_blind_pair:
        insert_blind_pair(db, participant_id, board.trial_id, place=place)
        return
    seed = number(db, "SELECT seed FROM participant WHERE id = ?", [participant_id])
    live = f"SELECT count(*) FROM round WHERE trial_id = ? AND {LIVE}"
    again = first(db, "SELECT prompt FROM round WHERE id = ?", [board.repeats])
    round_id = insert(
        db,
        "round",
        {
            "trial_id": board.trial_id,
            "request_id": f"board-{place}",
            "number": number(db, live, [board.trial_id]) + 1,
            "prompt": "" if again is None else again["prompt"],
            "seed": seed_of(f"board/{seed}/{place}"),
            "state": "ranking",
            "reason": "",
            "requested_at": now(),
            "shown_at": now(),
            "kind": "calibration" if again is None else "repeat",
            "repeats": board.repeats,
        },
    )
    if again is None:
        db.execute("UPDATE trial SET state = 'active' WHERE id = ?", [board.trial_id])
    rng = random.Random(f"shown/{seed}/{place}")
    insert_candidates(db, round_id, _reordered(_images(db, board), rng, anew=again is not None))


def _images(db: Database, board: Board) -> list[Row]:
    """The images of a board in the order in which they were drawn or last shown."""
    if board.repeats is not None:
        sql = "SELECT image, provenance FROM candidate WHERE round_id = ? ORDER BY position"
        return rows(db, sql, [board.repeats])
    sql = """SELECT calibration.image, provenance FROM calibration
             JOIN trial ON trial.target_id = calibration.target_id
             WHERE trial.id = ? ORDER BY calibration.position"""
    return rows(db, sql, [board.trial_id])


def _reordered(images: list[Row], rng: random.Random, *, anew: bool) -> list[tuple[str, str]]:
    """The images in a random order; with ``anew``, in another one than they come in."""
    before = [each["image"] for each in images]
    shown = list(images)
    rng.shuffle(shown)
    while anew and [each["image"] for each in shown] == before:  # two images differ at least
        rng.shuffle(shown)
    return [(each["image"], each["provenance"]) for each in shown]


def _fresh_code(db: Database, participant_id: int) -> str:
    """A completion code that is unique in the study, such as ``K7QM-3XPD``."""
    taken = """SELECT count(*) FROM participant WHERE completion_code = ?
               AND study_id = (SELECT study_id FROM participant WHERE id = ?)"""
    while True:
        letters = code(8)
        fresh = f"{letters[:4]}-{letters[4:]}"
        if not number(db, taken, [fresh, participant_id]):
            return fresh
