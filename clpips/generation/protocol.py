"""The one generation protocol: prompt, seed, size, options → images with full provenance."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from PIL import Image

from clpips.errors import GenerationError
from clpips.extras import requires
from clpips.generation.names import check_maker_name
from clpips.progress import Watch
from clpips.types import Provenance

MAX_SIDE = 1024
MAX_PROMPT = 2000


@dataclass(frozen=True, slots=True)
class Request:
    """What to make: ``count`` images of one prompt.

    Args:
        prompt: the participant's words, 1 to 2,000 characters.
        seed: decides everything the prompt leaves open. Image ``i`` (from 0) of a request is
            made with a seed derived from ``seed`` and ``i`` alone, so it can be made again
            by itself.
        count: how many images, 1 to 64.
        width, height: pixels, 64 to 1024.
        options: the maker's own settings, JSON-serialisable.
        start: an image to start from instead of from nothing, where the maker can.
        strength: how far the images may leave ``start``, in (0, 1]: 1 ignores it.

    Raises:
        GenerationError: a value outside its stated range.
    """

    prompt: str
    seed: int
    count: int = 4
    width: int = 512
    height: int = 512
    options: Mapping[str, Any] = field(default_factory=dict)
    start: Image.Image | None = None
    strength: float = 0.6

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise GenerationError(f"strength must lie in (0, 1], got {self.strength}")
        if not self.prompt.strip():
            raise GenerationError("a prompt must say something, got an empty one")
        if len(self.prompt) > MAX_PROMPT:
            raise GenerationError(
                f"a prompt must have at most {MAX_PROMPT} characters, got {len(self.prompt)}"
            )
        if not 1 <= self.count <= 64:
            raise GenerationError(f"count must lie between 1 and 64, got {self.count}")
        for name, side in (("width", self.width), ("height", self.height)):
            if not 64 <= side <= MAX_SIDE:
                raise GenerationError(f"{name} must lie between 64 and {MAX_SIDE}, got {side}")


@dataclass(frozen=True, slots=True)
class Generated:
    """One image and everything needed to make it again."""

    image: Image.Image
    provenance: Provenance


@runtime_checkable
class Maker(Protocol):
    """Turns a request into images, one after the other, in order.

    ``can_start_from_image`` says whether it uses ``Request.start``; one that does not raises
    ``GenerationError`` when a request has one.
    """

    name: str
    version: str
    can_start_from_image: bool

    def generate(self, request: Request, watch: Watch = ...) -> Iterator[Generated]:
        """Yield ``request.count`` images; may raise ``Cancelled`` between images."""
        ...


def open_maker(name: str) -> Maker:
    """The maker that a study's settings name, ready to make images.

    ``scenes`` is always there, ``tiny`` where its model is in ``data/models``;
    ``diffusers:<folder or id>`` loads a pipeline,
    ``http:<base-url>`` calls a service, ``pool:<folder or .zip>`` takes images that were made
    elsewhere.

    Raises:
        GenerationError: no maker of that name, or what it needs is not available.
        MissingExtra: diffusers or a package that it needs is not installed.
    """
    kind, _, rest = name.partition(":")
    check_maker_name(name)
    diffusion = _MODULES[kind].startswith("diffusion.")
    with requires("diffusion", f"the maker {kind}") if diffusion else nullcontext():
        module = importlib.import_module(f"clpips.generation.{_MODULES[kind]}")
    maker: Maker = module.opened(rest)
    return maker


_MODULES = {
    "scenes": "scenes.maker",
    "tiny": "diffusion.tiny",
    "diffusers": "diffusion.maker",
    "http": "openai_images",
    "pool": "pool",
}
