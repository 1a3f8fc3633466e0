"""A diffusion pipeline in memory: how it is loaded, and its properties."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoPipelineForImage2Image, AutoPipelineForText2Image

from clpips.errors import GenerationError
from clpips.generation.diffusion.hub import Source
from clpips.generation.diffusion.latent_preview import Preview

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Loaded:
    """A pipeline in memory, as text-to-image and, when first needed, as image-to-image."""

    def __init__(self, source: Source, dtype: str) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        if dtype == "auto":
            dtype = "float16" if self.device == "cuda" else "float32"
        self.dtype = DTYPES[dtype]
        for library in (diffusers, transformers):
            library.utils.logging.disable_progress_bar()
            library.utils.logging.set_verbosity_error()  # a cut prompt would go to the log whole
        try:
            self.pipeline: Any = AutoPipelineForText2Image.from_pretrained(
                str(source.folder),
                dtype=self.dtype,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
            ).to(self.device)
        except Exception as error:  # anything may be wrong with a stranger's model
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise GenerationError(
                f"a model must load as a text-to-image pipeline, but {source.name} does not: "
                f"{lines[0][:200]}"
            ) from error
        self.pipeline.set_progress_bar_config(disable=True)
        self.scheduler = self.pipeline.scheduler
        autoencoder = getattr(self.pipeline, "vae", None)
        simple = isinstance(autoencoder, diffusers.AutoencoderKL)
        self.preview = Preview.of(autoencoder) if simple else None
        self._from_image: Any = None

    @property
    def from_image(self) -> Any:
        """The same networks as an image-to-image pipeline.

        Raises:
            GenerationError: there is none for this kind of model.
        """
        if self._from_image is None:
            try:
                self._from_image = AutoPipelineForImage2Image.from_pipe(self.pipeline)
            except ValueError as error:
                kind = type(self.pipeline).__name__
                raise GenerationError(f"{kind} cannot start from an image") from error
            self._from_image.set_progress_bar_config(disable=True)
        return self._from_image

    @property
    def native_side(self) -> int:
        """Pixels a side that the model was trained on; 512 where it does not say."""
        network = getattr(self.pipeline, "unet", None) or getattr(
            self.pipeline, "transformer", None
        )
        cells = getattr(getattr(network, "config", None), "sample_size", None)
        return int(cells * self.factor) if isinstance(cells, int) else 512

    @property
    def factor(self) -> int:
        """Pixels a latent cell; sizes must be whole multiples of it."""
        return int(getattr(self.pipeline, "vae_scale_factor", 8))


@lru_cache(maxsize=1)
def loaded_pipeline(source: Source, dtype: str) -> Loaded:
    """The pipeline of a source; the last one is kept, since a model may fill the memory."""
    return Loaded(source, dtype)
