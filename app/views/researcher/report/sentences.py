"""The report in plain words: verdict, metric in use, ceilings, what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.study.records import Fit
from app.views.researcher.formatting import (
    NARROW,
    VERDICTS,
    number,
    p_value,
    percent,
    plural,
    unbroken,
)
from app.views.researcher.html import Html, badge, join
from clpips.evaluation.verdict import MIN_RANKINGS, MIN_TARGETS

NOT_PROVEN = ("Not proven", "note")
CEILINGS: Mapping[str, str] = {
    "repeatability": "this participant’s repeatability",
    "noiseless ceiling": "what a perfect metric could reach on these rankings",
    "other people": "what the other participants’ mean ranking reaches",
}


def verdict(fit: Fit) -> str:
    """What the fit's report says, ``too early`` where there is no held-out agreement."""
    held_out = fit.report.get("held_out")
    return "too early" if held_out is None else str(held_out["verdict"])


def is_early(fit: Fit) -> bool:
    """Whether there are too few rankings for any number to be shown."""
    return verdict(fit) == "too early"


def in_use(fit: Fit) -> str:
    """``personal`` or ``stock``: reports of an earlier version leave it to their verdict."""
    found = (fit.report.get("held_out") or {}).get("in_use")
    return str(found) if found else ("personal" if verdict(fit) == "better" else "stock")


def own_name(fit: Fit) -> str:
    """``personal metric``, or ``pooled metric`` of a fit to everybody's rankings."""
    return "pooled metric" if fit.participant_id is None else "personal metric"


def standing(fit: Fit) -> Html:
    """The badge that goes wherever this metric is offered."""
    if in_use(fit) == "personal" or verdict(fit) in ("worse", "reversed"):
        return badge(*VERDICTS[verdict(fit)])
    return badge(*NOT_PROVEN)


def finding(fit: Fit) -> str:
    """The result in one or two sentences."""
    held_out = fit.report.get("held_out")
    if is_early(fit):
        return too_early(*counts(fit))
    found = re.sub(r"-(?=\d)", "−", str((held_out or {})["sentence"]))
    return unbroken(found.replace("The personal metric", f"The {own_name(fit)}"))


def counts(fit: Fit) -> tuple[int, int]:
    """How many rankings and targets count towards the verdict."""
    held_out = fit.report.get("held_out")
    if held_out is None:
        return int(fit.report["n_rankings"]), int(fit.report["n_targets"])
    return int(held_out["personal"]["n_rankings"]), int(held_out["n_targets"])


def too_early(n_rankings: int, n_targets: int) -> str:
    """How many there are, and how many would be enough to begin with."""
    have = f"{plural(n_rankings, 'ranking')} of {plural(n_targets, 'target')}"
    if n_rankings >= MIN_RANKINGS and n_targets >= MIN_TARGETS:
        return f"{have}, all with the same gain, so it cannot be judged."
    return (
        f"{have}: too few to say whether this metric agrees better than stock LPIPS on targets it "
        f"has not seen. A first answer needs {MIN_RANKINGS} rankings of {MIN_TARGETS} targets."
    )


def next_step(n_rankings: int, n_targets: int) -> str:
    """What to collect before fitting again."""
    targets = max(MIN_TARGETS - n_targets, 0)
    rankings = max(MIN_RANKINGS - n_rankings, targets)
    if not rankings:
        return "Next: collect rankings of more targets, then fit again."
    words = f"Next: collect {plural(rankings, 'more ranking', 'more rankings')}"
    if targets == rankings:
        words += f", {'each of' if targets > 1 else 'of'} a new target"
    elif targets:
        words += f", including {plural(targets, 'new target')}"
    return f"{words}. Then fit again."


