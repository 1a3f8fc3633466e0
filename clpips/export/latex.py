"""A study's own numbers as LaTeX tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from clpips.evaluation.metric_names import PERSONAL, POOLED_WEIGHTS
from clpips.export.methods_text import (
    Interval,
    MetricRow,
    PersonRow,
    StudyNumbers,
    counted,
    number_text,
    p_text,
)
from clpips.stats.agreement import ICC_FORM, icc_note

_Row = TypeVar("_Row")
_Cell = Callable[[MetricRow], str]
_PersonCell = Callable[[PersonRow], str]


def latex_table(numbers: StudyNumbers) -> str:
    r"""The same numbers as a ``table`` for LaTeX; it needs ``\usepackage{booktabs}``.

    Columns without any value are left out. From two participants on a second table gives
    each participant's numbers.
    """
    digits = numbers.digits
    columns: list[tuple[str, _Cell]] = [
        ("Metric", lambda row: escaped(row.name)),
        ("Spearman", lambda row: _math(row.spearman, digits)),
        (r"95\,\% interval", lambda row: _math_ci(row.spearman_ci, digits)),
        (escaped(numbers.icc_form or "ICC"), lambda row: _math(row.icc)),
        (r"Pairwise accuracy", lambda row: _percent(row.pairwise_accuracy)),
    ]
    body = _tabular(columns, numbers.rows)
    tables = [_table(body, _caption(numbers), "tab:clpips-agreement")]
    if len(numbers.people) > 1:
        tables.append(_people_table(numbers))
    return "% needs \\usepackage{booktabs}\n" + "\n".join(tables)


def escaped(text: str) -> str:
    r"""Text as LaTeX prints it.

    >>> escaped("50 % of a_b & c")
    '50 \\% of a\\_b \\& c'
    """
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {letter: f"\\{letter}" for letter in "&%$#_{}"}
    special |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
    one_line = " ".join(text.split())
    return "".join(special.get(letter, letter) for letter in one_line)


def _people_table(numbers: StudyNumbers) -> str:
    digits = numbers.digits
    columns: list[tuple[str, _PersonCell]] = [
        ("Participant", lambda row: escaped(row.name)),
        ("Rankings", lambda row: "" if row.n_rankings is None else str(row.n_rankings)),
        (escaped(numbers.unfitted), lambda row: _math(row.stock, digits)),
        (escaped(POOLED_WEIGHTS), lambda row: _math(row.pooled, digits)),
        (escaped(PERSONAL), lambda row: _math(row.personal, digits)),
        ("Gain", lambda row: _math(row.gain, sign=True)),
        (r"95\,\% interval", lambda row: _math_ci(row.gain_ci, sign=True)),
        ("$p$", lambda row: "" if row.p is None else f"${p_text(row.p, bare=True)}$"),
    ]
    caption = "Held-out Spearman correlation of each participant"
    corrected = f"{numbers.p_correction}-corrected" if numbers.p_correction else None
    how = ", ".join(filter(None, [numbers.p_test, corrected]))
    if how and any(row.p is not None for row in numbers.people):
        caption += f"; $p$: {escaped(how)}"
    return _table(_tabular(columns, numbers.people), f"{caption}.", "tab:clpips-participants")


def _caption(numbers: StudyNumbers) -> str:
    text = "Agreement with the participants’ rankings on targets that were not fitted"
    if numbers.title:
        text += f", study ‘{escaped(numbers.title)}’"
    counts = (("participant", numbers.participants), ("target", numbers.targets))
    known = [counted(n, word) for word, n in (*counts, ("ranking", numbers.rankings)) if n]
    text += f" ({', '.join(known)})" if known else ""
    if numbers.simulated:
        all_of_them = numbers.simulated == numbers.participants
        text += f"; {'all' if all_of_them else numbers.simulated} simulated"
    if numbers.noise_ceiling is not None:
        text += f"; noise ceiling {_math(numbers.noise_ceiling)}"
    note = icc_note((row.icc for row in numbers.rows), numbers.icc_form or ICC_FORM)
    return f"{text}." + (f" {_math_minus(note)}" if note else "")


def _math_minus(text: str) -> str:
    return escaped(text).replace("−1", "$-1$")


def _tabular(
    columns: Sequence[tuple[str, Callable[[_Row], str]]], rows: Sequence[_Row]
) -> list[str]:
    """Lines of a ``tabular``; a column that is empty in each row is left out."""
    kept = [(head, cell) for head, cell in columns if any(cell(row) for row in rows)] or columns[:1]
    lines = [[head for head, _ in kept], *([cell(row) or "--" for _, cell in kept] for row in rows)]
    head, *body = [" & ".join(line) + r" \\" for line in lines]
    spec = "l" + "r" * (len(kept) - 1)
    return [
        f"\\begin{{tabular}}{{{spec}}}",
        r"  \toprule",
        f"  {head}",
        r"  \midrule",
        *(f"  {line}" for line in body),
        r"  \bottomrule",
        r"\end{tabular}",
    ]


def _table(tabular: Sequence[str], caption: str, label: str) -> str:
    inner = [r"\centering", f"\\caption{{{caption}}}", f"\\label{{{label}}}", *tabular]
    lines = [r"\begin{table}", *(f"  {line}" for line in inner), r"\end{table}"]
    return "\n".join(lines) + "\n"


def _math(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    text = number_text(value, digits, sign=sign).replace("−", "-")
    return f"${text}$" if text.startswith(("+", "-")) else text


def _math_ci(ends: Interval | None, digits: int = 2, *, sign: bool = False) -> str:
    if ends is None:
        return ""
    low, high = (_math(end, digits, sign=sign) for end in ends)
    return f"{low} to {high}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}\\,\\%"
