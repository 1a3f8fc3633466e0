"""``clpips identity prepare``: tables of reference and gallery images of a public data set."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clpips.cli.output import check_out_folder, print_json, progress
from clpips.errors import InputError
from clpips.text import quoted

if TYPE_CHECKING:
    from clpips.identity.datasets.split import Draw, SplitTables

CARD = "prepare.json"
"""What was asked for and what came of it, beside the tables."""
PROMPTS = "Prompts are not part of a data set: the texts that images are generated from are yours."
_ONLY_FOR = {
    "species": ("cub", "wildlife"),
    "classes": ("cub", "cars"),
    "source_datasets": ("wildlife",),
    "least": ("wildlife",),
    "individuals": ("wildlife",),
    "by_date": ("wildlife",),
    "seed": ("cub", "wildlife"),
}


def add_parser(commands: Any) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "prepare", help="tables of reference and gallery images of a public data set"
    )
    parser.add_argument(
        "--dataset",
        required=True,
        choices=tuple(READERS),
        help="CUB-200-2011, Stanford Cars, or WildlifeReID-10k and its kind",
    )
    parser.add_argument("--root", required=True, help="the data set's folder, as published")
    parser.add_argument(
        "--out", required=True, help="folder for train_data.csv, gallery_data.csv, extra_data.csv"
    )
    parser.add_argument(
        "--copy", action="store_true", help="copy the images too, into a new or empty folder"
    )
    _selection_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _selection_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--species", nargs="+", metavar="NAME", help="these only (cub, wildlife; default: all)"
    )
    parser.add_argument(
        "--classes",
        nargs="+",
        metavar="SPECIES=N,N",
        help="class numbers of one's own (cub: from 1; cars: from 0)",
    )
    parser.add_argument(
        "--source-datasets", nargs="+", metavar="NAME", help="these only (wildlife; default: all)"
    )
    parser.add_argument(
        "--per-identity",
        nargs=2,
        type=int,
        metavar=("REFERENCES", "GALLERY"),
        help="images of each identity (default: 10 10; wildlife: at most 10 15)",
    )
    parser.add_argument(
        "--least",
        nargs=2,
        type=int,
        metavar=("REFERENCES", "GALLERY"),
        help="images that an individual needs (wildlife; default: 4 5)",
    )
    parser.add_argument(
        "--individuals", type=int, metavar="N", help="of each species (wildlife; default: 10)"
    )
    parser.add_argument(
        "--by-date",
        action="store_true",
        default=None,
        help="take references on earlier days than the gallery (wildlife)",
    )
    parser.add_argument("--seed", type=int, help="of the draws (default: 101; wildlife: 42)")


def run(options: argparse.Namespace) -> None:
    """Read the data set, write its tables, print what they hold."""
    from clpips.identity.datasets.table_folder import copy_tables, write_tables

    _check_options(options)
    check_out_folder(options.out)
    tables, settings = READERS[options.dataset](options)
    document = _document(options, tables, settings)
    card = json.dumps(document, ensure_ascii=False, indent=2).encode()
    if options.copy:
        with progress() as watch:
            copy_tables(tables, options.out, others={CARD: card}, watch=watch)
    else:
        write_tables(tables, options.out, others={CARD: card})
    if options.json:
        print_json(document)
        return
    print("\n".join(_lines(document)))


def _check_options(options: argparse.Namespace) -> None:
    for name, datasets in _ONLY_FOR.items():
        if getattr(options, name) is not None and options.dataset not in datasets:
            option = f"--{name.replace('_', '-')}"
            raise InputError(
                f"{option} goes with --dataset {' or '.join(datasets)}, not with {options.dataset}"
            )
    if options.species and options.classes:
        raise InputError("--classes names the species, so that --species must not be given")


def _draw(options: argparse.Namespace, default: Draw) -> Draw:
    references, gallery = options.per_identity or (default.references, default.gallery)
    seed = default.seed if options.seed is None else options.seed
    return replace(default, references=references, gallery=gallery, seed=seed)


def _classes(
    options: argparse.Namespace, default: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """Class numbers by species: the paper's, some of them, or one's own."""
    if not options.classes:
        for species in options.species or ():
            if species not in default:
                rule = f"--species must be of {', '.join(default)}, or given by --classes"
                raise InputError(f"{rule}, got {quoted(species)}")
        return {each: default[each] for each in options.species or default}
    found: dict[str, tuple[int, ...]] = {}
    for each in options.classes:
        species, equals, numbers = each.rpartition("=")
        listed = [number.strip() for number in numbers.split(",")]
        if not species or not equals or not all(n.isascii() and n.isdigit() for n in listed):
            raise InputError(f"--classes must be like wren=193,194, got {quoted(each)}")
        if species in found:
            raise InputError(f"--classes must name a species once, got {quoted(species)} again")
        found[species] = tuple(int(number) for number in listed)
    return found


def _cub(options: argparse.Namespace) -> tuple[SplitTables, dict[str, Any]]:
    from clpips.identity.datasets.cub import CLASSES, DRAW, read_cub

    classes, draw = _classes(options, CLASSES), _draw(options, DRAW)
    return read_cub(options.root, classes=classes, draw=draw), {
        "classes": classes,
        "per_identity": [draw.references, draw.gallery],
        "seed": draw.seed,
    }


def _cars(options: argparse.Namespace) -> tuple[SplitTables, dict[str, Any]]:
    from clpips.identity.datasets.stanford_cars import CLASSES, DRAW, read_stanford_cars

    classes, draw = _classes(options, CLASSES), _draw(options, DRAW)
    return read_stanford_cars(options.root, classes=classes, draw=draw), {
        "classes": classes,
        "per_identity": [draw.references, draw.gallery],
    }


def _wildlife(options: argparse.Namespace) -> tuple[SplitTables, dict[str, Any]]:
    from clpips.identity.datasets.wildlife import PAPER, Selection, read_wildlife

    draw = _draw(options, PAPER.draw)
    least = tuple(options.least or PAPER.least)
    individuals = PAPER.individuals if options.individuals is None else options.individuals
    tables = read_wildlife(
        options.root,
        species=options.species or (),
        sources=options.source_datasets or (),
        selection=Selection(draw, least, individuals),
        by_date=bool(options.by_date),
    )
    return tables, {
        "species": options.species,
        "source_datasets": options.source_datasets,
        "per_identity": [draw.references, draw.gallery],
        "least": list(least),
        "individuals": individuals,
        "split": "by date" if options.by_date else "at random",
        "seed": draw.seed,
    }


READERS: dict[str, Callable[[argparse.Namespace], tuple[SplitTables, dict[str, Any]]]] = {
    "cub": _cub,
    "cars": _cars,
    "wildlife": _wildlife,
}


def _document(
    options: argparse.Namespace, tables: SplitTables, settings: Mapping[str, Any]
) -> dict[str, Any]:
    from clpips.identity.datasets.table_folder import FILES

    parts = {"train": tables.train, "gallery": tables.gallery, "extra": tables.extra}
    images = {part: Counter(row.identity for row in rows) for part, rows in parts.items()}
    species: dict[str, Any] = {}
    for each, name in dict.fromkeys(row.identity for row in tables.train):
        own = species.setdefault(each, {**_of_species(parts, each), "identities": {}})
        one: dict[str, Any] = {part: images[part][each, name] for part in parts}
        if name in tables.titles:
            one["title"] = tables.titles[name]
        own["identities"][name] = one
    return {
        "dataset": options.dataset,
        "root": options.root,
        "settings": settings,
        "files": {part: str(Path(options.out) / file) for part, file in FILES.items()},
        **{part: len(rows) for part, rows in parts.items()},
        "species": species,
        "left_out": dict(tables.left_out),
        "notes": list(tables.notes),
    }


def _of_species(parts: Mapping[str, Sequence[Any]], species: str) -> dict[str, int]:
    return {part: sum(row.species == species for row in rows) for part, rows in parts.items()}


def _lines(document: Mapping[str, Any]) -> list[str]:
    """What a person reads."""
    lines = []
    for species, own in document["species"].items():
        lines.append(f"{species}: {len(own['identities'])} identities, {_images(own)}")
        for name, one in own["identities"].items():
            title = f" ({one['title']})" if "title" in one else ""
            lines.append(f"  {name}{title}: {_images(one)}")
    for reason, number in document["left_out"].items():
        lines.append(f"Left out: {number:,} {reason}.")
    lines += document["notes"]
    lines.append(f"Written: {', '.join(document['files'].values())}.")
    return [*lines, PROMPTS]


def _images(of: Mapping[str, int]) -> str:
    return f"{of['train']:,} reference, {of['gallery']:,} gallery, {of['extra']:,} extra images"
