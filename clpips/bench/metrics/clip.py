"""CLIP's metrics: CPS (image and preference text) and CPIS (image and history).

PMG-bench uses CLIP ViT-B/32 (``clip-b32``); any encoder with a text tower will do, and the card
names it. Cosines are not multiplied by 100.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from clpips.bench.features import Features
from clpips.bench.generated import Generated
from clpips.bench.metrics.card import MetricCard, Values
from clpips.bench.metrics.pairs import Against, others
from clpips.bench.preference_text import preference_text
from clpips.features.embedding.encoder import EncoderCard
from clpips.features.embedding.text import text_tower_of
from clpips.progress import Watch

TextOf: TypeAlias = Callable[[Generated], str]


@dataclass(frozen=True)
class TextSimilarity:
    """Cosine of an image and a text in one encoder's space.

    Args:
        card: what it is.
        features: gives them.
        encoder: one with a text tower.
        text_of: the text of an image; empty where there is none.
    """

    card: MetricCard
    features: Features
    encoder: str
    text_of: TextOf

    def values(self, images: Sequence[Generated], watch: Watch) -> Values:
        """See :class:`~clpips.bench.metrics.card.Metric`."""
        found = np.full(len(images), np.nan)
        texts = [self.text_of(one) for one in images]
        there = [place for place, text in enumerate(texts) if text]
        if there:
            pictures = self.features.of_images(
                self.encoder, [images[place].path for place in there], watch
            )
            words = self.features.of_texts(self.encoder, [texts[place] for place in there])
            found[there] = _cosines(pictures, words)
        return found


@dataclass(frozen=True)
class ImageSimilarity:
    """Cosine of an image and its target, or mean cosine with its history, in an encoder's space.

    Args:
        card: what it is.
        features: gives them.
        encoder: any.
        against: what each image is compared with.
    """

    card: MetricCard
    features: Features
    encoder: str
    against: Against

    def values(self, images: Sequence[Generated], watch: Watch) -> Values:
        """See :class:`~clpips.bench.metrics.card.Metric`."""
        beside = [others(one, self.against) for one in images]
        paths = [*(one.path for one in images), *(path for own in beside for path in own)]
        rows = self.features.of_images(self.encoder, paths, watch)
        owners = np.repeat(np.arange(len(images)), [len(own) for own in beside])
        cosines = _cosines(rows[: len(images)][owners], rows[len(images) :])
        sums = np.zeros(len(images))
        np.add.at(sums, owners, cosines)
        return sums / np.bincount(owners, minlength=len(images))


def cps(features: Features, encoder: str, *, name: str = "cps") -> TextSimilarity:
    """CPS: cosine of an image and its user's preferences as one text.

    Args:
        features: opens the encoder.
        encoder: for example ``clip-b32``.
        name: ``cps_judge`` for a second encoder that no method has optimised.

    Raises:
        InputError, WeightsError: the encoder cannot be had, or has no text tower.
    """
    tower = text_tower_of(features.encoder(encoder))
    title = "CPS" if name == "cps" else "CPS, held-out judge"
    note = f"Texts are cut after {tower.longest} tokens."
    card = encoder_card(name, title, features.encoder(encoder).card, note=note)
    return TextSimilarity(card, features, encoder, lambda one: preference_text(one.sample))


def cpis_history(features: Features, encoder: str) -> ImageSimilarity:
    """CPIS: mean cosine of an image with the images of its history."""
    card = encoder_card("cpis_history", "CPIS, history", features.encoder(encoder).card)
    return ImageSimilarity(card, features, encoder, "history")


def encoder_card(
    name: str, title: str, encoder: EncoderCard, *, low: float = -1.0, note: str = ""
) -> MetricCard:
    """The card of a cosine in an encoder's space."""
    return MetricCard(
        name,
        title,
        "higher",
        low,
        1.0,
        encoder.name,
        encoder.checksum,
        encoder.checksum[:12],
        encoder.preprocessing,
        LICENCES.get(encoder.name, "of the model"),
        note,
    )


LICENCES = {
    "efficientnet-lite0": "Apache-2.0",
    "mobilenet-v2": "BSD-3-Clause",
    "tiny-clip": "of this project",
    "clip-b32": "MIT",
    "dinov2-base": "Apache-2.0",
    "siglip2": "Apache-2.0",
}


def _cosines(first: np.ndarray, second: np.ndarray) -> Values:
    products: Values = (first.astype(np.float64) * second.astype(np.float64)).sum(axis=1)
    return np.clip(products, -1.0, 1.0)  # rows have length 1 in float32
