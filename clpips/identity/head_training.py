"""Trains a head over a frozen encoder's token maps with NearID's two-tier objective.

Pictures pass the encoder once; training reads their maps and takes seconds. After every epoch the
head is measured by SSR on identities that it does not train on, and the epoch with the highest is
kept. All draws depend on seed and epoch alone, so that a resumed run ends like one that was never
interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from clpips.errors import InputError
from clpips.features.embedding.encoder import Embeddings, unit
from clpips.identity.distractors import embedding_margins, pooled
from clpips.identity.training_checkpoint import read_checkpoint, write_checkpoint
from clpips.identity.training_draws import NOTHING, Batch, TokenRows, drawn_batch, epoch_order
from clpips.identity.two_tier_loss import ALPHA, TEMPERATURE, TwoTierTerms, two_tier_loss
from clpips.identity.views import VIEWS
from clpips.progress import Watch

Maps: TypeAlias = Sequence[np.ndarray[Any, np.dtype[np.float16]]]
"""Each (pictures, positions, channels)."""
AT_ONCE = 256
"""Pictures that pass the head at a time where no gradient is needed."""

FIRST_SCALE = 1024.0
"""Of gradients in float16. The library's own 65536 overflows in the first steps, which it then
skips: too many where a run has a few dozen."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a head is trained. Weight decay, warm-up, clipping and the seed are the paper's recipe.

    Args:
        epochs: passes over the training identities.
        batch_size: identities a batch; the others in it are the random negatives.
        accumulate: batches whose gradients make one step. They do not share negatives.
        alpha: weight of Tier 2; 0 leaves it out.
        temperature: of the objective.
        lr: the highest learning rate, after ``warmup`` steps; a cosine brings it down to 0.
        weight_decay, warmup, clip: of AdamW, its schedule, and the gradient's norm.
        compat: padding as in the released objective.
        seed: of the draws.
    """

    epochs: int = 11
    batch_size: int = 16
    accumulate: int = 1
    alpha: float = ALPHA
    temperature: float = TEMPERATURE
    lr: float = 1e-4
    weight_decay: float = 1e-4
    warmup: int = 100
    clip: float = 1.0
    compat: bool = False
    seed: int = 42

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("lr", "temperature", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} must be above 0, got {getattr(self, name):g}")
        for name in ("alpha", "weight_decay", "warmup"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} must be at least 0, got {getattr(self, name):g}")
        if not 0 <= self.seed < 1 << 63:
            raise InputError(f"the seed must be in 0 … 2^63 − 1, got {self.seed}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One pass: its number from 1, the mean loss and its tiers, and the validation SSR in [0, 1].

    Without validation identities ``ssr`` is ``None``.
    """

    epoch: int
    loss: float
    tier1: float
    tier2: float
    ssr: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(slots=True)
class TrainingState:
    """Where a run stands after an epoch.

    Args:
        curve: the epochs so far.
        best: the head's weights at ``best_epoch``.
        best_epoch: of the highest validation SSR, the first of equals; the last epoch where
            nothing is validated.
    """

    curve: list[EpochResult] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_epoch: int = 0

    def take(self, result: EpochResult, head: nn.Module) -> None:
        """Add an epoch, and keep its weights if it is the best one."""
        earlier = [each.ssr for each in self.curve if each.ssr is not None]
        self.curve.append(result)
        if result.ssr is None or not earlier or result.ssr > max(earlier):
            self.best = {k: v.detach().cpu().clone() for k, v in head.state_dict().items()}
            self.best_epoch = result.epoch


