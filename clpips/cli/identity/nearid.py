"""``clpips identity nearid``: do views of one object stay closer than near-identity distractors?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from clpips.cli.identity.encoder_option import add_encoder_options, check_encoder_options
from clpips.cli.output import check_out_folder, print_json, progress
from clpips.errors import InputError
from clpips.progress import Watch

if TYPE_CHECKING:
    from clpips.features.embedding.encoder import EncoderCard

Result: TypeAlias = tuple[dict[str, Any], Iterator[dict[str, Any]]]


def add_parser(commands: Any) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser("nearid", help="near-identity distractors (NearID): SSR and PA")
    parser.add_argument(
        "dataset", help="folder with nearid.csv, or with Parquet tables as published (NearID, MTG)"
    )
    add_encoder_options(parser, metric=True)
    parser.add_argument("--out", required=True, help="folder for report.json and margins.csv")
    parser.add_argument("--images", help="folder that image paths are relative to")
    parser.add_argument(
        "--masks", action="store_true", help="measure the foreground alone too, by the masks"
    )
    parser.add_argument(
        "--split",
        choices=("all", "train", "val", "test"),
        default="all",
        help="which identities (default: all)",
    )
    parser.add_argument(
        "--sources", nargs="+", metavar="NAME", default=[], help="only these distractors"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the intervals, and of a split of our own"
    )
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="count pictures that cannot be read as missing",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> None:
    """Measure, write ``report.json`` and ``margins.csv``, print the table."""
    from clpips.cli.identity.nearid_report import table, write_report
    from clpips.identity.part_level_set import is_part_level_set

    if options.masks and options.embeddings:
        raise InputError(
            "--masks needs an encoder: embeddings from a file are of pictures as they are"
        )
    check_encoder_options(options)
    check_out_folder(options.out)
    part_level = is_part_level_set(Path(options.dataset))
    report, margins = _part_level(options) if part_level else _near_identity(options)
    write_report(Path(options.out), report, margins)
    if options.json:
        print_json(report)
        return
    for note in report["notes"]:
        print(note, file=sys.stderr)
    print("\n".join(table(report)))


def _near_identity(options: argparse.Namespace) -> Result:
    """The report of a near-identity set and the rows of its margins."""
    from clpips.cli.identity.nearid_measure import chosen_measure
    from clpips.cli.identity.nearid_report import near_identity_rows, near_identity_summary
    from clpips.identity.near_identity_set import chosen_identities, open_near_identity_set
    from clpips.identity.slot_pictures import SlotPictures

    notes: list[str] = []
    dataset = open_near_identity_set(
        options.dataset,
        image_dir=options.images,
        files=not options.embeddings,
        masks=options.masks,
        sources=options.sources,
        notes=notes,
    )
    if options.masks and not dataset.has_masks:
        raise InputError(f"{dataset.path}: --masks needs masks, and the set has none")
    chosen = chosen_identities(dataset.identities, options.split, seed=options.seed)
    measure = chosen_measure(options)
    parts, margins = [], []
    with progress() as watch:
        for how, masks, part in _ways(options, watch):
            pictures = SlotPictures(masks=masks, skip_unreadable=options.skip_unreadable)
            found = measure.near_identity(dataset, chosen, pictures, part)
            parts.append(near_identity_summary(found, pictures, options.seed))
            margins.append(near_identity_rows(how, found))
    return _report(options, parts, measure.card, notes), chain(*margins)


def _part_level(options: argparse.Namespace) -> Result:
    """The report of a part-level set and the rows of its margins."""
    from clpips.cli.identity.nearid_measure import chosen_measure
    from clpips.cli.identity.nearid_report import part_level_rows, part_level_summary
    from clpips.identity.part_level_set import open_part_level_set
    from clpips.identity.slot_pictures import SlotPictures

    if options.split != "all" or options.sources:
        got = options.sources[0] if options.sources else options.split
        raise InputError(
            f"{options.dataset}: a part-level set has no splits or sources, got {got!r}"
        )
    dataset = open_part_level_set(Path(options.dataset))
    measure = chosen_measure(options)
    parts, margins = [], []
    with progress() as watch:
        for how, masks, part in _ways(options, watch):
            pictures = SlotPictures(
                masks=masks, clean=False, skip_unreadable=options.skip_unreadable
            )
            found = measure.part_level(dataset, pictures, part)
            parts.append(part_level_summary(found, pictures, options.seed))
            margins.append(part_level_rows(how, found))
    return _report(options, parts, measure.card, []), chain(*margins)


def _ways(options: argparse.Namespace, watch: Watch) -> Iterator[tuple[str, bool, Watch]]:
    """How the pictures are shown: whole, and with ``--masks`` as foregrounds too."""
    ways = ("whole", "foreground") if options.masks else ("whole",)
    for number, how in enumerate(ways):
        yield how, how != "whole", watch.part(number / len(ways), 1 / len(ways), f"{how}: ")


def _report(
    options: argparse.Namespace,
    parts: Sequence[dict[str, Any]],
    card: EncoderCard,
    notes: Sequence[str],
) -> dict[str, Any]:
    return {
        **parts[0],
        "encoder": card.to_dict(),
        "split": options.split,
        "seed": options.seed,
        "notes": list(notes),
        **({"masked": parts[1]} if options.masks else {}),
    }
