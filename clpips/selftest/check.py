"""One known answer of the self-test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Value: TypeAlias = float | str


Outcome = Literal["pass", "fail", "skipped"]


class Skip(Exception):
    """Raised by a check that cannot be made here; its text says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One known answer.

    Args:
        group: what it belongs to, for the table's headings.
        name: no two the same.
        against: where the expected value comes from.
        expected: a number, or words that must be met exactly.
        measure: computes it anew; whatever it needs is imported inside, so that one broken part
            fails its own checks only. May raise :class:`Skip`.
        tolerance: largest accepted difference of numbers; what a published value was rounded to.
    """

    group: str
    name: str
    against: str
    expected: Value
    measure: Callable[[], Value]
    tolerance: float = 0.0
