"""Rankings as votes: who placed which picture nearer to a target than which other.

Pictures are named by their content (SHA-256), so one picture at two paths is one picture. Ties
are no votes: a tie prefers neither picture. Every ranking that is handed in counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clpips.errors import InputError
from clpips.progress import Watch
from clpips.text import counted
from clpips.types import Ranking


@dataclass(frozen=True, slots=True)
class Vote:
    """One comparison out of one ranking, pictures by content.

    Args:
        target, nearer, farther: pictures.
        ranking: where it comes from.
        prompt: what the ranked images were made from, where known.
    """

    target: str
    nearer: str
    farther: str
    ranking: Ranking
    prompt: str | None


@dataclass(frozen=True, slots=True)
class Votes:
    """All votes of some rankings.

    Args:
        votes: in the order of the rankings.
        n_rankings: how many rankings they come from, those without a vote too.
        n_ties: pairs of pictures that shared a rank and so make no vote.
        n_twins: images left out because the ranking holds the same picture already; the
            nearer place counts.
    """

    votes: tuple[Vote, ...]
    n_rankings: int
    n_ties: int
    n_twins: int


@dataclass(frozen=True, slots=True)
class Triplet:
    """A target, two pictures, and how many votes each got.

    The sides are given by the pictures' content, not by who won, so that no reader can learn
    the answer from the side.

    Args:
        target, first, second: pictures; ``first`` has the smaller content hash.
        for_first, for_second: votes that say this one is nearer; together at least one.
        prompt: the one prompt behind all the votes; ``None`` if they differ or it is not known.
    """

    target: str
    first: str
    second: str
    for_first: int
    for_second: int
    prompt: str | None


def votes_of(
    rankings: Sequence[Ranking],
    content_of: Callable[[str], str],
    *,
    prompts: Mapping[Ranking, str] | None = None,
    watch: Watch | None = None,
) -> Votes:
    """The votes of some rankings; the very same ranking handed in twice counts once.

    Args:
        rankings: images by any name that ``content_of`` takes.
        content_of: gives a picture's content hash.
        prompts: the prompt of each ranking, where known.
        watch: progress and cancel.

    Raises:
        InputError: no ranking prefers any picture to another.
    """
    watch, votes = watch or Watch(), []
    unique = list(dict.fromkeys(rankings))
    ties = twins = 0
    for number, ranking in enumerate(unique):
        watch.report(number / len(unique), f"Reading ranking {number + 1} of {len(unique)}")
        ranks = _by_content(ranking, content_of)
        twins += len(ranking.images) - len(ranks)
        ties += _ties(list(ranks.values()))
        target, prompt = content_of(ranking.target), (prompts or {}).get(ranking)
        votes += [
            Vote(target, nearer, farther, ranking, prompt)
            for nearer, its_rank in ranks.items()
            for farther, other_rank in ranks.items()
            if its_rank < other_rank
        ]
    if not votes:
        raise InputError(
            "an export of rankings needs at least one image ranked nearer than another, "
            f"got none in {counted(len(unique), 'ranking')}"
        )
    return Votes(tuple(votes), len(unique), ties, twins)


def triplets(votes: Sequence[Vote]) -> list[Triplet]:
    """Votes counted by target and pair of pictures, in the order in which they first appear."""
    counts: Counter[tuple[str, str, str, bool]] = Counter()
    prompts: dict[tuple[str, str, str], set[str | None]] = {}
    for vote in votes:
        first, second = sorted((vote.nearer, vote.farther))
        counts[vote.target, first, second, vote.nearer == first] += 1
        prompts.setdefault((vote.target, first, second), set()).add(vote.prompt)
    return [
        Triplet(*key, counts[(*key, True)], counts[(*key, False)], _only(texts))
        for key, texts in prompts.items()
    ]


def _by_content(ranking: Ranking, content_of: Callable[[str], str]) -> dict[str, int]:
    ranks: dict[str, int] = {}
    for image, rank in zip(ranking.images, ranking.ranks, strict=True):
        content = content_of(image)
        ranks[content] = min(rank, ranks.get(content, rank))
    return ranks


def _ties(ranks: Sequence[int]) -> int:
    return sum(n * (n - 1) // 2 for n in Counter(ranks).values())


def _only(texts: set[str | None]) -> str | None:
    return next(iter(texts)) if len(texts) == 1 else None
