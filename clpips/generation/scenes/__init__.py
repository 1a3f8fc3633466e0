"""The built-in maker ``scenes``: draws what a prompt says, as SVG, without any model."""

from clpips.generation.scenes.language.lexicon import vocabulary
from clpips.generation.scenes.maker import Scenes, draw, png
from clpips.generation.scenes.targets import SampleTarget, sample_targets
from clpips.generation.seeds import image_seed

__all__ = [
    "SampleTarget",
    "Scenes",
    "draw",
    "image_seed",
    "png",
    "sample_targets",
    "vocabulary",
]
