"""The calibration set: boards with the same images for everybody, made once per study."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

from sqlite_utils import Database

from app.store.database import DatabaseAccess, first, insert, number, rows
from app.store.job_queue import is_calibrated
from app.store.round_rows import provenance
from app.store.studies import read_study
from app.study.records import CalibrationBoard
from clpips.errors import StudyError
from clpips.types import Provenance


class CalibrationBoards:
    """Boards that the worker makes once and every participant ranks at the end."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def add(self, study_id: int, boards: Sequence[CalibrationBoard]) -> bool:
        """Store all calibration boards of a study in one transaction.

        Returns:
            Whether they were taken: ``False`` where the study has its boards already.

        Raises:
            StudyError: no such study, another number of boards than it asks for, fewer than two
                images on one, or an image that is not in the store.
        """
        with self._access.write() as db:
            wanted = read_study(db, study_id).settings.calibration
            if is_calibrated(db, study_id):
                return False
            if len(boards) != wanted:
                raise StudyError(
                    f"{wanted} calibration boards must be given, as the study asks for, "
                    f"got {len(boards)}"
                )
            for board in boards:
                _insert_target(db, study_id, board)
            return True

    def of_study(self, study_id: int) -> tuple[CalibrationBoard, ...]:
        """A study's calibration boards; none before the worker has made them.

        Raises:
            StudyError: there is no such study.
        """
        made: dict[int, list[tuple[str, Provenance]]] = defaultdict(list)
        with self._access.read() as db:
            read_study(db, study_id)
            targets = rows(
                db,
                """SELECT id, name, image FROM target
                   WHERE study_id = ? AND kind = 'calibration' ORDER BY position""",
                [study_id],
            )
            sql = """SELECT calibration.* FROM calibration JOIN target ON target.id = target_id
                     WHERE study_id = ? ORDER BY calibration.position"""
            for row in rows(db, sql, [study_id]):
                made[row["target_id"]].append((row["image"], provenance(row["provenance"])))
        return tuple(
            CalibrationBoard(each["name"], each["image"], tuple(made[each["id"]]))
            for each in targets
        )


def _insert_target(db: Database, study_id: int, board: CalibrationBoard) -> None:
    if len(board.made) < 2:
        raise StudyError(f"a calibration board must have at least 2 images, got {len(board.made)}")
    for image in (board.target, *(image for image, _ in board.made)):
        if first(db, "SELECT 1 FROM image WHERE sha = ?", [image]) is None:
            raise StudyError(f"a calibration image must be in the store, got {image!r}")
    last = number(db, "SELECT max(position) FROM target WHERE study_id = ?", [study_id])
    what = {"study_id": study_id, "position": last + 1, "kind": "calibration"}
    target_id = insert(db, "target", {**what, "name": board.name, "image": board.target})
    for position, (image, source) in enumerate(board.made):
        stored = json.dumps(asdict(source))
        row = {"target_id": target_id, "position": position, "image": image}
        insert(db, "calibration", {**row, "provenance": stored})
