"""Beyond the original: similarity in a self-supervised encoder's space, and identity's margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clpips.bench.features import Features
from clpips.bench.generated import Generated
from clpips.bench.metrics.card import MetricCard, Values
from clpips.bench.metrics.clip import ImageSimilarity, encoder_card
from clpips.bench.samples import Sample
from clpips.progress import Watch


def dino_metrics(
    features: Features, encoder: str, samples: Sequence[Sample]
) -> dict[str, ImageSimilarity | HistoryMargin]:
    """``dino_target``, ``dino_history`` and ``margin_history``.

    Args:
        features: opens the encoder.
        encoder: ``dinov2-base``, or any other; the card names it.
        samples: of the benchmark, for other people's histories.

    Raises:
        InputError, WeightsError: the encoder cannot be had.
    """
    card = features.encoder(encoder).card
    margin = MetricCard(
        "margin_history",
        "Margin over another history",
        "higher",
        -2.0,
        2.0,
        card.name,
        card.checksum,
        card.checksum[:12],
        card.preprocessing,
        "of the model",
        "Mean cosine with one's own history minus that with the next person's in the file; above "
        "0 an image is nearer to the person that it was made for.",
    )
    return {
        "dino_target": ImageSimilarity(
            encoder_card("dino_target", "DINO similarity, target", card),
            features,
            encoder,
            "target",
        ),
        "dino_history": ImageSimilarity(
            encoder_card("dino_history", "DINO similarity, history", card),
            features,
            encoder,
            "history",
        ),
        "margin_history": HistoryMargin(margin, features, encoder, other_histories(samples)),
    }


def other_histories(samples: Sequence[Sample]) -> dict[int, Sample]:
    """Of each sample, the next one in the file, cyclically, that is of another person."""
    found: dict[int, Sample] = {}
    for place, sample in enumerate(samples):
        for step in range(1, len(samples)):
            other = samples[(place + step) % len(samples)]
            if other.user != sample.user:
                found[sample.index] = other
                break
    return found


@dataclass(frozen=True)
class HistoryMargin:
    """Similarity to one's own history minus similarity to another person's (after NearID).

    Args:
        card: what it is.
        features: gives them.
        encoder: any.
        other: of each sample, one of another person.
    """

    card: MetricCard
    features: Features
    encoder: str
    other: dict[int, Sample]

    def values(self, images: Sequence[Generated], watch: Watch) -> Values:
        """See :class:`~clpips.bench.metrics.card.Metric`; NaN where there is one person only."""
        found = np.full(len(images), np.nan)
        there = [place for place, one in enumerate(images) if one.sample.index in self.other]
        if not there:
            return found
        own = [images[place] for place in there]
        theirs = [Generated(self.other[one.sample.index], one.method, one.path) for one in own]
        similar = ImageSimilarity(self.card, self.features, self.encoder, "history")
        found[there] = similar.values(own, watch.part(0.0, 0.5)) - similar.values(
            theirs, watch.part(0.5, 0.5)
        )
        return found