def train_head(
    head: nn.Module,
    maps: Maps,
    rows: TokenRows,
    train: Sequence[int],
    validation: Sequence[int],
    settings: TrainingSettings,
    *,
    device: torch.device,
    checkpoint: Path | None = None,
    resume: bool = False,
    watch: Watch = Watch(),  # noqa: B008 # Watch is frozen
    on_epoch: Callable[[EpochResult], None] = lambda result: None,
) -> TrainingState:
    """Train a head; it ends with the weights of the best epoch.

    Args:
        head: over the maps (:mod:`clpips.features.embedding.pooling`), on any device.
        maps: of all pictures.
        rows: where identities' pictures stand in them.
        train, validation: positions of identities; those without two views do not count.
        settings: how.
        device: where the head is trained; with mixed precision on CUDA.
        checkpoint: a file that is written after every epoch.
        resume: go on from that file where it exists.
        watch: progress and cancel, checked at every step.
        on_epoch: called after every epoch.

    Raises:
        InputError: no identity to train on, or a checkpoint of another run.
        Cancelled: the caller cancelled; the checkpoint stays.
    """
    usable = [i for i in train if (rows.positives[i] != NOTHING).sum() > 1]
    if not usable:
        raise InputError("training needs at least one identity with two views, got none")
    run = _Run(head.to(device), maps, rows, usable, settings, device)
    state = TrainingState()
    if resume and checkpoint is not None and checkpoint.exists():
        results = read_checkpoint(checkpoint, run.parts(), settings.to_dict(), state.best)
        state.curve = [EpochResult(**each) for each in results["curve"]]
        state.best_epoch = results["best_epoch"]
    for epoch in range(len(state.curve), settings.epochs):
        part = watch.part(epoch / settings.epochs, 1 / settings.epochs, f"Epoch {epoch + 1}: ")
        terms = run.epoch(epoch, part)
        ssr = validation_ssr(head, maps, rows, validation, device=device) if validation else None
        result = EpochResult(epoch + 1, *terms, ssr)
        state.take(result, head)
        if checkpoint is not None:
            results = {
                "curve": [each.to_dict() for each in state.curve],
                "best_epoch": state.best_epoch,
            }
            write_checkpoint(checkpoint, run.parts(), settings.to_dict(), state.best, results)
        on_epoch(result)
    head.load_state_dict(state.best)
    return state


def embed_rows(
    head: nn.Module, maps: Maps, rows: Sequence[int] | None = None, *, device: torch.device
) -> Embeddings:
    """(rows, d) unit vectors of pictures by their maps; of all by default."""
    chosen = np.arange(len(maps[0])) if rows is None else np.asarray(rows, dtype=np.int64)
    head.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(chosen), AT_ONCE):
            batch = _gathered(maps, chosen[start : start + AT_ONCE], device)
            found.append(head([each.float() for each in batch]).float().cpu().numpy())
    return unit(np.concatenate(found))


def set_margins(
    embeddings: Embeddings, rows: TokenRows, chosen: Sequence[int]
) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """By source, the (identities, 6) directed margins of identities.

    Args:
        embeddings: (pictures, d), in the order that ``rows`` counts.
        rows: where identities' pictures stand.
        chosen: positions of identities.
    """
    padded = np.concatenate([embeddings, np.full((1, embeddings.shape[1]), np.nan, np.float32)])
    index = list(chosen)
    views = padded[rows.positives[index]]
    return [
        embedding_margins(views, padded[rows.distractors[index, source]])
        for source in range(rows.distractors.shape[1])
    ]


def head_margins(
    head: nn.Module,
    maps: Maps,
    rows: TokenRows,
    chosen: Sequence[int],
    *,
    device: torch.device,
) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """By source, the (identities, 6) directed margins of identities under a head."""
    index = list(chosen)
    used = rows.pictures(index)
    vectors = embed_rows(head, maps, used.tolist(), device=device)
    places = np.full(len(maps[0]) + 1, NOTHING)  # the last one is that of −1
    places[used] = np.arange(len(used))
    compact = TokenRows(places[rows.positives[index]], places[rows.distractors[index]])
    return set_margins(vectors, compact, range(len(index)))


def validation_ssr(
    head: nn.Module,
    maps: Maps,
    rows: TokenRows,
    chosen: Sequence[int],
    *,
    device: torch.device,
) -> float | None:
    """The share of identities that win all margins, pooled over sources; ``None`` without any."""
    margins = head_margins(head, maps, rows, chosen, device=device)
    named = {str(source): each for source, each in enumerate(margins)}
    return pooled(named, resamples=1).ssr


