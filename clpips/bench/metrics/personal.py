"""The user's own metric: their personal distance of an image from its target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clpips.bench.generated import Generated
from clpips.bench.metrics.card import MetricCard, Values
from clpips.errors import InputError
from clpips.metric.clpips import CLPIPS
from clpips.progress import Watch

SUFFIX = ".safetensors"


def personal_metrics(folder: Path) -> dict[str, CLPIPS]:
    """The personal metrics of a folder, by whose they are (``<user>.safetensors``).

    Raises:
        InputError: no such folder, or none in it.
        MetricFileError: a file that is no personal metric.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of personal metrics")
    found = {path.stem: CLPIPS.load(path) for path in sorted(folder.glob(f"*{SUFFIX}"))}
    if not found:
        raise InputError(f"{folder}: must hold personal metrics (<user>{SUFFIX}), got none")
    return found


@dataclass(frozen=True)
class PersonalTarget:
    """``personal_target``.

    Args:
        metrics: of each user who has one.
    """

    metrics: dict[str, CLPIPS]

    @property
    def card(self) -> MetricCard:
        """See :class:`~clpips.bench.metrics.card.Metric`."""
        backbones = sorted({metric.backbone for metric in self.metrics.values()})
        return MetricCard(
            "personal_target",
            "Personal metric, target",
            "lower",
            0.0,
            None,
            f"LPIPS refitted to each user ({', '.join(backbones)})",
            "",
            "own weights",
            "the generated image at the target's size",
            "the user's own",
            f"Of the {len(self.metrics)} users who ranked; missing for the others.",
        )

    def values(self, images: Sequence[Generated], watch: Watch) -> Values:
        """See :class:`~clpips.bench.metrics.card.Metric`; NaN for a user without a metric."""
        found = np.full(len(images), np.nan)
        for number, one in enumerate(images):
            watch.report(number / len(images), f"image {number + 1:,} of {len(images):,}")
            metric = self.metrics.get(one.sample.user)
            if metric is not None:
                found[number] = metric.distance(one.sample.target.path, one.path)
        return found
