"""How many rankings a person's weights need, with chosen boards against random ones.

Run ``python benchmarks/choice.py [--people 45] [--noise 0.3] [--cache vectors.npy]``; about
eight minutes on one core, three of them for drawing where the cache is absent. With ``--default``
only the first setting, which is the app's, is run.

Simulated people rank boards by planted weights plus noise. Three kinds of people, as many of each:
*layer* people have one layer and 1 % on each other one, *mixtures* have shares of all layers
(Dirichlet 0.7), *channel* people have every channel's weight multiplied by chance (gamma 0.3) and
every layer's (log-normal 0.7). A person meets targets in random order, two rounds of each, first
with a vague prompt and then with a good one. Every round has a pool of pictures drawn from the
prompt; a method chooses which of them the board shows, the person ranks these, and the usual fit
is made from all rankings so far. The noise of an answer is the same on every board: its standard
deviation is ``--noise`` times the mean spread of true distances on random boards.

Held-out agreement is the mean Spearman between the fit's distances and the true ones, without
noise, on *randomly* drawn boards of eight, of targets whose prompts the person never met (3 of the
12 sample prompts). A level is reached where the mean curve over people first reaches it, with
straight lines between the measured numbers of rankings; intervals are bootstrapped over people,
the same people for both methods. Told are the levels that random choice reaches, with two rankings
at least: below that a saving is a fraction of one ranking.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from scipy.stats import rankdata

from clpips.active.acquisition import ChoiceSettings, Method, choose
from clpips.features.lpips import Network
from clpips.generation.scenes import draw, image_seed, sample_targets
from clpips.metric.clpips import CLPIPS
from clpips.metric.fit import fit_weights
from clpips.metric.observations import Observation
from clpips.metric.settings import FitSettings
from clpips.types import Ranking

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

TARGETS, ROUNDS, POOL, SIDE = 48, (0, 2), 24, 128
HELD_OUT_PROMPTS, TEST_BOARD = 3, 8
FIRST_PERSON = 1000  # methods and settings were tried on others, and on other pictures
KINDS = ("layer", "mixture", "channel")
MEASURED = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 26, 30)
LEVELS = (0.80, 0.82, 0.84, 0.86, 0.88, 0.90, 0.92, 0.94, 0.96)
RESAMPLES = 1000
LEAST = 2.0  # rankings
SETTINGS: tuple[tuple[int, int, tuple[Method, ...]], ...] = (
    (24, 4, ("information", "disagreement")),
    (12, 4, ("information",)),
    (24, 8, ("information",)),
    (12, 8, ("information",)),
)
"""Pictures made, pictures shown, and the methods held against random choice."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything that all people share.

    Args:
        pools: (targets, rounds, pictures, channels) difference vectors.
        stock: (channels,) the stock weights.
        channels: channels of each layer.
    """

    pools: Array
    stock: Array
    channels: tuple[int, ...]

    @property
    def layer(self) -> Array:
        """(channels,) the layer of each weight."""
        return np.repeat(np.arange(len(self.channels)), self.channels)


def drawn(cache: Path | None) -> Array:
    """The difference vectors of all pools, from the cache or drawn and compared anew."""
    if cache is not None and cache.exists():
        return np.asarray(np.load(cache), dtype=np.float64)
    torch.set_num_threads(1)
    network, samples, pools = Network("alex"), sample_targets(), []
    for number in range(TARGETS):
        sample = samples[number % len(samples)]
        target = draw(sample.prompt, image_seed(3, number), width=SIDE, height=SIDE)
        for which in ROUNDS:
            seeds = [image_seed(4, 72 * number + 24 * which + index) for index in range(POOL)]
            pictures = [draw(sample.attempts[which], s, width=SIDE, height=SIDE) for s in seeds]
            pools.append(network.difference_vectors(target, pictures).vectors)
        print(f"\rdrawn {number + 1} of {TARGETS} targets", end="", flush=True)
    print()
    made = np.stack(pools).reshape(TARGETS, len(ROUNDS), POOL, -1)
    if cache is not None:
        np.save(cache, made.astype(np.float32))
    return made


def planted(world: World, kind: str, number: int) -> Array:
    """True weights of one person: (channels,), all ≥ 0."""
    rng, layers = np.random.default_rng([number, 7]), len(world.channels)
    if kind == "channel":
        multipliers = np.exp(0.7 * rng.normal(size=layers))[world.layer]
        return world.stock * rng.gamma(0.3, 1 / 0.3, len(world.stock)) * multipliers
    shares = rng.dirichlet(np.full(layers, 0.7))
    if kind == "layer":
        shares = np.where(np.arange(layers) == number % layers, 1 - 0.01 * (layers - 1), 0.01)
    sums = np.bincount(world.layer, weights=world.stock)
    return np.asarray(world.stock * (shares / sums)[world.layer])


class Person:
    """One simulated person: what they meet, how they answer, what they are tested on."""

    def __init__(self, world: World, kind: str, number: int, noise: float) -> None:
        rng = np.random.default_rng([number, 1])
        self.world, self.number = world, number
        self.weights = planted(world, kind, number)
        prompts = len(sample_targets())
        unseen = rng.choice(prompts, HELD_OUT_PROMPTS, replace=False)
        held_out = np.isin(np.arange(TARGETS) % prompts, unseen)
        self.boards = [(t, r) for t in rng.permutation(np.flatnonzero(~held_out)) for r in (0, 1)]
        self.tests = [
            world.pools[t, r][rng.choice(POOL, TEST_BOARD, replace=False)]
            for t in np.flatnonzero(held_out)
            for r in (0, 1)
        ]
        self.noise = noise * float((world.pools @ self.weights).std(axis=2).mean())

    def curve(self, method: Method, *, made: int, shown: int) -> list[float]:
        """Held-out agreement after each number of rankings in ``MEASURED``."""
        seen: list[Observation] = []
        agreement = [self.agreement(self.world.stock)]
        while len(seen) < MEASURED[-1]:
            seen.append(self.answer(len(seen), seen, method, made=made, shown=shown))
            if len(seen) in MEASURED:
                fitted = fit_weights(seen, "alex", FitSettings().filled())
                agreement.append(self.agreement(fitted.weights))
        return agreement

    def answer(
        self, number: int, seen: Sequence[Observation], method: Method, *, made: int, shown: int
    ) -> Observation:
        """One board, chosen by a method, with this person's ranking of it."""
        target, which = self.boards[number]
        rng = np.random.default_rng([self.number, number, 3])
        pool = self.world.pools[target, which][rng.permutation(POOL)[:made]]
        settings = ChoiceSettings(shown, method, seed=int(rng.integers(1 << 31)))
        picks = choose(pool, seen, settings, stock=self.world.stock, channels=self.world.channels)
        vectors = pool[[pick.index for pick in picks]]
        felt = vectors @ self.weights + self.noise * rng.normal(size=shown)
        ranks = tuple(int(rank) for rank in rankdata(felt, method="min"))
        names = tuple(f"{number}-{pick.index}" for pick in picks)
        return Observation(Ranking("one", f"target {target}", names, ranks), vectors)

    def agreement(self, weights: Array) -> float:
        """Mean Spearman with the true order on the test boards; a constant one counts 0."""
        found = [_spearman(board @ weights, board @ self.weights) for board in self.tests]
        return float(np.mean(found))


