"""What every metric of the benchmark is: a card that says what it measures, and its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from clpips.bench.generated import Generated
from clpips.progress import Watch

Values: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
"""(images,) one number each; NaN where there is none."""


@dataclass(frozen=True, slots=True)
class MetricCard:
    """What a metric is and what computed it; it goes into every report.

    Args:
        name: as in reports, for example ``lpips_target``.
        title: as people read it, for example ``LPIPS to the target``.
        direction: whether lower or higher values are better; ``none`` where neither is.
        low, high: the range that its values can have; ``None`` for an end without a bound.
        model: the network, or ``none``.
        checksum: SHA-256 of its weights, or empty.
        version: of the library or of the weights.
        preprocessing: what happens to an image, in one sentence.
        licence: of the weights.
        note: what a reader has to know; may be empty.
    """

    name: str
    title: str
    direction: Literal["lower", "higher", "none"]
    low: float | None
    high: float | None
    model: str
    checksum: str
    version: str
    preprocessing: str
    licence: str
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


class Metric(Protocol):
    """A metric, opened: its model is loaded, or will be at the first image."""

    @property
    def card(self) -> MetricCard:
        """What it is."""
        ...

    def values(self, images: Sequence[Generated], watch: Watch) -> Values:
        """One number for each image; NaN where it has none.

        A number of an image depends on the image and its sample alone, never on the other images.

        Args:
            images: of any methods and samples.
            watch: progress and cancel.

        Raises:
            ImageError: an image that cannot be read.
            Cancelled: the caller cancelled.
        """
        ...
