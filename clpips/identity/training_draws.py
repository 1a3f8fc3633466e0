"""Which views and distractors a training step sees: drawn anew each epoch, the same each run.

As in the released code: a hash h = seed · 1000003 xor epoch · 10007; for each key
h ^= key + 0x9E3779B97F4A7C15, then h = 6364136223846793005 · h + 1, all modulo 2⁶⁴; its low 32
bits seed a generator. Keys are (index, 424242) for the order of the views and
(index, 200003, slot) for a distractor's source. The generator is NumPy's: our default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from clpips.identity.views import VIEWS

Rows: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
NOTHING = -1
_ALL = (1 << 64) - 1
_VIEWS, _SOURCE = 424242, 200003


@dataclass(frozen=True, slots=True)
class TokenRows:
    """Where the pictures of identities stand among token maps; −1 where there is none.

    Args:
        positives: (identities, 3), by view.
        distractors: (identities, sources, 3), by the view whose background they share.
    """

    positives: Rows
    distractors: Rows

    def pictures(self, chosen: Sequence[int]) -> Rows:
        """The rising rows of everything that some identities have."""
        index = list(chosen)
        every = [self.positives[index].ravel(), self.distractors[index].ravel()]
        found: Rows = np.unique(np.concatenate(every))
        return found[found > NOTHING]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one batch; −1 is padding.

    Args:
        anchors: (B,).
        positives: (B, 2), the other views.
        distractors: (B, 3).
    """

    anchors: Rows
    positives: Rows
    distractors: Rows


def keyed_seed(seed: int, epoch: int, *keys: int) -> int:
    """A generator's seed in [0, 2³²) for one decision.

    >>> keyed_seed(42, 0, 7, 424242) == keyed_seed(42, 0, 7, 424242) != keyed_seed(42, 1, 7, 424242)
    True
    """
    found = (seed * 1000003 ^ epoch * 10007) & _ALL
    for key in keys:
        found ^= (key + 0x9E3779B97F4A7C15) & _ALL
        found = (6364136223846793005 * found + 1) & _ALL
    return found & 0xFFFFFFFF


def drawn_batch(rows: TokenRows, chosen: Sequence[int], *, seed: int, epoch: int) -> Batch:
    """The views and distractors of some identities in one epoch.

    The first view of a random order of the valid ones is the anchor, the others are positives.
    Every slot's distractor comes from one of the sources that have it, each as likely, where its
    view exists.

    Args:
        rows: of all identities.
        chosen: positions of identities, each with at least one view.
        seed, epoch: of the draw.
    """
    anchors, positives, distractors = [], [], []
    for index in chosen:
        valid = [row for row in rows.positives[index] if row != NOTHING]
        order = np.random.default_rng(keyed_seed(seed, epoch, index, _VIEWS))
        views = [valid[k] for k in order.permutation(len(valid))]
        anchors.append(views[0])
        positives.append((views[1:] + [NOTHING] * VIEWS)[: VIEWS - 1])
        distractors.append([_distractor(rows, index, slot, seed, epoch) for slot in range(VIEWS)])
    return Batch(*(np.asarray(each, dtype=np.int64) for each in (anchors, positives, distractors)))


def epoch_order(count: int, *, seed: int, epoch: int) -> Rows:
    """The order in which an epoch meets its identities."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def _distractor(rows: TokenRows, index: int, slot: int, seed: int, epoch: int) -> int:
    if rows.positives[index, slot] == NOTHING:
        return NOTHING
    there = [row for row in rows.distractors[index, :, slot] if row != NOTHING]
    if not there:
        return NOTHING
    source = np.random.default_rng(keyed_seed(seed, epoch, index, _SOURCE, slot))
    return int(there[source.integers(len(there))])
