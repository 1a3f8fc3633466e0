"""Replaces what is under a mask by something that a prompt describes, with any diffusers pipeline.

A model that was not trained for inpainting works too (Stable Diffusion's four-channel networks):
what lies outside the mask is then put back after every denoising step. In either case the pixels
outside the mask are the picture's own in the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoPipelineForInpainting
from PIL import Image

from clpips.errors import GenerationError
from clpips.generation.diffusion.finite_output import as_picture
from clpips.generation.diffusion.hub import source_of
from clpips.generation.diffusion.pipeline import DTYPES
from clpips.progress import Watch


@dataclass(frozen=True, slots=True)
class InpaintingSettings:
    """How a pipeline runs.

    Args:
        steps: of denoising; at least 1.
        guidance: strength of the prompt; the pipeline's own where ``None``.
        strength: how much of the masked part is made anew, in (0, 1].
    """

    steps: int = 30
    guidance: float | None = None
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise GenerationError(f"steps must be at least 1, got {self.steps}")
        if not 0 < self.strength <= 1:
            raise GenerationError(f"strength must be in (0, 1], got {self.strength:g}")


class Inpainter:
    """An inpainting pipeline in memory.

    Args:
        model: a folder in the layout of diffusers, or an id on the hub.
        settings: how it runs.
        watch: of a download.

    Raises:
        GenerationError: the model cannot be had, or it cannot inpaint.
    """

    def __init__(
        self,
        model: str,
        settings: InpaintingSettings = InpaintingSettings(),  # it is frozen
        *,
        watch: Watch = Watch(),  # noqa: B008 # Watch is frozen
    ) -> None:
        self.settings = settings
        self.source = source_of(model, revision=None, watch=watch)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.dtype = DTYPES["float16" if device == "cuda" else "float32"]
        for library in (diffusers, transformers):
            library.utils.logging.disable_progress_bar()
            library.utils.logging.set_verbosity_error()
        try:
            self.pipeline: Any = AutoPipelineForInpainting.from_pretrained(
                str(self.source.folder),
                dtype=self.dtype,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
            ).to(device)
        except Exception as error:  # anything may be wrong with a stranger's model
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise GenerationError(
                f"a model must load as an inpainting pipeline, but {model} does not: "
                f"{lines[0][:200]}"
            ) from error
        self.pipeline.set_progress_bar_config(disable=True)

    def replaced(
        self, picture: Image.Image, mask: Image.Image, prompt: str, *, seed: int
    ) -> Image.Image:
        """The picture with something else under the mask, in the picture's size.

        Args:
            picture: RGB.
            mask: of the picture's size; what is not black is replaced.
            prompt: what comes there.
            seed: of the noise.

        Raises:
            GenerationError: a mask of another size or without any pixel, a pipeline that fails, or
                one whose safety checker withholds the image.
        """
        if mask.size != picture.size:
            raise GenerationError(
                f"a mask must have its picture's size {picture.size}, got {mask.size}"
            )
        black_or_white = mask.convert("L").point(lambda value: 255 if value else 0)
        if black_or_white.getbbox() is None:
            raise GenerationError("a mask must mark the object, got one that is black throughout")
        made = self._made(picture, black_or_white, prompt, seed)
        found = picture.copy()
        found.paste(made.resize(picture.size, Image.Resampling.LANCZOS), mask=black_or_white)
        return found

    def _made(self, picture: Image.Image, mask: Image.Image, prompt: str, seed: int) -> Image.Image:
        width, height = self._size(picture.size)
        arguments: dict[str, Any] = {
            "prompt": prompt,
            "image": picture.resize((width, height), Image.Resampling.LANCZOS),
            "mask_image": mask.resize((width, height), Image.Resampling.NEAREST),
            "width": width,
            "height": height,
            "strength": self.settings.strength,
            "num_inference_steps": self.settings.steps,
            "generator": torch.Generator("cpu").manual_seed(seed),
            "output_type": "np",
        }
        if self.settings.guidance is not None:
            arguments["guidance_scale"] = self.settings.guidance
        try:
            with torch.inference_mode():
                made = self.pipeline(**arguments)
        except (RuntimeError, ValueError, TypeError) as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise GenerationError(
                f"{type(self.pipeline).__name__} could not inpaint: {lines[0][:200]}"
            ) from error
        flags = getattr(made, "nsfw_content_detected", None)
        if flags and flags[0]:
            raise GenerationError(
                "the model's safety checker must let the image pass, but it withheld it: "
                "use another prompt or seed"
            )
        return as_picture(made.images[0], self.dtype)

    def _size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The picture's shape with the model's own long side, in multiples that it takes."""
        network = getattr(self.pipeline, "unet", None) or getattr(
            self.pipeline, "transformer", None
        )
        factor = int(getattr(self.pipeline, "vae_scale_factor", 8))
        cells = getattr(getattr(network, "config", None), "sample_size", None)
        side = cells * factor if isinstance(cells, int) else 512
        scale = side / max(size)
        width, height = (max(factor, round(each * scale / factor) * factor) for each in size)
        return width, height
