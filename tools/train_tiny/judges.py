"""Who says how well the tiny model draws: a second CLIP and a reader of kinds and colours.

Both learn from pictures that the model has never seen, drawn by ``scenes`` from other seeds.
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
from tools.train_tiny.dataset import Array, Pictures, drawn
from tools.train_tiny.loop import Chance, Course, train
from tools.train_tiny.objectives import teach_clip, tensor, tokens

READER_PICTURES = 32_000
CLIP_PICTURES = 16_000
CHOICES = 20
READ_AT_ONCE = 64
CLIP = Course("judge-clip", steps=600, rate=1e-3, seed=11)
READER = Course("judge-reader", steps=3000, rate=2e-3, seed=12, decay=0.995)


class Reader(nn.Module):
    """Picture and kind → how likely each kind is there, and which colour that kind has.

    Every place of an 8 × 8 grid is asked for each kind; a thing is there where any place says so,
    and its colour is read at the places that say so most.
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
        seen = self.features(pixels)
        where = self.kinds(seen).flatten(2)  # (n, kinds, 64)
        here = where[torch.arange(len(kind)), kind].softmax(dim=1)
        there = torch.einsum("np,ncp->nc", here, seen.flatten(2))
        named = self.colours(torch.cat([there, self.kind(kind)], dim=1))
        return where.logsumexp(dim=2), named


@dataclass(frozen=True, slots=True)
class Judges:
    """Trained judges."""

    clip: CLIPModel
    tokenizer: CLIPTokenizer
    reader: Reader


@dataclass(frozen=True, slots=True)
class Verdict:
    """Shares of pictures, in [0, 1].

    Args:
        retrieved: the right caption is the nearest of 20 by the judges' CLIP.
        kind: the first thing named is there: among as many of the most likely kinds as the
            caption names.
        colour: its colour is the likeliest one.
        both: kind and colour are right.
        count: how many pictures.
    """

    retrieved: float
    kind: float
    colour: float
    both: float
    count: int


def judges(folder: Path, watch: Watch) -> Judges:
    """Train the judges, or take them from a folder where they were trained."""
    seen = drawn("judges", READER_PICTURES, folder / "pictures", watch)
    some = Pictures(seen.pixels[:CLIP_PICTURES], seen.captions[:CLIP_PICTURES])
    tokenizer = architecture.tokenizer_of(some.texts)
    torch.manual_seed(CLIP.seed)
    clip = architecture.clip(tokenizer)
    torch.manual_seed(READER.seed)
    reader = Reader().to(memory_format=torch.channels_last)
    _teach_reader(reader, seen, folder, watch)
    teach_clip(clip, tokenizer, some, CLIP, folder, watch)
    return Judges(clip, tokenizer, reader)


def _teach_reader(reader: Reader, seen: Pictures, folder: Path, watch: Watch) -> None:
    there, kinds, colours = _labels(seen.captions)

    def loss(chance: Chance) -> torch.Tensor:
        rows = torch.randint(len(there), (READ_AT_ONCE,), generator=chance)
        which = torch.rand(kinds[rows].shape, generator=chance) * (colours[rows] >= 0)
        which = which.argmax(dim=1, keepdim=True)
        kind, colour = (each[rows].gather(1, which)[:, 0] for each in (kinds, colours))
        presence, named = reader(_varied(tensor(seen.pixels[rows.numpy()]), chance), kind)
        present = there[rows] / there[rows].sum(dim=1, keepdim=True)
        wrong = functional.cross_entropy(presence, present)
        return wrong + functional.cross_entropy(named, colour, ignore_index=-1)

    train([reader], loss, READER, folder, watch)


def _varied(pixels: torch.Tensor, chance: Chance) -> torch.Tensor:
    """Pictures as they could be as well: mirrored, moved by up to 4 pixels, softer, with noise.

    What makes a ball red does not change by it, so the reader does not learn edges of a pixel's
    width by heart, which no 64 × 64 pixels of a diffusion model have.
    """
    side = pixels.shape[2]
    mirrored = torch.rand(len(pixels), 1, 1, 1, generator=chance) < 0.5
    varied = torch.where(mirrored, pixels.flip(3), pixels)
    left, up, soft, size = torch.rand(4, generator=chance).tolist()
    padded = functional.pad(varied, (4, 4, 4, 4), mode="replicate")
    x, y = int(left * 9), int(up * 9)
    varied = padded[:, :, y : y + side, x : x + side]
    if soft < 0.5:
        less = 40 + int(size * (side - 40))
        varied = functional.interpolate(varied, less, mode="bilinear", antialias=True)
        varied = functional.interpolate(varied, side, mode="bilinear")
    noisy: torch.Tensor = varied + 0.04 * soft * torch.randn(varied.shape, generator=chance)
    return noisy


def _labels(asked: tuple[Caption, ...]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(n, kinds) what is there, and the (n, 2) kinds and colours that are named; −1 for none."""
    there = torch.zeros(len(asked), len(KINDS))
    kinds = torch.zeros(len(asked), 2, dtype=torch.long)
    colours = torch.full((len(asked), 2), -1)
    for row, each in enumerate(asked):
        for place, (kind, colour) in enumerate(each.things):
            number = KINDS.index(kind)
            there[row, number] = 1
            kinds[row, place] = number
            colours[row, place] = COLOURS.index(colour) if colour else -1
    return there, kinds, colours


@torch.no_grad()
def judge(by: Judges, pixels: Array, asked: tuple[Caption, ...]) -> Verdict:
    """What the judges say of pictures that were made for captions.

    Args:
        by: the judges.
        pixels: (captions, 64, 64, 3) bytes.
        asked: what each picture was to show; the caption is to be found among the next 19, too.
    """
    pictures = tensor(pixels)
    words = by.clip(
        input_ids=tokens(by.tokenizer, [each.text for each in asked]), pixel_values=pictures
    )
    likeness = words.logits_per_image  # (pictures, captions)
    numbers = torch.arange(len(asked))
    others = (numbers[:, None] + torch.arange(CHOICES)) % len(asked)
    retrieved = likeness.gather(1, others).argmax(dim=1) == 0
    _, kinds, colours = _labels(asked)
    presence, named = by.reader(pictures, kinds[:, 0])
    order = presence.argsort(dim=1, descending=True)
    places = (order == kinds[:, :1]).int().argmax(dim=1)
    kind = places < torch.tensor([len(each.things) for each in asked])
    colour = named.argmax(dim=1) == colours[:, 0]
    shares = [float(each.float().mean()) for each in (retrieved, kind, colour, kind & colour)]
    return Verdict(shares[0], shares[1], shares[2], shares[3], len(asked))