def use(fit: Fit) -> Html:
    """Which metric is in use, why, and how the fitted one is offered."""
    own = own_name(fit)
    if in_use(fit) == "personal":
        return _using(own, _why_in_use(fit.report["held_out"]))
    if verdict(fit) == "worse":
        return _using("stock LPIPS", f"The {own} agrees less, so it is not recommended.")
    if verdict(fit) == "reversed":
        return _using("stock LPIPS", f"The {own} was fitted to ranks that look reversed.")
    why = "There is too little data to judge"
    if not is_early(fit):
        why = "The interval of the difference includes zero, so the difference may be chance"
        if ((fit.report["held_out"].get("gain_ci") or (0,))[0] or 0) > 0:
            why = "Its gain is not proven"
    return join(_using("stock LPIPS", f"{why}. The {own} is offered as"), " ", standing(fit), ".")


def _why_in_use(held_out: Mapping[str, Any]) -> str:
    tests = held_out.get("tests", 1)
    if tests == 1:
        return "The interval of its gain lies above zero."
    p = p_value(held_out["p_corrected"])
    return (
        f"The interval of its gain lies above zero; corrected for {tests} participants, p is {p}."
    )


def unusable(note: Mapping[str, Any]) -> str:
    """Rankings that a fit left out because of an image that cannot be used."""
    count = int(note["n_rankings"])
    return (
        f"Left out: {plural(count, 'ranking')} of target “{note['target']}”, "
        f"with an image that cannot be used ({note['reason']})."
    )


def _using(what: str, why: str) -> Html:
    return join(Html("In use: <strong>"), what, Html("</strong>. "), why)


def offered(fit: Fit) -> str:
    """What to know about a metric before exporting it."""
    own = own_name(fit)
    if in_use(fit) == "personal":
        return f"In use: this {own} agrees better than stock LPIPS on targets it has not seen."
    if verdict(fit) == "worse":
        return f"Stock LPIPS stays in use: this {own} agrees less. It can still be exported."
    if verdict(fit) == "reversed":
        return f"Stock LPIPS stays in use: this {own} was fitted to ranks that look reversed."
    return (
        f"Stock LPIPS stays in use, because no gain of this {own} has been shown yet. "
        "It can still be exported."
    )


def reached(share: Mapping[str, Any]) -> str:
    """How much of a ceiling the metric reaches."""
    of = CEILINGS.get(str(share["of"]), str(share["of"]))
    numbers = f"{number(share['agreement'])} against {number(share['ceiling'])} Spearman"
    if share["agreement"] <= 0:
        return f"The metric reaches none of {of} ({numbers})."
    whole = percent(share["value"], 0).replace(" ", NARROW)
    if share["value"] > 1:
        return f"The metric reaches more than {of}: {whole} of it ({numbers})."
    return f"The metric reaches {whole} of {of} ({numbers})."


def needed(one: Mapping[str, Any]) -> str:
    """How many more rankings would narrow the interval of the mean agreement."""
    wanted, now = number(one["wanted"], 1), number(one["now"])
    if one["more"] == 0:
        return (
            f"The interval of the mean is already ±{now}: "
            f"no more rankings are needed for ±{wanted}."
        )
    more = about(int(one["more"]))
    return (
        f"About {plural(more, 'more ranking', 'more rankings')} would narrow the interval of the "
        f"mean from ±{now} to ±{wanted}."
    )


def expected(one: Mapping[str, Any]) -> str:
    """The agreement to expect with more rankings."""
    more = int(one["n_rankings"]) - int(one["now_rankings"])
    low, high = one["interval"]
    return unbroken(
        f"With {plural(more, 'more ranking', 'more rankings')}, the expected Spearman is "
        f"{number(one['spearman'])} ({100 * one['level']:.0f} % interval {number(low)} to "
        f"{number(high)})."
    )


def about(count: int) -> int:
    """A count rounded up to two significant digits.

    >>> about(37), about(1237)
    (37, 1300)
    """
    step = int(10 ** max(len(str(count)) - 2, 0))
    return -(-count // step) * step
