"""Which metric a command's ``--weights`` names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from clpips.cli.file_names import file_stems
from clpips.errors import InputError
from clpips.features.names import Backbone
from clpips.metric.clpips import CLPIPS
from clpips.types import Ranking

POOLED = "pooled"
"""The file of the pooled metric, without its ending."""
DEFAULT_BACKBONE: Backbone = "alex"


def chosen_metrics(
    options: argparse.Namespace, rankings: Sequence[Ranking]
) -> CLPIPS | dict[str, CLPIPS]:
    """One metric for all participants, or each participant's own where ``--weights`` is a folder.

    A folder that holds ``pooled.safetensors`` and no participant's own is one metric for all.
    """
    folder = Path(options.weights)
    if options.weights == "stock" or not folder.is_dir():
        return single_metric(options.weights, options.backbone)
    stems = file_stems(one.participant for one in rankings)
    pooled_file = folder / f"{POOLED}.safetensors"
    if pooled_file.is_file() and not any(_own(folder, stem).is_file() for stem in stems.values()):
        metric = single_metric(str(pooled_file), options.backbone)
        if (
            len(metric.card_.participants) > 1
        ):  # otherwise it belongs to a participant named "pooled"
            return metric
    metrics = {}
    for name, stem in stems.items():
        path = _own(folder, stem)
        if not path.is_file():
            raise InputError(f"{path}: participant {name!r} has rankings but no personal metric")
        metrics[name] = single_metric(str(path), options.backbone)
        owners = metrics[name].card_.participants
        if owners != (name,):
            raise InputError(
                f"{path}: the personal metric of {name!r} must be fitted to that participant's "
                f"rankings alone, got {', '.join(map(repr, owners))}"
            )
    if len({metric.backbone for metric in metrics.values()}) > 1:
        raise InputError(f"{folder}: the personal metrics must share one backbone")
    return metrics


def _own(folder: Path, stem: str) -> Path:
    return folder / f"{stem}.safetensors"


def single_metric(weights_option: str, backbone: Backbone | None) -> CLPIPS:
    """The metric of one file, or stock.

    Raises:
        MetricFileError: not a personal metric.
        InputError: ``--backbone`` names another space than the file's.
    """
    if weights_option == "stock":
        return CLPIPS(backbone or DEFAULT_BACKBONE)
    metric = CLPIPS.load(weights_option)
    if backbone not in (None, metric.backbone):
        raise InputError(
            f"{weights_option}: --backbone must be that of the weights, {metric.backbone!r}, "
            f"got {backbone!r}"
        )
    return metric
