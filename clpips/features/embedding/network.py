"""An image encoder from a network and the preparation of one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor, nn

from clpips.features.embedding.encoder import Embeddings, EncoderCard, unit
from clpips.features.embedding.text import TextTower

Prepare = Callable[[Image.Image], Tensor]
"""An RGB picture of any size → what the network takes: (3, height, width)."""
Forward = Callable[[Tensor], Tensor]
"""A prepared batch (n, 3, height, width) → (n, dimensions), of any length."""
Tokens = Callable[[Tensor], tuple[Tensor, ...]]
"""A prepared batch → one or more maps (n, positions, channels): patch tokens or feature maps."""


@dataclass(frozen=True)
class NetworkEncoder:
    """A frozen network on one device, with its own preparation of pictures.

    Args:
        card: what the embeddings are made with.
        prepare: turns one picture into the network's input.
        forward: the network, already on ``device``.
        device: where it runs.
        maps: what a head can be trained on; without it, the one vector of ``forward``.
        own_head: the network's attention-pooling head, where it has one (SigLIP).
        texts: the text tower beside the image tower, where there is one (CLIP, SigLIP).
    """

    card: EncoderCard
    prepare: Prepare
    forward: Forward
    device: torch.device
    maps: Tokens | None = None
    own_head: nn.Module | None = None
    texts: TextTower | None = None

    def embed(self, images: Sequence[Image.Image]) -> Embeddings:
        """See :class:`~clpips.features.embedding.encoder.ImageEncoder`."""
        return unit(self.raw(images))

    @torch.inference_mode()
    def raw(self, images: Sequence[Image.Image]) -> Embeddings:
        """(n, dimensions) float32 as the network gives them, of any length."""
        batch = torch.stack([self.prepare(image) for image in images]).to(self.device)
        found: Embeddings = self.forward(batch).float().cpu().numpy()
        return found

    @torch.inference_mode()
    def tokens(self, images: Sequence[Image.Image]) -> tuple[Tensor, ...]:
        """The network's maps of pictures, each (n, positions, channels), on its device."""
        batch = torch.stack([self.prepare(image) for image in images]).to(self.device)
        if self.maps is None:
            return (self.forward(batch)[:, None],)
        return self.maps(batch)


def resized_square(side: int, mean: Sequence[float], std: Sequence[float]) -> tuple[Prepare, str]:
    """Resize to a square (bicubic, antialiased, no crop) and scale; and the words that say so."""
    from torchvision.transforms import v2

    steps = v2.Compose(
        [
            v2.Resize((side, side), v2.InterpolationMode.BICUBIC),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(list(mean), list(std)),
        ]
    )
    words = f"resized to {side} × {side} (bicubic, no crop), mean {_three(mean)}, std {_three(std)}"
    return steps, words


def _three(values: Sequence[float]) -> str:
    return "/".join(f"{value:.3g}" for value in values)
