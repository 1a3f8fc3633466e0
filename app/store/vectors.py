"""Difference vectors: computed once per pair of target and candidate, kept for every fit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.store.database import DatabaseAccess, now, rows
from clpips.errors import StudyError
from clpips.features.names import Backbone

STORED_TYPE = "<f8"  # little-endian float64: float32 would lose the 1e-6 that we promise
VectorRow = tuple[str, str, Backbone, str, NDArray[np.floating], bool]


class Vectors:
    """Difference vectors by target, image and backbone."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def add(self, vectors: Iterable[VectorRow]) -> None:
        """Store difference vectors, replacing existing ones.

        Args:
            vectors: target hash, image hash, backbone, checksum of the backbone's weights, the
                vector (one axis, finite, not negative), and whether the images had to be resized.

        Raises:
            StudyError: a vector of another shape, with other values, or of an unknown image.
        """
        ready = [(*vector[:4], _encode(vector[4]), int(vector[5])) for vector in vectors]
        with self._access.write() as db:
            for target, image, backbone, checksum, blob, resized in ready:
                known = rows(db, "SELECT sha FROM image WHERE sha IN (?, ?)", [target, image])
                if len(known) != len({target, image}):
                    raise StudyError(
                        f"both images must be in the store, got {target!r} and {image!r}"
                    )
                db.execute(
                    "INSERT OR REPLACE INTO difference_vector VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [target, image, backbone, checksum, resized, blob, now()],
                )

    def of_pairs(
        self,
        pairs: Sequence[tuple[str, str]],
        backbone: Backbone,
        *,
        checksum: str | None = None,
    ) -> dict[tuple[str, str], NDArray[np.float64]]:
        """The stored vectors of pairs of (target, image) hashes; missing pairs are left out.

        Args:
            pairs: which ones.
            backbone: which network they come from.
            checksum: only those computed with these very weights; ``None`` takes any.
        """
        sql = """SELECT vector.target, vector.image, vector.vector
                 FROM json_each(?) AS pair
                 JOIN difference_vector AS vector
                     ON vector.target = pair.value ->> 0 AND vector.image = pair.value ->> 1
                     AND vector.backbone = ?
                 WHERE ? IS NULL OR checksum = ?"""
        wanted = json.dumps(sorted({(target, image) for target, image in pairs}))
        with self._access.read() as db:
            found = rows(db, sql, [wanted, backbone, checksum, checksum])
        return {
            (row["target"], row["image"]): np.frombuffer(row["vector"], STORED_TYPE).astype(
                np.float64
            )
            for row in found
        }

    def missing(
        self, study_id: int, backbone: Backbone, *, checksum: str | None = None
    ) -> list[tuple[str, str]]:
        """The (target, image) pairs of a study's boards that have no vector yet.

        Images of calibration boards are included before anybody has seen them.

        With a ``checksum``, vectors computed with other weights count as missing.
        """
        sql = """WITH pair AS (
                     SELECT target.image AS target, candidate.image AS image
                     FROM candidate JOIN round ON round.id = candidate.round_id
                     JOIN trial ON trial.id = round.trial_id
                     JOIN target ON target.id = trial.target_id WHERE target.study_id = ?1
                     UNION SELECT target.image, calibration.image
                     FROM calibration JOIN target ON target.id = target_id WHERE study_id = ?1)
                 SELECT target, image FROM pair WHERE NOT EXISTS (
                     SELECT 1 FROM difference_vector AS vector
                     WHERE vector.target = pair.target AND vector.image = pair.image
                         AND vector.backbone = ?2 AND (?3 IS NULL OR vector.checksum = ?3))
                 ORDER BY 1, 2"""
        with self._access.read() as db:
            found = rows(db, sql, [study_id, backbone, checksum])
        return [(row["target"], row["image"]) for row in found]


def _encode(vector: NDArray[np.floating]) -> bytes:
    if vector.ndim != 1 or not vector.size:
        raise StudyError(f"a difference vector must have one axis, got the shape {vector.shape}")
    if not np.isfinite(vector).all() or (vector < 0).any():
        raise StudyError("a difference vector must be finite and not negative")
    return vector.astype(STORED_TYPE).tobytes()
