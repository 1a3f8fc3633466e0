"""Embeddings files that people bring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clpips.errors import DatasetError
from clpips.features.embedding.encoder import unit
from clpips.features.embedding.file import EmbeddingsFile, write_embeddings


def test_rows_come_by_path_and_have_length_one(tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    write_embeddings({"a/x.png": np.float32([3, 4]), "b.png": np.float32([np.nan, 1])}, path)
    found = EmbeddingsFile(path).of(["b.png", "./a\\x.png"])
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1], [0.6, 0.8], rtol=1e-6)


def test_a_zero_vector_stays_zero() -> None:
    assert not unit(np.zeros((1, 3))).any()


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"paths": np.array(["a"])}, "must hold 'paths' and 'features'"),
        ({"paths": np.array(["a"]), "features": np.zeros((2, 3))}, "each path must have one row"),
        ({"paths": np.array(["a", "./a"]), "features": np.zeros((2, 3))}, "must appear once"),
        ({"paths": np.array([1.0]), "features": np.zeros((1, 3))}, "must be a list of text"),
        ({"paths": np.array(["a"]), "features": np.zeros(1)}, "must be numbers"),
        (
            {"paths": np.array(["a"], object), "features": np.zeros((1, 1))},
            "not an embeddings file",
        ),
    ],
)
def test_another_file_is_refused(tmp_path: Path, arrays: dict, sentence: str) -> None:
    np.savez(tmp_path / "e.npz", **arrays)
    with pytest.raises(DatasetError, match=sentence):
        EmbeddingsFile(tmp_path / "e.npz")


def test_a_path_that_is_not_covered_is_named(tmp_path: Path) -> None:
    write_embeddings({"a.png": np.float32([1, 0])}, tmp_path / "e.npz")
    with pytest.raises(DatasetError, match="must cover 'b"):
        EmbeddingsFile(tmp_path / "e.npz").of(["a.png", "b.png"])
