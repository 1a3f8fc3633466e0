"""What ``clpips identity nearid`` measures with: embeddings, or a metric of pairs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clpips.cli.identity.encoder_option import embedder_for
from clpips.features.cache import content_hash
from clpips.features.embedding.encoder import EncoderCard
from clpips.identity.near_identity_similarities import (
    Similarities,
    embedded_similarities,
    measured_similarities,
)
from clpips.identity.part_level_set import (
    PartLevelSet,
    PartSimilarities,
    embedded_part_similarities,
    measured_part_similarities,
)
from clpips.identity.slot_pictures import Distances, Embed, SlotPictures
from clpips.identity.views import NearIdentitySet
from clpips.progress import Watch


@dataclass(frozen=True, slots=True)
class Embedder:
    """An encoder, or embeddings that people bring (which need no files)."""

    card: EncoderCard
    embed: Embed
    files: bool

    def near_identity(
        self,
        dataset: NearIdentitySet,
        chosen: Sequence[int],
        pictures: SlotPictures,
        watch: Watch,
    ) -> Similarities:
        """Similarities in a near-identity set."""
        return embedded_similarities(
            dataset, self.embed, chosen, pictures=pictures, files=self.files, watch=watch
        )

    def part_level(
        self, dataset: PartLevelSet, pictures: SlotPictures, watch: Watch
    ) -> PartSimilarities:
        """Similarities in a part-level set."""
        return embedded_part_similarities(
            dataset, self.embed, pictures=pictures, files=self.files, watch=watch
        )


@dataclass(frozen=True, slots=True)
class PairMetric:
    """A metric of two pictures."""

    card: EncoderCard
    distances: Distances

    def near_identity(
        self,
        dataset: NearIdentitySet,
        chosen: Sequence[int],
        pictures: SlotPictures,
        watch: Watch,
    ) -> Similarities:
        """1 − the distances in a near-identity set."""
        return measured_similarities(
            dataset, self.distances, chosen, pictures=pictures, watch=watch
        )

    def part_level(
        self, dataset: PartLevelSet, pictures: SlotPictures, watch: Watch
    ) -> PartSimilarities:
        """1 − the distances in a part-level set."""
        return measured_part_similarities(dataset, self.distances, pictures=pictures, watch=watch)


def chosen_measure(options: argparse.Namespace) -> Embedder | PairMetric:
    """What ``--encoder``, ``--embeddings`` or ``--metric`` names."""
    if options.metric is not None:
        return _personal_metric(options.metric, options.device)
    card, embed = embedder_for(options)
    return Embedder(card, embed, files=options.embeddings is None)


def _personal_metric(path: str, device: str) -> PairMetric:
    from clpips.features.embedding.registry import chosen_device
    from clpips.metric.clpips import CLPIPS

    metric = CLPIPS.load(path, device=str(chosen_device(device)))
    card = EncoderCard(
        Path(path).name,
        content_hash(path).decode(),
        len(metric.weights),
        f"distances of a personal metric ({metric.backbone}), each picture at the view's size; "
        "a similarity is 1 − the distance",
    )
    return PairMetric(card, lambda target, images: metric.distances(target, images).values)
