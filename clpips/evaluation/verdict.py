"""The verdict on a metric's gain over stock, and the sentence that reports it.

Where several people are tested together, :mod:`clpips.evaluation.decision` corrects their p for
how many they are, and decides anew.
"""

from __future__ import annotations

from typing import Literal

from clpips.stats.intervals import Interval
from clpips.stats.permutation import least_p
from clpips.text import counted

Verdict = Literal["better", "not better yet", "worse", "reversed", "too early"]
MIN_RANKINGS, MIN_TARGETS = 5, 3
"""With fewer of either, the verdict is "too early", whatever the interval."""
LEVEL = 0.05
"""A gain is proven where its p, corrected for all people tested together, is at most this."""


PROVING_TARGETS = next(n for n in range(1, 100) if least_p(n) <= LEVEL)
"""The fewest targets with which a gain can be proven."""


def verdict_of(
    interval: Interval | None,
    n_rankings: int,
    n_targets: int,
    *,
    stock_ci: Interval | None = None,
    p: float | None = None,
) -> Verdict:
    """The verdict on a gain: ``better`` needs an interval above zero and a p within ``LEVEL``.

    Fewer than ``PROVING_TARGETS`` can prove no gain: then it is never ``better``.

    Args:
        interval: 95 % interval of the gain over stock.
        n_rankings, n_targets: how many count.
        stock_ci: 95 % interval of stock's own agreement. Wholly below zero, the rankings are most
            likely the wrong way round (1 = farthest): then it is ``reversed``.
        p: that the gain is no more than chance, where it is known.
    """
    if interval is None or n_rankings < MIN_RANKINGS or n_targets < MIN_TARGETS:
        return "too early"
    if stock_ci is not None and stock_ci[1] < 0:
        return "reversed"
    if interval[0] > 0:
        is_proven = n_targets >= PROVING_TARGETS and (p is None or p <= LEVEL)
        return "better" if is_proven else "not better yet"
    return "worse" if interval[1] < 0 else "not better yet"


def metric_in_use(verdict: Verdict) -> Literal["personal", "stock"]:
    """The metric to use: the personal one only if its gain is proven."""
    return "personal" if verdict == "better" else "stock"


def agreement_interval(mean: float | None, interval: Interval | None) -> Interval | None:
    """The interval of a mean Spearman; the mean alone where all targets agree equally."""
    return interval or (None if mean is None else (mean, mean))


def sentence_of(
    verdict: Verdict,
    gain: float | None,
    gain_ci: Interval | None,
    agreement_ci: Interval | None,
    *,
    n_rankings: int,
    n_targets: int,
    stock_ci: Interval | None = None,
    p: float | None = None,
    tests: int = 1,
) -> str:
    """The result in plain words.

    Args:
        verdict: of :func:`verdict_of`.
        gain, gain_ci: mean of personal − stock Spearman, with its 95 % interval.
        agreement_ci: 95 % interval of the personal metric's own mean Spearman.
        n_rankings, n_targets: how many count.
        stock_ci: 95 % interval of stock's mean Spearman.
        p: that the gain is no more than chance; corrected, where several people were tested.
        tests: how many people were tested together.
    """
    count = f"{counted(n_rankings, 'ranking')} of {counted(n_targets, 'target')}"
    enough = n_rankings >= MIN_RANKINGS and n_targets >= MIN_TARGETS
    if gain is not None and gain_ci is None and enough:
        summary = f"{gain:+z.2f} Spearman, {count}"
        return f"No interval can be given, because all rankings gain alike ({summary})."
    if gain is None or gain_ci is None or verdict == "too early":
        are = "is" if n_rankings == 1 else "are"
        return f"Too early to tell: {count} {are} not enough to compare the two metrics."
    if verdict == "reversed" and stock_ci is not None:
        return (
            "The ranks look reversed: stock LPIPS agrees negatively with them (95 % interval "
            f"{stock_ci[0]:+z.2f} to {stock_ci[1]:+z.2f}, {count}). Rank 1 must be the nearest "
            "image; stock LPIPS stays in use."
        )
    low, high = gain_ci
    summary = f"{gain:+z.2f} Spearman (95 % interval {low:+z.2f} to {high:+z.2f}, {count})"
    if verdict == "better":
        sentence = (
            f"The personal metric agrees better than stock LPIPS on unseen targets: {summary}"
        )
        return f"{sentence}{_though(agreement_ci)}."
    if verdict == "worse":
        return f"The personal metric agrees worse than stock LPIPS on unseen targets: {summary}."
    if low > 0:
        why = _why_not_proven(n_targets, p, tests)
        return f"Not proven to be better than stock on unseen targets: {summary}. {why}"
    return f"Not better than stock yet on unseen targets: {summary}. More rankings may tell."


def _why_not_proven(n_targets: int, p: float | None, tests: int) -> str:
    """Why a gain whose interval lies above zero is not proven."""
    if n_targets < PROVING_TARGETS:
        few = f"{counted(n_targets, 'target')} are too few to prove it"
        return f"{few}, which needs {PROVING_TARGETS} or more."
    if p is None:
        return "More rankings may tell."
    correction = f", corrected for {tests} people tested together," if tests > 1 else ","
    return f"Its p is {p:.3f}{correction} above {LEVEL:g}."


def _though(agreement_ci: Interval | None) -> str:
    """A caveat for a metric that beats stock but may not agree with the person at all."""
    if agreement_ci is None or agreement_ci[0] > 0:
        return ""
    low, high = agreement_ci
    return f", though its own agreement may be none (95 % interval {low:+z.2f} to {high:+z.2f})"
