"""Requests for a round's candidates: checks, the starting image, and the worker's job."""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from app.store.database import Row, first, insert, now, number, rows
from app.store.job_queue import insert_job
from app.store.round_rows import LIVE, OPEN_STATES, read_round
from app.store.studies import read_study
from app.study.arms import MakerArm, in_blocks
from app.study.seeds import seed_of
from app.study.settings import StudySettings
from clpips.errors import StudyError


def read_own_trial(db: Database, participant_id: int, trial_id: int) -> Row:
    """Trial, participant and study in one row, if this participant may work on the trial."""
    sql = """SELECT trial.id AS trial_id, trial.state, trial.position, participant.id, study_id,
                    seed, started_at
             FROM trial JOIN participant ON participant.id = participant_id
             WHERE trial.id = ? AND participant.id = ?"""
    place = first(db, sql, [trial_id, participant_id])
    if place is None:
        raise StudyError("a trial must be the participant's own")
    return place


def set_start(
    db: Database, round_id: int, trial_id: int, candidate_id: int, strength: float
) -> None:
    """Set the image that a round's candidates start from."""
    if not 0 < strength <= 1:
        raise StudyError(f"strength must lie in (0, 1], got {strength}")
    sql = """SELECT image FROM candidate JOIN round ON round.id = round_id
             WHERE candidate.id = ? AND trial_id = ?"""
    found = first(db, sql, [candidate_id, trial_id])
    if found is None:
        raise StudyError("an image to start from must be one of this target's own candidates")
    db.execute(
        "UPDATE round SET start = ?, strength = ? WHERE id = ?",
        [found["image"], strength, round_id],
    )


def insert_round(db: Database, place: Row, prompt: str, request_id: str) -> int:
    """Insert a round of a trial; returns its id."""
    if place["started_at"] is None:
        raise StudyError("a participant must have read the instructions first")
    if place["state"] != "active":
        raise StudyError(f"a trial must be the current one, got one that is {place['state']}")
    settings = read_study(db, place["study_id"]).settings
    sql = f"SELECT state FROM round WHERE trial_id = ? AND {LIVE} ORDER BY number"
    states = [row["state"] for row in rows(db, sql, [place["trial_id"]])]
    if any(state in OPEN_STATES for state in states):
        raise StudyError("the round before must be ranked first")
    if len(states) >= settings.max_rounds:
        raise StudyError(f"a target has at most {settings.max_rounds} rounds, all are used")
    count = len(states) + 1
    seed = seed_of(f"round/{place['seed']}/{place['position']}/{count}")
    arm = next_arm(db, settings, place["id"], place["seed"])
    return insert(
        db,
        "round",
        {
            "trial_id": place["trial_id"],
            "request_id": request_id,
            "number": count,
            "prompt": prompt,
            "seed": seed,
            "state": "generating",
            "reason": "",
            "requested_at": now(),
            "arm": arm,
        },
    )


def queue_round(db: Database, place: Row, round_id: int) -> None:
    """Queue the job that generates a round's candidates."""
    settings = read_study(db, place["study_id"]).settings
    made = read_round(db, round_id)
    what = {"round_id": round_id, "prompt": made.prompt, "seed": made.seed}
    size = {"width": settings.image_size, "height": settings.image_size}
    start = {"start": made.start, "strength": made.strength}
    payload = {**what, **size, **start, **_makers(settings, made.arm), "count": settings.candidates}
    job_id = insert_job(
        db,
        "generate",
        payload,
        study_id=place["study_id"],
        participant_id=place["id"],
        key=f"round-{round_id}",
    )
    db.execute("UPDATE round SET job_id = ? WHERE id = ?", [job_id, round_id])


def insert_blind_pair(db: Database, participant_id: int, trial_id: int, *, place: int) -> None:
    """Insert a blind pair of a finished trial, and queue the job that generates its two images.

    Prompt and arm are those of the trial's latest ranked round; the seed is its own.
    """
    asked = read_own_trial(db, participant_id, trial_id)
    sql = """SELECT prompt, arm FROM round WHERE trial_id = ? AND kind = 'own' AND state = 'ranked'
             ORDER BY number DESC LIMIT 1"""
    words = first(db, sql, [trial_id]) or {"prompt": "", "arm": None}
    live = f"SELECT count(*) FROM round WHERE trial_id = ? AND {LIVE}"
    round_id = insert(
        db,
        "round",
        {
            "trial_id": trial_id,
            "request_id": f"board-{place}",
            "number": number(db, live, [trial_id]) + 1,
            "prompt": words["prompt"],
            "seed": seed_of(f"duel/{asked['seed']}/{place}"),
            "state": "generating",
            "reason": "",
            "requested_at": now(),
            "kind": "duel",
            "arm": words["arm"],
        },
    )
    queue_round(db, asked, round_id)


def next_arm(db: Database, settings: StudySettings, participant_id: int, seed: int) -> str | None:
    """The arm of a participant's next round; ``None`` where each board has images of every arm.

    Arms take turns over all rounds of a participant, so that each makes equally many; a round
    that failed or was cancelled is requested again with the same arm.
    """
    if not settings.arms or settings.mixes_arms:
        return None
    sql = f"""SELECT count(*) FROM round JOIN trial ON trial.id = trial_id
              WHERE participant_id = ? AND kind = 'own' AND round.{LIVE}"""
    turn = number(db, sql, [participant_id])
    return in_blocks([arm.name for arm in settings.arms], f"arms/{seed}", turn)


def _makers(settings: StudySettings, name: str | None) -> dict[str, Any]:
    """The maker of a round's images, or the arms that share its board."""
    if settings.arms and name is None:
        return {"arms": [_arm(each) for each in settings.arms]}
    for each in settings.arms:
        if each.name == name:
            return {"arms": [_arm(each)]}
    return {"maker": settings.maker, "options": dict(settings.maker_options)}


def _arm(arm: MakerArm) -> dict[str, Any]:
    return {"arm": arm.name, "maker": arm.maker, "options": dict(arm.options)}
