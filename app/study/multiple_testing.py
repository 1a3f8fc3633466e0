"""Holm's correction over the tests that a study shows now: people × metrics, newest fits only.

Nothing that is corrected is ever stored, because the family grows with every fit: screens and
texts for papers come here, so they agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.study.records import Fit
from clpips.stats.permutation import corrected

Row = Mapping[str, Any]
METRICS = ("stock", "pooled", "personal")


@dataclass(frozen=True, slots=True)
class Family:
    """The metrics side by side of each fit, and over how many tests their p is corrected.

    Args:
        tables: rows by fit, each with its ``p`` and ``p_corrected``, probabilities or ``None``;
            of fits that can be judged at all.
        tests: how many rows have a p; where it is 1, nothing is corrected.
    """

    tables: Mapping[int, tuple[Row, ...]]
    tests: int

    def personal(self, fit: Fit) -> Row:
        """The fitted metric's own row, on the fit's own features; empty where there is none."""
        return next(
            (
                row
                for row in self.tables.get(fit.id, ())
                if (row["name"], row["space"]) == ("personal", fit.backbone)
            ),
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


def family(fits: Iterable[Fit], comparisons: Mapping[int, Row]) -> Family:
    """Correct the p of each row for all rows together; of a fit not compared, its report counts.

    Args:
        fits: with held-out agreement; see :func:`newest_judged`.
        comparisons: what the comparison job says of them, as far as it has come.
    """
    tables = {fit.id: _rows(fit, comparisons.get(fit.id, {})) for fit in fits}
    p_values = [row.get("p") for rows in tables.values() for row in rows]
    tests = sum(p is not None for p in p_values)
    p_corrected = iter(corrected(p_values) if tests > 1 else [None] * len(p_values))
    return Family(
        {
            fit_id: tuple(
                {**row, "p_corrected": p}
                for row, p in zip(rows, islice(p_corrected, len(rows)), strict=True)
            )
            for fit_id, rows in tables.items()
        },
        tests,
    )


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
