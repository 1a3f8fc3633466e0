"""Leaks: ways in which a sample gives its target away, or a test user is known from training.

Each rule is a function by its name, which messages repeat. The first two are held by every sample
file that is scored; the others by the splits of a data set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clpips.bench.samples import Sample
from clpips.errors import DatasetError
from clpips.text import quoted

SPLITS = ("train", "validation", "test")


def check_samples(samples: Sequence[Sample], where: str) -> None:
    """Hold the samples of one file to its rules.

    Args:
        samples: of the file.
        where: its name, for the message.

    Raises:
        DatasetError: a leak; the sentence names file, sample and rule.
    """
    target_in_history(samples, where)
    sample_twice(samples, where)
    style_from_target(samples, where)


def check_splits(splits: Mapping[str, Sequence[Sample]]) -> None:
    """Hold ``train``, ``validation`` and ``test`` to the rules between them, and each to its own.

    Raises:
        DatasetError: a leak.
    """
    for name, samples in splits.items():
        check_samples(samples, name)
    user_in_two_splits(splits)


def target_in_history(samples: Sequence[Sample], where: str) -> None:
    """The target must not be an item of its own history (POG's non-windowed split leaves it in)."""
    for sample in samples:
        for item in sample.history:
            same_file = item.path and item.path == sample.target.path
            if item.item_id == sample.target.item_id or same_file:
                raise _leak(
                    "target_in_history",
                    where,
                    sample,
                    f"the target {quoted(sample.target.item_id)} must not be in the history",
                )


def sample_twice(samples: Sequence[Sample], where: str) -> None:
    """A user's history and target must not come twice: means would weigh them twice."""
    seen: dict[tuple[str, ...], int] = {}
    for sample in samples:
        key = (sample.user, *(item.item_id for item in sample.history), sample.target.item_id)
        first = seen.setdefault(key, sample.index)
        if first != sample.index:
            raise _leak("sample_twice", where, sample, f"must not be sample {first} once more")


def style_from_target(samples: Sequence[Sample], where: str) -> None:
    """What a user prefers must come from their history, not repeat the target's caption."""
    for sample in samples:
        style, caption = (_plain(text) for text in (sample.style, sample.target.caption))
        if caption and style and (caption == style or (len(caption) > 20 and caption in style)):
            raise _leak(
                "style_from_target", where, sample, "the style must not hold the target's caption"
            )


def user_in_two_splits(splits: Mapping[str, Sequence[Sample]]) -> None:
    """Every user, and every topic of SER30K, belongs to one split with all samples."""
    found: dict[str, str] = {}
    for name, samples in splits.items():
        for sample in samples:
            first = found.setdefault(sample.user, name)
            if first != name:
                raise _leak(
                    "user_in_two_splits",
                    name,
                    sample,
                    f"the user {quoted(sample.user)} must be in one split, and is in {first} too",
                )


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).strip(" .,")


def _leak(rule: str, where: str, sample: Sample, words: str) -> DatasetError:
    return DatasetError(f"{where}, sample {sample.index}: {words} (leak rule {rule})")
