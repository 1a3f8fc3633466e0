"""Copies of the database: the whole, or one study to be opened in another database."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from app.store.database import DatabaseAccess, DatabaseError, connect, first, number, rows
from app.store.id_remap import copy_rows
from app.store.images import SUFFIXES, image_file
from app.store.import_checks import check_readable
from app.store.migrations import migrate
from app.store.ranked_rounds import each_ranked_round
from app.store.rankings import read_history
from app.store.studies import code, read_study
from app.store.unavailable import Damaged
from app.study.submission import Submission
from app.study.types import Study
from clpips.errors import InputError, StudyError
from clpips.io.atomic_files import atomic_file

# Never in a bundle: credentials, this machine's state, and files that can be made again.
PRIVATE = (
    "link",
    "researcher",
    "session",
    "login_failure",
    "setting",
    "job",
    "worker",
    "export",
)

USED_IMAGES = """SELECT image FROM target UNION SELECT image FROM candidate
                 UNION SELECT image FROM calibration"""

COUNTED = {
    "studies": "SELECT count(*) FROM study",
    "participants": "SELECT count(*) FROM participant",
    "rankings": "SELECT count(DISTINCT round_id) FROM submission",  # the current ones
    "fits": "SELECT count(*) FROM fit",
}

# What reading a manipulated row can raise.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError)


class Transfer:
    """Backups of the whole database, and single studies moved between databases."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def backup(self, path: Path | str) -> Path:
        """Copy the whole database while it is in use; the hashes of secrets are in it.

        Returns:
            The path of a complete copy, on disk.
        """
        final = Path(path)
        with atomic_file(final) as partial:
            self._copy(partial)
        return final

    def check(self) -> None:
        """Read the whole database and check every page, index and reference.

        Raises:
            StudyError: it is damaged.
        """
        with self._access.read() as db:
            verdict = first(db, "PRAGMA integrity_check(1)")
            dangling = first(db, "PRAGMA foreign_key_check")
        if verdict != {"integrity_check": "ok"} or dangling is not None:
            raise StudyError("the database must be whole, got a damaged one")

    def forget_this_machine(self) -> None:
        """Delete what holds for the machine of a backup only: sessions, workers, files made for
        download. Everything else stays, the password and participants' links included.
        """
        with self._access.write() as db:
            for table in ("session", "login_failure", "worker", "export"):
                db.execute(f"DELETE FROM {table}")
            db.execute("DELETE FROM job WHERE kind IN ('export', 'backup')")

    def counts(self) -> dict[str, int]:
        """How many studies, participants, rankings and fits the database holds."""
        with self._access.read() as db:
            return {noun: number(db, sql) for noun, sql in COUNTED.items()}

    def export_study(self, study_id: int, path: Path | str) -> Path:
        """Write one study's rows to an SQLite file of their own, without secrets.

        Its images, rankings with their history, attempts, difference vectors, fits and their
        comparisons are in it;
        links, passwords, sessions, jobs and every other study are not, not even in free pages.

        Raises:
            StudyError: there is no such study.
        """
        with self._access.read() as db:
            read_study(db, study_id)
        final = Path(path)
        with (
            atomic_file(final) as partial,
            tempfile.TemporaryDirectory(dir=partial.parent, prefix=".export-") as folder,
        ):
            whole = Path(folder) / "whole.sqlite"
            self._copy(whole)
            _keep_only(whole, study_id, into=partial)
        return final

    def import_study(
        self,
        path: Path | str,
        *,
        title: str | None = None,
        metric_paths: Mapping[str, str] | None = None,
    ) -> Study:
        """Import a study that :meth:`export_study` wrote as a new one, closed to new participants.

        Its images must have been added before. Everything gets new numbers; the join code is
        new, and participants have no links until
        :meth:`~app.store.participants.Participants.renew_link` gives them one. A round that
        was being made counts as cancelled.

        Args:
            path: the file; it is not changed.
            title: what to call it; ``None`` keeps its title.
            metric_paths: where the files of its fits are now, by their path inside the old data
                folder; where it is given, a fit it does not name is refused, because its old
                path may be another study's file here. ``None`` keeps every path.

        Raises:
            StudyError: not such a file, a damaged one, one from a newer version, or an image
                that is not here. Nothing is changed then.
        """
        moved = (
            None
            if metric_paths is None
            else {old: self._access.stored_path(new) for old, new in metric_paths.items()}
        )
        try:
            with self._opened_copy(Path(path)) as bundle, self._access.write() as db:
                _check_bundle(bundle, db)
                check_readable(bundle)
                self._check_images(bundle)
                study_id = copy_rows(bundle, db, title=title, join_code=code(8), metric_paths=moved)
                _check_rankings(db, study_id)
                return read_study(db, study_id)
        except InputError:
            raise
        except Damaged as error:
            raise StudyError("a bundle must be whole, got a damaged one") from error
        except (DatabaseError, *MALFORMED) as error:
            raise StudyError(f"a bundle must be whole, got a damaged one: {error}") from error

    def _copy(self, part: Path) -> None:
        with self._access.explained():
            db = connect(self._access.path)
            try:
                db.execute("VACUUM INTO ?", [str(part)])
            finally:
                db.conn.close()

    @contextmanager
    def _opened_copy(self, path: Path) -> Iterator[Database]:
        """A private copy of a bundle, brought to this version's schema."""
        if not path.is_file():
            raise StudyError(f"a bundle must be a file, got '{path}'")
        with tempfile.TemporaryDirectory(dir=self._access.path.parent, prefix=".import-") as folder:
            copy = Path(folder) / "bundle.sqlite"
            shutil.copyfile(path, copy)
            db = connect(copy)
            try:
                migrate(db)
                yield db
            finally:
                db.conn.close()

    def _check_images(self, bundle: Database) -> None:
        for row in rows(bundle, USED_IMAGES):
            sha = row["image"]
            if not any(image_file(self._access, sha, kind).is_file() for kind in SUFFIXES):
                raise StudyError(f"a bundle's images must be added first, {sha!r} is not here")


