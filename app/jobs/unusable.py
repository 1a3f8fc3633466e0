"""Images that cannot be compared: left out by their target's name, so that the rest goes on.

A file can be damaged or lost on the server long after people have ranked it. Rankings that need
it are left out and counted; no other ranking is touched, and no message names a server's path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from app.jobs.rankings.used import UsedRanking
from app.store import Store
from app.study.types import Study
from clpips.errors import ImageError, InputError
from clpips.features.batching import Pair
from clpips.text import counted, without_paths

Unusable: TypeAlias = dict[Pair, str]
"""For (target, image) hashes, why they cannot be compared."""
Note: TypeAlias = dict[str, Any]
"""A target's name, why rankings of it are left out, and how many."""


def reason_of(error: InputError, paths: Iterable[object]) -> str:
    """An error's words without any path of the server."""
    words = str(error)
    for path in paths:
        words = words.replace(f"{path}: ", "").replace(str(path), "the file")
    return without_paths(words)


def check_none(unusable: Unusable) -> None:
    """Refuse to go on without some images; for work that needs all of them.

    Raises:
        ImageError: there is an image that cannot be used.
    """
    for reason in unusable.values():
        raise ImageError(f"an image of this target cannot be used: {reason}")


def without(used: Iterable[UsedRanking], unusable: Mapping[Pair, str]) -> list[UsedRanking]:
    """The rankings whose images can all be compared."""
    return [one for one in used if _reason(one, unusable) is None]


def notes(used: Iterable[UsedRanking], unusable: Mapping[Pair, str]) -> list[Note]:
    """What is left out, by target and reason."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in used:
        reason = _reason(one, unusable)
        if reason is not None:
            counts[one.ranked.trial.target.name, reason] += 1
    return [
        {"target": name, "reason": reason, "n_rankings": count}
        for (name, reason), count in counts.items()
    ]


def named(store: Store, study: Study, unusable: Mapping[Pair, str]) -> list[str]:
    """A sentence for each of a study's targets with images that cannot be used."""
    names = {target.image: target.name for target in store.studies.targets(study.id)}
    found = {
        (names.get(target, "of the shared boards"), reason)
        for (target, _), reason in unusable.items()
    }
    return [f"Target “{name}”: an image cannot be used ({why})." for name, why in sorted(found)]


def sentence(note: Mapping[str, Any]) -> str:
    """A note in plain words."""
    return (
        f"Target “{note['target']}”: an image cannot be used ({note['reason']}). "
        f"{counted(int(note['n_rankings']), 'ranking')} of it "
        f"{'is' if note['n_rankings'] == 1 else 'are'} left out."
    )


def _reason(one: UsedRanking, unusable: Mapping[Pair, str]) -> str | None:
    pairs = ((one.ranking.target, image) for image in one.ranking.images)
    return next((unusable[pair] for pair in pairs if pair in unusable), None)
