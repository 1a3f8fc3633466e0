"""Who says how well the tiny model draws: a second CLIP and a reader of kinds and colours.

Both learn from pictures that the model has never seen, drawn by ``scenes`` from other seeds.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPModel, CLIPTokenizer

from clpips.generation.tiny import shapes
from clpips.generation.tiny.captions import COLOURS, KINDS, Caption
from clpips.generation.tiny.lessons import teach_clip, tensor, tokens
from clpips.generation.tiny.pictures import Array, Pictures, drawn
from clpips.generation.tiny.training import Chance, Course, train
from clpips.watch import Watch

PICTURES = 16_000
CHOICES = 20
READ_AT_ONCE = 64
CLIP = Course("judge-clip", steps=600, rate=1e-3, seed=11)
READER = Course("judge-reader", steps=2500, rate=1e-3, seed=12)


class Reader(nn.Module):
    """Picture and kind → is there such a thing, and which colour is it."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 64, 128, 128)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
            layers += [nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)  # (n, 3, 64, 64) -> (n, 128, 4, 4)
        self.kinds = nn.Linear(128 * 16, len(KINDS))
        self.kind = nn.Embedding(len(KINDS), 128)
        self.colours = nn.Sequential(
            nn.Linear(128 * 17, 256), nn.SiLU(), nn.Linear(256, len(COLOURS))
        )

    def forward(self, pixels: torch.Tensor, kind: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(n, 3, 64, 64), (n,) → (n, kinds) and (n, colours) logits."""
        seen = self.features(pixels).flatten(1)
        return self.kinds(seen), self.colours(torch.cat([seen, self.kind(kind)], dim=1))


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
    seen = drawn("judges", PICTURES, folder / "pictures", watch)
    tokenizer = shapes.tokenizer_of(seen.texts)
    torch.manual_seed(CLIP.seed)
    clip = shapes.clip(tokenizer)
    torch.manual_seed(READER.seed)
    reader = Reader()
    _teach_reader(reader, seen, folder, watch)
    teach_clip(clip, tokenizer, seen, CLIP, folder, watch)
    return Judges(clip, tokenizer, reader)


def _teach_reader(reader: Reader, seen: Pictures, folder: Path, watch: Watch) -> None:
    there, kinds, colours = _labels(seen.captions)

    def loss(chance: Chance) -> torch.Tensor:
        rows = torch.randint(len(there), (READ_AT_ONCE,), generator=chance)
        which = torch.rand(kinds[rows].shape, generator=chance) * (colours[rows] >= 0)
        which = which.argmax(dim=1, keepdim=True)
        kind, colour = (each[rows].gather(1, which)[:, 0] for each in (kinds, colours))
        presence, named = reader(tensor(seen.pixels[rows.numpy()]), kind)
        return functional.binary_cross_entropy_with_logits(
            presence, there[rows]
        ) * 4 + functional.cross_entropy(named, colour, ignore_index=-1)

    train([reader], loss, READER, folder, watch)


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
