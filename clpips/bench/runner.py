"""Every metric on every method's images of the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from clpips.bench.generated import Generated
from clpips.bench.metrics.card import Metric, MetricCard, Values
from clpips.bench.samples import Sample
from clpips.errors import DatasetError, ImageError
from clpips.features.cache import content_hash
from clpips.io.image_files import read_picture
from clpips.progress import Watch

READING = 0.1
"""Share of the progress that reading every image once is given."""


@dataclass(frozen=True)
class Scores:
    """Every value of a benchmark.

    Args:
        samples: of the benchmark.
        images: each method's images, in the samples' order, those that could be read.
        values: method → metric → (samples,) values; NaN where there is none.
        cards: of each metric that was computed, in the order of the table.
        left_out: metric → why it was not computed.
        notes: sentences about what was left out or found.
    """

    samples: Sequence[Sample]
    images: Mapping[str, Sequence[Generated]]
    values: Mapping[str, Mapping[str, Values]]
    cards: Mapping[str, MetricCard]
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def score(
    samples: Sequence[Sample],
    generated: Mapping[str, Sequence[Generated]],
    metrics: Sequence[Metric],
    *,
    left_out: Mapping[str, str] | None = None,
    watch: Watch | None = None,
) -> Scores:
    """Compute every metric for every image.

    Features and values are kept on disk by image content as they are made, so that a run that was
    stopped goes on where it was, to the same numbers.

    Args:
        samples: of the benchmark.
        generated: each method's images.
        metrics: opened.
        left_out: metrics that could not be opened, and why.
        watch: progress and cancel.

    Raises:
        DatasetError: an image of a history or a target that cannot be read.
        Cancelled: the caller cancelled.
    """
    watch = watch or Watch()
    readable, notes = _readable(samples, generated, watch.part(0.0, READING))
    # Images of one sample are compared with the same history and target: side by side.
    images = sorted(
        (one for own in readable.values() for one in own),
        key=lambda one: (one.sample.index, one.method),
    )
    values: dict[str, dict[str, Values]] = {method: {} for method in readable}
    for number, metric in enumerate(metrics):
        share = (1 - READING) / len(metrics)
        part = watch.part(READING + number * share, share, f"{metric.card.title}: ")
        part.report(0.0, "")
        found = metric.values(images, part) if images else np.empty(0)
        for own in values.values():
            own[metric.card.name] = np.full(len(samples), np.nan)
        for one, value in zip(images, found, strict=True):
            values[one.method][metric.card.name][one.sample.index] = value
    return Scores(
        samples,
        readable,
        values,
        {metric.card.name: metric.card for metric in metrics},
        dict(left_out or {}),
        (*notes, *_copies(readable)),
    )


def _readable(
    samples: Sequence[Sample], generated: Mapping[str, Sequence[Generated]], watch: Watch
) -> tuple[dict[str, list[Generated]], list[str]]:
    """The images that can be read, every file opened once; and sentences about the others."""
    wanted = {one.sample.index for own in generated.values() for one in own}
    real = {
        item.path: f"sample {sample.index}, {where}"
        for sample in samples
        if sample.index in wanted
        for where, items in (("history", sample.history), ("target", (sample.target,)))
        for item in items
    }
    total = len(real) + sum(map(len, generated.values()))
    done = 0

    def fault(path: str) -> str | None:
        nonlocal done
        done += 1
        watch.report(done / total, f"Reading image {done:,} of {total:,}")
        try:
            read_picture(Path(path).read_bytes(), path)
        except (ImageError, OSError) as error:
            return str(error)
        return None

    for path, where in real.items():
        if reason := fault(path):
            raise DatasetError(f"{where}: {reason}")
    notes: list[str] = []
    readable: dict[str, list[Generated]] = {}
    for method, own in generated.items():
        readable[method] = []
        for one in own:
            if reason := fault(one.path):
                notes.append(f"left out: {reason}")
            else:
                readable[method].append(one)
    return readable, notes


def _copies(images: Mapping[str, Sequence[Generated]]) -> list[str]:
    """Sentences about images that are, byte for byte, what they are compared with."""
    notes = []
    for method, own in images.items():
        targets = histories = 0
        for one in own:
            content = content_hash(one.path)
            targets += content == content_hash(one.sample.target.path)
            histories += content in {content_hash(item.path) for item in one.sample.history}
        for count, words in ((targets, "their target"), (histories, "an image of their history")):
            if count:
                notes.append(f"{method}: {count} of {len(own)} images are copies of {words}")
    return notes
