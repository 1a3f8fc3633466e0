"""What ``clpips identity nearid`` writes and prints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clpips.identity.distractors import DIRECTED, pooled, summarised
from clpips.identity.near_identity_similarities import Similarities
from clpips.identity.part_level import ORIGINALS, SAME_BACKGROUND, part_level, part_margins
from clpips.identity.part_level_set import PartSimilarities
from clpips.identity.slot_pictures import SlotPictures
from clpips.io.atomic_files import atomic_file, write_files
from clpips.io.csv_files import write_csv

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
PART_LEVEL = "mtg"
"""The one source of a part-level set."""


def near_identity_summary(found: Similarities, pictures: SlotPictures, seed: int) -> dict[str, Any]:
    """The report's entries for one way to show the pictures."""
    margins = found.margins()
    return {
        "sources": {
            source: summarised(table, seed=seed).to_dict() for source, table in margins.items()
        },
        "pooled": pooled(margins, seed=seed).to_dict(),
        **_unusable(pictures),
    }


def part_level_summary(
    found: PartSimilarities, pictures: SlotPictures, seed: int
) -> dict[str, Any]:
    """The same for a part-level set: one source, and its correlations with the oracle."""
    one = part_level(found.series, found.oracles, seed=seed)
    return {
        "sources": {PART_LEVEL: one.margins.to_dict()},
        "pooled": one.margins.to_dict(),
        "part_level": one.to_dict(),
        **_unusable(pictures),
    }


def _unusable(pictures: SlotPictures) -> dict[str, Any]:
    return {"unusable": pictures.unusable, "n_without_mask": pictures.n_without_mask}


def near_identity_rows(shown: str, found: Similarities) -> Iterator[dict[str, Any]]:
    """One row a margin; views are counted from 1, as in the table."""
    for source, margins in found.margins().items():
        for number, place in zip(*np.nonzero(np.isfinite(margins)), strict=True):
            anchor, other = DIRECTED[place]
            identity = found.identities[number]
            yield _row(
                (shown, source, identity.id, identity.category, anchor + 1, other + 1),
                found.between[number, anchor, other],
                found.cross[source][number, anchor],
                margins[number, place],
            )


def part_level_rows(shown: str, found: PartSimilarities) -> Iterator[dict[str, Any]]:
    """One row a margin; the id is the row's position from 0."""
    margins = part_margins(found.series)
    for number, place in zip(*np.nonzero(np.isfinite(margins)), strict=True):
        yield _row(
            (shown, PART_LEVEL, str(number), "", place + 1, 2 - place),
            found.series[ORIGINALS][number],
            found.series[SAME_BACKGROUND[place]][number],
            margins[number, place],
        )


def _row(names: Sequence[Any], similarity: float, distractor: float, margin: float) -> Any:
    numbers = (float(similarity), float(distractor), float(margin), int(margin > 0))
    return dict(zip(COLUMNS, (*names, *numbers), strict=True))


def write_report(
    out: Path, report: Mapping[str, Any], margins: Iterable[Mapping[str, Any]]
) -> None:
    """``report.json`` and ``margins.csv``."""
    text = json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False)
    with (
        atomic_file(out / "margins.csv") as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        write_csv(file, COLUMNS, margins)
    write_files({out / "report.json": text.encode()})


def table(report: Mapping[str, Any]) -> list[str]:
    """The report as lines for a terminal."""
    lines = _part(report, "whole pictures")
    if "masked" in report:
        lines += ["", *_part(report["masked"], "foreground alone")]
    return [
        *lines,
        "",
        f"Encoder: {report['encoder']['name']}. Shares in percent, with 95 % intervals over",
        "identities. PA compat. counts each identity's mean margin once more, as published.",
    ]


def _part(found: Mapping[str, Any], title: str) -> list[str]:
    lines = [
        f"{title:<16} {'SSR':>6} {'interval':>15} {'PA':>6} {'interval':>15} {'PA compat.':>10} "
        f"{'mean margin':>11} {'identities':>10} {'margins':>8} {'left out':>8}"
    ]
    for name, one in (*found["sources"].items(), ("pooled", found["pooled"])):
        lines.append(
            f"{name:<16} {_percent(one['ssr']):>6} {_interval(one['ssr_ci']):>15} "
            f"{_percent(one['pa']):>6} {_interval(one['pa_ci']):>15} "
            f"{_percent(one['pa_compat']):>10} {_signed(one['mean_margin']):>11} "
            f"{one['n_identities']:>10} {one['n_margins']:>8} {one['n_left_out']:>8}"
        )
    if "part_level" in found:
        one = found["part_level"]
        lines.append(f"MO {one['mo']:+.4f}, MO_pair {one['mo_pair']:+.4f} (correlation with")
        lines.append(f"the oracle; {one['n_undefined']} of 4 series undefined, counted as 0)")
    if found["unusable"]:
        lines.append(f"{len(found['unusable'])} pictures could not be read and count as missing.")
    if found["n_without_mask"]:
        lines.append(f"{found['n_without_mask']} pictures have no mask and were left out.")
    return lines


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"


def _interval(ends: Sequence[float] | None) -> str:
    return "–" if ends is None else f"{100 * ends[0]:.2f} … {100 * ends[1]:.2f}"
