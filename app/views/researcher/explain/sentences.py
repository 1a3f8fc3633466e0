"""An explanation in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.charts.heat_colours import TOP
from app.views.researcher.formatting import NARROW, percent, plural, unbroken
from clpips.evaluation.metric_names import POOLED_METRIC

TOO_EARLY = (
    "Too early to explain: {rankings} of {targets}. An explanation leaves each target out in "
    "turn, so it needs at least 5 rankings of 3 targets. Collect more, then fit again."
)
GAP_HELP = (
    "The gap is the distance of the image that was ranked farther minus that of the one ranked "
    "nearer: above 0 the metric agrees with the participant."
)
UNITS_HELP = (
    "Distances are given in units of each metric’s own mean distance over these rankings: 1 is "
    "an average candidate. A metric multiplied by a constant ranks the same, so only such relative "
    "units can be compared. Every comparison is judged by weights that were fitted without its "
    "target, and the heat-maps use the same weights."
)
MAPS_HELP = (
    "Brighter areas add more to the distance between the image and the target. All maps share one "
    f"colour scale, from 0 to {TOP:g}{NARROW}times the metric’s mean distance or more."
)
INTERVALS_HELP = (
    "A block’s share is what it adds to the mean distance of the ranked images. The interval is a "
    "95 % jackknife interval over left-out targets (Efron and Stein 1981), with the images held "
    "fixed; each block is judged by itself."
)
DEPTH_HELP = (
    "What early and late layers respond to is general knowledge about such networks and was not "
    "measured here."
)


def metric_label(name: str) -> str:
    """``Ada’s metric``, or ``The pooled metric``."""
    return "The pooled metric" if name == POOLED_METRIC else f"{name}’s metric"


def headline(name: str, groups: Sequence[Mapping[str, Any]]) -> str:
    """The layers whose share differs most from stock, or that none clearly does."""
    different = [group for group in groups if group["differs"]]
    if not different:
        inside = _mid_sentence(metric_label(name))
        return (
            f"The layer weights of {inside} cannot be distinguished from stock "
            "LPIPS: each interval includes the stock share."
        )
    most = max(different, key=lambda group: abs(group["personal"] - group["stock"]))
    what = f" ({most['what']})" if most["what"] else ""
    them = "them" if most["many"] else "it"
    return unbroken(
        f"{metric_label(name)} gives {most['name']}{what} {percent(most['personal'], 0)} of the "
        f"distance (95 % interval {span(most)}); stock LPIPS gives {them} "
        f"{percent(most['stock'], 0)}."
    )


def changed(counts: Mapping[str, int]) -> str:
    """How many comparisons the metric decides differently from stock, and how many not."""
    sentence = (
        f"On targets it was not fitted on, it gets {counts['gained']:,} of "
        f"{plural(counts['all'], 'comparison')} right that stock gets wrong, and "
        f"{counts['lost']:,} wrong that stock gets right; both get {counts['both_right']:,} right "
        f"and {counts['both_wrong']:,} wrong."
    )
    return sentence + (
        f" On {counts['tied']:,}, one of them gives a tie." if counts["tied"] else ""
    )


def caution(verdict: str) -> str:
    """What to keep in mind about a fit that is not better than stock; empty for one that is."""
    if verdict == "better":
        return ""
    words = {
        "worse": "agrees worse than stock",
        "not better yet": "is not better than stock yet",
        "reversed": "was fitted to ranks that look reversed",
    }
    return (
        f"On unseen targets this metric {words.get(verdict, 'cannot be judged yet')}. What follows "
        "describes its weights and shows single cases; it does not show that they are better."
    )


def too_early(n_rankings: int, n_targets: int) -> str:
    """Why there is no explanation yet, and what to do."""
    return TOO_EARLY.format(
        rankings=plural(n_rankings, "ranking"), targets=plural(n_targets, "target")
    )


def span(share: Mapping[str, Any]) -> str:
    """A share's interval, for example ``52 to 70 %``."""
    return f"{100 * share['low']:.0f} to{NARROW}{percent(share['high'], 0)}"


def compared_with_stock(share: Mapping[str, Any]) -> str:
    """Whether a share differs from stock, in a word or two."""
    if not share["differs"]:
        return "no clear difference"
    return "more than stock" if share["personal"] > share["stock"] else "less than stock"


def _mid_sentence(words: str) -> str:
    """The same words in the middle of a sentence."""
    return "the pooled metric" if words == "The pooled metric" else words
