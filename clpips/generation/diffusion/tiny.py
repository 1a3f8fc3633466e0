"""The maker ``tiny``: the small model in ``data/models/tiny``, run like any other pipeline."""

from __future__ import annotations

import re
from typing import Any

from clpips.generation.diffusion.maker import Diffusers
from clpips.generation.diffusion.settings import DiffusionSettings
from clpips.io.resources import tiny_model_folder

FOLDER = tiny_model_folder()
SETTINGS = DiffusionSettings(steps=20, guidance=5.0, native_size=True)
_WORD = re.compile(r"[^\W_]+")


class Tiny(Diffusers):
    """The model that comes with the project: 64 × 64 pixels, no download.

    It understands the words of its captions (see ``captions``); other words are reported as not
    understood.
    """

    def __init__(self) -> None:
        super().__init__(str(FOLDER), name="tiny", default=SETTINGS)

    def unread(self, pipeline: Any, prompt: str) -> tuple[str, ...]:
        """Words behind the end of what is read, and words that it was never taught."""
        known = pipeline.tokenizer.get_vocab()
        words = _WORD.findall(prompt.lower())
        new = [each for each in words if f"{each}</w>" not in known]
        return tuple(dict.fromkeys([*new, *super().unread(pipeline, prompt)]))


def opened(rest: str) -> Tiny:
    """The maker; it has no settings in its name."""
    return Tiny()
