"""Replacing what is under a mask, with the project's own small pipeline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clpips.errors import GenerationError
from clpips.generation.diffusion.inpainting import Inpainter, InpaintingSettings
from clpips.io.resources import tiny_model_folder

PICTURE = Image.effect_noise((72, 64), 60).convert("RGB")
MASK = Image.new("L", PICTURE.size)
MASK.paste(1, (10, 10, 40, 40))


@pytest.fixture(scope="module")
def inpainter() -> Inpainter:
    return Inpainter(str(tiny_model_folder()), InpaintingSettings(steps=1))


def test_the_seed_decides_and_everything_that_is_not_black_is_replaced(
    inpainter: Inpainter,
) -> None:
    first, again, other = (inpainter.replaced(PICTURE, MASK, "a cup", seed=s) for s in (1, 1, 2))
    assert first.size == PICTURE.size
    assert first.tobytes() == again.tobytes() != other.tobytes()
    outside = np.asarray(MASK) == 0
    assert (np.asarray(first)[outside] == np.asarray(PICTURE)[outside]).all()


def test_a_mask_of_another_size_or_without_a_pixel_is_refused(inpainter: Inpainter) -> None:
    with pytest.raises(GenerationError, match="must have its picture's size"):
        inpainter.replaced(PICTURE, MASK.resize((8, 8)), "a cup", seed=0)
    with pytest.raises(GenerationError, match="black throughout"):
        inpainter.replaced(PICTURE, Image.new("L", PICTURE.size), "a cup", seed=0)


def test_impossible_settings_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="steps must be at least 1"):
        InpaintingSettings(steps=0)
    with pytest.raises(GenerationError, match=r"strength must be in \(0, 1\]"):
        InpaintingSettings(strength=1.5)
    with pytest.raises(GenerationError, match=r"model_index\.json"):
        Inpainter(str(tmp_path))
