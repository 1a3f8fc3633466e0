"""Output that is not finite numbers is a failed image, wherever in the pipeline it arises."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from small_pipeline import broken_pipeline, small_pipeline

from clpips.errors import GenerationError
from clpips.generation import Request
from clpips.generation.diffusion import finite_output
from clpips.generation.diffusion.maker import Diffusers


@pytest.mark.parametrize("with_start", [False, True])
@pytest.mark.parametrize("part", ["unet", "decoder", "infinite decoder"])
def test_numbers_that_are_not_finite_are_no_image(
    tmp_path: Path, part: str, with_start: bool
) -> None:
    maker = Diffusers(str(broken_pipeline(tmp_path / "model", part)))
    start = Image.new("RGB", (64, 64), "teal") if with_start else None
    request = Request("a red house", 5, 1, 64, 64, {"steps": 2}, start=start)
    with pytest.raises(GenerationError, match="must be finite numbers, got NaN or infinity"):
        list(maker.generate(request))


def test_a_picture_of_finite_numbers_is_that_of_diffusers() -> None:
    pipeline = small_pipeline()
    pipeline.set_progress_bar_config(disable=True)
    arguments = {"prompt": "a red house", "num_inference_steps": 2, "width": 64, "height": 64}
    numbers, picture = (
        pipeline(**arguments, output_type=kind, generator=torch.Generator().manual_seed(3)).images[
            0
        ]
        for kind in ("np", "pil")
    )
    assert finite_output.as_picture(numbers, torch.float32).tobytes() == picture.tobytes()


def test_half_precision_is_named_as_a_likely_reason() -> None:
    with pytest.raises(GenerationError, match="float16; this model may need dtype float32"):
        finite_output.require_finite(torch.tensor([torch.nan]), "in the image", torch.float16)
