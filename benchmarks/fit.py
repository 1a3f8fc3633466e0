"""How long 'Fit personal metric' takes, beside the straightforward way, in one run.

Run ``python benchmarks/fit.py [--targets N] [--rankings 100] [--images 8] [--side 256]``.

Ours: the difference vectors are at hand, as they are in a study; measured is everything that the
button does with them — the fit and the leave-one-target-out report. The straightforward way is
``lpips.LPIPS`` with its layer weights trained by Adam on the margin ranking loss, the network in
the loop, as LPIPS's own trainer does it (learning rate 1e-4, weights kept ≥ 0). One epoch of it
is measured on the same rankings, as a fit alone; the rest is multiplied out and said to be.
Its network has random values, which takes the same time.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import lpips
import numpy as np
import torch
from torch import Tensor, nn

from clpips.evaluation.held_out import HeldOut, fit_and_hold_out
from clpips.features.architecture import spec_of
from clpips.generation.scenes import draw, image_seed, sample_targets
from clpips.io.images import load_image
from clpips.metric.clpips import CLPIPS
from clpips.metric.observations import Observation
from clpips.types import Ranking

EPOCHS = 20
LEARNING_RATE = 1e-4
MARGIN = 0.05
LAYER = 1  # the simulated person weighs this layer alone
REPEATS = 5


def study(folder: Path, *, targets: int, rankings: int, images: int, side: int) -> list[Ranking]:
    """Pictures drawn into files: ``rankings`` boards over ``targets``, not ranked yet."""
    samples = sample_targets()
    made = []
    for number in range(rankings):
        sample = samples[number % targets % len(samples)]
        target = folder / f"target-{number % targets}.png"
        if not target.exists():
            draw(sample.prompt, number, width=side, height=side).save(target)
        names = []
        for index in range(images):
            name = folder / f"{number}-{index}.png"
            prompt = sample.attempts[index % len(sample.attempts)]
            draw(prompt, image_seed(number, index), width=side, height=side).save(name)
            names.append(str(name))
        made.append(Ranking("one", str(target), tuple(names), tuple(range(1, images + 1))))
    return made


def ranked(observations: list[Observation]) -> list[Observation]:
    """The same boards, ranked by a person who weighs one layer alone."""
    channels = spec_of("alex").channels
    mine = np.repeat(np.arange(len(channels)), channels) == LAYER
    answers = []
    for one in observations:
        order = np.argsort(np.argsort(one.vectors @ mine))
        ranking = one.ranking
        ranks = tuple(int(rank) + 1 for rank in order)
        answers.append(
            Observation(Ranking("one", ranking.target, ranking.images, ranks), one.vectors)
        )
    return answers


def ours(observations: list[Observation]) -> tuple[float, float, HeldOut | None]:
    """Median seconds of a fit with its report, those of them on a processor, and the report."""
    times, working = [], []
    for _ in range(REPEATS):
        started, worked = time.perf_counter(), time.process_time()
        result = fit_and_hold_out(CLPIPS("alex"), observations)
        times.append(time.perf_counter() - started)
        working.append(time.process_time() - worked)
    return float(np.median(times)), float(np.median(working)), result


def one_epoch(observations: list[Observation]) -> float:
    """Seconds of one pass over the rankings with the network in the loop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trained = [weight for weight in model.lins.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=LEARNING_RATE)
    loss_of = nn.MarginRankingLoss(margin=MARGIN)
    loaded = {
        name: load_image(name)
        for one in observations
        for name in (one.ranking.target, *one.ranking.images)
    }  # reading files is not held against it
    started = time.perf_counter()
    for one in observations:
        target = loaded[one.ranking.target][None]
        batch = torch.stack([loaded[name] for name in one.ranking.images])
        distances = model(target.expand_as(batch), batch).flatten()
        near, far = _pairs(one.ranking)
        loss = loss_of(distances[far], distances[near], torch.ones(len(near)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            for weight in trained:
                weight.clamp_(min=0)
    return time.perf_counter() - started


def _pairs(ranking: Ranking) -> tuple[Tensor, Tensor]:
    ranks = np.asarray(ranking.ranks)
    near, far = np.nonzero(ranks[:, None] < ranks[None, :])
    return torch.from_numpy(near), torch.from_numpy(far)


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--rankings", type=int, default=100)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--side", type=int, default=256)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        boards = study(Path(folder), **vars(chosen))
        started = time.perf_counter()
        observations = ranked(CLPIPS("alex").observe(boards))
        vectors = time.perf_counter() - started
        seconds, working, report = ours(observations)
        epoch = one_epoch(observations)
    lines = [
        f"{chosen.rankings} rankings × {chosen.images} images of {chosen.targets} targets, "
        f"{chosen.side} px, one thread",
        f"difference vectors, once, when the images appear: {vectors:.1f} s",
        f"fit + leave-one-target-out report, vectors at hand: {seconds:.3f} s "
        f"(median of {REPEATS}; {working:.3f} s of processor time)",
        f"lpips + Adam, network in the loop: {epoch:.1f} s measured for one epoch, so "
        f"{EPOCHS * epoch:.0f} s for a fit of {EPOCHS} epochs and "
        f"{EPOCHS * epoch * (1 + chosen.targets):.0f} s with the same report (multiplied out)",
        f"ratio: {epoch / seconds:,.0f} for one measured epoch of a fit without a report, "
        f"{EPOCHS * epoch / seconds:,.0f} for {EPOCHS} epochs, "
        f"{EPOCHS * epoch * (1 + chosen.targets) / seconds:,.0f} with the report",
    ]
    if report is not None:
        lines.append(report.sentence)
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
