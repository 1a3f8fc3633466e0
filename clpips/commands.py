"""What each ``clpips`` command does; :mod:`clpips.__main__` only reads the command line."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clpips.agreement import Agreement
from clpips.errors import InputError
from clpips.evaluation import Evaluation, HeldOut, evaluate, fit_and_hold_out
from clpips.files import write_files
from clpips.metric import CLPIPS
from clpips.metric_file import metric_bytes
from clpips.observations import Observation, by_participant
from clpips.rankings import read_rankings
from clpips.types import Backbone, Ranking
from clpips.watch import Watch
from clpips.weights import fetch_weights, local_file

POOLED = "pooled"
DEFAULT_BACKBONE: Backbone = "alex"
MAX_STEM_BYTES = 200
"""Longest file name made of a participant's name: file systems stop at 255, endings included."""


def fit(options: argparse.Namespace) -> None:
    """``clpips fit``: write each metric and ``report.json`` with held-out agreement."""
    rankings = _chosen(read_rankings(options.rankings, image_dir=options.images), options)
    stems = _stems([POOLED] if options.pooled else [one.participant for one in rankings])
    paths = {name: Path(options.out) / f"{stem}.safetensors" for name, stem in stems.items()}
    report_path = Path(options.out) / "report.json"
    _check_out(options.out, [*paths.values(), report_path])
    stock = CLPIPS(options.backbone, granularity=options.granularity)
    with _progress() as watch:
        observations = stock.observe(rankings, watch=watch)
    groups = {POOLED: observations} if options.pooled else by_participant(observations)
    fitted = {name: _fit_one(options, name, group) for name, group in groups.items()}
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
        _print_json(report)
        return
    for name, (_, result) in fitted.items():
        print(f"{name}: {_one_person(result)}")
    print(f"written to {Path(options.out)}{os.sep}")


def run_evaluate(options: argparse.Namespace) -> None:
    """``clpips evaluate``: agreement of the chosen metric, and of stock on the same rankings."""
    rankings = read_rankings(options.rankings, image_dir=options.images)
    chosen = _metrics(options, rankings)
    any_metric = chosen if isinstance(chosen, CLPIPS) else next(iter(chosen.values()))
    with _progress() as watch:
        observations = any_metric.observe(rankings, watch=watch)
    result = evaluate(chosen, observations)
    stock = evaluate(CLPIPS(any_metric.backbone), observations)
    if options.json:
        document = {**_short(result), "stock": _short(stock), "backbone": any_metric.backbone}
        _print_json(document)
        return
    print(f"{'participant':<16} {'spearman':>8} {'95 % interval':>16} {'icc':>6} {'stock':>6}    n")
    for name, agreement in result.participants.items():
        print(_row(name, agreement, stock.participants[name]))
    print(_row("overall", result.overall, stock.overall))


def score(options: argparse.Namespace) -> None:
    """``clpips score``: distances in the order given."""
    metric = _single_metric(options.weights, options.backbone)
    found = metric.distances(options.target, options.images)
    rows = [
        {"image": image, "distance": distance} | ({"resized": True} if resized else {})
        for image, distance, resized in zip(
            options.images, found.values, found.resized, strict=True
        )
    ]
    if options.json:
        _print_json(rows)
        return
    for row in rows:
        note = "  (resized to the target's size)" if row.get("resized") else ""
        print(f"{row['distance']:.6f}  {row['image']}{note}")


def weights(options: argparse.Namespace) -> None:
    """``clpips weights list | fetch``."""
    backbones: Sequence[Backbone] = [options.backbone] if options.backbone else ["alex", "vgg"]
    if options.action == "list" and not options.backbone:
        backbones = ["alex", "vgg", "squeeze"]
    paths: dict[str, str | None] = {}
    for backbone in backbones:
        path = local_file(backbone)
        if options.action == "fetch":
            with _progress():
                path = fetch_weights(backbone, progress=lambda words, share: _say(words))
        paths[backbone] = str(path) if path else None
    if options.json:
        _print_json(paths)
        return
    for name, where in paths.items():
        print(
            f"{name:<8} {where or 'not on this machine: clpips weights fetch --backbone ' + name}"
        )


