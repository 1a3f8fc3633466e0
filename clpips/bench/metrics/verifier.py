"""PMG-bench's verifier: would this user rate this image 4 or more of 5?

A user's embedding (64) and a frozen CLIP ViT-H/14 image feature (1024) pass a small network,
trained on FLICKR-AES ratings. It is used only where it is good enough: an area under the ROC curve
of .87 on test ratings, the original's own rule. Users that it was not trained on have no score.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from clpips.bench.features import Features
from clpips.bench.generated import Generated
from clpips.bench.metrics.card import MetricCard, Values
from clpips.errors import InputError, WeightsError
from clpips.io.atomic_files import write_files
from clpips.progress import Watch
from clpips.text import named, one_line

ENCODER = "open_clip:hf-hub:laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
USER_WIDTH, DROPOUT = 64, 0.2
LIKED = 4
"""Ratings from here on count as liked."""
ACCEPTED_AUC = 0.87
RATE, DECAY, BATCH, EPOCHS, CLIP_AT, PATIENCE = 1e-4, 1e-5, 128, 20, 1.0, 3
KEY = "clpips_verifier"


@dataclass(frozen=True, slots=True)
class Rating:
    """One user's rating of one image.

    Args:
        user: whose.
        path: the image's file.
        score: from 1 to 5.
    """

    user: str
    path: str
    score: float


@dataclass(frozen=True, slots=True)
class VerifierCard:
    """What a trained verifier is.

    Args:
        encoder, checksum: whose image features it reads.
        dimensions: of these.
        users: in the order of their embeddings.
        validation_auc, test_auc: areas under the ROC curve.
        n_train, n_validation, n_test: ratings.
        seed: of the training.
    """

    encoder: str
    checksum: str
    dimensions: int
    users: tuple[str, ...]
    validation_auc: float
    test_auc: float
    n_train: int
    n_validation: int
    n_test: int
    seed: int


class VerifierNetwork(nn.Module):
    """User and image feature → probability of a rating of 4 or more.

    Args:
        users: how many.
        dimensions: of an image feature; 1024 in the original, which has 1,375,617 weights for
            210 users.
    """

    def __init__(self, users: int, dimensions: int = 1024) -> None:
        super().__init__()
        self.user = nn.Embedding(users, USER_WIDTH)
        self.image = nn.Sequential(
            nn.Linear(dimensions, dimensions), nn.ReLU(), nn.Dropout(DROPOUT)
        )
        self.joint = nn.Sequential(
            *_layer(dimensions + USER_WIDTH, 256), *_layer(256, 128), nn.Linear(128, 1)
        )

    def forward(self, users: Tensor, images: Tensor) -> Tensor:
        """(n,) user numbers and (n, dimensions) features → (n,) logits."""
        joint: Tensor = self.joint(torch.cat([self.image(images), self.user(users)], dim=1))
        return joint[:, 0]


def _layer(before: int, after: int) -> list[nn.Module]:
    return [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(DROPOUT)]


def train_verifier(
    ratings: dict[str, Sequence[Rating]],
    features: Features,
    *,
    encoder: str = ENCODER,
    seed: int = 42,
    epochs: int = EPOCHS,
    rate: float = RATE,
    watch: Watch | None = None,
) -> tuple[VerifierNetwork, VerifierCard]:
    """Train on ratings; the epoch with the highest area on validation ratings is kept.

    Args:
        ratings: of ``train``, ``validation`` and ``test``.
        features: gives image features.
        encoder: whose.
        seed: of initial weights, order and dropout.
        epochs, rate: 20 and 1e-4 in the original.
        watch: progress and cancel.

    Raises:
        InputError: a part without ratings of both kinds, or users that ``train`` does not have.
    """
    watch = watch or Watch()
    users = tuple(sorted({one.user for one in ratings["train"]}))
    places = {user: place for place, user in enumerate(users)}
    data = {}
    for number, (part, own) in enumerate(ratings.items()):
        absent = sorted({one.user for one in own} - set(users))
        if absent:
            raise InputError(f"{part}: users must have ratings in train, got {named(absent)}")
        liked = [one.score >= LIKED for one in own]
        if len(set(liked)) < 2:
            raise InputError(f"{part}: ratings must be both below {LIKED} and from {LIKED} on")
        rows = features.of_images(encoder, [one.path for one in own], watch.part(number * 0.2, 0.2))
        data[part] = (
            torch.tensor([places[one.user] for one in own]),
            torch.from_numpy(rows),
            torch.tensor(liked, dtype=torch.float32),
        )
    card = features.encoder(encoder).card
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = VerifierNetwork(len(users), card.dimensions)
        best = _trained(network, data, epochs, rate, watch.part(0.6, 0.4))
    network.eval()
    return network, VerifierCard(
        encoder,
        card.checksum,
        card.dimensions,
        users,
        best,
        _auc(network, data["test"]),
        len(ratings["train"]),
        len(ratings["validation"]),
        len(ratings["test"]),
        seed,
    )


_Part = tuple[Tensor, Tensor, Tensor]


def _trained(
    network: VerifierNetwork, data: dict[str, _Part], epochs: int, rate: float, watch: Watch
) -> float:
    users, images, liked = data["train"]
    loss_of = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=PATIENCE)
    best, kept = -1.0, network.state_dict()
    for epoch in range(epochs):
        watch.report(epoch / epochs, f"Epoch {epoch + 1} of {epochs}")
        network.train()
        order = torch.randperm(len(users))
        for start in range(0, len(users), BATCH):
            own = order[start : start + BATCH]
            if len(own) < 2:
                continue  # batch normalisation needs two
            loss = loss_of(network(users[own], images[own]), liked[own])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP_AT)
            optimizer.step()
        network.eval()
        with torch.inference_mode():
            held_out = data["validation"]
            schedule.step(float(loss_of(network(*held_out[:2]), held_out[2])))
        auc = _auc(network, data["validation"])
        if auc > best:
            best = auc
            kept = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(kept)
    return best


@torch.inference_mode()
def _auc(network: VerifierNetwork, part: _Part) -> float:
    users, images, liked = part
    return float(roc_auc_score(liked.numpy(), network(users, images).numpy()))


def save_verifier(network: VerifierNetwork, card: VerifierCard, path: Path) -> None:
    """Write weights and card as safetensors."""
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    metadata = {KEY: json.dumps(asdict(card), ensure_ascii=False)}
    write_files({path: safetensors.torch.save(tensors, metadata)})


def load_verifier(path: Path) -> tuple[VerifierNetwork, VerifierCard]:
    """The network and the card of a file.

    Raises:
        WeightsError: not such a file.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            written: Any = json.loads(file.metadata()[KEY])
            card = VerifierCard(**{**written, "users": tuple(written["users"])})
        network = VerifierNetwork(len(card.users), card.dimensions)
        network.load_state_dict(safetensors.torch.load_file(path))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError,
            safetensors.SafetensorError) as error:  # fmt: skip
        raise WeightsError(f"{path}: not a verifier ({one_line(error)[:120]})") from error
    return network.eval().requires_grad_(False), card


