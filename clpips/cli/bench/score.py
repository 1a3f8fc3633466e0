"""``clpips bench score``: every metric on images that were generated anywhere."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clpips.bench.metrics.names import METRICS
from clpips.bench.published import DATASETS
from clpips.cli.identity.encoder_option import encoder_name, positive_integer
from clpips.cli.output import check_out_folder, print_json, progress

if TYPE_CHECKING:
    from clpips.bench.features import Features
    from clpips.bench.metrics.registry import MetricOptions
    from clpips.bench.people import Agreement
    from clpips.bench.report import BenchReport
    from clpips.bench.runner import Scores
    from clpips.progress import Watch


def add_parser(commands: Any) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser("score", help="score generated images on a list of samples")
    parser.add_argument("samples", help="sample file (.json)")
    parser.add_argument(
        "--generated", required=True, metavar="DIR", help="one folder for each method"
    )
    parser.add_argument("--out", required=True, help="folder for the report")
    add_score_options(parser)
    parser.add_argument("--json", action="store_true", help="print report.json")


def add_score_options(parser: argparse.ArgumentParser) -> None:
    """Declare which metrics are computed, and with what."""
    parser.add_argument("--images", help="folder that the samples' image paths are relative to")
    parser.add_argument(
        "--metrics", nargs="+", choices=METRICS, metavar="NAME", help=", ".join(METRICS)
    )
    parser.add_argument(
        "--clip",
        type=encoder_name,
        default="clip-b32",
        metavar="NAME",
        help="of CPS, CPIS and the feature norm (default: clip-b32; tiny-clip needs no download)",
    )
    parser.add_argument(
        "--judge", type=encoder_name, metavar="NAME", help="a second CLIP for CPS, as a judge"
    )
    parser.add_argument(
        "--dino",
        type=encoder_name,
        default="dinov2-base",
        metavar="NAME",
        help="encoder of DINO similarity, margin, FID and KID (default: dinov2-base)",
    )
    for name, what in (
        ("aesthetic-v1", "LAION's linear head"),
        ("aesthetic-v2", "the improved aesthetic predictor"),
        ("hpsv2", "the HPSv2 checkpoint"),
        ("verifier", "a trained verifier (.safetensors)"),
    ):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=what)
    parser.add_argument(
        "--hpsv2-version", choices=("v2.0", "v2.1"), default="v2.1", help="default: v2.1"
    )
    parser.add_argument(
        "--accept-any-verifier", action="store_true", help="also below a test AUC of .87"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="DIR", help="personal metrics, <user>.safetensors"
    )
    parser.add_argument(
        "--rankings", metavar="FILE", help="people's rankings of these images, for agreement"
    )
    parser.add_argument(
        "--dataset", choices=tuple(DATASETS), help="show what was published for it beside"
    )
    parser.add_argument(
        "--side", type=positive_integer, default=512, metavar="PIXELS", help=argparse.SUPPRESS
    )
    parser.add_argument("--device", default="auto", metavar="NAME", help="cpu, cuda or auto")
    parser.add_argument(
        "--batch-size", type=positive_integer, metavar="N", help="images per network pass"
    )
    parser.add_argument("--seed", type=int, default=0, help="of intervals and tests")


def run(options: argparse.Namespace) -> None:
    """``clpips bench score``: read, score, summarise, write, print."""
    from clpips.bench.report_files import write_report
    from clpips.bench.tables import markdown

    check_out_folder(options.out)
    with progress() as watch:
        report = _report(options, watch)
        write_report(report, Path(options.out), watch.part(0.95, 0.05))
    if options.json:
        print_json(report.to_dict())
        return
    print(markdown(report))
    for note in report.scores.notes:
        print(note)
    print(f"written to {options.out}")


def _report(options: argparse.Namespace, watch: Watch) -> BenchReport:
    from clpips.bench.features import Features
    from clpips.bench.generated import read_generated
    from clpips.bench.leaks import check_samples
    from clpips.bench.metrics.registry import open_metrics
    from clpips.bench.report import report_of
    from clpips.bench.runner import score
    from clpips.bench.samples import read_samples
    from clpips.features.cache import default_cache

    samples = read_samples(options.samples, image_dir=options.images)
    check_samples(samples, options.samples)
    generated = read_generated(options.generated, samples)
    features = Features(cache=default_cache(), device=options.device, batch_size=options.batch_size)
    metrics, left_out = open_metrics(options.metrics, samples, _metric_options(options), features)
    scores = score(samples, generated, metrics, left_out=left_out, watch=watch.part(0.0, 0.8))
    sets, absent = _sets(options, scores, features, watch.part(0.8, 0.1))
    return report_of(
        replace(scores, left_out={**scores.left_out, **absent}),
        sets=sets,
        agreement=_agreement(options, scores),
        settings={
            "samples": options.samples,
            "generated": options.generated,
            "clip": options.clip,
            "judge": options.judge,
            "dino": options.dino,
            "side": options.side,
        },
        dataset=options.dataset or "",
        seed=options.seed,
    )


def _metric_options(options: argparse.Namespace) -> MetricOptions:
    from clpips.bench.metrics.registry import MetricOptions

    return MetricOptions(
        clip=options.clip,
        judge=options.judge,
        dino=options.dino,
        aesthetic_v1=options.aesthetic_v1,
        aesthetic_v2=options.aesthetic_v2,
        hpsv2=options.hpsv2,
        hpsv2_version=options.hpsv2_version,
        verifier=options.verifier,
        accept_any_verifier=options.accept_any_verifier,
        weights=options.weights,
        side=options.side,
    )


def _sets(
    options: argparse.Namespace, scores: Scores, features: Features, watch: Watch
) -> tuple[Mapping[str, Mapping[str, float]], Mapping[str, str]]:
    """FID and KID, where the encoder can be had and no metrics were chosen."""
    from clpips.bench.metrics.fid import set_figures
    from clpips.errors import InputError, MissingExtra, WeightsError

    if options.metrics is not None:
        return {}, {}
    try:
        features.encoder(options.dino)
    except (InputError, MissingExtra, WeightsError) as error:
        return {}, {"fid": str(error), "kid": str(error)}
    return set_figures(scores.images, features, options.dino, watch)


def _agreement(options: argparse.Namespace, scores: Scores) -> Agreement | None:
    """With the people who ranked these images, if their rankings are given."""
    if options.rankings is None:
        return None
    from clpips.bench.metrics.personal import personal_metrics
    from clpips.bench.people import agreement_with_people
    from clpips.io.rankings import read_rankings

    notes: list[str] = []
    rankings = read_rankings(options.rankings, notes=notes)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    own = {} if options.weights is None else personal_metrics(options.weights)
    distances = {who: metric.distance for who, metric in own.items()}
    return agreement_with_people(scores, rankings, distances)
