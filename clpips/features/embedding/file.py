"""Embeddings files (``.npz``): ``paths`` (n,), ``features`` (n, d) float32.

``paths`` are written as they stand in the tables, so that people can bring their own encoder. A
row that is NaN is a missing image.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from clpips.errors import DatasetError
from clpips.features.cache import content_hash
from clpips.features.embedding.encoder import Embeddings, EncoderCard, unit
from clpips.io.atomic_files import atomic_file
from clpips.io.image_names import path_key
from clpips.text import named, one_line, quoted


class EmbeddingsFile:
    """Embeddings of images by their path.

    Args:
        path: the file.

    Raises:
        DatasetError: not such a file, with a path twice, or of other shapes.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        paths, features = _read(self.path)
        self.features: Embeddings = unit(features)
        self._row: dict[str, int] = {}
        for number, name in enumerate(paths):
            if self._row.setdefault(path_key(name), number) != number:
                raise DatasetError(
                    f"{self.path}: a path must appear once, got {quoted(name)} again"
                )

    @property
    def card(self) -> EncoderCard:
        """What reports say of these embeddings: whose file, its SHA-256, how many numbers."""
        return EncoderCard(
            self.path.name,
            content_hash(str(self.path)).decode(),
            self.features.shape[1],
            "embeddings from a file, divided by their length",
        )

    def of(self, paths: Sequence[str]) -> Embeddings:
        """(n, d) embeddings of images by their paths in a table; NaN rows are missing images.

        Raises:
            DatasetError: a path that the file does not have.
        """
        absent = [path for path in paths if path_key(path) not in self._row]
        if absent:
            raise DatasetError(
                f"{self.path}: the embeddings must cover {named(absent)}, and do not"
            )
        return self.features[[self._row[path_key(path)] for path in paths]]


def write_embeddings(embeddings: Mapping[str, Embeddings], path: str | os.PathLike[str]) -> None:
    """Write embeddings (d,) by path, in one step."""
    features = np.stack(list(embeddings.values())).astype(np.float32)
    with atomic_file(Path(path)) as partial, partial.open("wb") as file:
        np.savez(file, paths=np.array(list(embeddings)), features=features)


def _read(path: Path) -> tuple[list[str], np.ndarray]:
    if not path.is_file():
        raise DatasetError(f"{path}: no such embeddings file")
    try:
        with np.load(path, allow_pickle=False) as held:
            if not isinstance(held, np.lib.npyio.NpzFile):
                raise DatasetError(f"{path}: an embeddings file must be .npz, got one array")
            for wanted in ("paths", "features"):
                if wanted not in held:
                    raise DatasetError(
                        f"{path}: an embeddings file must hold 'paths' and 'features', "
                        f"got {named(held.files) or 'nothing'}"
                    )
            paths, features = held["paths"], held["features"]
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError) as error:
        raise DatasetError(one_line(f"{path}: not an embeddings file ({error})")) from error
    if paths.ndim != 1 or paths.dtype.kind not in "US":
        raise DatasetError(f"{path}: 'paths' must be a list of text, got {paths.dtype}")
    if features.ndim != 2 or features.dtype.kind not in "fiu" or not features.shape[1]:
        raise DatasetError(
            f"{path}: 'features' must be numbers (images, dimensions), "
            f"got {features.dtype} {features.shape}"
        )
    if len(paths) != len(features):
        raise DatasetError(
            f"{path}: each path must have one row of features, got {len(paths)} paths and "
            f"{len(features)} rows"
        )
    return [p.decode() if isinstance(p, bytes) else str(p) for p in paths], features
