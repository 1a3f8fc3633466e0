"""Studies, their targets, and what they have cost in time and money."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from sqlite_utils import Database

from app.store.database import DatabaseAccess, Row, first, insert, now, row_by_id, rows
from app.store.job_queue import ask_for_calibration
from app.study.records import Cost, Wait
from app.study.settings import StudySettings
from app.study.types import Study, Target
from clpips.errors import StudyError

MAX_TITLE = 200
# No 0/O, 1/I/L: people read these codes to each other.
CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


class Studies:
    """Studies: created, listed, opened and archived by a researcher."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def create(
        self,
        title: str,
        settings: StudySettings,
        targets: Sequence[tuple[str, str]],
        *,
        simulated: bool = False,
    ) -> Study:
        """Create a study that people may join.

        Args:
            title: 1 to 200 characters.
            settings: what the researcher decides.
            targets: name and image hash of each target, in order; every image must have been
                added with :meth:`app.store.images.Images.add`.
            simulated: whether its people are simulated; screens label it so.

        Raises:
            StudyError: an empty or long title, no targets, an unnamed one, an unknown image.
        """
        title = _title(title)
        if not targets:
            raise StudyError("a study must have at least one target, got none")
        with self._access.write() as db:
            at = now()
            study_id = insert_study(db, title, settings, simulated=simulated, at=at)
            for position, (name, image) in enumerate(targets):
                insert_target(db, study_id, position, name, image)
            made = read_study(db, study_id)
            ask_for_calibration(db, made)
            return made

    def all(self, *, include_archived: bool = False) -> tuple[Study, ...]:
        """All studies, newest first; archived ones only when asked for."""
        where = "" if include_archived else "WHERE is_archived = 0"
        with self._access.read() as db:
            found = rows(db, f"SELECT * FROM study {where} ORDER BY id DESC")
            return tuple(_study(row) for row in found)

    def get(self, study_id: int) -> Study:
        """One study.

        Raises:
            StudyError: there is none with this id.
        """
        with self._access.read() as db:
            return read_study(db, study_id)

    def by_join_code(self, code: str) -> Study | None:
        """The study that a join link opens, closed or not; ``None`` if archived or unknown."""
        sql = "SELECT * FROM study WHERE join_code = ? AND is_archived = 0"
        with self._access.read() as db:
            row = first(db, sql, [code.strip()])
            return None if row is None else _study(row)

    def set_open(self, study_id: int, is_open: bool) -> Study:
        """Set whether more people may join; participants already in it can continue either way.

        Raises:
            StudyError: there is no such study.
        """
        return self._set(study_id, "is_open", is_open)

    def set_archived(self, study_id: int, is_archived: bool) -> Study:
        """Remove a study from the list, or put it back; nothing is deleted.

        Raises:
            StudyError: there is no such study.
        """
        return self._set(study_id, "is_archived", is_archived)

    def targets(self, study_id: int) -> tuple[Target, ...]:
        """A study's own targets in the researcher's order; those for calibration are left out.

        Raises:
            StudyError: there is no such study.
        """
        with self._access.read() as db:
            read_study(db, study_id)
            return read_targets(db, study_id)

    def waiting_times(self, study_id: int, *, last: int = 1000) -> tuple[Wait, ...]:
        """How long participants waited for each of the last boards, in chronological order.

        Time spent thinking and ranking is not included.
        """
        sql = """SELECT (julianday(job.started_at) - julianday(job.created_at)) * 86400 AS queued,
                        (julianday(job.finished_at) - julianday(job.started_at)) * 86400 AS making
                 FROM job JOIN round ON round.job_id = job.id
                 WHERE job.study_id = ? AND job.kind = 'generate' AND job.state = 'done'
                 ORDER BY job.id DESC LIMIT ?"""
        with self._access.read() as db:
            found = rows(db, sql, [study_id, last])
        return tuple(Wait(max(row["queued"], 0.0), row["making"]) for row in reversed(found))

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
        with self._access.read() as db:
            read_study(db, study_id)
            return tuple(
                Cost(row["currency"], row["amount"], row["images"])
                for row in rows(db, _COSTS, [study_id])
            )

    def set_addresses(self, study_id: int, *, completion: str, screen_out: str) -> Study:
        """Set where participants are led back to; empty for nowhere. Allowed at any time.

        Raises:
            StudyError: there is no such study, or no ``https:`` address.
        """
        with self._access.write() as db:
            settings = replace(
                read_study(db, study_id).settings,
                completion_url=completion.strip(),
                screen_out_url=screen_out.strip(),
            )
            db.execute(
                "UPDATE study SET settings = ? WHERE id = ?",
                [json.dumps(asdict(settings)), study_id],
            )
            return read_study(db, study_id)

    def _set(self, study_id: int, column: str, value: bool) -> Study:
        with self._access.write() as db:
            db.execute(f"UPDATE study SET {column} = ? WHERE id = ?", [int(value), study_id])
            study = read_study(db, study_id)
            if study.is_open:
                ask_for_calibration(db, study)
            return study


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


def insert_study(
    db: Database, title: str, settings: StudySettings, *, simulated: bool, at: str
) -> int:
    """Insert an open study with a fresh join code; returns its id."""
    return insert(
        db,
        "study",
        {
            "title": title,
            "settings": json.dumps(asdict(settings)),
            "join_code": code(8),
            "is_open": 1,
            "is_archived": 0,
            "simulated": int(simulated),
            "created_at": at,
        },
    )


def insert_target(db: Database, study_id: int, position: int, name: str, image: str) -> None:
    """Insert one of a study's own targets.

    Raises:
        StudyError: no name, or an image that is not in the store.
    """
    if not name.strip():
        raise StudyError(f"a target must have a name, got none for number {position}")
    if first(db, "SELECT 1 FROM image WHERE sha = ?", [image]) is None:
        raise StudyError(f"a target's image must be in the store, got {image!r}")
    row = {"study_id": study_id, "position": position, "name": name.strip(), "image": image}
    insert(db, "target", row)


def read_study(db: Database, study_id: int) -> Study:
    """One study; raises ``StudyError`` where there is none."""
    return _study(row_by_id(db, "study", study_id))


def read_targets(db: Database, study_id: int) -> tuple[Target, ...]:
    """A study's own targets by position."""
    sql = "SELECT * FROM target WHERE study_id = ? AND kind = 'own' ORDER BY position"
    return tuple(Target(**row) for row in rows(db, sql, [study_id]))


def code(length: int) -> str:
    """A random code without letters that are easily confused."""
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(length))


def _study(row: Row) -> Study:
    return Study(
        id=row["id"],
        title=row["title"],
        settings=_settings(json.loads(row["settings"])),
        join_code=row["join_code"],
        is_open=bool(row["is_open"]),
        simulated=bool(row["simulated"]),
        created_at=row["created_at"],
    )


def _settings(stored: Mapping[str, Any]) -> StudySettings:
    """Settings from JSON; ones that a later version took away are left out."""
    known = {field.name for field in fields(StudySettings)}
    return StudySettings(**{name: value for name, value in stored.items() if name in known})


def _title(title: str) -> str:
    title = " ".join(title.split())
    if not 1 <= len(title) <= MAX_TITLE:
        raise StudyError(f"a title must have 1 to {MAX_TITLE} characters, got {len(title)}")
    return title
