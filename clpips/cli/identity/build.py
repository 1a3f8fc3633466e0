"""``clpips identity build``: near-identity sets, drawn or from one's own images."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clpips.cli.output import print_json, progress
from clpips.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

    from clpips.identity.near_identity_table import NearIdentityRow
    from clpips.io.image_tables import ImageRow
    from clpips.progress import Watch

LEVELS = ("far", "near")
PROMPT = "a different {category}"
TAKEN = ("view", "mask")
"""Names of files beside the distractors' in an identity's folder."""
HELD_OUT = {"val": 0.1, "test": 0.2}
"""The shares of drawn identities that are put into these splits; the others are for training."""


def add_parser(commands: Any) -> None:
    """Declare the commands and their options."""
    parser = commands.add_parser("build", help="make a near-identity set")
    ways = parser.add_subparsers(dest="how", required=True, metavar="HOW")
    scenes = ways.add_parser("scenes", help="draw things on scenes, and others in their place")
    scenes.add_argument("--identities", type=int, default=1000, help="default: 1000")
    scenes.add_argument(
        "--level",
        choices=(*LEVELS, "all"),
        default="all",
        help="of the distractors: clearly different, close, or both (default)",
    )
    scenes.add_argument("--size", type=int, default=224, help="side in pixels (default: 224)")
    inpaint = ways.add_parser("inpaint", help="replace the objects in one's own images")
    inpaint.add_argument(
        "table", metavar="TABLE", help="name,species,file_path[,prompt]: one to three views each"
    )
    inpaint.add_argument(
        "--model", required=True, help="folder or id of a diffusers model that can inpaint"
    )
    inpaint.add_argument(
        "--masks", required=True, metavar="DIR", help="masks under the images' paths, as PNG"
    )
    inpaint.add_argument("--images", help="folder that image paths are relative to")
    inpaint.add_argument(
        "--prompt", default=PROMPT, help=f"may hold {{category}}; default: {PROMPT!r}"
    )
    inpaint.add_argument("--steps", type=int, default=30, help="of denoising (default: 30)")
    inpaint.add_argument("--guidance", type=float, help="default: the pipeline's own")
    inpaint.add_argument("--strength", type=float, default=1.0, help="in (0, 1]; default: 1")
    inpaint.add_argument("--source", default="inpaint", help="the distractors' name in the set")
    for each in (scenes, inpaint):
        each.add_argument("--out", required=True, metavar="DIR", help="a new or empty folder")
        each.add_argument("--seed", type=int, default=0, help="default: 0")
        each.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> None:
    """Build the set; the folder appears whole or not at all."""
    from clpips.identity.near_identity_table import write_near_identity_table
    from clpips.io.atomic_files import atomic_folder

    with atomic_folder(options.out) as folder, progress() as watch:
        build = _scenes if options.how == "scenes" else _inpainted
        rows = build(options, folder, watch)
        write_near_identity_table(rows, folder)
    report = {
        "out": options.out,
        "identities": len({row.id for row in rows}),
        "images": len(rows),
        "sources": list(dict.fromkeys(row.source for row in rows if row.source)),
    }
    if options.json:
        print_json(report)
        return
    print(
        f"{options.out}: {report['identities']} identities, {report['images']} images, "
        f"distractors {', '.join(report['sources'])}"
    )


def _scenes(options: argparse.Namespace, folder: Path, watch: Watch) -> list[NearIdentityRow]:
    from clpips.generation.scenes.identities import scene_identities
    from clpips.identity.near_identity_table import NearIdentityRow

    count, rows = options.identities, []
    levels = LEVELS if options.level == "all" else (options.level,)
    drawn = scene_identities(count, seed=options.seed, levels=levels, side=options.size)
    splits = drawn_splits(count, seed=options.seed)
    for number, one in enumerate(drawn):
        watch.report(number / count, f"Drawing identity {number + 1} of {count}")
        (folder / one.id).mkdir()
        for source, pictures in (("", one.views), *one.distractors.items()):
            for view, picture in enumerate(pictures, start=1):
                path = f"{one.id}/{source or 'view'}-{view}.png"
                picture.save(folder / path, "PNG")
                rows.append(
                    NearIdentityRow(
                        one.id, view, path, source, category=one.category, split=splits[number]
                    )
                )
    return rows


def drawn_splits(count: int, *, seed: int) -> list[str]:
    """Each drawn identity's split: 70 % train, 10 % val, 20 % test, by a seeded order."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(count)
    found = ["train"] * count
    start = 0
    for name, share in HELD_OUT.items():
        stop = start + round(share * count)
        for position in order[start:stop]:
            found[position] = name
        start = stop
    return found


