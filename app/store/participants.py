"""Participants: they join with a secret link, and get one trial for each target."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import secrets
from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from app.store.database import DatabaseAccess, first, insert, now, number, rows
from app.store.guidance import draw_guidance
from app.store.job_queue import ask_for_calibration
from app.store.participant_rows import (
    participant_from_row,
    read_participant,
    read_participants,
)
from app.store.studies import read_study, read_targets
from app.study.recruitment import PARAMETERS, Recruitment, identity
from app.study.types import Participant
from clpips.errors import StudyError

MIN_SECRET = 22  # characters of URL-safe base64 that carry 128 bits


class Participants:
    """The people of a study, real and simulated."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def create(
        self,
        study_id: int,
        *,
        label: str | None = None,
        simulated: bool = False,
        true_weights: Mapping[str, Any] | None = None,
        token: str | None = None,
        seed: int | None = None,
    ) -> tuple[Participant, str]:
        """Add a participant with one trial per target, in an order of their own.

        Args:
            study_id: the study they take part in, open or not.
            label: their name on screens and in exports, unique in the study; ``None`` gives
                ``P001`` and so on.
            simulated: whether a program answers for them.
            true_weights: the weights a simulated participant ranks by, JSON-serialisable.
            token: the secret in their link, at least 22 characters; ``None`` makes one. Only its
                SHA-256 is stored.
            seed: decides the order of trials and every round's seed; ``None`` draws one.

        Returns:
            The participant and the secret, which cannot be had again.

        Raises:
            StudyError: no such study, a label or token in use, a short token.
        """
        with self._access.write() as db:
            token = secrets.token_urlsafe(24) if token is None else _secret(token)
            participant_id = _insert_participant(
                db,
                study_id,
                label=label,
                simulated=simulated,
                true_weights=true_weights,
                seed=secrets.randbits(48) if seed is None else seed,
            )
            _insert_link(db, participant_id, token)
            return read_participant(db, participant_id), token

    def join(
        self, study_id: int, request_id: str, recruitment: Recruitment = ()
    ) -> tuple[Participant, str]:
        """Join an open study; the same ``request_id`` returns the same participant.

        So does the same recruiter's id, from any browser and when the study is closed: they get
        one more link. The newest of their recruiter's parameters are kept.

        Args:
            study_id: the study.
            request_id: a secret drawn when the page was drawn (``secrets.token_urlsafe(24)``),
                at least 22 characters. The link's secret is derived from it, so a double click
                or a retry gets the same link, and nothing secret is stored.

        Raises:
            StudyError: no such study, it is closed, or the link made so was replaced since.
        """
        token = _derived_token(study_id, _secret(request_id))
        who = identity(recruitment)
        with self._access.write() as db:
            study = read_study(db, study_id)
            link = first(db, "SELECT * FROM link WHERE token_hash = ?", [_hash(token)])
            if link is not None:
                if link["revoked_at"] is not None:
                    raise StudyError("this link was replaced by a newer one")
                return read_participant(db, link["participant_id"]), token
            participant_id = _recruited(db, study_id, who)
            if participant_id is None:
                if not study.is_open:
                    raise StudyError("this study does not take new participants at the moment")
                participant_id = _insert_participant(db, study_id, seed=secrets.randbits(48))
            _set_recruitment(db, participant_id, recruitment)
            _insert_link(db, participant_id, token)
            return read_participant(db, participant_id), token

    def recruited(self, study_id: int, recruitment: Recruitment) -> Participant | None:
        """Who has joined with a recruiter's id before; ``None`` if nobody, or without an id."""
        with self._access.read() as db:
            found = _recruited(db, study_id, identity(recruitment))
            return None if found is None else read_participant(db, found)

    def recruitment_names(self, study_id: int) -> tuple[str, ...]:
        """Which recruiter's parameters anybody in a study has, in their usual order."""
        sql = """SELECT DISTINCT json_each.key AS name
                 FROM participant, json_each(recruitment) WHERE study_id = ?"""
        with self._access.read() as db:
            found = {row["name"] for row in rows(db, sql, [study_id])}
        return tuple(name for name in PARAMETERS if name in found)

    def by_token(self, token: str) -> Participant | None:
        """The participant a link belongs to; ``None`` if it is unknown or was replaced."""
        sql = """SELECT participant.* FROM link JOIN participant ON participant.id = participant_id
                 WHERE token_hash = ? AND revoked_at IS NULL"""
        with self._access.read() as db:
            row = first(db, sql, [_hash(token)])
            return None if row is None else participant_from_row(row)

    def get(self, participant_id: int) -> Participant:
        """One participant.

        Raises:
            StudyError: there is none with this id.
        """
        with self._access.read() as db:
            return read_participant(db, participant_id)

    def of_study(self, study_id: int) -> tuple[Participant, ...]:
        """Everybody in a study, in the order they joined."""
        with self._access.read() as db:
            return read_participants(db, study_id)

    def renew_link(self, participant_id: int) -> str:
        """Give a participant a new secret; their earlier links stop working.

        Raises:
            StudyError: there is no such participant.
        """
        token = secrets.token_urlsafe(24)
        with self._access.write() as db:
            read_participant(db, participant_id)
            db.execute(
                "UPDATE link SET revoked_at = ? WHERE participant_id = ? AND revoked_at IS NULL",
                [now(), participant_id],
            )
            _insert_link(db, participant_id, token)
        return token

    def consent(self, participant_id: int) -> Participant:
        """Record that a participant agreed to take part; only the first time counts.

        Raises:
            StudyError: there is no such participant.
        """
        with self._access.write() as db:
            db.execute("UPDATE participant SET declined_at = NULL WHERE id = ?", [participant_id])
            return _set_time(db, participant_id, "consented_at")

    def decline(self, participant_id: int) -> Participant:
        """Record that a participant decided not to take part, before they agreed.

        Raises:
            StudyError: there is no such participant, or they have agreed already.
        """
        with self._access.write() as db:
            if read_participant(db, participant_id).consented_at is not None:
                raise StudyError("a participant who has agreed to take part cannot decline")
            return _set_time(db, participant_id, "declined_at")

    def start(self, participant_id: int) -> Participant:
        """Record that a participant has read the instructions; only the first time counts.

        In a study that compares metrics for guidance, one is assigned to them then.

        Raises:
            StudyError: there is no such participant, or they have not agreed yet.
        """
        with self._access.write() as db:
            before = read_participant(db, participant_id)
            participant = _set_time(db, participant_id, "started_at", after="consented_at")
            study = read_study(db, participant.study_id)
            if before.started_at is None:
                draw_guidance(db, participant, study.settings.guidance)
            ask_for_calibration(db, study)
            return read_participant(db, participant_id)

    def true_weights(self, participant_id: int) -> Mapping[str, Any] | None:
        """The weights a simulated participant ranks by; ``None`` for people.

        Raises:
            StudyError: there is no such participant.
        """
        with self._access.read() as db:
            read_participant(db, participant_id)
            row = first(db, "SELECT true_weights FROM participant WHERE id = ?", [participant_id])
        stored = row["true_weights"] if row else None
        return None if stored is None else dict(json.loads(stored))


