"""A study's targets, which can change until somebody has joined."""

from __future__ import annotations

from collections.abc import Sequence

from sqlite_utils import Database

from app.store.database import DatabaseAccess, number
from app.store.image_removal import remove_unused
from app.store.studies import insert_target, read_study, read_targets
from app.study.types import Target
from clpips.errors import StudyError


class Targets:
    """Targets added to a study and taken out of it, before anybody has joined."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def can_change(self, study_id: int) -> bool:
        """Whether nobody has joined yet; personal links count as joined, they have their trials."""
        with self._access.read() as db:
            return not _participants(db, study_id)

    def add(self, study_id: int, targets: Sequence[tuple[str, str]]) -> tuple[Target, ...]:
        """Add targets at the end; all of them or none.

        Args:
            study_id: the study.
            targets: name and image hash of each; every image must have been added before.

        Returns:
            All targets of the study.

        Raises:
            StudyError: no such study, somebody has joined it, an unnamed target, a name that
                another target has, an unknown image.
        """
        with self._access.write() as db:
            _check_nobody_joined(db, study_id)
            taken = {target.name for target in read_targets(db, study_id)}
            last = number(db, "SELECT max(position) FROM target WHERE study_id = ?", [study_id])
            for position, (given, image) in enumerate(targets, start=last + 1):
                name = given.strip()
                if name in taken:
                    raise StudyError(f"a target must have a name of its own, got {name!r} again")
                insert_target(db, study_id, position, name, image)
                taken.add(name)
            return read_targets(db, study_id)

    def remove(self, study_id: int, target_ids: Sequence[int]) -> tuple[Target, ...]:
        """Take targets out; their images go too, unless something else uses them.

        Returns:
            The targets that are left.

        Raises:
            StudyError: no such study, somebody has joined it, a target of another study, or none
                would be left.
        """
        with self._access.write() as db:
            _check_nobody_joined(db, study_id)
            known = {target.id: target for target in read_targets(db, study_id)}
            unknown = [each for each in target_ids if each not in known]
            if unknown:
                raise StudyError(f"a target must be the study's own, got number {unknown[0]}")
            if not set(known) - set(target_ids):
                raise StudyError("a study must have at least one target, got none")
            for each in target_ids:
                db.execute("DELETE FROM target WHERE id = ?", [each])
            left = read_targets(db, study_id)
        remove_unused(self._access, {known[each].image for each in target_ids})
        return left


def _participants(db: Database, study_id: int) -> int:
    read_study(db, study_id)
    return number(db, "SELECT count(*) FROM participant WHERE study_id = ?", [study_id])


def _check_nobody_joined(db: Database, study_id: int) -> None:
    count = _participants(db, study_id)
    if count:
        raise StudyError(
            "targets can change only until somebody has joined or has a personal link, "
            f"got {count} already"
        )
