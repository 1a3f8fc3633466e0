"""Whether 95 % intervals hold the true value: the part ``coverage`` of ``calibration.py``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from calibration_people import IMAGES, Person, fresh, planted, spearmans, table
from calibration_shares import COVERED, Run, Share, total_of

from clpips.features.weights import stock_weights
from clpips.stats.intervals import bootstrap_interval, gain_interval


def latent(rho: float, differing: float) -> Callable[[int, np.random.Generator], np.ndarray]:
    """Spearmans of boards whose latent correlation is ``rho``, differing between boards."""

    def draw(count: int, generator: np.random.Generator) -> np.ndarray:
        steady = np.full(count, np.arctanh(rho))
        r = np.tanh(steady + differing * generator.normal(size=count))[:, None]
        x, e = generator.normal(size=(2, count, IMAGES))
        return spearmans(x, r * x + np.sqrt(1 - r**2) * e)

    return draw


def of_stock(
    vectors: np.ndarray, person: Person
) -> Callable[[int, np.random.Generator], np.ndarray]:
    """Spearmans of stock LPIPS with a person on boards of targets drawn at random."""

    def draw(count: int, generator: np.random.Generator) -> np.ndarray:
        targets = generator.integers(0, len(vectors), count)
        return fresh(vectors, person, [stock_weights("alex")], targets, generator)[0]

    return draw


def coverage(run: Run) -> list[Share]:
    """Shares of intervals that hold the true mean, by kind of value and number of rankings."""
    vectors, studies = table(run.table), run.studies
    kinds = {
        f"latent ρ {rho}{', boards differ' if differing else ''}": latent(rho, differing)
        for differing in (0.0, 0.3)
        for rho in (0.0, 0.2, 0.5, 0.8, 0.95)
    }
    for layer in range(5):
        for noise in (0.1, 1.5):
            name = f"stock LPIPS, person of layer {layer + 1}, noise {noise}"
            kinds[name] = of_stock(vectors, Person("strong", planted(layer), noise))
    shares = []
    for name, draw in kinds.items():
        generator = np.random.default_rng([run.first, 1])
        pool = draw(200_000, generator)
        for count in (5, 8, 12, 20, 50):
            held = widths = 0.0
            for values in pool[generator.integers(0, len(pool), (studies, count))]:
                low, high = bootstrap_interval([values]) or (np.nan, np.nan)
                held += low <= pool.mean() <= high
                widths += (high - low) / studies
            note = f"  mean {pool.mean():.2f}, width {widths:.2f}"
            shares.append(Share(f"{name}, n {count}", int(held), studies, COVERED, note=note))
    shares.append(total_of("all agreement intervals", shares, COVERED))
    clustered = [*_clustered(run, vectors), *_gains(run, vectors)]
    return [*shares, *clustered, total_of("all clustered intervals", clustered, COVERED)]


def _clustered(run: Run, vectors: np.ndarray) -> list[Share]:
    """Agreement where several rounds, or several people, share each target."""
    shares = []
    person = Person("strong", planted(0), 0.5)
    stock, generator = [stock_weights("alex")], np.random.default_rng([run.first, 2])
    many = generator.integers(0, len(vectors), 200_000)
    true = fresh(vectors, person, stock, many, generator)[0].mean()
    for targets, rounds in ((5, 3), (8, 2), (12, 4), (20, 3)):
        held = 0
        for _ in range(run.studies):
            drawn = np.repeat(generator.integers(0, len(vectors), targets), rounds)
            values = fresh(vectors, person, stock, drawn, generator)[0]
            label = np.repeat(np.arange(targets), rounds).tolist()
            low, high = bootstrap_interval([values], clusters=[label]) or (np.nan, np.nan)
            held += bool(low <= true <= high)
        shares.append(
            Share(f"agreement, {rounds} rounds of {targets} targets", held, run.studies, COVERED)
        )
    return shares


def _gains(run: Run, vectors: np.ndarray) -> list[Share]:
    """Gains over stock of a metric that is half-way to the person, by target."""
    stock, shares = stock_weights("alex"), []
    generator = np.random.default_rng([run.first, 3])
    for layer in range(5):
        person = Person("strong", planted(layer), 0.5)
        metrics = [stock, (stock + planted(layer)) / 2]
        many = generator.integers(0, len(vectors), 200_000)
        before, after = fresh(vectors, person, metrics, many, generator)
        true = (after - before).mean()
        for sizes in ([1] * 8, [1] * 15, [2] * 6, [1, 2, 3] * 4, [3] * 12):
            held = 0
            for _ in range(run.studies):
                drawn = np.repeat(generator.integers(0, len(vectors), len(sizes)), sizes)
                before, after = fresh(vectors, person, metrics, drawn, generator)
                by_target = np.split(after - before, np.cumsum(sizes)[:-1])
                _, interval = gain_interval(by_target)
                held += interval is not None and interval[0] <= true <= interval[1]
            name = f"gain {true:.2f}, {sum(sizes)} rankings of {len(sizes)} targets"
            shares.append(Share(f"{name} (layer {layer + 1})", held, run.studies, COVERED))
    return shares
