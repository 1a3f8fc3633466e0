"""``clpips fit``: each participant's weights from rankings, with held-out agreement."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clpips.commands.names import file_stems
from clpips.commands.printing import one_number, print_json, progress
from clpips.errors import InputError
from clpips.evaluation import HeldOut, fit_and_hold_out
from clpips.everyone import Everyone
from clpips.files import write_files
from clpips.metric import CLPIPS
from clpips.metric_file import metric_bytes
from clpips.observations import Observation, by_participant
from clpips.rankings import read_rankings
from clpips.types import Ranking
from clpips.watch import Watch

POOLED = "pooled"


def run(options: argparse.Namespace) -> None:
    """``clpips fit``: write each metric and ``report.json`` with held-out agreement."""
    everybody = read_rankings(options.rankings, image_dir=options.images)
    rankings = _chosen(everybody, options)
    stems = file_stems([POOLED] if options.pooled else [one.participant for one in rankings])
    paths = {name: Path(options.out) / f"{stem}.safetensors" for name, stem in stems.items()}
    report_path = Path(options.out) / "report.json"
    _check_out(options.out, [*paths.values(), report_path])
    stock = CLPIPS(options.backbone, granularity=options.granularity)
    needed = rankings if options.pooled or options.alone else everybody
    with progress() as watch:
        observations = stock.observe(needed, watch=watch)
        groups = {POOLED: observations} if options.pooled else by_participant(observations)
        everyone = None
        if not options.pooled and len(groups) > 1:
            everyone = Everyone(observations, stock.space)
        fitted = {name: _fit_one(options, name, groups[name], everyone, watch) for name in paths}
    contents: dict[Path, bytes] = {}
    report: dict[str, Any] = {"backbone": options.backbone, "participants": {}}
    for name, (metric, result) in fitted.items():
        card = metric.card_ if result is None else metric.card_.with_held_out(_summary(result))
        contents[paths[name]] = metric_bytes(metric.layer_weights(), card)
        report["participants"][name] = {
            "weights": paths[name].name,
            "n_rankings": card.n_rankings,
            "n_comparisons": card.n_comparisons,
            "held_out": None if result is None else result.to_dict(),
        }
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_files({**contents, report_path: text.encode()})
    if options.json:
        print_json(report)
        return
    for name, (_, result) in fitted.items():
        print(f"{name}: {_one_person(result)}")
    print(f"written to {Path(options.out)}{os.sep}")


def _chosen(rankings: list[Ranking], options: argparse.Namespace) -> list[Ranking]:
    if options.participant is None:
        return rankings
    if options.pooled:
        raise InputError("--participant and --pooled exclude each other")
    chosen = [one for one in rankings if one.participant == options.participant]
    if not chosen:
        known = ", ".join(sorted({one.participant for one in rankings}))
        raise InputError(
            f"{options.rankings}: no ranking by participant {options.participant!r}; "
            f"there are {known}"
        )
    return chosen


def _fit_one(
    options: argparse.Namespace,
    name: str,
    observations: list[Observation],
    everyone: Everyone | None,
    watch: Watch,
) -> tuple[CLPIPS, HeldOut | None]:
    metric = CLPIPS(options.backbone, granularity=options.granularity)
    try:
        return metric, fit_and_hold_out(metric, observations, everyone=everyone, watch=watch)
    except InputError as error:
        raise InputError(f"{options.rankings}: participant {name!r}: {error}") from error


def _summary(result: HeldOut) -> dict[str, Any]:
    return {
        "spearman": result.personal.spearman,
        "spearman_ci": result.personal.spearman_ci,
        "icc": result.personal.icc,
        "stock_spearman": result.stock.spearman,
        "gain": result.gain,
        "gain_ci": result.gain_ci,
        "verdict": result.verdict,
    }


def _check_out(out: str, files: Iterable[Path]) -> None:
    """Refuse, before any work, an ``--out`` that could not be written to at its end."""
    folder = Path(out)
    if not out or any(len(os.fsencode(part)) > 255 for part in folder.parts):
        raise InputError(f"--out must name a folder, got {out[:80]!r}")
    # lexists: a link that leads nowhere is in the way too.
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        raise InputError(f"--out must name a folder, got {out!r}, but {there} is none")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"--out must name a folder that can be written to, got {out!r}")
    for path in files:
        if path.is_dir():
            raise InputError(f"{path}: a folder is in the way of the file to be written")


def _one_person(result: HeldOut | None) -> str:
    if result is None:
        return "fitted; no held-out agreement, which needs rankings of at least two targets"
    return (
        f"held-out Spearman {one_number(result.personal.spearman)} "
        f"(stock {one_number(result.stock.spearman)}). {result.sentence}"
    )
