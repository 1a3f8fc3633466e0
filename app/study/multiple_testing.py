"""Correction of p over the tests that a study shows now, of the newest fits only.

Two families, each corrected by itself:

* *people*: the gain of each person's own metric. It decides who is told that theirs is better
  (:func:`decided`), and needs nothing but the fits' own reports.
* *further metrics*: all other rows of the comparisons. It has no corrected p before the comparison
  of every fit has finished, because each further one would change all the others.

Nothing that is corrected is ever stored, because the families grow with every fit: screens and
texts for papers come here, so they agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.study.records import Fit
from clpips.evaluation.decision import METHOD, decide_together
from clpips.stats.permutation import corrected

Row = Mapping[str, Any]
METRICS = ("stock", "pooled", "personal")


def decided(fits: Sequence[Fit]) -> tuple[Fit, ...]:
    """The same fits, each person's newest one with the verdict that holds for all people together.

    Args:
        fits: of one study, newest first; a pooled one is decided by itself.
    """
    reports = {
        fit.id: fit.report["held_out"]
        for fit in newest_judged(fits)
        if fit.participant_id is not None
    }
    together = decide_together(reports)
    return tuple(
        replace(fit, report={**fit.report, "held_out": together[fit.id]})
        if fit.id in together
        else fit
        for fit in fits
    )


@dataclass(frozen=True, slots=True)
class Family:
    """The metrics side by side of each fit, with p corrected in their two families.

    Args:
        tables: rows by fit, each with its ``p`` and ``p_corrected``, probabilities or ``None``;
            of fits that can be judged at all.
        people: over how many people the p of their own metrics are corrected; where it is 1,
            nothing is corrected.
        further: over how many tests those of the other rows are corrected; ``None`` until every
            fit has been compared.
    """

    tables: Mapping[int, tuple[Row, ...]]
    people: int
    further: int | None

    def personal(self, fit: Fit) -> Row:
        """The fitted metric's own row, on the fit's own features; empty where there is none."""
        return next(
            (row for row in self.tables.get(fit.id, ()) if _is_own(row, fit)),
            {},
        )


def newest_judged(fits: Sequence[Fit]) -> list[Fit]:
    """The fits whose tests form the family: everybody's newest one and the newest pooled one.

    Fits without a verdict are left out.

    Args:
        fits: of one study, newest first.
    """
    newest = {fit.participant_id: fit for fit in reversed(fits)}
    return [fit for fit in newest.values() if _is_judged(fit)]


def family(fits: Sequence[Fit], comparisons: Mapping[int, Row]) -> Family:
    """Correct the p of each row in its family; of a fit not compared, its report counts.

    Args:
        fits: with held-out agreement, as :func:`decided` gives them; see :func:`newest_judged`.
        comparisons: what the comparison job says of them, as far as it has come.
    """
    tables = {fit.id: _rows(fit, comparisons.get(fit.id, {})) for fit in fits}
    own = {fit.id: fit for fit in fits}
    further = [
        row for fit_id, rows in tables.items() for row in rows if not _is_own(row, own[fit_id])
    ]
    tests = sum(row.get("p") is not None for row in further)
    is_complete = all(comparisons.get(fit.id, {}).get("table") for fit in fits)
    shown = iter(
        corrected([row.get("p") for row in further], METHOD)
        if is_complete and tests > 1
        else [None] * len(further)
    )
    people = max((fit.report["held_out"].get("tests", 1) for fit in fits), default=1)
    return Family(
        {
            fit_id: tuple(
                _own_test(row, own[fit_id])
                if _is_own(row, own[fit_id])
                else {**row, "p_corrected": next(shown)}
                for row in rows
            )
            for fit_id, rows in tables.items()
        },
        people,
        tests if is_complete else None,
    )


def _is_own(row: Row, fit: Fit) -> bool:
    """Whether a row is the fitted metric itself."""
    return (row["name"], row["space"]) == ("personal", fit.backbone)


def _own_test(row: Row, fit: Fit) -> Row:
    """The fitted metric's row with the p that its verdict was decided by."""
    held_out = fit.report["held_out"]
    is_corrected = held_out.get("tests", 1) > 1
    return {
        **row,
        "p": held_out.get("p", row.get("p")),
        "p_corrected": held_out["p_corrected"] if is_corrected else None,
    }


def _is_judged(fit: Fit) -> bool:
    held_out = fit.report.get("held_out")
    return held_out is not None and held_out["verdict"] != "too early"


def _rows(fit: Fit, compared: Row) -> list[Row]:
    """The rows of a comparison, or those that the fit's own report has."""
    if compared.get("table"):
        return list(compared["table"])
    held_out = fit.report["held_out"]
    rows: list[Row] = []
    for name in METRICS:
        if held_out.get(name) is None:
            continue
        row = {"name": name, "space": fit.backbone, "agreement": held_out[name]}
        if name == "personal":
            row |= {key: held_out.get(key) for key in ("gain", "gain_ci", "p")}
        rows.append(row)
    return rows
