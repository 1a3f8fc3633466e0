"""The benchmark's table in Markdown and in LaTeX, beside the published one."""

from __future__ import annotations

from collections.abc import Sequence

from clpips.bench.metrics.card import MetricCard
from clpips.bench.published import published_rows
from clpips.bench.report import BenchReport
from clpips.bench.summary import Summary
from clpips.export.latex import escaped

ARROWS = {"lower": "↓", "higher": "↑", "none": ""}
PUBLISHED = "published, not re-derived"


def markdown(report: BenchReport) -> str:
    """Three tables: means with deviations, intervals, and the published means."""
    cards = report.scores.cards
    head = [f"{name} {ARROWS[card.direction]}".strip() for name, card in cards.items()]
    parts = [
        _pipe(
            ["method", *head],
            [[m, *(_spread(own[name]) for name in cards)] for m, own in report.summaries.items()],
        ),
        "Mean ± population standard deviation over samples. 95 % intervals of the means, users "
        "redrawn:",
        _pipe(
            ["method", *cards],
            [[m, *(_interval(own[name]) for name in cards)] for m, own in report.summaries.items()],
        ),
    ]
    published = published_rows(report.dataset)
    columns = [name for name in cards if any(name in row for row in published.values())]
    if columns:
        rows = [[m, *(_share(row.get(name)) for name in columns)] for m, row in published.items()]
        parts += [f"PMG-bench ({PUBLISHED}):", _pipe(["method", *columns], rows)]
    parts += [f"{name} was not computed: {why}" for name, why in report.scores.left_out.items()]
    return "\n\n".join(parts) + "\n"


def latex(report: BenchReport) -> str:
    """The first table as a ``tabular`` for booktabs; the best mean of each metric is bold."""
    cards = report.scores.cards
    best = {name: _best(report, card) for name, card in cards.items()}
    head = " & ".join(
        ["Method", *(f"{escaped(card.title)} {_arrow(card)}".strip() for card in cards.values())]
    )
    lines = [
        "% " + "Mean and population standard deviation over samples; bold: best mean.",
        rf"\begin{{tabular}}{{l{'c' * len(cards)}}}",
        r"\toprule",
        head + r" \\",
        r"\midrule",
    ]
    for method, own in report.summaries.items():
        cells = [_latex_cell(own[name], bold=method in best[name]) for name in cards]
        lines.append(" & ".join([escaped(method), *cells]) + r" \\")
    published = published_rows(report.dataset)
    if any(name in row for row in published.values() for name in cards):
        lines += [
            r"\midrule",
            rf"\multicolumn{{{len(cards) + 1}}}{{l}}{{\emph{{PMG-bench, {PUBLISHED}}}}} \\",
        ]
        for method, row in published.items():
            shown = [_share(row.get(name)).replace("–", "--") for name in cards]
            lines.append(" & ".join([escaped(method), *shown]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _best(report: BenchReport, card: MetricCard) -> list[str]:
    """The methods with the best mean; none where neither direction is better."""
    means = {m: own[card.name].mean for m, own in report.summaries.items()}
    there = [mean for mean in means.values() if mean is not None]
    if card.direction == "none" or not there:
        return []
    top = min(there) if card.direction == "lower" else max(there)
    return [method for method, mean in means.items() if mean == top]


def _latex_cell(one: Summary, *, bold: bool) -> str:
    if one.mean is None:
        return "--"
    mean = rf"\mathbf{{{one.mean:.4f}}}" if bold else f"{one.mean:.4f}"
    return rf"${mean} \pm {one.std or 0.0:.4f}$"


def _spread(one: Summary) -> str:
    missing = f" ({one.n_missing} missing)" if one.n_missing else ""
    return "–" if one.mean is None else f"{one.mean:.4f} ± {one.std or 0.0:.4f}{missing}"


def _interval(one: Summary) -> str:
    return "–" if one.ci is None else f"{one.ci[0]:.4f} … {one.ci[1]:.4f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _arrow(card: MetricCard) -> str:
    return {"lower": r"$\downarrow$", "higher": r"$\uparrow$", "none": ""}[card.direction]


def _pipe(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )
