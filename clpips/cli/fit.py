"""``clpips fit``: each participant's weights from rankings, with held-out agreement."""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clpips.cli.file_names import file_stems
from clpips.cli.metric_option import POOLED
from clpips.cli.output import one_number, print_json, progress
from clpips.cli.rankings_arguments import given_rankings, rankings_of
from clpips.cli.usable import LeftOutImage, observe_usable
from clpips.errors import ImageError, InputError, StoppedShort
from clpips.evaluation.baselines import BASELINES, fit_and_hold_out_baseline
from clpips.evaluation.decision import Report, decide_together
from clpips.evaluation.held_out import fit_and_hold_out
from clpips.features.lpips import Vectors
from clpips.io.atomic_files import write_files
from clpips.metric.card import Card
from clpips.metric.clpips import CLPIPS
from clpips.metric.fittable import nothing_to_learn
from clpips.metric.observations import Observation, by_participant
from clpips.metric.pooled import PooledPrior
from clpips.metric.serialization import metric_bytes
from clpips.progress import Watch
from clpips.types import Ranking


@dataclass(frozen=True, slots=True)
class Request:
    """What to fit, and the files to write.

    Args:
        rankings: of all participants whose rankings have a part in the fit.
        names: whose metrics, or ``pooled`` for the one of all rankings.
        paths: the file of each.
        report_path: the file of the report.
    """

    rankings: Sequence[Ranking]
    names: Sequence[str]
    paths: Mapping[str, Path]
    report_path: Path


@dataclass(frozen=True, slots=True)
class FittedPerson:
    """One metric's weights and card, and its held-out report; ``None`` for one target."""

    weights: Sequence[Vectors]
    card: Card
    held_out: Report | None
    n_rankings: int
    n_comparisons: int


def run(options: argparse.Namespace) -> None:
    """``clpips fit``: write each metric and ``report.json`` with held-out agreement."""
    request = _read(options)
    with progress() as watch:
        fitted, left_out, images = _fit(request, options, watch)
    fitted = _decided(fitted)
    report = _report(request, fitted, left_out, options)
    if images:
        report["left_out_images"] = [one.to_dict() for one in images]
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    files = {request.paths[name]: _file(one, options) for name, one in fitted.items()}
    write_files({**files, request.report_path: text.encode()})
    if options.json:
        print_json(report)
        return
    lines = [f"{name}: {_one_person(one.held_out, options)}" for name, one in fitted.items()]
    lines += [note for one in fitted.values() if (note := one.card.stopped_short) is not None]
    lines += [f"{name}: not fitted, {reason}" for name, reason in left_out.items()]
    lines += [one.sentence for one in images]
    print("\n".join([*lines, f"written to {Path(options.out)}{os.sep}"]))


def _read(options: argparse.Namespace) -> Request:
    """The rankings, and everything that can be refused before any work."""
    all_rankings = given_rankings(options)
    chosen = _chosen(all_rankings, options)
    _check_baseline(options, all_rankings)
    names = [POOLED] if options.pooled else [*dict.fromkeys(one.participant for one in chosen)]
    paths, report_path = _paths(options, names), Path(options.out) / "report.json"
    _check_out(options.out, [*paths.values(), report_path])
    return Request(all_rankings if _has_prior(options) else chosen, names, paths, report_path)


def _has_prior(options: argparse.Namespace) -> bool:
    """Whether pooled weights have a part in what is fitted."""
    return not (options.pooled or options.alone) and options.baseline in (None, POOLED)


def _fit(
    request: Request, options: argparse.Namespace, watch: Watch
) -> tuple[dict[str, FittedPerson], dict[str, str], list[LeftOutImage]]:
    """Each metric by name, why some participants have none, and images that cannot be used."""
    stock = CLPIPS(options.backbone)
    observations, images = observe_usable(stock, request.rankings, watch)
    groups = {POOLED: observations} if options.pooled else by_participant(observations)
    without = [name for name in request.names if name not in groups]
    if len(without) == len(request.names):
        raise ImageError(images[0].reason)
    prior = None
    if _has_prior(options) and len(groups) > 1 and nothing_to_learn(observations) is None:
        prior = PooledPrior(observations, stock.space)
    left_out = {} if len(request.names) == 1 else _cannot_fit(groups)
    left_out |= dict.fromkeys(without, "because every ranking has an image that cannot be used")
    fitted = {
        name: _fit_one(name, groups[name], prior, options, watch)
        for name in request.names
        if name not in left_out or len(left_out) == len(request.names)
    }
    return fitted, left_out, images


