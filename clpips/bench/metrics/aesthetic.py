"""LAION's aesthetic heads, and the feature norm that PMG-bench's table calls aesthetic.

``aesthetic_v1`` is the linear head ``sa_0_4_vit_b_32_linear.pth`` on CLIP ViT-B/32's normalised
image feature; ``aesthetic_v2`` the improved predictor, five linear layers without activations
(768-1024-128-64-16-1), on CLIP ViT-L/14's. ``feature_norm`` is the length of CLIP ViT-B/32's image
feature before it is normalised: not an aesthetic score, but what PMG's released script reports.
"""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clpips.bench.features import Features
from clpips.bench.generated import Generated
from clpips.bench.metrics.card import MetricCard, Values
from clpips.errors import WeightsError
from clpips.progress import Watch
from clpips.text import cut, one_line

V2_WIDTHS = (768, 1024, 128, 64, 16, 1)
CLIP_L14 = "transformers:openai/clip-vit-large-patch14"
"""What the second head was trained on."""


@dataclass(frozen=True)
class HeadScore:
    """A head on an encoder's normalised features.

    Args:
        card: what it is.
        features: gives them.
        encoder: whose they are.
        head: (n, dimensions) → (n, 1).
    """

    card: MetricCard
    features: Features
    encoder: str
    head: nn.Module

    @torch.inference_mode()
    def values(self, images: Sequence[Generated], watch: Watch) -> Values:
        """See :class:`~clpips.bench.metrics.card.Metric`."""
        rows = self.features.of_images(self.encoder, [one.path for one in images], watch)
        found: Tensor = self.head(torch.from_numpy(rows))
        return found[:, 0].double().numpy()


@dataclass(frozen=True)
class FeatureNorm:
    """The length of an encoder's image feature.

    Args:
        features: gives them.
        encoder: whose they are.
    """

    features: Features
    encoder: str

    @property
    def card(self) -> MetricCard:
        """See :class:`~clpips.bench.metrics.card.Metric`."""
        card = self.features.encoder(self.encoder).card
        return MetricCard(
            "feature_norm",
            "Feature norm",
            "none",
            0.0,
            None,
            card.name,
            card.checksum,
            card.checksum[:12],
            card.preprocessing,
            "of the model",
            "What PMG-bench's table calls aesthetic for PMG. It measures no quality.",
        )

    def values(self, images: Sequence[Generated], watch: Watch) -> Values:
        """See :class:`~clpips.bench.metrics.card.Metric`."""
        rows = self.features.of_images(
            self.encoder, [one.path for one in images], watch, normalised=False
        )
        norms: Values = np.linalg.norm(rows.astype(np.float64), axis=1)
        return norms


def aesthetic_v1(features: Features, file: Path, *, encoder: str = "clip-b32") -> HeadScore:
    """LAION-Aesthetics V1, the linear head.

    Args:
        features: opens the encoder.
        file: the head, a state dict of one linear layer.
        encoder: CLIP ViT-B/32 for the published head.

    Raises:
        WeightsError: not such a file, or of another width than the encoder's features.
        InputError: the encoder cannot be had.
    """
    return _head(features, file, encoder, "aesthetic_v1", "LAION aesthetic V1", None)


def aesthetic_v2(features: Features, file: Path, *, encoder: str = CLIP_L14) -> HeadScore:
    """The improved aesthetic predictor, V2; see :func:`aesthetic_v1`."""
    return _head(features, file, encoder, "aesthetic_v2", "LAION aesthetic V2", V2_WIDTHS)


def _head(
    features: Features,
    file: Path,
    encoder: str,
    name: str,
    title: str,
    widths: Sequence[int] | None,
) -> HeadScore:
    state, checksum = read_state(file)
    card = features.encoder(encoder).card
    weights = [value for value in state.values() if value.ndim == 2]
    biases = [value for value in state.values() if value.ndim == 1]
    own = (card.dimensions, 1) if widths is None else (card.dimensions, *widths[1:])
    shapes = [tuple(each.shape) for each in weights]
    wanted = [(after, before) for before, after in itertools.pairwise(own)]
    if shapes != wanted or [len(each) for each in biases] != [after for after, _ in wanted]:
        raise WeightsError(
            f"{file}: a head on {encoder} must have layers of {wanted}, got {shapes}"
        )
    layers = []
    for weight, bias in zip(weights, biases, strict=True):
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.load_state_dict({"weight": weight, "bias": bias})
        layers.append(layer)
    return HeadScore(
        MetricCard(
            name,
            title,
            "higher",
            None,
            None,
            f"{file.name} on {card.name}",
            checksum,
            title.rsplit(" ", 1)[-1],
            card.preprocessing,
            "MIT",
            "Trained on ratings from 1 to 10; not bounded by them.",
        ),
        features,
        encoder,
        nn.Sequential(*layers).float().eval().requires_grad_(False),
    )


def read_state(file: Path) -> tuple[dict[str, Tensor], str]:
    """A file's tensors (pickled ones without running anything), and its SHA-256.

    Raises:
        WeightsError: no such file, or not a state dict.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise WeightsError(f"{file}: no such file of weights") from error
    try:
        if file.suffix == ".safetensors":
            import safetensors.torch

            state: Any = safetensors.torch.load(content)
        else:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        tensors = {str(key): value for key, value in state.items() if isinstance(value, Tensor)}
    except Exception as error:  # whatever a damaged file makes of its reader
        reason = cut(one_line(error), 120)
        raise WeightsError(f"{file}: not a file of plain weights ({reason})") from error
    return tensors, hashlib.sha256(content).hexdigest()
