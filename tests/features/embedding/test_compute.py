"""Embedding files: batches, cache, duplicates, images that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from PIL import Image

from clpips.errors import Cancelled, ImageError
from clpips.features.cache import VectorCache
from clpips.features.embedding.compute import embed_files
from clpips.features.embedding.encoder import Embeddings, EncoderCard
from clpips.features.embedding.registry import open_encoder
from clpips.progress import Watch


class Counting:
    """An encoder that counts the pictures it is given."""

    def __init__(self) -> None:
        self.inner, self.count = open_encoder("alex"), 0

    @property
    def card(self) -> EncoderCard:
        return self.inner.card

    def embed(self, images: Sequence[Image.Image]) -> Embeddings:
        self.count += len(images)
        return self.inner.embed(images)


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    found = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        scene(number, 40 + 8 * number).save(path)
        found.append(str(path))
    (tmp_path / "copy.png").write_bytes(Path(found[0]).read_bytes())
    return [*found, str(tmp_path / "copy.png")]


def test_a_vector_depends_on_its_picture_alone(paths: list[str]) -> None:
    encoder = open_encoder("efficientnet-lite0")
    together = embed_files(encoder, paths, cache=None, watch=Watch())
    alone = embed_files(encoder, paths, cache=None, watch=Watch(), batch_size=1)
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-6)


def test_each_content_is_embedded_once_and_kept_bit_for_bit(
    paths: list[str], tmp_path: Path
) -> None:
    cache, encoder = VectorCache(tmp_path / "cache"), Counting()
    first = embed_files(encoder, paths, cache=cache, watch=Watch())
    assert encoder.count == 5
    again = embed_files(encoder, paths[::-1], cache=cache, watch=Watch())
    assert encoder.count == 5
    np.testing.assert_array_equal(first, again[::-1])


def test_a_run_that_was_stopped_goes_on_where_it_was(paths: list[str], tmp_path: Path) -> None:
    cache, encoder = VectorCache(tmp_path / "cache"), Counting()
    stop = Watch(cancelled=lambda: encoder.count >= 2)
    with pytest.raises(Cancelled):
        embed_files(encoder, paths, cache=cache, watch=stop, batch_size=1)
    before = encoder.count
    embed_files(encoder, paths, cache=cache, watch=Watch(), batch_size=1)
    assert before < 5
    assert encoder.count <= 6  # at most the one that was being made is made twice


def test_an_image_that_cannot_be_read_is_nan_and_named(paths: list[str], tmp_path: Path) -> None:
    Path(paths[1]).write_bytes(b"no picture")
    unusable: dict[str, str] = {}
    found = embed_files(
        open_encoder("alex"), [*paths, "gone.png"], cache=None, watch=Watch(), unusable=unusable
    )
    assert np.isnan(found).all(axis=1).tolist() == [False, True, False, False, False, False, True]
    assert set(unusable) == {paths[1], "gone.png"}
    with pytest.raises(ImageError, match=r"1\.png"):
        embed_files(open_encoder("alex"), paths, cache=None, watch=Watch())
