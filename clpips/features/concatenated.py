"""Several encoders combined: their difference vectors are concatenated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from clpips.features.base import Encoder, InBatches, Vectors


class JoinedEncoder(InBatches):
    """Encoders whose blocks are concatenated.

    Args:
        parts: the encoders.
        counts: how many feature tensors each of them gives.
        checksum: of the whole space.
    """

    def __init__(self, parts: Sequence[Encoder], counts: Sequence[int], *, checksum: str) -> None:
        self.parts, self.checksum = tuple(parts), checksum
        ends = np.cumsum(counts)
        self._cuts = tuple(slice(end - n, end) for n, end in zip(counts, ends, strict=True))

    def batch_for(self, height: int, width: int) -> int:
        """The largest batch size that suits every part."""
        return min(part.batch_for(height, width) for part in self.parts)

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """The concatenated features of all parts."""
        return tuple(tensor for part in self.parts for tensor in part.features(images))

    @torch.inference_mode()
    def differences(self, target: Sequence[Tensor], images: Sequence[Tensor]) -> Vectors:
        """Features of one target and of n images → (n, channels) difference vectors."""
        found = [
            part.differences(target[cut], images[cut])
            for part, cut in zip(self.parts, self._cuts, strict=True)
        ]
        return np.concatenate(found, axis=1)