RUN: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "fit": fit,
    "evaluate": run_evaluate,
    "score": score,
    "weights": weights,
}


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
    options: argparse.Namespace, name: str, observations: list[Observation]
) -> tuple[CLPIPS, HeldOut | None]:
    metric = CLPIPS(options.backbone, granularity=options.granularity)
    try:
        return metric, fit_and_hold_out(metric, observations)
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


def _metrics(
    options: argparse.Namespace, rankings: Sequence[Ranking]
) -> CLPIPS | dict[str, CLPIPS]:
    folder = Path(options.weights)
    if options.weights == "stock" or not folder.is_dir():
        return _single_metric(options.weights, options.backbone)
    metrics = {}
    for name, stem in _stems(one.participant for one in rankings).items():
        path = folder / f"{stem}.safetensors"
        if not path.is_file():
            raise InputError(f"{path}: participant {name!r} has rankings but no personal metric")
        metrics[name] = _single_metric(str(path), options.backbone)
        owners = metrics[name].card_.participants
        if owners != (name,):
            raise InputError(
                f"{path}: the personal metric of {name!r} must be fitted to that participant's "
                f"rankings alone, got {', '.join(map(repr, owners))}"
            )
    if len({metric.backbone for metric in metrics.values()}) > 1:
        raise InputError(f"{folder}: the personal metrics must share one backbone")
    return metrics


def _single_metric(weights_option: str, backbone: Backbone | None) -> CLPIPS:
    if weights_option == "stock":
        return CLPIPS(backbone or DEFAULT_BACKBONE)
    metric = CLPIPS.load(weights_option)
    if backbone not in (None, metric.backbone):
        raise InputError(
            f"{weights_option}: --backbone must be that of the weights, {metric.backbone!r}, "
            f"got {backbone!r}"
        )
    return metric


def _file_stem(participant: str) -> str:
    """A participant's name as a file name: anything that could leave the folder becomes ``_``."""
    return re.sub(r"[^\w.@+-]", "_", participant).lstrip(".") or "_"


def _stems(participants: Iterable[str]) -> dict[str, str]:
    """Each participant's file name without ending; no two may share one."""
    stems = {name: _file_stem(name) for name in participants}
    owner: dict[str, str] = {}
    for name, stem in stems.items():
        length = len(stem.encode())
        if length > MAX_STEM_BYTES:
            raise InputError(
                f"participant {name[:20]!r}…: a file name must have at most {MAX_STEM_BYTES} "
                f"bytes, got {length}"
            )
        # Upper and lower case are one file on some systems.
        other = owner.setdefault(stem.casefold(), name)
        if other != name:
            raise InputError(f"participants {other!r} and {name!r} would share the file {stem!r}")
    return stems


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


def _short(evaluation: Evaluation) -> dict[str, Any]:
    """The documented JSON, without the long lists."""
    keys = ("spearman", "kendall", "pairwise_accuracy", "icc", "n_rankings", "spearman_ci")

    def values(agreement: Agreement) -> dict[str, Any]:
        everything = agreement.to_dict()
        extra = {"pooled": everything["pooled"]} if everything["pooled"] else {}
        kept: dict[str, Any] = {key: everything[key] for key in keys}
        return kept | extra | {"n_left_out": everything["n_left_out"]}

    people = {name: values(one) for name, one in evaluation.participants.items()}
    return {"participants": people, "overall": values(evaluation.overall)}


def _row(name: str, agreement: Agreement, stock: Agreement) -> str:
    interval = agreement.spearman_ci
    words = f"{interval[0]:.3f} … {interval[1]:.3f}" if interval else "–"
    return (
        f"{name:<16} {_number(agreement.spearman):>8} {words:>16} {_number(agreement.icc):>6} "
        f"{_number(stock.spearman):>6} {agreement.n_rankings:>4}"
    )


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def _one_person(result: HeldOut | None) -> str:
    if result is None:
        return "fitted; no held-out agreement, which needs rankings of at least two targets"
    return (
        f"held-out Spearman {_number(result.personal.spearman)} "
        f"(stock {_number(result.stock.spearman)}). {result.sentence}"
    )


def _print_json(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))


def _say(words: str) -> None:
    """Progress for a person at a terminal; never on standard output."""
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _progress() -> Iterator[Watch]:
    """A watch that shows progress, cleared again before a result or an error is printed."""
    try:
        yield Watch(progress=lambda share, words: _say(f"{share:4.0%} {words}"))
    finally:
        _say("")
