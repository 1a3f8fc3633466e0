"""What scores the tiny model's images: a second CLIP and a classifier of kinds and colours.

Both are trained on images that are not in the model's training set, rendered by ``scenes`` from
other seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPModel, CLIPTokenizer

from clpips.progress import Watch
from tools.train_tiny import architecture
from tools.train_tiny.captions import COLOURS, KINDS, Caption
from tools.train_tiny.dataset import Array, CaptionedImages, image_set
from tools.train_tiny.loop import Schedule, train
from tools.train_tiny.objectives import as_tensor, token_ids, train_clip

CLASSIFIER_IMAGES = 32_000
CLIP_IMAGES = 16_000
CHOICES = 20
"""Captions among which the right one is to be found."""
BATCH = 64
CLIP = Schedule("evaluator-clip", steps=600, learning_rate=1e-3, seed=11)
CLASSIFIER = Schedule(
    "evaluator-classifier", steps=3000, learning_rate=2e-3, seed=12, ema_decay=0.995
)


class Classifier(nn.Module):
    """Image and kind → how likely each kind is present, and which colour that kind has.

    Every cell of an 8 × 8 grid gives a logit for each kind; one large logit makes a kind present,
    and its colour is read from the features of the cells with the largest ones.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, halved in (
            (3, 24, True), (24, 48, True), (48, 96, False), (96, 96, True),
            (96, 160, False), (160, 160, False),
        ):  # fmt: skip
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.SiLU()]
            layers += [nn.MaxPool2d(2)] if halved else []
        self.features = nn.Sequential(*layers)  # (n, 3, 64, 64) -> (n, 160, 8, 8)
        self.kinds = nn.Conv2d(160, len(KINDS), 1)
        self.kind = nn.Embedding(len(KINDS), 32)
        self.colours = nn.Sequential(nn.Linear(192, 192), nn.SiLU(), nn.Linear(192, len(COLOURS)))

    def forward(self, pixels: torch.Tensor, kind: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(n, 3, 64, 64), (n,) → (n, kinds) and (n, colours) logits."""
        features = self.features(pixels)
        logits = self.kinds(features).flatten(2)  # (n, kinds, 64)
        attention = logits[torch.arange(len(kind)), kind].softmax(dim=1)
        pooled = torch.einsum("np,ncp->nc", attention, features.flatten(2))
        colour = self.colours(torch.cat([pooled, self.kind(kind)], dim=1))
        return logits.logsumexp(dim=2), colour


@dataclass(frozen=True, slots=True)
class Evaluators:
    """The two trained models."""

    clip: CLIPModel
    tokenizer: CLIPTokenizer
    classifier: Classifier


@dataclass(frozen=True, slots=True)
class Scores:
    """Shares of images, in [0, 1].

    Args:
        retrieved: the right caption is the nearest of 20 by the evaluators' CLIP.
        kind: the first object named is present: among as many of the most likely kinds as the
            caption names.
        colour: its colour is the most likely one.
        both: kind and colour are right.
        count: how many images.
    """

    retrieved: float
    kind: float
    colour: float
    both: float
    count: int


def trained_evaluators(folder: Path, watch: Watch) -> Evaluators:
    """Train both, or load them from a folder where they were trained."""
    images = image_set("evaluators", CLASSIFIER_IMAGES, folder / "images", watch)
    some = CaptionedImages(images.pixels[:CLIP_IMAGES], images.captions[:CLIP_IMAGES])
    tokenizer = architecture.tokenizer_of(some.texts)
    torch.manual_seed(CLIP.seed)
    clip = architecture.clip(tokenizer)
    torch.manual_seed(CLASSIFIER.seed)
    classifier = Classifier().to(memory_format=torch.channels_last)
    _train_classifier(classifier, images, folder, watch)
    train_clip(clip, tokenizer, some, CLIP, folder, watch)
    return Evaluators(clip, tokenizer, classifier)


def _train_classifier(
    classifier: Classifier, images: CaptionedImages, folder: Path, watch: Watch
) -> None:
    present, kinds, colours = _labels(images.captions)

    def objective(generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(present), (BATCH,), generator=generator)
        which = torch.rand(kinds[rows].shape, generator=generator) * (colours[rows] >= 0)
        which = which.argmax(dim=1, keepdim=True)
        kind, colour = (each[rows].gather(1, which)[:, 0] for each in (kinds, colours))
        pixels = _augmented(as_tensor(images.pixels[rows.numpy()]), generator)
        of_kinds, of_colours = classifier(pixels, kind)
        shares = present[rows] / present[rows].sum(dim=1, keepdim=True)
        loss = functional.cross_entropy(of_kinds, shares)
        return loss + functional.cross_entropy(of_colours, colour, ignore_index=-1)

    train([classifier], objective, CLASSIFIER, folder, watch)


def _augmented(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Images mirrored, shifted by up to 4 pixels, blurred, with noise.

    The renderer's edges are one pixel wide; no image of a diffusion model has such edges, so the
    classifier must not rely on them.
    """
    side = pixels.shape[2]
    mirrored = torch.rand(len(pixels), 1, 1, 1, generator=generator) < 0.5
    images = torch.where(mirrored, pixels.flip(3), pixels)
    left, up, blur, size = torch.rand(4, generator=generator).tolist()
    padded = functional.pad(images, (4, 4, 4, 4), mode="replicate")
    x, y = int(left * 9), int(up * 9)
    images = padded[:, :, y : y + side, x : x + side]
    if blur < 0.5:
        smaller = 40 + int(size * (side - 40))
        images = functional.interpolate(images, smaller, mode="bilinear", antialias=True)
        images = functional.interpolate(images, side, mode="bilinear")
    noisy: torch.Tensor = images + 0.04 * blur * torch.randn(images.shape, generator=generator)
    return noisy


def _labels(asked: tuple[Caption, ...]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(n, kinds) what is present, and the (n, 2) kinds and colours that are named; −1 for none."""
    present = torch.zeros(len(asked), len(KINDS))
    kinds = torch.zeros(len(asked), 2, dtype=torch.long)
    colours = torch.full((len(asked), 2), -1)
    for row, each in enumerate(asked):
        for place, (kind, colour) in enumerate(each.objects):
            number = KINDS.index(kind)
            present[row, number] = 1
            kinds[row, place] = number
            colours[row, place] = COLOURS.index(colour) if colour else -1
    return present, kinds, colours


@torch.no_grad()
def score(evaluators: Evaluators, pixels: Array, asked: tuple[Caption, ...]) -> Scores:
    """Scores of images that were generated for captions.

    Args:
        evaluators: the two models.
        pixels: (captions, 64, 64, 3) bytes.
        asked: what each image was to show; it is to be found among its own caption and the next
            19.
    """
    images = as_tensor(pixels)
    ids = token_ids(evaluators.tokenizer, [each.text for each in asked])
    similarity = evaluators.clip(input_ids=ids, pixel_values=images).logits_per_image
    numbers = torch.arange(len(asked))
    others = (numbers[:, None] + torch.arange(CHOICES)) % len(asked)
    retrieved = similarity.gather(1, others).argmax(dim=1) == 0
    _, kinds, colours = _labels(asked)
    of_kinds, of_colours = evaluators.classifier(images, kinds[:, 0])
    order = of_kinds.argsort(dim=1, descending=True)
    places = (order == kinds[:, :1]).int().argmax(dim=1)
    kind = places < torch.tensor([len(each.objects) for each in asked])
    colour = of_colours.argmax(dim=1) == colours[:, 0]
    shares = [float(each.float().mean()) for each in (retrieved, kind, colour, kind & colour)]
    return Scores(shares[0], shares[1], shares[2], shares[3], len(asked))
