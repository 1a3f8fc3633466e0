"""How a diffusion pipeline is run: the settings of a study, checked at birth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from clpips.errors import GenerationError
from clpips.generation.protocol import MAX_PROMPT

Dtype = Literal["auto", "float32", "float16", "bfloat16"]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
SCHEDULERS: dict[str, str] = {
    "ddim": "DDIMScheduler",
    "ddpm": "DDPMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-a": "EulerAncestralDiscreteScheduler",
    "heun": "HeunDiscreteScheduler",
    "pndm": "PNDMScheduler",
    "unipc": "UniPCMultistepScheduler",
}
MAX_STEPS = 200


@dataclass(frozen=True, slots=True)
class DiffusionSettings:
    """How a pipeline makes images. What is ``None`` is as the model comes.

    Args:
        steps: denoising steps, 1 to 200.
        guidance: how strongly the prompt steers (classifier-free guidance), 0 to 50; at 1 and
            below it is off.
        scheduler: one of ``SCHEDULERS``.
        negative_prompt: what the images shall not show.
        dtype: of the weights; ``auto`` is float16 on CUDA and float32 on a CPU.
        revision: of an id on the hub: branch, tag or commit.
        native_size: generate images at the model's own size, ignoring the requested size.

    Raises:
        GenerationError: a value outside its range.
    """

    steps: int = 30
    guidance: float | None = None
    scheduler: str | None = None
    negative_prompt: str = ""
    dtype: Dtype = "auto"
    revision: str | None = None
    native_size: bool = False

    def __post_init__(self) -> None:
        _whole("steps", self.steps, 1, MAX_STEPS)
        if self.guidance is not None:
            _between("guidance", self.guidance, 0.0, 50.0)
        if self.scheduler is not None and self.scheduler not in SCHEDULERS:
            raise GenerationError(
                f"scheduler must be one of {', '.join(SCHEDULERS)}, got {self.scheduler!r}"
            )
        if self.dtype not in DTYPES:
            raise GenerationError(f"dtype must be one of {', '.join(DTYPES)}, got {self.dtype!r}")
        for name in ("negative_prompt", "revision"):
            value = getattr(self, name)
            if not isinstance(value, str | None):
                raise GenerationError(f"{name} must be a text, got {value!r}")
            if len(value or "") > MAX_PROMPT:
                raise GenerationError(
                    f"{name} must be a text of at most {MAX_PROMPT} characters, "
                    f"got {len(value or '')}"
                )

    @classmethod
    def of(cls, options: Mapping[str, Any], default: DiffusionSettings) -> DiffusionSettings:
        """The settings in a request's options, the rest as in ``default``.

        Raises:
            GenerationError: an option that does not exist, or a value outside its range.
        """
        known = [each.name for each in fields(cls)]
        for name in options:
            if name not in known:
                raise GenerationError(
                    f"an option of a diffusers model must be one of {', '.join(known)}, "
                    f"got {name!r}"
                )
        return cls(**{**asdict(default), **options})


def _whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise GenerationError(
            f"{name} must be a whole number between {low} and {high}, got {value!r}"
        )


def _between(name: str, value: object, low: float, high: float) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:  # type: ignore[arg-type, operator] # a number
        raise GenerationError(f"{name} must lie between {low:g} and {high:g}, got {value!r}")