def _keep_only(path: Path, study_id: int, *, into: Path) -> None:
    """Delete all but one study from a copy, and write the rest without the deleted data."""
    db = connect(path)
    try:
        db.execute("PRAGMA journal_mode = DELETE")  # one file, no companions
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM study WHERE id != ?", [study_id])
        for table in PRIVATE:
            db.execute(f"DELETE FROM {table}")
        db.execute(f"DELETE FROM image WHERE sha NOT IN ({USED_IMAGES})")
        db.execute("COMMIT")
        # A plain VACUUM would build the new file in memory.
        db.execute("VACUUM INTO ?", [str(into)])
    finally:
        db.conn.close()


def _check_bundle(bundle: Database, db: Database) -> None:
    """The file must have exactly our tables, be sound, and hold one study."""
    schema = """SELECT type, name, sql FROM sqlite_master
                WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY type, name"""
    if rows(bundle, schema) != rows(db, schema):
        raise StudyError("a bundle must have this program's tables, got other ones")
    verdict = first(bundle, "PRAGMA quick_check(1)")
    dangling = first(bundle, "PRAGMA foreign_key_check")
    if verdict != {"quick_check": "ok"} or dangling is not None:
        raise StudyError("a bundle must be whole, got a damaged one")
    if first(bundle, _STRAY_REPEAT) is not None:
        raise StudyError("a bundle must be whole, got a repeat of another board")
    count = len(rows(bundle, "SELECT id FROM study LIMIT 2"))
    if count != 1:
        raise StudyError(f"a bundle must hold exactly one study, got {count or 'none'}")


_BOARD = """(SELECT json_group_array(image) FROM (
                 SELECT image FROM candidate WHERE round_id = {}.id ORDER BY image))"""
_STRAY_REPEAT = f"""
    SELECT 1 FROM round AS again LEFT JOIN round AS original ON original.id = again.repeats
    WHERE (again.kind = 'repeat') != (again.repeats IS NOT NULL)
        OR (again.kind = 'repeat' AND (
            original.trial_id != again.trial_id OR original.kind != 'own'
            OR {_BOARD.format("original")} != {_BOARD.format("again")}))"""


def _check_rankings(db: Database, study_id: int) -> None:
    """Every ranking that was taken in must rank what its board showed, as a submission must."""
    for ranked in each_ranked_round(db, study_id, participant_id=None):
        shown = tuple(candidate.id for candidate in ranked.round.candidates)
        history = read_history(db, ranked.round.id)
        for ranking in history:
            submission = Submission(
                ranking.uuid, ranking.round_id, ranking.order, ranking.ranks, ranking.shown
            )
            if submission.shown != shown:
                raise StudyError("a bundle must be whole, got a ranking of other candidates")
        if not history:
            raise StudyError("a bundle must be whole, got a ranked round without its ranking")
