"""Image files, kept by the SHA-256 of their bytes, and which study uses which."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from app.store.database import DatabaseAccess, first, now, number, rows
from app.store.studies import read_study
from app.store.unavailable import disk_errors
from clpips.errors import StudyError
from clpips.io.atomic_files import write_files

SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}

PAGE_ROWS = 10_000


class StoredImage(NamedTuple):
    """An image of the store: its content hash, its size in bytes and its file."""

    sha: str
    bytes: int
    path: Path


class Images:
    """Encoded images: targets, candidates and calibration images."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def add(self, data: bytes, *, width: int, height: int, media_type: str = "image/png") -> str:
        """Store an encoded image; the same bytes are stored once.

        The file is on disk before its row is, so a row without its file cannot happen.

        Args:
            data: the encoded file.
            width, height: pixels.
            media_type: ``image/png``, ``image/jpeg`` or ``image/webp``.

        Returns:
            The SHA-256 of ``data``, 64 hexadecimal digits, its identifier from now on.

        Raises:
            StudyError: no bytes, or another media type.
            DiskFull: there is no room for it.
        """
        if not data:
            raise StudyError("an image must have bytes, got none")
        if media_type not in SUFFIXES:
            raise StudyError(f"media_type must be one of {tuple(SUFFIXES)}, got {media_type!r}")
        sha = hashlib.sha256(data).hexdigest()
        path = image_file(self._access, sha, media_type)
        if not path.exists():
            with disk_errors(path.parent):
                write_files({path: data})
        with self._access.write() as db:
            db.execute(
                """INSERT INTO image (sha, width, height, media_type, bytes, created_at)
                   VALUES (?, ?, ?, ?, ?, ?)
                   ON CONFLICT DO UPDATE SET added_again_at = excluded.created_at""",
                [sha, width, height, media_type, len(data), now()],
            )
            if not path.exists():  # a study was deleted meanwhile, and this image with it
                with disk_errors(path.parent):
                    write_files({path: data})
        return sha

    def path(self, sha: str) -> Path:
        """The file of an image.

        Raises:
            StudyError: there is no such image.
        """
        with self._access.read() as db:
            row = first(db, "SELECT media_type FROM image WHERE sha = ?", [sha])
        if row is None:
            raise StudyError(f"an image must be in the store, got {sha!r}")
        return image_file(self._access, sha, row["media_type"])

    def paths(self, shas: Iterable[str]) -> dict[str, Path]:
        """The files of some images, by hash.

        Raises:
            StudyError: one of them does not exist.
        """
        wanted = list(dict.fromkeys(shas))
        sql = """SELECT sha, media_type FROM image
                 WHERE sha IN (SELECT value FROM json_each(?))"""
        with self._access.read() as db:
            found = {
                row["sha"]: image_file(self._access, row["sha"], row["media_type"])
                for row in rows(db, sql, [json.dumps(wanted)])
            }
        for sha in wanted:
            if sha not in found:
                raise StudyError(f"an image must be in the store, got {sha!r}")
        return found

    def file(self, sha: str) -> Path | None:
        """The file of an image, found without the database, which may be locked; ``None``
        where there is none."""
        files = (image_file(self._access, sha, media_type) for media_type in SUFFIXES)
        return next((file for file in files if file.is_file()), None)

    def exists(self, sha: str) -> bool:
        """Whether an image exists, both its row and its file."""
        try:
            return self.path(sha).is_file()
        except StudyError:
            return False

    def of_study(self, study_id: int) -> tuple[str, ...]:
        """The content hash of every image of a study: targets and candidates, ranked or not,
        and the calibration boards'.

        Raises:
            StudyError: there is no such study.
        """
        sql = """SELECT image FROM target WHERE study_id = ?1
                 UNION SELECT calibration.image FROM calibration
                 JOIN target ON target.id = target_id WHERE study_id = ?1
                 UNION SELECT candidate.image FROM candidate
                 JOIN round ON round.id = round_id JOIN trial ON trial.id = trial_id
                 JOIN target ON target.id = target_id WHERE study_id = ?1 ORDER BY 1"""
        with self._access.read() as db:
            read_study(db, study_id)
            return tuple(row["image"] for row in rows(db, sql, [study_id]))

    def count_of_study(self, study_id: int) -> int:
        """How many images :meth:`of_study` has."""
        sql = """SELECT count(*) FROM image WHERE
                 EXISTS (SELECT 1 FROM target WHERE image = sha AND study_id = ?1)
                 OR EXISTS (SELECT 1 FROM calibration CROSS JOIN target ON target.id = target_id
                     WHERE calibration.image = sha AND study_id = ?1)
                 OR EXISTS (SELECT 1 FROM candidate CROSS JOIN round ON round.id = round_id
                     CROSS JOIN trial ON trial.id = trial_id
                     CROSS JOIN target ON target.id = target_id
                     WHERE candidate.image = sha AND study_id = ?1)"""
        with self._access.read() as db:
            return number(db, sql, [study_id])

    def all(self) -> Iterator[StoredImage]:
        """Every image of the store in the order of their hashes, read in pages."""
        sql = "SELECT sha, bytes, media_type FROM image WHERE sha > ? ORDER BY sha LIMIT ?"
        last = ""
        while True:
            with self._access.read() as db:
                page = rows(db, sql, [last, PAGE_ROWS])
            for row in page:
                path = image_file(self._access, row["sha"], row["media_type"])
                yield StoredImage(row["sha"], row["bytes"], path)
            if len(page) < PAGE_ROWS:
                return
            last = page[-1]["sha"]

    def total(self) -> tuple[int, int]:
        """The number of images and the sum of their sizes in bytes."""
        with self._access.read() as db:
            found = first(db, "SELECT count(*) AS n, coalesce(sum(bytes), 0) AS size FROM image")
        return (0, 0) if found is None else (found["n"], found["size"])


def image_file(access: DatabaseAccess, sha: str, media_type: str) -> Path:
    """Where an image's file lies."""
    return access.settings.images / sha[:2] / f"{sha}{SUFFIXES[media_type]}"
