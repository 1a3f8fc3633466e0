"""What a benchmark found, as one document and as rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from clpips.bench.people import Agreement
from clpips.bench.published import published_rows
from clpips.bench.runner import Scores
from clpips.bench.summary import PairedComparison, Summary, compare, summarise
from clpips.version import __version__

ROW = ("method", "sample", "user", "file_path", "seed", "prompt")
"""The first columns of ``samples.csv``; one for each metric follows."""


@dataclass(frozen=True)
class BenchReport:
    """Every figure of a benchmark.

    Args:
        scores: every value.
        summaries: method → metric → mean, deviation, interval.
        comparisons: of every pair of methods under every metric.
        sets: method → figure of all its images together (FID, KID) → value.
        agreement: with people who ranked the same images, or ``None``.
        settings: choices, as they go into the document.
        dataset: whose published figures stand beside these; may be empty.
    """

    scores: Scores
    summaries: Mapping[str, Mapping[str, Summary]]
    comparisons: tuple[PairedComparison, ...]
    sets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    agreement: Agreement | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    dataset: str = ""

    @property
    def methods(self) -> list[str]:
        """Their names, in the order of the table."""
        return list(self.summaries)

    @property
    def metrics(self) -> list[str]:
        """The names of those that were computed, in the order of the table."""
        return list(self.scores.cards)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "methods": {
                method: {name: one.to_dict() for name, one in own.items()}
                for method, own in self.summaries.items()
            },
            "metrics": {name: card.to_dict() for name, card in self.scores.cards.items()},
            "left_out": dict(self.scores.left_out),
            "comparisons": [one.to_dict() for one in self.comparisons],
            "sets": {method: dict(own) for method, own in self.sets.items()},
            "agreement": None if self.agreement is None else self.agreement.to_dict(),
            "published": published_rows(self.dataset),
            "settings": dict(self.settings),
            "notes": list(self.scores.notes),
            "version": __version__,
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of ``samples.csv``: every image of every method with its values."""
        for method, images in self.scores.images.items():
            for one in images:
                index = one.sample.index
                values = {name: own[index] for name, own in self.scores.values[method].items()}
                yield {
                    "method": method,
                    "sample": index,
                    "user": one.sample.user,
                    "file_path": one.path,
                    "seed": one.seed,
                    "prompt": one.prompt,
                    **{
                        name: None if value != value else float(value)
                        for name, value in values.items()
                    },
                }


def report_of(
    scores: Scores,
    *,
    sets: Mapping[str, Mapping[str, float]] | None = None,
    agreement: Agreement | None = None,
    settings: Mapping[str, Any] | None = None,
    dataset: str = "",
    seed: int = 0,
) -> BenchReport:
    """Summaries, intervals and comparisons of scores.

    Args:
        scores: every value.
        sets, agreement, settings, dataset: see :class:`BenchReport`.
        seed: of intervals and tests.
    """
    return BenchReport(
        scores,
        summarise(scores, seed=seed),
        tuple(compare(scores, seed=seed)),
        sets or {},
        agreement,
        {"seed": seed, **(settings or {})},
        dataset,
    )