def _inpainted(options: argparse.Namespace, folder: Path, watch: Watch) -> list[NearIdentityRow]:
    from clpips.generation.diffusion.inpainting import Inpainter, InpaintingSettings
    from clpips.generation.seeds import image_seed
    from clpips.identity.near_identity_table import NearIdentityRow
    from clpips.io.image_files import read_picture
    from clpips.io.image_tables import read_image_table

    settings = InpaintingSettings(options.steps, options.guidance, options.strength)
    _check(options)
    table = read_image_table(options.table, image_dir=options.images)
    views = _views(options.table, table)
    masks = [_mask_file(Path(options.masks), row) for row in table]
    inpainter = Inpainter(options.model, settings, watch=watch)
    rows: list[NearIdentityRow] = []
    for number, (row, mask_file) in enumerate(zip(table, masks, strict=True)):
        watch.report(number / len(table), f"Inpainting image {number + 1} of {len(table)}")
        name, view = views[number]
        (folder / name).mkdir(exist_ok=True)
        picture = read_picture(Path(row.path).read_bytes(), row.file_path)
        mask = read_picture(mask_file.read_bytes(), str(mask_file)).convert("L")
        prompt = row.prompt or options.prompt.format(category=row.species)
        made = inpainter.replaced(picture, mask, prompt, seed=image_seed(options.seed, number))
        pictures: dict[str, Image.Image] = {"view": picture, "mask": mask, options.source: made}
        paths = {kind: f"{name}/{kind}-{view}.png" for kind in pictures}
        for kind, each in pictures.items():
            each.save(folder / paths[kind], "PNG")
        for source in ("", options.source):
            path = paths[source or "view"]
            rows.append(NearIdentityRow(name, view, path, source, paths["mask"], row.species))
    return rows


def _views(table: str, rows: list[ImageRow]) -> list[tuple[str, int]]:
    """Each row's identity as a folder's name, and its view from 1."""
    from clpips.identity.views import VIEWS

    numbers: dict[tuple[str, str], int] = {}
    counts: dict[tuple[str, str], int] = {}
    found = []
    for row in rows:
        number = numbers.setdefault(row.identity, len(numbers))
        counts[row.identity] = view = counts.get(row.identity, 0) + 1
        if view > VIEWS:
            raise InputError(
                f"{table}: an identity has at most {VIEWS} views, got more of {row.name}"
            )
        found.append((f"{number:06d}", view))
    return found


def _mask_file(masks: Path, row: ImageRow) -> Path:
    """The mask of an image: its path in the table, under ``masks``, with the ending .png."""
    for path in (masks / row.file_path, masks / Path(row.file_path).name):
        found = path.with_suffix(".png")
        if found.is_file():
            return found
    raise InputError(f"{row.file_path}: every image must have a mask, got none in {masks}")


def _check(options: argparse.Namespace) -> None:
    try:
        options.prompt.format(category="")
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"--prompt may hold {{category}} alone, got {options.prompt!r}") from error
    if not re.fullmatch(r"[A-Za-z0-9][\w-]{0,60}", options.source) or options.source in TAKEN:
        raise InputError(
            f"--source must be letters, digits, - and _, and none of {TAKEN}, "
            f"got {options.source!r}"
        )
