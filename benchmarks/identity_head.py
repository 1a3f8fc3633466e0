"""How much a head over a frozen encoder helps to tell identities apart, on rendered scenes.

Run ``python benchmarks/identity_head.py [--identities 1000] [--cache DIR] [--out HEAD]``; on one
core about a quarter of an hour, nearly all of it for drawing and the frozen network. CPU seconds
are printed. ``--out`` keeps the chosen head, for ``--encoder head:HEAD``.

Identities are those of ``clpips identity build scenes``: a thing with a look in three places and
lights, a *far* distractor (another colour, material and pattern) and a *near* one (a similar kind,
or a close colour) on each view's background. The first 70 % train, the next 10 % choose among the
settings below by SSR pooled over both levels, the last 20 % are measured once. EfficientNet-Lite0
is frozen; what is kept of a picture are the maps of its stages 5 and 7 in float16.

The table has, for unseen identities and with 95 % intervals over them: SSR at each level; how
often a view is more similar to another view of its identity than to the distractor on its own
background (same > distractor, which is PA); and how often that distractor is more similar to it
than a view of another identity (distractor > random), over all other test identities' views.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import nn

from clpips.features import efficientnet
from clpips.features.embedding.encoder import Embeddings, unit
from clpips.features.embedding.head import HeadCard, save_head
from clpips.features.embedding.network import resized_square
from clpips.features.embedding.pooling import fit_standard, make_head
from clpips.features.embedding.registry import open_encoder
from clpips.generation.scenes.identities import LEVELS, VIEWS, scene_identities
from clpips.identity.distractors import summarised
from clpips.identity.head_training import (
    TrainingSettings,
    TrainingState,
    embed_rows,
    set_margins,
    train_head,
)
from clpips.identity.training_draws import TokenRows
from clpips.stats.shares import share_interval

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
CPU = torch.device("cpu")
PICTURES = VIEWS * (1 + len(LEVELS))
SHAPES = ((196, 112), (49, 320))
SEED = 16


@dataclass(frozen=True)
class Rendered:
    """Maps and embeddings of all pictures, nine an identity: views, then each level."""

    maps: tuple[Array, ...]
    embeddings: Embeddings
    seconds: dict[str, float]

    @property
    def rows(self) -> TokenRows:
        """Where each identity's pictures stand."""
        base = PICTURES * np.arange(len(self.embeddings) // PICTURES)[:, None]
        views = np.arange(VIEWS)
        levels = [base + VIEWS * (1 + k) + views for k in range(len(LEVELS))]
        return TokenRows(base + views, np.stack(levels, axis=1))


@dataclass(frozen=True)
class Setting:
    """A head and how it is trained."""

    kind: str
    batch_size: int
    alpha: float
    lr: float
    epochs: int
    dimensions: int
    heads: int = 4
    temperature: float = 0.07

    @property
    def words(self) -> str:
        """For the tables."""
        return f"{self.kind}, batch {self.batch_size}, α {self.alpha:g}"


GRID = tuple(
    Setting(kind, batch_size, alpha, lr, epochs, dimensions)
    for kind, batch_size, lr, epochs, dimensions in (
        ("attention", 16, 1e-3, 8, 128),
        ("attention-linear", 16, 3e-3, 20, 256),
        ("attention-linear", 64, 3e-3, 20, 256),
        ("linear", 16, 3e-3, 15, 256),
    )
    for alpha in (0.5, 0.0)
)
"""Each with tier 2 and without, at one batch size; validation chooses among those with tier 2."""


def rendered(count: int, cache: Path | None) -> Rendered:
    """Draw the identities and pass them through the network, or read what an earlier run kept."""
    if cache is not None and (cache / "seconds.json").exists():
        seconds = json.loads((cache / "seconds.json").read_text())
        maps = tuple(np.load(cache / f"maps-{k}.npy") for k in range(len(SHAPES)))
        return Rendered(maps, np.load(cache / "embeddings.npy"), seconds)
    network = efficientnet.open_network("cpu")
    to_maps = efficientnet.stage_maps(network)
    prepare, _ = resized_square(efficientnet.SIDE, (0.5,) * 3, (0.5,) * 3)
    maps = tuple(np.empty((PICTURES * count, *shape), dtype=np.float16) for shape in SHAPES)
    features = np.empty((PICTURES * count, 1280), dtype=np.float32)
    seconds = {"drawing": 0.0, "network": 0.0}
    mark = time.process_time()
    for number, one in enumerate(scene_identities(count, seed=SEED)):
        pictures: list[Image.Image] = [*one.views]
        for level in LEVELS:
            pictures += one.distractors[level]
        drawn = time.process_time()
        block = slice(PICTURES * number, PICTURES * (number + 1))
        with torch.inference_mode():
            found = to_maps(torch.stack([prepare(each) for each in pictures]))
            features[block] = efficientnet.pooled_features(network, found[-1]).numpy()
        for held, each in zip(maps, found, strict=True):
            held[block] = each.numpy()
        seconds["drawing"] += drawn - mark
        mark = time.process_time()
        seconds["network"] += mark - drawn
        if number % 50 == 49:
            print(f"{number + 1} of {count} identities, {sum(seconds.values()):.0f} s", flush=True)
    made = Rendered(maps, unit(features), seconds)
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        for k, each in enumerate(maps):
            np.save(cache / f"maps-{k}.npy", each)
        np.save(cache / "embeddings.npy", made.embeddings)
        (cache / "seconds.json").write_text(json.dumps(seconds))
    return made


@dataclass(frozen=True)
class Trained:
    """A trained head, and all pictures' embeddings under it before and after."""

    head: nn.Module
    settings: TrainingSettings
    state: TrainingState
    before: Embeddings
    after: Embeddings

    @property
    def ssr(self) -> float:
        """On validation identities, in [0, 1]."""
        return float(self.state.curve[self.state.best_epoch - 1].ssr or 0.0)


def trained(
    data: Rendered, setting: Setting, train: Sequence[int], validation: Sequence[int]
) -> Trained:
    """One setting's head."""
    head = make_head(
        setting.kind, SHAPES, dimensions=setting.dimensions, heads=setting.heads, seed=SEED
    )
    fit_standard(head, data.maps, data.rows.pictures(train))
    before = embed_rows(head, data.maps, device=CPU)
    settings = TrainingSettings(
        epochs=setting.epochs,
        batch_size=setting.batch_size,
        alpha=setting.alpha,
        lr=setting.lr,
        temperature=setting.temperature,
        seed=SEED,
    )
    state = train_head(head, data.maps, data.rows, train, validation, settings, device=CPU)
    return Trained(head, settings, state, before, embed_rows(head, data.maps, device=CPU))


def save(one: Trained, setting: Setting, split: dict[str, int], path: Path) -> None:
    """The head as a file for ``head:FILE``."""
    encoder = open_encoder("efficientnet-lite0").card
    card = HeadCard(
        encoder=encoder.name,
        encoder_checksum=encoder.checksum,
        kind=setting.kind,
        shapes=SHAPES,
        dimensions=setting.dimensions,
        heads=setting.heads,
        settings=one.settings.to_dict(),
        dataset=f"scenes, seed {SEED}",
        split=split,
        curve=tuple(each.to_dict() for each in one.state.curve),
        best_epoch=one.state.best_epoch,
    )
    save_head(one.head, card, path)


def measured(embeddings: Embeddings, rows: TokenRows, test: Sequence[int]) -> list[str]:
    """The table's cells for one encoder, level by level."""
    cells = []
    for level, margins in enumerate(set_margins(embeddings, rows, test)):
        one = summarised(margins)
        cells += [_cell(one.ssr, one.ssr_ci), _cell(one.pa, one.pa_ci)]
        wins, trials = _above_random(embeddings, rows, test, level)
        cells.append(_cell(wins.sum() / trials.sum(), share_interval(wins, trials)))
    return cells


def _above_random(
    embeddings: Embeddings, rows: TokenRows, test: Sequence[int], level: int
) -> tuple[Array, Array]:
    """By identity: others' views less similar to its view than its distractor is, of all."""
    index = list(test)
    views = embeddings[rows.positives[index]].astype(np.float64)  # (identities, 3, d)
    own = (views * embeddings[rows.distractors[index, level]]).sum(axis=2)
    others = np.einsum("ivd,jwd->ivjw", views, views)
    below = others < own[:, :, None, None]
    below[np.arange(len(index)), :, np.arange(len(index))] = False
    return below.sum(axis=(1, 2, 3)), np.full(len(index), VIEWS * VIEWS * (len(index) - 1))


def _cell(share: float | None, ends: tuple[float, float] | None) -> str:
    if share is None:
        return "–"
    if ends is None:
        return f"{100 * share:.1f}"
    return f"{100 * share:.1f} ({100 * ends[0]:.1f}…{100 * ends[1]:.1f})"


def main() -> None:
    """Draw, train, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--identities", type=int, default=1000)
    parser.add_argument("--cache", type=Path, help="folder that keeps the token maps")
    parser.add_argument("--out", type=Path, metavar="HEAD", help="file for the chosen head")
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    data = rendered(options.identities, options.cache)
    count = len(data.embeddings) // PICTURES
    first, second = round(0.7 * count), round(0.8 * count)
    train, validation, test = range(first), range(first, second), range(second, count)
    lines = [("EfficientNet-Lite0 itself", measured(data.embeddings, data.rows, test))]
    untrained: dict[str, list[str]] = {}
    chosen: tuple[Setting, Trained] | None = None
    for setting in GRID:
        mark = time.process_time()
        one = trained(data, setting, train, validation)
        if setting.kind not in untrained:
            untrained[setting.kind] = measured(one.before, data.rows, test)
        lines.append((setting.words, measured(one.after, data.rows, test)))
        seconds = time.process_time() - mark
        if setting.alpha and (chosen is None or one.ssr > chosen[1].ssr):
            chosen = setting, one
        print(f"{setting.words}: validation SSR {100 * one.ssr:.1f}, {seconds:.0f} s", flush=True)
    if chosen is None:
        raise SystemExit("the grid must have a setting with tier 2")
    lines[1:1] = [(f"{kind}, untrained", cells) for kind, cells in untrained.items()]
    columns = [
        f"{level}: {what}"
        for level in LEVELS
        for what in ("SSR", "same > distractor", "distractor > random")
    ]
    split = {"train": len(train), "val": len(validation), "test": len(test)}
    print(f"\nidentities: {split}; chosen on validation: {chosen[0].words}\n")
    if options.out is not None:
        save(chosen[1], chosen[0], split, options.out)
    print("| head | " + " | ".join(columns) + " |")
    print("| --- |" + " --- |" * len(columns))
    for name, cells in lines:
        print(f"| {name} | " + " | ".join(cells) + " |")
    spent = time.process_time() - started
    parts = ", ".join(f"{name} {value:.0f} s" for name, value in data.seconds.items())
    print(f"\nCPU: {parts}; this run {spent:.0f} s")


if __name__ == "__main__":
    main()
