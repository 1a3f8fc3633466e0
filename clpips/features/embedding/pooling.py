"""Trainable heads over a frozen encoder's maps: (n, positions, channels) → one vector a picture."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from clpips.errors import InputError

KINDS = ("attention", "attention-linear", "linear")
SAMPLE = 1000
"""Pictures that the channels' statistics are taken from."""
Shapes: TypeAlias = Sequence[tuple[int, int]]
"""Each map's positions and channels."""


class _Standard(nn.Module):
    """Maps with each channel's mean and spread over training pictures taken out."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        for number, (_, channels) in enumerate(shapes):
            self.register_buffer(f"mean{number}", torch.zeros(channels))
            self.register_buffer(f"scale{number}", torch.ones(channels))

    def fit(self, maps: Sequence[Tensor]) -> None:
        """Take the statistics from maps (n, positions, channels)."""
        for number, each in enumerate(maps):
            rows = each.double().flatten(0, 1)
            getattr(self, f"mean{number}").copy_(rows.mean(dim=0))
            getattr(self, f"scale{number}").copy_(1 / rows.std(dim=0).clamp(min=1e-3))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The same maps, standardised, in float32."""
        return [
            (each.float() - getattr(self, f"mean{n}")) * getattr(self, f"scale{n}")
            for n, each in enumerate(maps)
        ]


class LinearHead(nn.Module):
    """The means of the maps over positions, side by side, through one linear map.

    Args:
        shapes: of the maps.
        dimensions: of the vectors.
    """

    def __init__(self, shapes: Shapes, dimensions: int) -> None:
        super().__init__()
        self.standard = _Standard(shapes)
        self.out = _projection(sum(channels for _, channels in shapes), dimensions)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(n, positions, channels) each → (n, dimensions)."""
        found: Tensor = self.out(torch.cat([m.mean(dim=1) for m in self.standard(maps)], dim=1))
        return found


class AttentionLinearHead(nn.Module):
    """Each map pooled by learned probes over its positions, all of it through one linear map.

    A probe gives a position the weight softmax(token · probe / √channels); what it pools are the
    tokens themselves.

    Args:
        shapes: of the maps.
        dimensions: of the vectors.
        heads: probes a map.
    """

    def __init__(self, shapes: Shapes, dimensions: int, heads: int) -> None:
        super().__init__()
        self.standard = _Standard(shapes)
        self.probes = nn.ParameterList([nn.Parameter(torch.randn(heads, c)) for _, c in shapes])
        self.out = _projection(heads * sum(channels for _, channels in shapes), dimensions)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(n, positions, channels) each → (n, dimensions)."""
        pooled = []
        for tokens, probes in zip(self.standard(maps), self.probes, strict=True):
            weights = (tokens @ probes.T / tokens.shape[2] ** 0.5).softmax(dim=1)
            pooled.append((weights.transpose(1, 2) @ tokens).flatten(1))
        found: Tensor = self.out(torch.cat(pooled, dim=1))
        return found


class AttentionHead(nn.Module):
    """SigLIP's attention pooling: one learned probe, then LayerNorm and an MLP beside a residual.

    Maps of several widths are first brought to one by a linear map each.

    Args:
        shapes: of the maps.
        dimensions: of the vectors; with ``own``, that head's width.
        heads: of the attention.
        own: a SigLIP-like head of transformers to start from.
    """

    def __init__(
        self, shapes: Shapes, dimensions: int, heads: int, own: nn.Module | None = None
    ) -> None:
        super().__init__()
        start: Any = own
        self.standard = _Standard(shapes)
        self.inputs = nn.ModuleList(
            [nn.Identity() if own else _projection(c, dimensions) for _, c in shapes]
        )
        if own is None:
            self.probe = nn.Parameter(torch.randn(1, 1, dimensions))
            self.attention = nn.MultiheadAttention(dimensions, heads, batch_first=True)
            self.layernorm: nn.Module = nn.LayerNorm(dimensions, eps=1e-6)
            self.mlp: nn.Module = nn.Sequential(
                nn.Linear(dimensions, 4 * dimensions),
                nn.GELU(approximate="tanh"),
                nn.Linear(4 * dimensions, dimensions),
            )
        else:
            self.probe = nn.Parameter(start.probe.detach().clone())
            self.attention = copy.deepcopy(start.attention)
            self.layernorm = copy.deepcopy(start.layernorm)
            self.mlp = copy.deepcopy(start.mlp)
        self.requires_grad_()

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(n, positions, channels) each → (n, dimensions)."""
        brought = zip(self.standard(maps), self.inputs, strict=True)
        tokens = torch.cat([project(each) for each, project in brought], dim=1)
        probe = self.probe.expand(len(tokens), -1, -1)
        pooled = self.attention(probe, tokens, tokens, need_weights=False)[0]
        found: Tensor = (pooled + self.mlp(self.layernorm(pooled)))[:, 0]
        return found


def make_head(
    kind: str,
    shapes: Shapes,
    *,
    dimensions: int,
    heads: int,
    seed: int = 0,
    own: nn.Module | None = None,
) -> nn.Module:
    """A head of one of :data:`KINDS`, with random weights from the seed.

    Args:
        kind: which.
        shapes: of the encoder's maps.
        dimensions: of the vectors; an ``attention`` head that starts from ``own`` keeps its width.
        heads: probes a map, or attention heads.
        seed: of the weights.
        own: the encoder's own attention-pooling head, which ``attention`` starts from.

    Raises:
        InputError: another kind, or an attention head over a single position.
    """
    if kind not in KINDS:
        raise InputError(f"a head must be one of {KINDS}, got {kind!r}")
    if kind != "linear" and max(positions for positions, _ in shapes) < 2:
        raise InputError(
            f"the head {kind!r} needs an encoder with tokens or a feature map, and this one gives "
            f"one vector: use --head linear"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "linear":
            return LinearHead(shapes, dimensions)
        if kind == "attention-linear":
            return AttentionLinearHead(shapes, dimensions, heads)
        return AttentionHead(shapes, dimensions, heads, own)


def fit_standard(
    head: nn.Module, maps: Sequence[np.ndarray[Any, Any]], rows: np.ndarray[Any, Any]
) -> None:
    """Give a head the channels' means and spreads over pictures, of :data:`SAMPLE` at most.

    Args:
        head: a new one.
        maps: each (pictures, positions, channels).
        rows: of the training pictures.
    """
    standard: Any = head.standard
    some = rows[:: -(-len(rows) // SAMPLE)]
    standard.fit([torch.from_numpy(np.asarray(each[some])) for each in maps])


def _projection(inputs: int, outputs: int) -> nn.Linear:
    """A random projection, which keeps cosines about as they were."""
    linear = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(linear.weight, std=inputs**-0.5)
    return linear
