"""What each ``clpips`` command does; :mod:`clpips.__main__` only reads the command line."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clpips.agreement import Agreement
from clpips.errors import InputError
from clpips.evaluation import Evaluation, HeldOut, evaluate, fit_and_hold_out
from clpips.metric import CLPIPS
from clpips.observations import Observation, by_participant
from clpips.rankings import read_rankings
from clpips.types import Backbone, Ranking
from clpips.watch import Watch
from clpips.weights import fetch_weights, local_file

POOLED = "pooled"


def fit(options: argparse.Namespace) -> None:
    """``clpips fit``: write each metric and ``report.json`` with held-out agreement."""
    rankings = _chosen(read_rankings(options.rankings, image_dir=options.images), options)
    stock = CLPIPS(options.backbone, granularity=options.granularity)
    observations = stock.observe(rankings, watch=_watch())
    groups = {POOLED: observations} if options.pooled else by_participant(observations)
    names = {name: _file_stem(name) for name in groups}
    _refuse_same_files(names)
    fitted = {name: _fit_one(options, name, group) for name, group in groups.items()}
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"backbone": options.backbone, "participants": {}}
    for name, (metric, result) in fitted.items():
        path = out / f"{names[name]}.safetensors"
        summary = None if result is None else _card_summary(result)
        metric.save(path, held_out=summary)
        report["participants"][name] = {
            "weights": path.name,
            "n_rankings": metric.card_.n_rankings,
            "n_comparisons": metric.card_.n_comparisons,
            "held_out": None if result is None else result.to_dict(),
        }
    _write_text(out / "report.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    if options.json:
        _print_json(report)
        return
    for name, (_, result) in fitted.items():
        print(f"{name}: {_one_person(result)}")
    print(f"written to {out}{os.sep}")


def run_evaluate(options: argparse.Namespace) -> None:
    """``clpips evaluate``: agreement of the chosen metric, and of stock on the same rankings."""
    rankings = read_rankings(options.rankings, image_dir=options.images)
    chosen = _metrics(options, rankings)
    any_metric = chosen if isinstance(chosen, CLPIPS) else next(iter(chosen.values()))
    observations = any_metric.observe(rankings, watch=_watch())
    result = evaluate(chosen, observations)
    stock = evaluate(CLPIPS(any_metric.backbone), observations)
    if options.json:
        document = {**_short(result), "stock": _short(stock), "backbone": any_metric.backbone}
        _print_json(document)
        return
    print(f"{'participant':<16} {'spearman':>8} {'95 % interval':>16} {'icc':>6} {'stock':>6}    n")
    rows = [*result.participants.items(), ("overall", result.overall)]
    for name, agreement in rows:
        theirs = stock.overall if name == "overall" else stock.participants[name]
        print(_row(name, agreement, theirs))


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


def _card_summary(result: HeldOut) -> dict[str, Any]:
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
    for name in dict.fromkeys(one.participant for one in rankings):
        path = folder / f"{_file_stem(name)}.safetensors"
        if not path.is_file():
            raise InputError(f"{path}: participant {name!r} has rankings but no personal metric")
        metrics[name] = CLPIPS.load(path)
    if len({metric.backbone for metric in metrics.values()}) > 1:
        raise InputError(f"{folder}: the personal metrics must share one backbone")
    return metrics


def _single_metric(weights_option: str, backbone: Backbone) -> CLPIPS:
    return CLPIPS(backbone) if weights_option == "stock" else CLPIPS.load(weights_option)


def _file_stem(participant: str) -> str:
    """A participant's name as a file name: anything that could leave the folder becomes ``_``."""
    return re.sub(r"[^\w.@+-]", "_", participant).lstrip(".") or "_"


def _refuse_same_files(names: Mapping[str, str]) -> None:
    owner: dict[str, str] = {}
    for name, stem in names.items():
        other = owner.setdefault(stem.casefold(), name)
        if other != name:
            raise InputError(f"participants {other!r} and {name!r} would share the file {stem!r}")


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


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _say(words: str) -> None:
    """Progress for a person at a terminal; never on standard output."""
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def _watch() -> Watch:
    return Watch(progress=lambda share, words: _say(f"{share:4.0%} {words}"))
