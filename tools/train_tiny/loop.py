"""One training loop for every part: seeded, logged, and resumable after a kill."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from clpips.errors import InputError
from clpips.io.atomic_files import atomic_file
from clpips.progress import Watch
from tools.train_tiny.optimizers import Optimizers

SAVE_SECONDS = 120.0
LOG_EVERY = 50
WARM_UP = 200

Chance = torch.Generator
Loss = Callable[[Chance], torch.Tensor]
Parts = dict[str, nn.Module | Optimizers]


@dataclass(frozen=True, slots=True)
class Course:
    """How one part is trained.

    Args:
        name: of its files: ``<name>.pt``, the last state, and ``<name>.jsonl``, the losses.
        steps: how many in all.
        rate: AdamW's largest learning rate; it rises for 200 steps and falls as a cosine.
        level: share of the steps before it begins to fall.
        seed: decides every draw; step ``n`` draws from a stream of its own.
        decay: of the average over the steps' weights that is kept in the end; 0 for none.
        muon: whether matrices and kernels are moved by Muon.
    """

    name: str
    steps: int
    rate: float
    seed: int
    decay: float = 0.0
    level: float = 0.0
    muon: bool = False

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, from 0."""
        along = max(0.0, step / self.steps - self.level) / (1 - self.level)
        return self.rate * min((step + 1) / WARM_UP, 0.05 + 0.475 * (1 + math.cos(math.pi * along)))


def train(
    models: Sequence[nn.Module], loss_of: Loss, course: Course, folder: Path, watch: Watch
) -> None:
    """Train in place; goes on where a former run in the same folder stopped.

    Args:
        models: what is trained; in the end they hold the averaged weights, if any.
        loss_of: draws the batch of a step and gives its loss.
        course: how.
        folder: of the state and the log.
        watch: progress and cancel; what was learnt up to the last save stays.

    Raises:
        InputError: the folder's state is of another kind of course.
        Cancelled: ``watch`` asked to stop.
    """
    together = nn.ModuleList(models).train()
    optimizers = Optimizers(together, course.rate, muon=course.muon)
    parts: Parts = {"models": together, "optimizers": optimizers}
    average = AveragedModel(together, multi_avg_fn=get_ema_multi_avg_fn(course.decay))  # type: ignore[no-untyped-call] # torch's own
    if course.decay:
        parts["average"] = average
    step = _resumed(parts, folder / f"{course.name}.pt")
    saved, begun, losses = time.monotonic(), time.monotonic(), list[float]()
    while step < course.steps:
        optimizers.set_rate(course.rate_at(step))
        loss = loss_of(Chance().manual_seed(course.seed * 10_000_019 + step))
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(together.parameters(), 1.0)
        optimizers.step()
        together.zero_grad()
        if course.decay:
            average.update_parameters(together)
        step += 1
        losses.append(loss.item())
        if step % LOG_EVERY == 0 or step == course.steps:
            took, begun = time.monotonic() - begun, time.monotonic()
            row = {
                "step": step,
                "steps": len(losses),
                "loss": sum(losses) / len(losses),
                "seconds": round(took, 1),
                "threads": torch.get_num_threads(),
            }
            with (folder / f"{course.name}.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")
            losses = []
            watch.report(step / course.steps, f"Training the {course.name}: {row['loss']:.4f}")
        if time.monotonic() - saved > SAVE_SECONDS or step == course.steps:
            _save(parts, step, folder / f"{course.name}.pt")
            saved = time.monotonic()
    if course.decay:
        together.load_state_dict(average.module.state_dict())
    together.eval()


def _save(parts: Parts, step: int, path: Path) -> None:
    state = {"step": step, **{name: each.state_dict() for name, each in parts.items()}}
    with atomic_file(path) as partial:
        torch.save(state, partial)


def _resumed(parts: Parts, path: Path) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    if missing := [name for name in parts if name not in state]:
        raise InputError(
            f"{path} must hold the {missing[0]} of this course, got the state of another one: "
            "move it away to begin again"
        )
    for name, each in parts.items():
        each.load_state_dict(state[name])
    return int(state["step"])