def _set_time(
    db: Database, participant_id: int, column: str, *, after: str | None = None
) -> Participant:
    read_participant(db, participant_id)
    missing = f"SELECT {after} IS NULL FROM participant WHERE id = ?"
    if after and number(db, missing, [participant_id]):
        raise StudyError("a participant must agree to take part first")
    db.execute(
        f"UPDATE participant SET {column} = coalesce({column}, ?) WHERE id = ?",
        [now(), participant_id],
    )
    return read_participant(db, participant_id)


def _insert_participant(
    db: Database,
    study_id: int,
    *,
    seed: int,
    label: str | None = None,
    simulated: bool = False,
    true_weights: Mapping[str, Any] | None = None,
) -> int:
    read_study(db, study_id)
    label = _next_label(db, study_id) if label is None else label.strip()
    if not label:
        raise StudyError("a participant's label must not be empty")
    taken = "SELECT 1 FROM participant WHERE study_id = ? AND label = ?"
    if first(db, taken, [study_id, label]) is not None:
        raise StudyError(f"a participant's label must be unique in the study, got {label!r} again")
    participant_id = insert(
        db,
        "participant",
        {
            "study_id": study_id,
            "label": label,
            "simulated": int(simulated),
            "seed": seed,
            "true_weights": None if true_weights is None else json.dumps(dict(true_weights)),
            "created_at": now(),
        },
    )
    targets = list(read_targets(db, study_id))
    random.Random(f"trials/{seed}").shuffle(targets)
    for position, target in enumerate(targets):
        insert(
            db,
            "trial",
            {
                "participant_id": participant_id,
                "target_id": target.id,
                "position": position,
                "state": "waiting" if position else "active",
            },
        )
    return participant_id


def _recruited(db: Database, study_id: int, who: str | None) -> int | None:
    """The participant whom a recruiter's id names."""
    sql = "SELECT id FROM participant WHERE study_id = ? AND recruited_as = ?"
    row = first(db, sql, [study_id, who])
    return None if row is None else int(row["id"])


def _set_recruitment(db: Database, participant_id: int, recruitment: Recruitment) -> None:
    """Keep the newest value of each parameter."""
    kept = {**dict(read_participant(db, participant_id).recruitment), **dict(recruitment)}
    ordered = {name: kept[name] for name in PARAMETERS if name in kept}
    db.execute(
        "UPDATE participant SET recruitment = ?, recruited_as = coalesce(recruited_as, ?) "
        "WHERE id = ?",
        [json.dumps(ordered), identity(recruitment), participant_id],
    )


def _next_label(db: Database, study_id: int) -> str:
    taken = {participant.label for participant in read_participants(db, study_id)}
    count = len(taken) + 1
    while f"P{count:03d}" in taken:
        count += 1
    return f"P{count:03d}"


def _insert_link(db: Database, participant_id: int, token: str) -> None:
    if first(db, "SELECT 1 FROM link WHERE token_hash = ?", [_hash(token)]) is not None:
        raise StudyError("a link's secret must be new, got one that is in use")
    insert(
        db,
        "link",
        {"token_hash": _hash(token), "participant_id": participant_id, "created_at": now()},
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _secret(text: str) -> str:
    if len(text) < MIN_SECRET:
        raise StudyError(f"a secret must have at least {MIN_SECRET} characters, got {len(text)}")
    return text


def _derived_token(study_id: int, request_id: str) -> str:
    digest = hashlib.sha256(f"join/{study_id}/{request_id}".encode("utf-8", "surrogatepass"))
    return base64.urlsafe_b64encode(digest.digest()[:24]).decode("ascii")
