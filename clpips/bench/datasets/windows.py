"""From what people did, in order, to samples: windows over it, and splits by user.

Our own default: PMG-bench describes such windows, and its released scripts hold none. A user
belongs to one split with everything, also where only a part of their samples was needed for
validation.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from clpips.bench.samples import Item, Sample

HISTORY = 3
VALIDATION = 15
"""Validation samples."""
TEST_SHARE = 15 / 95
"""Of the users that validation left."""
MOST_TEST = 2000
SEED = 42


@dataclass(frozen=True)
class Prepared:
    """A data set's samples by split.

    Args:
        train, validation, test: samples, numbered from 0 in each.
        left_out: reason → how many items, windows or users were left out for it.
        notes: sentences about what was found.
        missing: item → address, of images that are not there and can be fetched.
    """

    train: Sequence[Sample]
    validation: Sequence[Sample]
    test: Sequence[Sample]
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def splits(self) -> dict[str, Sequence[Sample]]:
        """By name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def windows(
    user: str,
    items: Sequence[Item],
    *,
    style: str = "",
    is_worker: bool = False,
    left_out: Counter[str],
) -> list[Sample]:
    """Every three neighbouring items as history, and the next one as target.

    Args:
        user: whose.
        items: in order; one whose image is not there has no ``path``.
        style: what the user prefers.
        is_worker: see :class:`~clpips.bench.samples.Sample`.
        left_out: receives how many windows were left out, and why.
    """
    found = []
    for start in range(len(items) - HISTORY):
        own = items[start : start + HISTORY + 1]
        if not all(item.path for item in own):
            left_out["windows with an image that is not there"] += 1
        elif len({item.item_id for item in own}) <= HISTORY:
            left_out["windows in which an item comes twice"] += 1
        else:
            found.append(
                Sample(
                    0,
                    user,
                    tuple(own[:HISTORY]),
                    own[HISTORY],
                    style,
                    start,
                    len(items),
                    is_worker=is_worker,
                )
            )
    return found


def split_by_user(
    by_user: Mapping[str, Sequence[Sample]], *, seed: int = SEED
) -> tuple[list[Sample], list[Sample], list[Sample], Counter[str]]:
    """Train, validation and test samples, and how many were left out, by reason.

    Users are shuffled; the first ones give fifteen validation samples, of the others the last 15 of
    95 are for testing. Of a validation user whose samples were not all needed, the others are
    dropped. Test samples are taken from the users in turn until there are 2,000.

    Args:
        by_user: each user's samples.
        seed: of the shuffle.
    """
    left_out: Counter[str] = Counter()
    users = sorted(user for user, own in by_user.items() if own)
    random.Random(seed).shuffle(users)
    validation: list[Sample] = []
    while users and len(validation) < VALIDATION and len(users) > 2:
        own = by_user[users.pop(0)]
        room = VALIDATION - len(validation)
        validation += own[:room]
        left_out["samples of validation users beyond fifteen"] += max(0, len(own) - room)
    first = len(users) - round(TEST_SHARE * len(users)) if len(users) > 1 else len(users)
    first = min(first, len(users) - 1) if len(users) > 1 else first
    train = [sample for user in users[:first] for sample in by_user[user]]
    test = _in_turn([by_user[user] for user in users[first:]], MOST_TEST)
    beyond = sum(len(by_user[user]) for user in users[first:]) - len(test)
    left_out["test samples beyond 2,000"] += beyond
    train, validation, test = (numbered(part, left_out) for part in (train, validation, test))
    return train, validation, test, +left_out


def numbered(samples: Sequence[Sample], left_out: Counter[str]) -> list[Sample]:
    """The samples with their places as indices; none twice."""
    found: dict[tuple[str, ...], Sample] = {}
    for sample in samples:
        key = (sample.user, *(item.item_id for item in sample.history), sample.target.item_id)
        if key in found:
            left_out["samples that come twice"] += 1
        else:
            found[key] = replace(sample, index=len(found))
    return list(found.values())


def _in_turn(groups: Sequence[Sequence[Sample]], most: int) -> list[Sample]:
    """One of each group in turn, at most so many; then again by group."""
    taken = [0] * len(groups)
    count, step = 0, 0
    while count < most and any(step < len(group) for group in groups):
        for place, group in enumerate(groups):
            if step < len(group) and count < most:
                taken[place] += 1
                count += 1
        step += 1
    return [sample for group, n in zip(groups, taken, strict=True) for sample in group[:n]]
