"""Studies, their targets, and the image files that everything points at."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from app.store.database import Door, Row, first, insert, now, rows
from app.store.job_queue import ask_for_calibration
from app.study.settings import StudySettings
from app.study.types import Study, Target
from clpips.errors import StudyError
from clpips.io.atomic_files import write_whole

MAX_TITLE = 200
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
# No 0/O, 1/I/L: people read these codes to each other.
CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


class Studies(Door):
    """What a researcher sets up."""

    def add_study(
        self,
        title: str,
        settings: StudySettings,
        targets: Sequence[tuple[str, str]],
        *,
        simulated: bool = False,
    ) -> Study:
        """Make a study that people may join.

        Args:
            title: 1 to 200 characters.
            settings: what the researcher decides.
            targets: name and image hash of each target, in order; every image must have been
                added with :meth:`add_image`.
            simulated: whether its people are simulated; screens label it so.

        Raises:
            StudyError: an empty or long title, no targets, an unnamed one, an unknown image.
        """
        title = _title(title)
        if not targets:
            raise StudyError("a study must have at least one target, got none")
        with self._write() as db:
            at = now()
            study_id = insert_study(db, title, settings, simulated=simulated, at=at)
            for position, (name, image) in enumerate(targets):
                if not name.strip():
                    raise StudyError(f"a target must have a name, got none for number {position}")
                if first(db, "SELECT 1 FROM image WHERE sha = ?", [image]) is None:
                    raise StudyError(f"a target's image must be in the store, got {image!r}")
                insert(
                    db,
                    "target",
                    {
                        "study_id": study_id,
                        "position": position,
                        "name": name.strip(),
                        "image": image,
                    },
                )
            made = read_study(db, study_id)
            ask_for_calibration(db, made)
            return made

    def studies(self, *, include_archived: bool = False) -> tuple[Study, ...]:
        """All studies, newest first; archived ones only when asked for."""
        where = "" if include_archived else "WHERE is_archived = 0"
        with self._read() as db:
            found = rows(db, f"SELECT * FROM study {where} ORDER BY id DESC")
            return tuple(_study(row) for row in found)

    def study(self, study_id: int) -> Study:
        """One study.

        Raises:
            StudyError: there is none with this id.
        """
        with self._read() as db:
            return read_study(db, study_id)

    def study_by_join_code(self, code: str) -> Study | None:
        """The study that a join link opens, closed or not; ``None`` if archived or unknown."""
        sql = "SELECT * FROM study WHERE join_code = ? AND is_archived = 0"
        with self._read() as db:
            row = first(db, sql, [code.strip()])
            return None if row is None else _study(row)

    def set_study_open(self, study_id: int, is_open: bool) -> Study:
        """Say whether more people may join; those inside go on either way.

        Raises:
            StudyError: there is no such study.
        """
        return self._set_study(study_id, "is_open", is_open)

    def set_study_archived(self, study_id: int, is_archived: bool) -> Study:
        """Take a study out of the list, or put it back; nothing of it is deleted.

        Raises:
            StudyError: there is no such study.
        """
        return self._set_study(study_id, "is_archived", is_archived)

    def targets(self, study_id: int) -> tuple[Target, ...]:
        """A study's own targets in the researcher's order; those for calibration are left out.

        Raises:
            StudyError: there is no such study.
        """
        with self._read() as db:
            read_study(db, study_id)
            return read_targets(db, study_id)

    def add_image(
        self, data: bytes, *, width: int, height: int, media_type: str = "image/png"
    ) -> str:
        """Keep an encoded image; the same bytes are kept once.

        The file is on disk before its row is, so a row without its file cannot happen.

        Args:
            data: the encoded file.
            width, height: pixels.
            media_type: ``image/png``, ``image/jpeg`` or ``image/webp``.

        Returns:
            The SHA-256 of ``data``, 64 hexadecimal digits, by which it is known from now on.

        Raises:
            StudyError: no bytes, or another media type.
        """
        if not data:
            raise StudyError("an image must have bytes, got none")
        if media_type not in SUFFIXES:
            raise StudyError(f"media_type must be one of {tuple(SUFFIXES)}, got {media_type!r}")
        sha = hashlib.sha256(data).hexdigest()
        path = self._image_file(sha, media_type)
        if not path.exists():
            write_whole(path, lambda part: _write_bytes(part, data))
        with self._write() as db:
            db.execute(
                "INSERT INTO image VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [sha, width, height, media_type, len(data), now()],
            )
        return sha

    def image_path(self, sha: str) -> Path:
        """The file of an image.

        Raises:
            StudyError: there is no such image.
        """
        with self._read() as db:
            row = first(db, "SELECT media_type FROM image WHERE sha = ?", [sha])
        if row is None:
            raise StudyError(f"an image must be in the store, got {sha!r}")
        return self._image_file(sha, row["media_type"])

    def has_image(self, sha: str) -> bool:
        """Whether an image is there, both its row and its file."""
        try:
            return self.image_path(sha).is_file()
        except StudyError:
            return False

    def _image_file(self, sha: str, media_type: str) -> Path:
        return self.settings.images / sha[:2] / f"{sha}{SUFFIXES[media_type]}"

    def _set_study(self, study_id: int, column: str, value: bool) -> Study:
        with self._write() as db:
            db.execute(f"UPDATE study SET {column} = ? WHERE id = ?", [int(value), study_id])
            study = read_study(db, study_id)
            if study.is_open:
                ask_for_calibration(db, study)
            return study


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


def read_study(db: Database, study_id: int) -> Study:
    """One study; raises ``StudyError`` where there is none."""
    row = first(db, "SELECT * FROM study WHERE id = ?", [study_id])
    if row is None:
        raise StudyError(f"a study must exist, got the unknown number {study_id}")
    return _study(row)


def read_targets(db: Database, study_id: int) -> tuple[Target, ...]:
    """A study's own targets by position."""
    sql = "SELECT * FROM target WHERE study_id = ? AND kind = 'own' ORDER BY position"
    return tuple(Target(**row) for row in rows(db, sql, [study_id]))


def code(length: int) -> str:
    """A random code of letters that cannot be misread."""
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


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)
