"""Foreground masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clpips.identity.foreground import cleaned_mask, foreground

REFERENCE = Path(__file__).parents[1] / "reference" / "opencv-masks.npz"


@pytest.mark.parametrize("number", range(5))
def test_masks_are_cleaned_as_opencv_cleans_them(number: int) -> None:
    with np.load(REFERENCE) as held:
        mask, clean = held[f"mask{number}"], held[f"clean{number}"]
    expected = np.unpackbits(clean, count=mask.size).reshape(mask.shape).astype(bool)
    assert expected.any()
    assert (cleaned_mask(mask) == expected).all()


def test_specks_and_holes_go() -> None:
    mask = np.zeros((60, 60), dtype=np.uint8)
    mask[20:50, 20:50] = 255
    mask[30:38, 30:38] = 0
    mask[2, 2] = 255
    found = cleaned_mask(mask)
    assert found[34, 34]
    assert not found[2, 2]


def test_an_empty_mask_stays_empty() -> None:
    assert not cleaned_mask(np.zeros((40, 40), dtype=np.uint8)).any()


def test_outside_the_mask_a_picture_is_black() -> None:
    picture = Image.new("RGB", (40, 20), (9, 8, 7))
    mask = np.zeros((10, 20), dtype=bool)
    mask[:, :10] = True
    found = np.asarray(foreground(picture, mask))
    assert (found[:, :20] == (9, 8, 7)).all()
    assert not found[:, 20:].any()