def _fit_one(
    name: str,
    observations: Sequence[Observation],
    prior: PooledPrior | None,
    options: argparse.Namespace,
    watch: Watch,
) -> FittedPerson:
    try:
        if options.baseline is None:
            metric = CLPIPS(options.backbone, granularity=options.granularity)
            with warnings.catch_warnings():  # said in the report instead
                warnings.simplefilter("ignore", StoppedShort)
                result = fit_and_hold_out(
                    metric, observations, pooled=options.pooled, prior=prior, watch=watch
                )
        else:
            metric, result = fit_and_hold_out_baseline(
                options.baseline, observations, options.backbone, prior, watch
            )
    except InputError as error:
        raise InputError(f"{options.rankings}: participant {name!r}: {error}") from error
    n_comparisons = sum(1 for one in observations for _ in one.ranking.comparisons())
    report = None if result is None else result.to_dict()
    return FittedPerson(
        metric.layer_weights(), metric.card_, report, len(observations), n_comparisons
    )


def _decided(fitted: Mapping[str, FittedPerson]) -> dict[str, FittedPerson]:
    """The same, with verdicts that hold for all these people together."""
    reports = {name: one.held_out for name, one in fitted.items() if one.held_out is not None}
    decided = decide_together(reports)
    return {name: replace(one, held_out=decided.get(name)) for name, one in fitted.items()}


def _file(one: FittedPerson, options: argparse.Namespace) -> bytes:
    """The metric file, with the held-out agreement in its card."""
    # One file for all participants cannot state one person's agreement.
    if one.held_out is None or options.baseline == POOLED:
        return metric_bytes(one.weights, one.card)
    summary = _summary(one.held_out, options.baseline)
    return metric_bytes(one.weights, one.card.with_held_out(summary))


def _report(
    request: Request,
    fitted: Mapping[str, FittedPerson],
    left_out: Mapping[str, str],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """The documented JSON of ``report.json``."""
    participants = {
        name: {
            "weights": request.paths[name].name,
            "n_rankings": one.n_rankings,
            "n_comparisons": one.n_comparisons,
            "held_out": one.held_out,
            **({} if (note := one.card.stopped_short) is None else {"stopped_short": note}),
        }
        for name, one in fitted.items()
    }
    return {
        "backbone": options.backbone,
        "participants": participants,
        **({"left_out": left_out} if left_out else {}),
        **({} if options.baseline is None else {"baseline": options.baseline}),
    }


def _paths(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Path]:
    """The file of each metric; the pooled baseline, the same for all people, is one file."""
    if options.baseline == POOLED:
        return {name: Path(options.out) / f"{POOLED}.safetensors" for name in names}
    return {
        name: Path(options.out) / f"{stem}.safetensors" for name, stem in file_stems(names).items()
    }


def _check_baseline(options: argparse.Namespace, all_rankings: Sequence[Ranking]) -> None:
    """Refuse, before any work, a baseline that cannot be learnt as asked."""
    if options.baseline is None:
        return
    if options.baseline not in BASELINES:
        raise InputError(f"--baseline must be one of {BASELINES}, got {options.baseline!r}")
    if options.granularity is not None:
        raise InputError("--granularity goes with a personal fit, not with --baseline")
    if options.baseline == POOLED:
        for option in ("pooled", "alone"):
            if getattr(options, option):
                raise InputError(f"--baseline pooled and --{option} exclude each other")
        if len({one.participant for one in all_rankings}) < 2:
            raise InputError(f"{options.rankings}: --baseline pooled needs several participants")


def _chosen(rankings: list[Ranking], options: argparse.Namespace) -> list[Ranking]:
    if options.participant is None:
        return rankings
    if options.pooled:
        raise InputError("--participant and --pooled exclude each other")
    return rankings_of(rankings, options.participant, options.rankings)


def _summary(report: Report, baseline: str | None) -> dict[str, Any]:
    """What a card says of a held-out report."""
    personal, stock = report["personal"], report["stock"]
    found = {
        "spearman": personal["spearman"],
        "spearman_ci": personal["spearman_ci"],
        "icc": personal["icc"],
        "stock_spearman": stock["spearman"],
    }
    kept = ("gain", "gain_ci", "p", "p_corrected", "tests", "verdict")
    found |= {key: report[key] for key in kept if key in report}
    return found if baseline is None else {"baseline": baseline, **found}


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


def _cannot_fit(groups: Mapping[str, Sequence[Observation]]) -> dict[str, str]:
    """From whose rankings nothing can be learnt, and why."""
    reasons = {name: nothing_to_learn(own) for name, own in groups.items()}
    return {name: f"because {reason}" for name, reason in reasons.items() if reason is not None}


def _one_person(report: Report | None, options: argparse.Namespace) -> str:
    if report is None:
        return "fitted; no held-out agreement, which needs rankings of at least two targets"
    sentence = report["sentence"]
    if options.baseline is not None:
        sentence = sentence.replace("The personal metric", f"The baseline {options.baseline!r}")
    elif options.pooled:
        sentence = sentence.replace("The personal metric", "The pooled metric")
    if report["in_use"] == "stock":
        sentence += " Stock stays in use; these weights are not proven."
    return (
        f"held-out Spearman {one_number(report['personal']['spearman'])} "
        f"(stock {one_number(report['stock']['spearman'])}). {sentence}"
    )
