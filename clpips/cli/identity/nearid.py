"""``clpips identity nearid``: do views of one object stay closer than near-identity distractors?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clpips.cli.output import print_json, progress
from clpips.errors import InputError

COLUMNS = (
    "shown",
    "source",
    "id",
    "category",
    "anchor",
    "other",
    "similarity",
    "distractor_similarity",
    "margin",
    "won",
)
"""Of ``margins.csv``."""
WHOLE, FOREGROUND = "whole", "foreground"


def add_parser(commands: Any) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser("nearid", help="near-identity distractors (NearID): SSR and PA")
    parser.add_argument(
        "dataset", help="folder with nearid.csv or with Parquet tables as published"
    )
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--embeddings", metavar="FILE", help="embeddings of one's own (.npz)")
    how.add_argument("--metric", metavar="FILE", help="a personal metric (.safetensors)")
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
    from clpips.identity.near_identity_set import chosen_identities, open_near_identity_set

    if options.masks and options.embeddings:
        raise InputError(
            "--masks needs an encoder: embeddings from a file are of pictures as they are"
        )
    notes: list[str] = []
    dataset = open_near_identity_set(
        options.dataset,
        image_dir=options.images,
        files=not options.embeddings,
        masks=options.masks,
        notes=notes,
    )
    chosen = chosen_identities(dataset.identities, options.split, seed=options.seed)
    measured, report = {}, {}
    with progress() as watch:
        shown = (WHOLE, FOREGROUND) if options.masks else (WHOLE,)
        for number, how in enumerate(shown):
            part = watch.part(number / len(shown), 1 / len(shown), f"{how}: ")
            measured[how], card = _measured(options, dataset, chosen, part, masks=how != WHOLE)
    report = {
        **_summary(measured[WHOLE], options.seed),
        "encoder": card.to_dict(),
        "split": options.split,
        "seed": options.seed,
        "notes": notes,
    }
    if options.masks:
        report["masked"] = _summary(measured[FOREGROUND], options.seed)
    _write(Path(options.out), report, measured)
    if options.json:
        print_json(report)
        return
    print("\n".join(_table(report)))


def _measured(
    options: argparse.Namespace,
    dataset: Any,
    chosen: Sequence[int],
    watch: Any,
    *,
    masks: bool,
) -> tuple[Any, Any]:
    """Similarities, and the card of what measured them."""
    from clpips.features.embedding.encoder import EncoderCard
    from clpips.identity.near_identity_similarities import (
        embedded_similarities,
        measured_similarities,
    )

    settings: dict[str, Any] = {
        "masks": masks,
        "skip_unreadable": options.skip_unreadable,
        "watch": watch,
    }
    if options.embeddings:
        from clpips.features.embedding.file import EmbeddingsFile

        file = EmbeddingsFile(options.embeddings)
        found = embedded_similarities(
            dataset,
            lambda rows, bad: file.of([key for key, _ in rows]),
            chosen,
            files=False,
            **settings,
        )
        return found, file.card
    from clpips.features.cache import content_hash
    from clpips.metric.clpips import CLPIPS

    metric = CLPIPS.load(options.metric)
    found = measured_similarities(
        dataset, lambda target, images: metric.distances(target, images).values, chosen, **settings
    )
    card = EncoderCard(
        Path(options.metric).name,
        content_hash(options.metric).decode(),
        len(metric.weights),
        f"distances of a personal metric ({metric.backbone}); a similarity is minus a distance",
    )
    return found, card


def _summary(found: Any, seed: int) -> dict[str, Any]:
    from clpips.identity.distractors import pooled, summarised

    margins = found.margins()
    return {
        "sources": {
            source: summarised(table, seed=seed).to_dict() for source, table in margins.items()
        },
        "pooled": pooled(margins, seed=seed).to_dict(),
        "unusable": found.unusable,
        "n_without_mask": found.n_without_mask,
    }


def _write(out: Path, report: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
    import json

    from clpips.io.atomic_files import atomic_file, write_files
    from clpips.io.csv_files import write_csv

    rows = (row for how, found in measured.items() for row in _margin_rows(how, found))
    with (
        atomic_file(out / "margins.csv") as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        write_csv(file, COLUMNS, rows)
    text = json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False)
    write_files({out / "report.json": text.encode()})


def _margin_rows(how: str, found: Any) -> Iterator[dict[str, Any]]:
    """One row a margin; views are counted from 1, as in the table."""
    import numpy as np

    from clpips.identity.distractors import DIRECTED

    for source, margins in found.margins().items():
        for number, place in zip(*np.nonzero(np.isfinite(margins)), strict=True):
            anchor, other = DIRECTED[place]
            identity, margin = found.identities[number], float(margins[number, place])
            yield {
                "shown": how,
                "source": source,
                "id": identity.id,
                "category": identity.category,
                "anchor": anchor + 1,
                "other": other + 1,
                "similarity": float(found.between[number, anchor, other]),
                "distractor_similarity": float(found.cross[source][number, anchor]),
                "margin": margin,
                "won": int(margin > 0),
            }


def _table(report: Mapping[str, Any]) -> list[str]:
    lines = _part(report, "whole pictures")
    if "masked" in report:
        lines += ["", *_part(report["masked"], "foreground alone")]
    lines += ["", f"Encoder: {report['encoder']['name']}. Shares in percent, 95 % intervals over"]
    lines += ["identities. PA compat. counts each identity's mean margin once more, as published."]
    for note in report["notes"]:
        print(note, file=sys.stderr)
    return lines


def _part(found: Mapping[str, Any], title: str) -> list[str]:
    lines = [
        f"{title:<16} {'SSR':>6} {'interval':>15} {'PA':>6} {'interval':>15} {'PA compat.':>10} "
        f"{'mean margin':>11} {'identities':>10} {'margins':>8} {'left out':>8}"
    ]
    for name, one in (*found["sources"].items(), ("pooled", found["pooled"])):
        mean = "–" if one["mean_margin"] is None else f"{one['mean_margin']:+.4f}"
        lines.append(
            f"{name:<16} {_percent(one['ssr']):>6} {_interval(one['ssr_ci']):>15} "
            f"{_percent(one['pa']):>6} {_interval(one['pa_ci']):>15} "
            f"{_percent(one['pa_compat']):>10} {mean:>11} {one['n_identities']:>10} "
            f"{one['n_margins']:>8} {one['n_left_out']:>8}"
        )
    if found["unusable"]:
        lines.append(f"{len(found['unusable'])} pictures could not be read and count as missing.")
    if found["n_without_mask"]:
        lines.append(f"{found['n_without_mask']} pictures have no mask and were left out.")
    return lines


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f}"


def _interval(ends: Sequence[float] | None) -> str:
    return "–" if ends is None else f"{100 * ends[0]:.2f} … {100 * ends[1]:.2f}"
