"""Images that the app draws itself, so that an identity ranking can be tried at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from PIL import Image

from clpips.generation.scenes import sample_targets
from clpips.generation.scenes.composition.stage import Stage
from clpips.generation.scenes.drawing.appearance import Look
from clpips.generation.scenes.drawing.colour import mix
from clpips.generation.scenes.identities import LIGHTS, PLACES, random_look
from clpips.generation.scenes.maker import draw
from clpips.generation.seeds import Chance
from clpips.io.image_tables import ImageRow
from clpips.progress import Watch

KINDS, IDENTITIES = ("dog", "teapot"), 6
REFERENCES, GALLERY, QUERIES = 1, 2, 1
METHODS = ("same thing", "half drifted")
SEED, SIDE = 3, 192
TARGET_VIEWS, TARGET_SPECIES = 3, "sample target"

Use = Literal["query", "gallery", "reference"]


@dataclass(frozen=True, slots=True)
class Drawing:
    """An image of the sample, drawn when it is asked for."""

    use: Use
    row: ImageRow
    draw: Callable[[], Image.Image]


def sample() -> Iterator[Drawing]:
    """Dogs and teapots with a look each, in places of their own.

    The queries of one method show the thing itself. Those of the other show it half-way to
    another: its colours mixed, its material and pattern the other's.
    """
    for kind in KINDS:
        chances = [Chance(SEED, f"/{kind}/{number}") for number in range(IDENTITIES)]
        looks = [random_look(chance.at("look")) for chance in chances]
        for number, chance in enumerate(chances):
            half = _half_way(looks[number], looks[(number + 1) % IDENTITIES])
            yield from _of_one(kind, f"{kind} {number + 1}", looks[number], half, chance)


def redrawn_targets() -> Iterator[Drawing]:
    """A gallery for studies with the sample targets: each drawn from its words by other seeds."""
    for target in sample_targets():
        for view in range(1, TARGET_VIEWS + 1):
            row = ImageRow(target.name, TARGET_SPECIES, f"{target.name}/{view}.png")
            picture = partial(draw, target.prompt, target.seed + view, width=SIDE, height=SIDE)
            yield Drawing("gallery", row, picture)


def drawn(drawings: Iterable[Drawing], folder: Path, watch: Watch) -> list[Drawing]:
    """Draw images into a folder; the same ones with the paths of their files.

    Raises:
        Cancelled: the caller cancelled.
    """
    found = list(drawings)
    for number, one in enumerate(found):
        watch.report(number / len(found), f"Drawing image {number + 1} of {len(found)}")
        path = folder / one.row.file_path
        path.parent.mkdir(parents=True, exist_ok=True)
        one.draw().save(path, "PNG")
        found[number] = replace(one, row=replace(one.row, path=str(path)))
    return found


def _of_one(kind: str, name: str, own: Look, half: Look, chance: Chance) -> Iterator[Drawing]:
    for view in range(REFERENCES + GALLERY + QUERIES):
        here, row = chance.at(f"view/{view}"), ImageRow(name, kind, f"{name}/{view}.png")
        stage = partial(
            Stage.of,
            kind,
            here.at("place").pick(PLACES),
            here.at("light").pick(LIGHTS),
            here.at("stage"),
        )
        if view < REFERENCES + GALLERY:
            use: Use = "reference" if view < REFERENCES else "gallery"
            yield Drawing(use, row, partial(_drawn, stage, kind, own))
            continue
        for method, look in zip(METHODS, (own, half), strict=True):
            query = replace(row, method=method, file_path=f"{name}/{method} {view}.png")
            yield Drawing("query", query, partial(_drawn, stage, kind, look))


def _drawn(stage: Callable[[], Stage], kind: str, look: Look) -> Image.Image:
    return stage().drawn(kind, look, SIDE)


def _half_way(own: Look, other: Look) -> Look:
    return replace(
        own,
        main=mix(own.main, other.main, 0.5),
        accent=mix(own.accent, other.accent, 0.5),
        material=other.material,
        pattern=other.pattern,
    )
