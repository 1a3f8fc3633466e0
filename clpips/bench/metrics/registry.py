"""The metrics by name, opened; what cannot be opened is left out by name and reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clpips.bench.features import Features
from clpips.bench.metrics import aesthetic, clip, dino, hpsv2, lpips, personal, ssim, verifier
from clpips.bench.metrics.card import Metric
from clpips.bench.metrics.names import METRICS
from clpips.bench.samples import Sample
from clpips.errors import InputError, MissingExtra, WeightsError
from clpips.features.embedding.registry import chosen_device
from clpips.text import named


@dataclass(frozen=True, slots=True)
class MetricOptions:
    """What the metrics are made of.

    Args:
        clip: the CLIP of CPS and CPIS, and of the feature norm.
        judge: a second CLIP for CPS, which no method has optimised; or ``None``.
        dino: the encoder of DINO similarity and of the margin.
        aesthetic_v1, aesthetic_v2: files of LAION's heads, or ``None``.
        hpsv2: the checkpoint, or ``None``.
        hpsv2_version: which it is, ``v2.0`` or ``v2.1``.
        verifier: a trained verifier, or ``None``.
        accept_any_verifier: use it below the accepted area, too.
        weights: folder of personal metrics, or ``None``.
        side: of the square that LPIPS and SSIM compare, in pixels; 512 as published.
    """

    clip: str = "clip-b32"
    judge: str | None = None
    dino: str = "dinov2-base"
    aesthetic_v1: Path | None = None
    aesthetic_v2: Path | None = None
    hpsv2: Path | None = None
    hpsv2_version: str = "v2.1"
    verifier: Path | None = None
    accept_any_verifier: bool = False
    weights: Path | None = None
    side: int = 512


def open_metrics(
    names: Sequence[str] | None,
    samples: Sequence[Sample],
    options: MetricOptions,
    features: Features,
) -> tuple[list[Metric], dict[str, str]]:
    """Metrics in the order of the table.

    Args:
        names: of :data:`~clpips.bench.metrics.names.METRICS`; all by default.
        samples: of the benchmark.
        options: models and files.
        features: what the metrics share.

    Returns:
        those that could be opened, and why each of the others could not.

    Raises:
        InputError: an unknown name.
    """
    wanted = list(METRICS) if names is None else [name for name in METRICS if name in names]
    if unknown := [name for name in names or () if name not in METRICS]:
        raise InputError(f"a metric must be one of {', '.join(METRICS)}, got {named(unknown)}")
    opened: dict[str, Metric] = {}
    left_out: dict[str, str] = {}
    for group, maker in _makers(samples, options, features).items():
        own = [name for name in wanted if name in group]
        if not own:
            continue
        try:
            made = maker()
        except (InputError, WeightsError, MissingExtra) as error:
            left_out |= dict.fromkeys(own, str(error))
            continue
        opened |= {name: made[name] for name in own}
    return [opened[name] for name in wanted if name in opened], left_out


def _makers(
    samples: Sequence[Sample], options: MetricOptions, features: Features
) -> dict[tuple[str, ...], Callable[[], Mapping[str, Metric]]]:
    """What opens each group of metrics that share a model."""
    cache, side = features.cache, options.side

    def device() -> str:
        return str(chosen_device(features.device))

    def needed(file: Path | None, option: str, what: str) -> Path:
        if file is None:
            raise WeightsError(f"{what} is not at hand ({option} names it)")
        return file

    def judge() -> Mapping[str, Metric]:
        if options.judge is None:
            raise InputError("no second CLIP was named (--judge)")
        return {"cps_judge": clip.cps(features, options.judge, name="cps_judge")}

    def head(version: str) -> Mapping[str, Metric]:
        file = options.aesthetic_v1 if version == "v1" else options.aesthetic_v2
        found = needed(file, f"--aesthetic-{version}", "the head's file")
        if version == "v1":
            return {"aesthetic_v1": aesthetic.aesthetic_v1(features, found, encoder=options.clip)}
        return {"aesthetic_v2": aesthetic.aesthetic_v2(features, found)}

    def preference() -> Mapping[str, Metric]:
        file = needed(options.hpsv2, "--hpsv2", "the checkpoint")
        return {"hpsv2": hpsv2.hpsv2(features, file, version=options.hpsv2_version)}

    def verified() -> Mapping[str, Metric]:
        file = needed(options.verifier, "--verifier", "a trained verifier")
        accept = options.accept_any_verifier
        return {"verifier": verifier.open_verifier(file, features, accept_any=accept)}

    def own() -> Mapping[str, Metric]:
        folder = needed(options.weights, "--weights", "a folder of personal metrics")
        return {"personal_target": personal.PersonalTarget(personal.personal_metrics(folder))}

    def norm() -> Mapping[str, Metric]:
        features.encoder(options.clip)
        return {"feature_norm": aesthetic.FeatureNorm(features, options.clip)}

    return {
        ("lpips_target", "lpips_history"): lambda: lpips.lpips_metrics(
            "vgg", cache=cache, device=device(), side=side
        ),
        ("lpips_alex_target", "lpips_alex_history"): lambda: lpips.lpips_metrics(
            "alex", cache=cache, device=device(), side=side
        ),
        (
            "ssim_target",
            "ssim_history",
            "ssim_compat_target",
            "ssim_compat_history",
        ): lambda: ssim.ssim_metrics(cache=cache, device=device(), side=side),
        ("cps",): lambda: {"cps": clip.cps(features, options.clip)},
        ("cpis_history",): lambda: {"cpis_history": clip.cpis_history(features, options.clip)},
        ("cps_judge",): judge,
        ("hpsv2",): preference,
        ("aesthetic_v1",): lambda: head("v1"),
        ("aesthetic_v2",): lambda: head("v2"),
        ("feature_norm",): norm,
        ("verifier",): verified,
        ("dino_target", "dino_history", "margin_history"): lambda: dino.dino_metrics(
            features, options.dino, samples
        ),
        ("personal_target",): own,
    }
