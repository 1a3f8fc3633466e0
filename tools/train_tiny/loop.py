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

Objective = Callable[[torch.Generator], torch.Tensor]
"""Samples the batch of a step and returns its loss."""
State = dict[str, nn.Module | Optimizers]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How one part is trained.

    Args:
        name: of its files: ``<name>.pt``, the last state, and ``<name>.jsonl``, the losses.
        steps: how many in all.
        learning_rate: AdamW's largest one; it rises for 200 steps and falls as a cosine.
        constant: share of the steps before it begins to fall.
        seed: determines every random number; each step has a generator of its own.
        ema_decay: of the exponential moving average of the weights that is kept in the end; 0 for
            none.
        muon: whether Muon optimizes matrices and kernels.
    """

    name: str
    steps: int
    learning_rate: float
    seed: int
    ema_decay: float = 0.0
    constant: float = 0.0
    muon: bool = False

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, from 0."""
        progress = max(0.0, step / self.steps - self.constant) / (1 - self.constant)
        cosine = 0.05 + 0.475 * (1 + math.cos(math.pi * progress))
        return self.learning_rate * min((step + 1) / WARM_UP, cosine)


def train(
    models: Sequence[nn.Module],
    objective: Objective,
    schedule: Schedule,
    folder: Path,
    watch: Watch,
) -> None:
    """Train in place; resumes where a former run in the same folder stopped.

    Args:
        models: what is trained; in the end they hold the averaged weights, if any.
        objective: samples the batch of a step and returns its loss.
        schedule: steps, learning rate, seed.
        folder: of the state and the log.
        watch: progress and cancel; everything up to the last save is kept.

    Raises:
        InputError: the folder's state was saved with another kind of schedule.
        Cancelled: ``watch`` asked to stop.
    """
    network = nn.ModuleList(models).train()
    optimizers = Optimizers(network, schedule.learning_rate, muon=schedule.muon)
    state: State = {"models": network, "optimizers": optimizers}
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(schedule.ema_decay))  # type: ignore[no-untyped-call] # torch's own
    if schedule.ema_decay:
        state["average"] = average
    step = _resumed(state, folder / f"{schedule.name}.pt")
    saved, logged, losses = time.monotonic(), time.monotonic(), list[float]()
    while step < schedule.steps:
        optimizers.set_rate(schedule.rate_at(step))
        loss = objective(torch.Generator().manual_seed(schedule.seed * 10_000_019 + step))
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizers.step()
        network.zero_grad()
        if schedule.ema_decay:
            average.update_parameters(network)
        step += 1
        losses.append(loss.item())
        if step % LOG_EVERY == 0 or step == schedule.steps:
            mean = _log(folder / f"{schedule.name}.jsonl", step, losses, time.monotonic() - logged)
            logged, losses = time.monotonic(), []
            watch.report(step / schedule.steps, f"Training the {schedule.name}: {mean:.4f}")
        if time.monotonic() - saved > SAVE_SECONDS or step == schedule.steps:
            _save(state, step, folder / f"{schedule.name}.pt")
            saved = time.monotonic()
    if schedule.ema_decay:
        network.load_state_dict(average.module.state_dict())
    network.eval()


def _log(path: Path, step: int, losses: Sequence[float], seconds: float) -> float:
    """Append the mean of some steps' losses to the log; the mean."""
    row = {
        "step": step,
        "steps": len(losses),
        "loss": sum(losses) / len(losses),
        "seconds": round(seconds, 1),
        "threads": torch.get_num_threads(),
    }
    with path.open("a", encoding="utf-8") as log:
        log.write(json.dumps(row) + "\n")
    return row["loss"]


def _save(state: State, step: int, path: Path) -> None:
    saved = {"step": step, **{name: each.state_dict() for name, each in state.items()}}
    with atomic_file(path) as partial:
        torch.save(saved, partial)


def _resumed(state: State, path: Path) -> int:
    if not path.exists():
        return 0
    saved = torch.load(path, weights_only=True)
    if missing := [name for name in state if name not in saved]:
        raise InputError(
            f"{path} must hold the {missing[0]} of this schedule, got the state of another one: "
            "move it away to start again"
        )
    for name, each in state.items():
        each.load_state_dict(saved[name])
    return int(saved["step"])