def _spearman(x: Array, y: Array) -> float:
    a, b = rankdata(x), rankdata(y)
    return 0.0 if np.ptp(a) == 0 or np.ptp(b) == 0 else float(np.corrcoef(a, b)[0, 1])


def needed(curve: Array, level: float) -> float:
    """Rankings at which a curve over ``MEASURED`` first reaches a level; NaN where it never does.

    >>> needed(np.array([0.5, 0.7, 0.9] + [0.9] * 12), 0.8)
    1.5
    """
    best = np.maximum.accumulate(curve)
    return float(np.interp(level, best, MEASURED)) if best[-1] >= level else float("nan")


def saving(random: Array, chosen: Array, level: float) -> tuple[float, float, Array]:
    """Rankings needed by random and by chosen boards, and bootstrapped savings in per cent.

    Where a resample's chosen curve never reaches the level it counts as needing the last number
    of rankings plus what was not measured, that is, as no saving beyond it: −100 %.
    """
    rng = np.random.default_rng(0)
    savings = []
    for _ in range(RESAMPLES):
        people = rng.integers(0, len(random), len(random))
        base = needed(random[people].mean(axis=0), level)
        mine = needed(chosen[people].mean(axis=0), level)
        if base > 0:  # also leaves out the resamples in which random choice never gets there
            savings.append(-100.0 if np.isnan(mine) else 100 * (1 - mine / base))
    return needed(random.mean(axis=0), level), needed(chosen.mean(axis=0), level), np.array(savings)


def report(group: str, curves: Mapping[Method, Array]) -> None:
    """One table: rankings needed for each level, random and chosen, with the saving."""
    random = curves["random"]
    print(f"\n  {group} ({len(random)} people), mean agreement after n rankings:")
    print("    " + " " * 14 + "".join(f"{n:>6}" for n in MEASURED))
    for method, curve in curves.items():
        print(f"    {method:<14}" + "".join(f"{value:6.3f}" for value in curve.mean(axis=0)))
    for level in LEVELS:
        if not needed(random.mean(axis=0), level) >= LEAST:
            continue
        for method, curve in curves.items():
            if method != "random":
                base, mine, savings = saving(random, curve, level)
                low, high = np.percentile(savings, (2.5, 97.5))
                told = (
                    "never" if np.isnan(mine) else f"{mine:.1f}, {100 * (1 - mine / base):+.0f} %"
                )
                print(
                    f"    {level:.2f}: random {base:.1f}, {method} {told} "
                    f"(95 % interval {low:+.0f} to {high:+.0f} % saved)"
                )


def main() -> None:
    """Print the tables of every setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=45, help="a multiple of 3")
    parser.add_argument("--noise", type=float, default=0.3)
    parser.add_argument("--cache", type=Path, help="a .npy file for the difference vectors")
    parser.add_argument("--default", action="store_true", help="only the first setting")
    options = parser.parse_args()
    stock = CLPIPS("alex")
    channels = tuple(len(layer) for layer in stock.layer_weights())
    world = World(drawn(options.cache), stock.weights, channels)
    for made, shown, methods in SETTINGS[: 1 if options.default else None]:
        started = time.perf_counter()
        print(f"\n{made} pictures made, {shown} shown, noise {options.noise:g}")
        everybody: dict[str, dict[Method, Array]] = {}
        for kind in KINDS:
            people = [
                Person(world, kind, FIRST_PERSON + number, options.noise)
                for number in range(options.people // 3)
            ]
            everybody[kind] = {
                method: np.array([one.curve(method, made=made, shown=shown) for one in people])
                for method in ("random", *methods)
            }
            report(kind, everybody[kind])
        together = {
            method: np.concatenate([everybody[kind][method] for kind in KINDS])
            for method in ("random", *methods)
        }
        report("everybody", together)
        print(f"  {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