class _Run:
    """A head with its optimiser and schedule."""

    def __init__(
        self,
        head: nn.Module,
        maps: Maps,
        rows: TokenRows,
        train: Sequence[int],
        settings: TrainingSettings,
        device: torch.device,
    ) -> None:
        self.head, self.maps, self.rows, self.train = head, maps, rows, train
        self.settings, self.device = settings, device
        self.mixed = device.type == "cuda"
        parameters = [each for each in head.parameters() if each.requires_grad]
        self.optimizer = torch.optim.AdamW(
            parameters, lr=settings.lr, weight_decay=settings.weight_decay
        )
        batches = math.ceil(len(train) / settings.batch_size)
        steps = settings.epochs * math.ceil(batches / settings.accumulate)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: learning_rate_factor(step, steps, settings.warmup)
        )
        self.scaler = torch.amp.GradScaler(device.type, init_scale=FIRST_SCALE, enabled=self.mixed)

    def parts(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return {
            "head": self.head,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "scaler": self.scaler,
        }

    def epoch(self, epoch: int, watch: Watch) -> tuple[float, float, float]:
        """One pass over the training identities → mean loss, Tier 1 and Tier 2."""
        self.head.train()
        sums, count = np.zeros(3), 0
        groups = list(self._groups(epoch))
        for number, group in enumerate(groups):
            self.optimizer.zero_grad(set_to_none=True)
            for chosen in group:
                batch = drawn_batch(self.rows, chosen, seed=self.settings.seed, epoch=epoch)
                terms = self._loss(batch)
                self.scaler.scale(terms.total / len(group)).backward()  # type: ignore[no-untyped-call]
                values = [float(each.detach()) for each in (terms.total, terms.tier1, terms.tier2)]
                sums += np.multiply(values, len(chosen))
                count += len(chosen)
            self._step()
            watch.report((number + 1) / len(groups), f"loss {sums[0] / count:.4f}")
        means = sums / count
        return float(means[0]), float(means[1]), float(means[2])

    def _groups(self, epoch: int) -> Iterator[list[list[int]]]:
        """The epoch's batches, as many together as make one step; the last ones may be smaller."""
        order = epoch_order(len(self.train), seed=self.settings.seed, epoch=epoch)
        size = self.settings.batch_size
        batches = [
            [self.train[k] for k in order[start : start + size]]
            for start in range(0, len(order), size)
        ]
        for start in range(0, len(batches), self.settings.accumulate):
            yield batches[start : start + self.settings.accumulate]

    def _loss(self, batch: Batch) -> TwoTierTerms:
        flat = np.concatenate([batch.anchors, batch.positives.ravel(), batch.distractors.ravel()])
        inputs = _gathered(self.maps, flat, self.device)
        with torch.autocast(self.device.type, dtype=torch.float16, enabled=self.mixed):
            vectors = self.head([each if self.mixed else each.float() for each in inputs])
        vectors = nn.functional.normalize(vectors.float(), dim=1)
        b = len(batch.anchors)
        first = b + batch.positives.size
        return two_tier_loss(
            vectors[:b],
            vectors[b:first].reshape(b, VIEWS - 1, -1),
            vectors[first:].reshape(b, VIEWS, -1),
            torch.from_numpy(batch.positives != NOTHING).to(self.device),
            torch.from_numpy(batch.distractors != NOTHING).to(self.device),
            temperature=self.settings.temperature,
            alpha=self.settings.alpha,
            compat=self.settings.compat,
        )

    def _step(self) -> None:
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.head.parameters(), self.settings.clip)
        before = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.get_scale() >= before:  # else the step was skipped: a gradient overflowed
            self.schedule.step()


def learning_rate_factor(step: int, steps: int, warmup: int) -> float:
    """The share of the highest learning rate at a step: a linear rise, then half a cosine to 0.

    >>> [round(learning_rate_factor(s, 300, 100), 2) for s in (0, 99, 100, 200, 300)]
    [0.01, 1.0, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))


def _gathered(maps: Maps, rows: np.ndarray[Any, Any], device: torch.device) -> list[Tensor]:
    """The maps of pictures in float16; padding is zeros, as in the release."""
    found = []
    for each in maps:
        taken = np.asarray(each[np.maximum(rows, 0)])
        taken[rows == NOTHING] = 0
        found.append(torch.from_numpy(taken).to(device))
    return found
