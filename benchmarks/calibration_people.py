"""Simulated people for ``benchmarks/calibration.py``: boards of real vectors, planted weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import stats

from clpips.features.architecture import spec_of
from clpips.features.weights import stock_weights
from clpips.metric.observations import Observation
from clpips.types import Ranking

TARGETS, CANDIDATES, IMAGES, SIDE = 40, 32, 8, 96


@dataclass(frozen=True)
class Person:
    """Somebody simulated: ranks by ``weights`` with noise, or at random without weights."""

    kind: str
    weights: np.ndarray | None
    noise: float = 0.1


def make_table(path: Path, seed: int = 0, space: str = "alex") -> None:
    """Difference vectors of drawn scenes, (targets, candidates, channels), into a file."""
    import torch

    from clpips.features.registry import open_space
    from clpips.generation.scenes import draw, image_seed, sample_targets
    from clpips.io.images import load_image

    samples, network, rows = sample_targets(), open_space(space), []
    for target in range(TARGETS):
        sample = samples[target % len(samples)]
        pictures = [draw(sample.prompt, image_seed(7 + seed, target), width=SIDE, height=SIDE)]
        for number in range(CANDIDATES):
            attempt = sample.attempts[number % len(sample.attempts)]
            seed = image_seed(1000 + seed + target, number)
            pictures.append(draw(attempt, seed, width=SIDE, height=SIDE))
        with torch.inference_mode():
            found = network.features(torch.stack([load_image(one) for one in pictures]))
        rows.append(network.differences([x[:1] for x in found], [x[1:] for x in found]))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.stack(rows).astype(np.float32))


@lru_cache(maxsize=1)
def table(path: Path) -> np.ndarray:
    """The difference vectors in double precision."""
    return np.load(path).astype(np.float64)


def layer_of_channels() -> np.ndarray:
    """(channels,) the layer of each channel of AlexNet."""
    channels = spec_of("alex").channels
    return np.repeat(np.arange(len(channels)), channels)


def planted(layer: int) -> np.ndarray:
    """Strong: one layer has 96 % of all weight, as in the app's simulated studies."""
    stock, of = stock_weights("alex"), layer_of_channels()
    sums = np.bincount(of, weights=stock)
    share = np.where(np.arange(len(sums)) == layer, 0.96, 0.01)
    return stock.sum() * (share / sums)[of] * stock


def somebody(generator: np.random.Generator) -> Person:
    """One of the people whom the forecast has to serve."""
    kind = generator.choice(["strong", "weak", "stock", "noisy", "random"])
    stock, of = stock_weights("alex"), layer_of_channels()
    if kind == "random":
        return Person(kind, None)
    if kind == "stock":
        return Person(kind, stock, 0.3)
    if kind == "weak":
        turned = np.exp(generator.normal(0, 0.8, 5))[of] * np.exp(generator.normal(0, 0.5, len(of)))
        return Person(kind, stock * turned, 0.3)
    return Person(kind, planted(int(generator.integers(5))), 0.1 if kind == "strong" else 1.2)


def boards(
    vectors: np.ndarray,
    person: Person,
    rankings: int,
    generator: np.random.Generator,
    *,
    rounds: int = 1,
) -> list[Observation]:
    """What one person ranked: ``rounds`` rankings of each target, eight images on each board."""
    targets = generator.permutation(len(vectors))[: -(-rankings // rounds)]
    found = []
    for number in range(rankings):
        target = int(targets[number // rounds])
        chosen = generator.choice(vectors.shape[1], IMAGES, replace=False)
        board = vectors[target][chosen]
        order = generator.normal(size=IMAGES)
        if person.weights is not None:
            true = board @ person.weights
            order = true + person.noise * true.std() * order
        ranks = tuple(int(rank) for rank in stats.rankdata(order, method="ordinal"))
        names = tuple(f"{number}-{index}" for index in chosen)
        ranking = Ranking("somebody", f"target {target}", names, ranks)
        found.append(Observation(ranking, board))
    return found


def spearmans(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman of each row without ties: (rankings, images) twice → (rankings,)."""
    images = x.shape[-1]
    apart = x.argsort(-1).argsort(-1) - y.argsort(-1).argsort(-1)
    return 1 - 6 * (apart**2).sum(-1) / (images * (images**2 - 1))


def fresh(
    vectors: np.ndarray,
    person: Person,
    metrics: Sequence[np.ndarray],
    targets: np.ndarray,
    generator: np.random.Generator,
) -> list[np.ndarray]:
    """Each metric's Spearman on new boards, one of each of ``targets``: (targets,) each."""
    chosen = generator.random((len(targets), vectors.shape[1])).argsort(1)[:, :IMAGES]
    order = generator.normal(size=chosen.shape)
    if person.weights is not None:
        true = np.take_along_axis((vectors @ person.weights)[targets], chosen, 1)
        order = true + person.noise * true.std(axis=1, keepdims=True) * order
    return [
        spearmans(order, np.take_along_axis((vectors @ weights)[targets], chosen, 1))
        for weights in metrics
    ]
