"""The weights fitted without each target, stored beside a metric to explain it later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast
from zipfile import BadZipFile

import numpy as np

from clpips.features.lpips import Vectors
from clpips.io.atomic_files import atomic_file

ENDING = ".folds.npz"


def path_of(metric_path: Path) -> Path:
    """The file of a metric's folds."""
    return metric_path.with_suffix(ENDING)


def keep(metric_path: Path, targets: Sequence[str], folds: Vectors) -> None:
    """Write the folds of a metric that was just saved.

    Args:
        metric_path: the metric's own file.
        targets: content hashes of the targets, in the order of ``folds``.
        folds: (channels, targets) weights fitted without each target.
    """
    with atomic_file(path_of(metric_path)) as partial, partial.open("wb") as file:
        np.savez(cast(Any, file), targets=np.array(targets, dtype=np.str_), folds=folds)


def read(metric_path: Path, targets: Sequence[str], channels: int) -> Vectors | None:
    """The folds of a metric for these targets, (channels, targets).

    ``None`` where there are none, or for other targets: fits of an earlier version or from a
    bundle have none.
    """
    try:
        with path_of(metric_path).open("rb") as file:
            found = _load(file)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    known, folds = found
    if folds.shape != (channels, len(known)) or not np.isfinite(folds).all():
        return None
    places = {target: place for place, target in enumerate(known)}
    if not all(target in places for target in targets):
        return None
    chosen: Vectors = folds[:, [places[target] for target in targets]]
    return chosen


def _load(file: BinaryIO) -> tuple[list[str], Vectors]:
    with np.load(file, allow_pickle=False) as found:
        return [str(each) for each in found["targets"]], np.asarray(found["folds"], np.float64)
