"""Pairs scored per second, beside the ``lpips`` package, in one run.

Run ``python benchmarks/scoring.py [--side 256] [--candidates 1 32] [--backbones alex vgg]``.

Ours is ``CLPIPS.distances(target, images)`` on tensors at hand: checks, the target's own pass,
the candidates' passes and the weighting. Theirs is ``lpips.LPIPS(net)`` on the same tensors,
as one batch with the target repeated, and one pair after the other, both without gradients. The
same weights go into both and the distances must agree to 1e-6, or the run fails. Nothing is kept
between rounds; *against a kept target* is a second call with the same target. *From files*:
both begin with the PNG files, each read once by ``clpips.io.images.load_image``. The claim
(``--check``) is 2.2 times the pairs per second of their batch, at 32 candidates.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import lpips
import numpy as np
import torch
from interleaved import add_options, ratio, seconds
from torch import Tensor

from clpips.features.weights import backbone_tensors
from clpips.generation.scenes import draw, image_seed, sample_targets
from clpips.io.images import load_image
from clpips.metric.clpips import CLPIPS

CLAIM, CLAIMED_CANDIDATES = 2.2, 32


def peer(backbone: str) -> lpips.LPIPS:
    """The ``lpips`` package with the same network values, without its download."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own call of torchvision
        model = lpips.LPIPS(net=backbone, pnet_rand=True, verbose=False)
    tensors, _ = backbone_tensors(backbone)  # type: ignore[arg-type]
    own = model.net.state_dict()
    model.net.load_state_dict({n: tensors["features." + n.split(".", 1)[1]] for n in own})
    return model.eval()


def pictures(folder: Path, side: int, count: int) -> list[Path]:
    """Drawn pictures as PNG files; the first is the target."""
    sample, made = sample_targets()[0], []
    for index in range(count + 1):
        prompt = sample.prompt if index == 0 else sample.attempts[index % len(sample.attempts)]
        path = folder / f"{side}-{index}.png"
        draw(prompt, image_seed(0, index), width=side, height=side).save(path)
        made.append(path)
    return made


class Race:
    """All jobs over the same pictures; each returns the distances that it found."""

    def __init__(self, backbone: str, files: list[Path]) -> None:
        self.files, self.metric, self.model = files, CLPIPS(backbone), peer(backbone)  # type: ignore[arg-type]
        self.target, *self.images = [load_image(file) for file in files]

    def forget(self) -> None:
        """Let go of the target's features, as a new target does."""
        self.metric.network()._last = None

    def ours(self) -> np.ndarray:
        """A target that is new."""
        self.forget()
        return np.array(self.metric.distances(self.target, self.images).values)

    def ours_kept(self) -> np.ndarray:
        """The target of the call before."""
        return np.array(self.metric.distances(self.target, self.images).values)

    def ours_from_files(self) -> np.ndarray:
        """A target that is new, decoding included."""
        self.forget()
        return np.array(self.metric.distances(self.files[0], self.files[1:]).values)

    @torch.inference_mode()
    def theirs(
        self, target: Tensor | None = None, images: list[Tensor] | None = None
    ) -> np.ndarray:
        """One batch, the target repeated."""
        batch = torch.stack(images or self.images)
        reference = self.target if target is None else target
        found: np.ndarray = self.model(reference.expand_as(batch), batch).flatten().numpy()
        return found

    @torch.inference_mode()
    def theirs_one_by_one(self) -> np.ndarray:
        """One pair at a time."""
        return np.array([self.model(self.target[None], x[None]).item() for x in self.images])

    def theirs_from_files(self) -> np.ndarray:
        """Decoding included; every file is decoded once."""
        target, *images = [load_image(file) for file in self.files]
        return self.theirs(target, images)

    def jobs(self) -> list[Callable[[], object]]:
        """In the order of the columns that are printed."""
        return [
            self.ours,
            self.ours_kept,
            self.ours_from_files,
            self.theirs,
            self.theirs_one_by_one,
            self.theirs_from_files,
        ]

    def largest_disagreement(self) -> float:
        """Of our distances from theirs."""
        return float(np.abs(self.ours() - self.theirs()).max())


def report(race: Race, title: str, options: argparse.Namespace) -> float:
    """Print one setting and return the ratio that the claim is about."""
    disagreement = race.largest_disagreement()
    if not disagreement <= 1e-6:
        sys.exit(f"{title}: distances differ from lpips by {disagreement:.1e}")
    times = seconds(race.jobs(), repeats=options.repeats, cpu_time=options.cpu_time)
    ours, kept, ours_files, batch, single, their_files = times
    claimed, text = ratio(batch, ours)
    rate = [len(race.images) / statistics.median(taken) for taken in (ours, batch)]
    print(
        f"{title}: {text} × lpips in a batch, {ratio(single, ours)[1]} × one by one, "
        f"{ratio(batch, kept)[1]} × against a kept target, "
        f"{ratio(their_files, ours_files)[1]} × from files "
        f"({rate[0]:.1f} and {rate[1]:.1f} pairs/s; largest disagreement {disagreement:.0e})"
    )
    return claimed


def main() -> None:
    """Print a line per network and number of candidates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbones", nargs="+", default=["alex"])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--candidates", nargs="+", type=int, default=[1, 32])
    add_options(parser, repeats=7)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    print(f"{options.side} px, {torch.get_num_threads()} threads; median (range) of rounds in turn")
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        for backbone in options.backbones:
            for count in options.candidates:
                race = Race(backbone, pictures(Path(folder), options.side, count))
                noun = "candidate" if count == 1 else "candidates"
                claimed = report(race, f"{backbone}, {count} {noun}", options)
                missed |= count == CLAIMED_CANDIDATES and claimed < CLAIM
    if options.check and missed:
        sys.exit(f"below the claim: {CLAIM} × at {CLAIMED_CANDIDATES} candidates")


if __name__ == "__main__":
    main()
