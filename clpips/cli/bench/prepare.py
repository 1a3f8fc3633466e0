"""``clpips bench prepare``: sample files from a data set as its authors ship it."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clpips.cli.identity.encoder_option import positive_integer
from clpips.cli.output import print_json, progress
from clpips.errors import InputError
from clpips.io.csv_files import csv_bytes

if TYPE_CHECKING:
    from clpips.bench.datasets.windows import Prepared
    from clpips.bench.samples import Item, Sample
    from clpips.progress import Watch

DATASETS = ("flickr-aes", "pog", "ser30k", "study", "synthetic")
CARD = "prepare.json"
"""What was asked for and what came of it, beside the samples."""


def add_parser(commands: Any) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser("prepare", help="sample files from a data set, or drawn people")
    parser.add_argument("--dataset", required=True, choices=DATASETS)
    parser.add_argument(
        "--root", type=Path, help="the data set's folder, as published; study: an unpacked bundle"
    )
    parser.add_argument("--out", required=True, type=Path, help="a new or empty folder")
    parser.add_argument("--captions", type=Path, metavar="FILE", help="item to caption (.json)")
    parser.add_argument("--styles", type=Path, metavar="FILE", help="user to style (.json)")
    parser.add_argument(
        "--users", type=positive_integer, metavar="N", help="synthetic: people (default: 40)"
    )
    parser.add_argument("--seed", type=int, default=42, help="of draws and splits (default: 42)")
    parser.add_argument("--json", action="store_true", help="print prepare.json")


def run(options: argparse.Namespace) -> None:
    """``clpips bench prepare``: read or draw, split, check for leaks, write, print."""
    _check(options)
    with progress() as watch:
        card = (
            _synthetic(options, watch) if options.dataset == "synthetic" else _read(options, watch)
        )
    if options.json:
        print_json(card)
        return
    for split, counts in card["splits"].items():
        print(f"{split:<10} {counts['samples']:>6} samples of {counts['users']} users")
    for reason, count in card["left_out"].items():
        print(f"left out: {count} {reason}")
    for note in card["notes"]:
        print(note)
    print(f"written to {options.out}")


def _check(options: argparse.Namespace) -> None:
    """Refuse what would have no effect, before anything is read."""
    drawn = options.dataset == "synthetic"
    for name in ("root", "captions", "styles"):
        if drawn and getattr(options, name) is not None:
            raise InputError(f"--{name} is for data sets that are read, not for synthetic ones")
    if not drawn and options.root is None:
        raise InputError("--root must name the data set's folder")
    if not drawn and options.users is not None:
        raise InputError("--users is for synthetic people")
    if options.root is not None and not options.root.is_dir():
        raise InputError(f"{options.root}: no such folder")
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        raise InputError(f"{options.out}: samples must go into a new or empty folder")


def _read(options: argparse.Namespace, watch: Watch) -> dict[str, Any]:
    from clpips.bench.datasets import flickr_aes, pog, ser30k, study
    from clpips.bench.datasets.side_files import read_captions, read_styles
    from clpips.bench.leaks import check_splits
    from clpips.io.atomic_files import atomic_folder

    reader = {
        "flickr-aes": flickr_aes.read_flickr_aes,
        "pog": pog.read_pog,
        "ser30k": ser30k.read_ser30k,
        "study": study.read_study,
    }[options.dataset]
    prepared = reader(
        options.root,
        captions=read_captions(options.captions),
        styles=read_styles(options.styles),
        seed=options.seed,
        watch=watch,
    )
    if not prepared.test:
        reasons = "; ".join(f"{n} {reason}" for reason, n in prepared.left_out.items())
        raise InputError(f"{options.root}: gives no test sample ({reasons or 'too few users'})")
    check_splits(prepared.splits)
    here = Path(os.path.realpath(options.out))
    splits = {name: [_located(s, here) for s in own] for name, own in prepared.splits.items()}
    card = _card(options, splits, prepared)
    with atomic_folder(options.out) as folder:
        _write(folder, splits, card)
        if prepared.missing:
            rows = [{"item": item, "address": url} for item, url in prepared.missing.items()]
            (folder / "missing_images.csv").write_bytes(csv_bytes(("item", "address"), rows))
    return card


def _synthetic(options: argparse.Namespace, watch: Watch) -> dict[str, Any]:
    from clpips.bench.datasets.synthetic import items, tastes
    from clpips.bench.datasets.windows import Prepared, numbered, windows
    from clpips.bench.leaks import check_splits
    from clpips.bench.samples import Item
    from clpips.io.atomic_files import atomic_folder

    people = tastes(options.users or 40, seed=options.seed)
    left_out: Counter[str] = Counter()
    samples: list[Sample] = []
    with atomic_folder(options.out) as folder:
        for number, taste in enumerate(people):
            watch.report(number / len(people), f"Drawing person {number + 1} of {len(people)}")
            (folder / "images" / taste.user).mkdir(parents=True)
            own = []
            for place, (caption, picture) in enumerate(items(taste, number, seed=options.seed)):
                path = f"images/{taste.user}/{place}.png"
                picture.save(folder / path)
                own.append(Item(f"{taste.user}/{place}", path, path, caption))
            samples += windows(taste.user, own, style=taste.words, left_out=left_out)
        prepared = Prepared([], [], numbered(samples, left_out), left_out)
        check_splits(prepared.splits)
        card = _card(options, prepared.splits, prepared)
        _write(folder, {"test": prepared.test}, card)
        truth = json.dumps([taste.to_dict() for taste in people], indent=1)
        (folder / "tastes.json").write_text(truth, encoding="utf-8")
    return card


def _located(sample: Sample, out: Path) -> Sample:
    """Paths relative to the folder where the images lie below it, else absolute."""

    def item(one: Item) -> Item:
        path = Path(os.path.realpath(one.path))
        inside = path.is_relative_to(out)
        return replace(one, image_path=path.relative_to(out).as_posix() if inside else str(path))

    return replace(
        sample, history=tuple(item(one) for one in sample.history), target=item(sample.target)
    )


def _card(
    options: argparse.Namespace, splits: Mapping[str, Sequence[Sample]], prepared: Prepared
) -> dict[str, Any]:
    notes = list(prepared.notes)
    everything = [sample for own in splits.values() for sample in own]
    if not any(sample.style for sample in everything):
        notes.append("no user has a style (--styles): CPS will be missing")
    if not any(sample.target.caption for sample in everything):
        notes.append("no item has a caption (--captions): HPSv2 will be missing")
    if prepared.missing:
        notes.append(
            f"{len(prepared.missing)} images are not there; missing_images.csv has addresses"
        )
    return {
        "dataset": options.dataset,
        "root": None if options.root is None else str(options.root),
        "seed": options.seed,
        "splits": {
            name: {"samples": len(own), "users": len({sample.user for sample in own})}
            for name, own in splits.items()
        },
        "left_out": {reason: count for reason, count in prepared.left_out.items() if count},
        "notes": notes,
    }


def _write(folder: Path, splits: Mapping[str, Sequence[Sample]], card: Mapping[str, Any]) -> None:
    from clpips.bench.samples import write_samples

    for name, samples in splits.items():
        if samples:
            write_samples(samples, folder / f"{name}.json")
    text = json.dumps(card, ensure_ascii=False, indent=1)
    (folder / CARD).write_text(text, encoding="utf-8")
