"""The maker: picks images of a pool by the words of a prompt, and by the seed."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from clpips.errors import GenerationError
from clpips.generation.names import NO_PROMPT
from clpips.generation.pool.archive import opened_source
from clpips.generation.pool.captions import likeness
from clpips.generation.pool.index import Pool, PoolImage, read_pool
from clpips.generation.pool.listed import Limits
from clpips.generation.protocol import Generated, Request
from clpips.generation.seeds import Chance
from clpips.io.image_files import MIN_SIDE
from clpips.progress import Watch
from clpips.text import one_line
from clpips.types import Provenance

NAME = "pool"
_KEPT = 4  # opened pools that are remembered


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """Settings of the maker ``pool``.

    Args:
        target: only images of that target, by ``captions.csv`` or else by folder.
        taken: SHA-256 of files that are not to be shown again, as provenance records them.

    Raises:
        GenerationError: an option of another type.
    """

    target: str | None = None
    taken: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.target is not None and not isinstance(self.target, str):
            raise GenerationError(f"the option target must be a name, got {self.target!r}")
        taken: object = self.taken
        many = isinstance(taken, list | tuple | set | frozenset)
        if not many or not all(isinstance(each, str) for each in self.taken):
            raise GenerationError(
                f"the option taken must be a list of SHA-256, got {str(taken)[:80]!r}"
            )
        object.__setattr__(self, "taken", frozenset(self.taken))


class PoolMaker:
    """Picks different images of a pool; the same request gets the same images.

    With captions and a prompt, those whose captions share most words with the prompt come
    first (see :func:`likeness`); the seed decides between equals, and alone where there are no
    captions or the prompt is ``NO_PROMPT``. Options are those of :class:`PoolOptions`.
    """

    name = NAME
    can_start_from_image = False

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.version = pool.version

    def generate(self, request: Request, watch: Watch = Watch()) -> Iterator[Generated]:  # noqa: B008 # Watch is frozen
        """Yield ``request.count`` images, best match first; reports before each and at the end.

        An image larger than the request is scaled down to fit, though never below 32 pixels on
        its shorter side; a smaller one stays as it is. Provenance records the request's seed,
        which decides the whole choice.

        Raises:
            GenerationError: a start image, a wrong option, fewer different images than requested.
            Cancelled: the caller cancelled; images already yielded remain valid.
        """
        if request.start is not None:
            raise GenerationError("pool shows images as they are and cannot start from an image")
        options = _options(request.options)
        picked = self._picked(request, options)
        for index, image in enumerate(picked):
            watch.report(index / request.count, f"Taking image {index + 1} of {request.count}")
            yield self._one(request, options, image, index)
        watch.report(1.0, "Done")

    def _picked(self, request: Request, options: PoolOptions) -> list[PoolImage]:
        fitting = [
            image
            for image in self.pool.images
            if image.sha256 not in options.taken
            and (options.target is None or image.belongs_to(options.target))
        ]
        scores = _scores(fitting, request.prompt)
        best: dict[str, PoolImage] = {}  # for each content, the file with the best matching caption
        for image in sorted(fitting, key=lambda each: (-scores[each.file], each.file)):
            best.setdefault(image.sha256, image)
        if len(best) < request.count:
            raise self._too_few(len(best), request.count, options)
        shuffled = _shuffled([best[sha256] for sha256 in sorted(best)], request.seed)
        return sorted(shuffled, key=lambda each: -scores[each.file])[: request.count]

    def _too_few(self, found: int, requested: int, options: PoolOptions) -> GenerationError:
        of = "" if options.target is None else f" of target {options.target[:80]!r}"
        taken = f" that were not taken ({len(options.taken)} were)" if options.taken else ""
        return GenerationError(
            f"{self.pool.path.name}: a pool must hold as many different images as are requested, "
            f"{requested}, got {found}{of}{taken}"
        )

    def _one(
        self, request: Request, options: PoolOptions, image: PoolImage, index: int
    ) -> Generated:
        began = time.perf_counter()
        picture = self.pool.picture(image)
        notes = picture.info["notes"]
        shown = _fitted(picture, request.width, request.height)
        provenance = Provenance(
            maker=NAME,
            maker_version=self.version,
            prompt=request.prompt,
            seed=request.seed,
            width=shown.width,
            height=shown.height,
            options={
                "file": image.file,
                "sha256": image.sha256,
                "caption": image.caption,
                "target": options.target if image.target is None else image.target,
                "place": index,
                **({"notes": notes} if notes else {}),
            },
            seconds=time.perf_counter() - began,
        )
        return Generated(shown, provenance)


def opened(rest: str) -> PoolMaker:
    """The maker for a folder or archive; one that has not changed is not checked again.

    Raises:
        GenerationError: the pool breaks a rule; see :func:`read_pool`.
    """
    path = Path(rest.strip()).expanduser().absolute()
    mark = _mark(path)
    with _remembering:
        if (pool := _remembered.get((path, mark))) is None:
            pool = read_pool(path)
            while len(_remembered) >= _KEPT:
                del _remembered[next(iter(_remembered))]
            _remembered[path, mark] = pool
    return PoolMaker(pool)


_remembering = threading.Lock()
_remembered: dict[tuple[Path, str], Pool] = {}


def _mark(path: Path) -> str:
    """What changes when a pool does: names, sizes and times of its files."""
    digest = hashlib.sha256()
    files = [path]
    if path.is_dir():
        with opened_source(path) as source:
            files = [path / file.name for file in source.listed(Limits())]
    for file in files:
        try:
            status = file.stat()
        except OSError as error:
            raise GenerationError(f"a pool must be readable, got {one_line(error)}") from error
        digest.update(repr((str(file), status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()


def _options(options: Mapping[str, Any]) -> PoolOptions:
    for name in options:
        if name not in ("target", "taken"):
            raise GenerationError(
                f"an option of pool must be one of target, taken, got {str(name)[:80]!r}"
            )
    return PoolOptions(**options)


def _scores(images: list[PoolImage], prompt: str) -> dict[str, float]:
    """How well each file's caption fits the prompt, in [0, 1]; 0 without a caption."""
    if prompt == NO_PROMPT:
        return {image.file: 0.0 for image in images}
    return {image.file: likeness(prompt, image.caption or "") for image in images}


def _shuffled(images: list[PoolImage], seed: int) -> list[PoolImage]:
    """All of them in an order that the seed decides."""
    chance = Chance(seed).at("pool")
    order = list(images)
    for last in range(len(order) - 1, 0, -1):
        other = chance.whole(0, last)
        order[last], order[other] = order[other], order[last]
    return order


def _fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """The image within width × height, of the same shape."""
    factor = max(min(width / image.width, height / image.height), MIN_SIDE / min(image.size))
    if factor >= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS)
