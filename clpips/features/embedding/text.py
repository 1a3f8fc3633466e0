"""The text towers of CLIP and SigLIP: texts in, unit vectors beside those of pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clpips.errors import InputError, WeightsError
from clpips.features.embedding.encoder import Embeddings, ImageEncoder, unit
from clpips.features.pretrained import quietly, reachable_hub
from clpips.text import cut, one_line

AT_ONCE = 64
"""Texts per network pass."""


@dataclass
class TextTower:
    """The text half of a transformers model that embeds pictures and texts in one space.

    Args:
        network: the model, on ``device``.
        model: its id on the model hub; its tokenizer is read when first needed.
        folder: where the model is instead, or ``None``.
        device: where the network is.

    Attributes:
        n_cut: texts so far that were longer than the model reads; their ends were left out.
    """

    network: Any
    model: str
    folder: Path | None
    device: torch.device
    n_cut: int = 0
    _tokenizer: Any = field(default=None, repr=False)

    @property
    def longest(self) -> int:
        """So many tokens of a text are read, start and end marks included."""
        return int(self.network.config.text_config.max_position_embeddings)

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Embeddings:
        """(n, dimensions) unit vectors of texts.

        Raises:
            WeightsError: the model's tokenizer cannot be had.
        """
        found = [self._embedded(texts[at : at + AT_ONCE]) for at in range(0, len(texts), AT_ONCE)]
        return np.concatenate(found) if found else np.empty((0, 0), dtype=np.float32)

    def _embedded(self, texts: Sequence[str]) -> Embeddings:
        tokenizer = self._opened()
        with quietly():
            lengths = [len(ids) for ids in tokenizer(list(texts))["input_ids"]]
            # SigLIP was trained on texts padded to full length, and has no mask for shorter ones.
            padding = "max_length" if "siglip" in self.network.config.model_type else True
            tokens = tokenizer(
                list(texts),
                padding=padding,
                truncation=True,
                max_length=self.longest,
                return_tensors="pt",
            )
        self.n_cut += sum(length > self.longest for length in lengths)
        found = self.network.get_text_features(**tokens.to(self.device))
        vectors = found if isinstance(found, torch.Tensor) else found.pooler_output
        return unit(vectors.float().cpu().numpy())

    def _opened(self) -> Any:
        if self._tokenizer is None:
            from transformers import AutoTokenizer

            load: Any = AutoTokenizer.from_pretrained
            try:
                with quietly(), reachable_hub(self.folder):
                    self._tokenizer = load(self.folder or self.model, trust_remote_code=False)
            except Exception as error:  # any error of the library, the hub or the file system
                reason = cut(one_line(error), 160)
                raise WeightsError(f"{self.model}: no tokenizer can be read ({reason})") from error
        return self._tokenizer


def text_tower_of(encoder: ImageEncoder) -> TextTower:
    """The text half of an encoder.

    Raises:
        InputError: it has none.
    """
    tower = getattr(encoder, "texts", None)
    if not isinstance(tower, TextTower):
        raise InputError(
            f"an encoder that compares pictures with texts must be tiny-clip, clip-b32, siglip2 or "
            f"transformers:<CLIP or SigLIP model>, got {encoder.card.name}"
        )
    return tower
