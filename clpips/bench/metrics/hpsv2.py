"""Human Preference Score v2: how well people would like an image for its caption.

CLIP ViT-H/14 fine-tuned on people's choices (Wu et al. 2023): the product of the normalised
features of image and prompt, not scaled. v2.0 and v2.1 are other weights and not comparable;
PMG-bench uses v2.1. Scores compare images of one prompt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clpips.bench.features import Features
from clpips.bench.generated import Generated
from clpips.bench.metrics.aesthetic import read_state
from clpips.bench.metrics.card import MetricCard
from clpips.bench.metrics.clip import TextSimilarity
from clpips.errors import InputError, WeightsError
from clpips.extras import requires
from clpips.features.embedding.encoder import EncoderCard, unit
from clpips.features.embedding.network import NetworkEncoder
from clpips.features.embedding.registry import chosen_device
from clpips.features.pretrained import frozen
from clpips.text import one_line

ARCHITECTURE = "ViT-H-14"
VERSIONS = ("v2.0", "v2.1")
AT_ONCE = 64


@dataclass(frozen=True)
class OpenClipTexts:
    """Texts → unit rows, by an open_clip model."""

    network: Any
    tokenizer: Any
    device: torch.device

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """(n, dimensions); texts are cut after 77 tokens, as the released scoring does."""
        rows = []
        for start in range(0, len(texts), AT_ONCE):
            tokens: Tensor = self.tokenizer(list(texts[start : start + AT_ONCE])).to(self.device)
            rows.append(unit(self.network.encode_text(tokens).float().cpu().numpy()))
        return np.concatenate(rows)


def hpsv2(
    features: Features, file: Path, *, version: str = "v2.1", architecture: str = ARCHITECTURE
) -> TextSimilarity:
    """HPSv2 of an image for its target's caption.

    Args:
        features: keeps the image features.
        file: the checkpoint (``HPS_v2_compressed.pt``, ``HPS_v2.1_compressed.pt``).
        version: which of the two it is.
        architecture: open_clip's name of it.

    Raises:
        InputError: another version.
        WeightsError: not such a checkpoint.
    """
    if version not in VERSIONS:
        raise InputError(f"the version of HPSv2 must be v2.0 or v2.1, got {version!r}")
    with requires("encoders", "hpsv2"):
        import open_clip
    state, checksum = read_state(file)
    network, _, prepare = open_clip.create_model_and_transforms(architecture, pretrained=None)
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise WeightsError(
            f"{file}: not a checkpoint of {architecture} ({one_line(error)[:120]})"
        ) from error
    device = chosen_device(features.device)
    network = frozen(network, device)
    words = one_line(prepare)
    name = f"hpsv2 {version}"
    key = hashlib.sha256(f"{checksum}\n{words}".encode()).hexdigest()
    dimensions = int(network.text_projection.shape[1])
    card = EncoderCard(name, key, dimensions, f"open_clip's validation transform: {words}")
    encoder = NetworkEncoder(card, prepare, network.encode_image, device)
    texts = OpenClipTexts(network, open_clip.get_tokenizer(architecture), device)
    features.add(name, encoder, texts)
    metric = MetricCard(
        "hpsv2",
        f"HPSv2 ({version})",
        "higher",
        -1.0,
        1.0,
        f"{architecture}, {file.name}",
        checksum,
        version,
        card.preprocessing,
        "Apache-2.0",
        "Compares images of one prompt; v2.0 and v2.1 are not comparable.",
    )
    return TextSimilarity(metric, features, name, _caption)


def _caption(one: Generated) -> str:
    return one.sample.target.caption
