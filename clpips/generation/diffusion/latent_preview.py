"""A small picture of latents while they are being denoised, cheap enough for every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

SMALL = 5_000_000
"""An autoencoder with fewer parameters simply decodes; a larger one would take seconds."""
CARDS = 16
CELLS = 8
SHOWN = 128


@dataclass(frozen=True, slots=True)
class Preview:
    """Latents → picture.

    Args:
        autoencoder: of the pipeline.
        colours: (channels + 1, 3) linear map from a latent and 1 to RGB in [−1, 1]; ``None``
            where the autoencoder decodes by itself.
    """

    autoencoder: Any
    colours: torch.Tensor | None

    @classmethod
    @torch.no_grad()
    def of(cls, autoencoder: Any) -> Preview:
        """Learn the colours of latents by encoding cards of random colours, once a pipeline."""
        if sum(each.numel() for each in autoencoder.parameters()) < SMALL:
            return cls(autoencoder, None)
        factor = 2 ** (len(autoencoder.config.block_out_channels) - 1)
        like = next(autoencoder.parameters())
        cards = torch.rand(CARDS, 3, CELLS, CELLS, generator=torch.Generator().manual_seed(0))
        cards = cards * 2 - 1
        large = torch.nn.functional.interpolate(cards, scale_factor=2 * factor, mode="bilinear")
        known, seen = [], []
        for card in torch.split(large, 1):
            latents = autoencoder.encode(card.to(like)).latent_dist.mean.float().cpu()
            pooled = torch.nn.functional.adaptive_avg_pool2d(card, latents.shape[-2:])
            known.append(latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1]))
            seen.append(pooled.permute(0, 2, 3, 1).reshape(-1, 3))
        rows = torch.cat(known)
        with_one = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
        return cls(autoencoder, torch.linalg.lstsq(with_one, torch.cat(seen)).solution)

    @torch.no_grad()
    def picture(self, latents: torch.Tensor) -> Image.Image:
        """(1, channels, height, width) scaled latents → RGB, at most 128 pixels a side."""
        config = self.autoencoder.config
        shift = getattr(config, "shift_factor", None) or 0.0
        latents = latents[:1] / config.scaling_factor + shift
        if self.colours is None:
            colours = self.autoencoder.decode(latents).sample[0].float().cpu()
        else:
            flat = latents[0].float().cpu().permute(1, 2, 0)
            colours = (flat @ self.colours[:-1] + self.colours[-1]).permute(2, 0, 1)
        pixels = ((colours.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        picture = Image.fromarray(np.ascontiguousarray(pixels), "RGB")
        picture.thumbnail((SHOWN, SHOWN))
        return picture