@dataclass(frozen=True)
class Verifier:
    """``verifier``: the probability that the sample's user rates an image 4 or more.

    Args:
        network, trained: from :func:`load_verifier`.
        features: gives image features.
        file: its name, for the card.
    """

    network: VerifierNetwork
    trained: VerifierCard
    features: Features
    file: str

    @property
    def card(self) -> MetricCard:
        """See :class:`~clpips.bench.metrics.card.Metric`."""
        own, encoder = self.trained, self.features.encoder(self.trained.encoder).card
        return MetricCard(
            "verifier",
            "Verifier",
            "higher",
            0.0,
            1.0,
            f"{self.file} on {own.encoder}",
            own.checksum,
            f"AUC {own.test_auc:.3f} on {own.n_test} ratings",
            encoder.preprocessing,
            "of the ratings",
            f"Trained on {own.n_train} ratings of {len(own.users)} users; missing for others.",
        )

    @torch.inference_mode()
    def values(self, images: Sequence[Generated], watch: Watch) -> Values:
        """See :class:`~clpips.bench.metrics.card.Metric`; NaN for an unknown user."""
        found = np.full(len(images), np.nan)
        places = {user: place for place, user in enumerate(self.trained.users)}
        known = [n for n, one in enumerate(images) if one.sample.user in places]
        if known:
            rows = self.features.of_images(
                self.trained.encoder, [images[n].path for n in known], watch
            )
            users = torch.tensor([places[images[n].sample.user] for n in known])
            logits = self.network(users, torch.from_numpy(rows))
            found[known] = torch.sigmoid(logits).double().numpy()
        return found


def open_verifier(path: Path, features: Features, *, accept_any: bool = False) -> Verifier:
    """A verifier that may be used.

    Args:
        path: from :func:`save_verifier`.
        features: opens its encoder.
        accept_any: use it whatever its area is.

    Raises:
        WeightsError: not a verifier, below the accepted area, or over an encoder with another
            checksum.
    """
    network, card = load_verifier(path)
    if card.test_auc < ACCEPTED_AUC and not accept_any:
        raise WeightsError(
            f"{path}: a verifier is used from a test AUC of {ACCEPTED_AUC} on, got "
            f"{card.test_auc:.3f}"
        )
    if features.encoder(card.encoder).card.checksum != card.checksum:
        raise WeightsError(f"{path}: was trained on another {card.encoder} (checksum differs)")
    return Verifier(network, card, features, path.name)
