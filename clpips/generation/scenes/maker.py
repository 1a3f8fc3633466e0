"""The maker: prompt and seed in, picture out."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import resvg_py
from PIL import Image

from clpips.errors import GenerationError
from clpips.generation.protocol import Generated, Request
from clpips.generation.scenes.composition.compose import compose
from clpips.generation.scenes.composition.style import finish, settle_style
from clpips.generation.scenes.language.parser import parse
from clpips.generation.seeds import Chance, image_seed
from clpips.progress import Watch
from clpips.types import Provenance

NAME = "scenes"
VERSION = "1.0"


class Scenes:
    """Draws what a prompt says; the seed decides what the prompt leaves open.

    The same version, prompt, seed and size give the same bytes. Image ``i`` of a request is
    made with ``image_seed(request.seed, i)``, which is what its provenance records, and can be
    made again by itself with :meth:`remake` or :func:`draw`. Nothing is fetched and no fonts
    are used. ``options`` are recorded and change nothing.
    """

    name = NAME
    version = VERSION
    can_start_from_image = False

    def generate(self, request: Request, watch: Watch = Watch()) -> Iterator[Generated]:  # noqa: B008 # Watch is frozen
        """Yield ``request.count`` pictures in order; reports before each and at the end.

        Raises:
            GenerationError: the request has an image to start from.
            Cancelled: the caller cancelled; images already yielded remain valid.
        """
        if request.start is not None:
            raise GenerationError("scenes draws from words alone and cannot start from an image")
        for index in range(request.count):
            watch.report(index / request.count, f"Generating image {index + 1} of {request.count}…")
            yield self._one(request, image_seed(request.seed, index))
        watch.report(1.0, "Done")

    def remake(self, provenance: Provenance) -> Image.Image:
        """The picture that a provenance describes, pixel for pixel.

        Raises:
            GenerationError: it comes from another maker or another version.
        """
        origin = (provenance.maker, provenance.maker_version)
        if origin != (NAME, VERSION):
            raise GenerationError(
                f"an image can be made again only by {NAME} {VERSION}, "
                f"got one of {origin[0]} {origin[1]}"
            )
        return draw(
            provenance.prompt, provenance.seed, width=provenance.width, height=provenance.height
        )

    def _one(self, request: Request, seed: int) -> Generated:
        started = time.perf_counter()
        image = draw(request.prompt, seed, width=request.width, height=request.height)
        provenance = Provenance(
            maker=NAME,
            maker_version=VERSION,
            prompt=request.prompt,
            seed=seed,
            width=request.width,
            height=request.height,
            options=dict(request.options),
            not_understood=parse(request.prompt).not_understood,
            seconds=time.perf_counter() - started,
        )
        return Generated(image, provenance)


def opened(rest: str) -> Scenes:
    """The maker; it has no settings in its name."""
    return Scenes()


def draw(prompt: str, seed: int, *, width: int = 512, height: int = 512) -> Image.Image:
    """One RGB picture of a prompt; ``seed`` is the image's own (see ``image_seed``)."""
    asked = parse(prompt)
    chance = Chance(seed)
    style = settle_style(asked.style, chance.at("style"))
    svg = compose(asked, style, seed, aspect=width / height)
    data = resvg_py.svg_to_bytes(svg_string=svg, width=width, height=height, skip_system_fonts=True)
    with Image.open(io.BytesIO(data)) as rendered:
        picture = rendered.convert("RGB")
    return finish(picture, style, chance.at("finish"))


def png(image: Image.Image) -> bytes:
    """A picture as PNG bytes that hold the pixels and nothing else."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
