"""Which kind of job comes next: kinds that wait for each other take turns.

Were one kind always first, requests for it that keep coming would hold up the others for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.study.types import JobKind

URGENT: frozenset[JobKind] = frozenset({"generate", "guide"})
"""Kinds that a participant waits for; they go first."""
MOST_URGENT = 4
"""So many urgent jobs in a row, then another kind that waits has a turn."""


class Turns:
    """The order in which the kinds of one queue are taken.

    Args:
        kinds: in the order of the first turn.
    """

    def __init__(self, kinds: Sequence[JobKind]) -> None:
        self._kinds = list(kinds)
        self._urgent_in_a_row = 0

    @property
    def kinds(self) -> tuple[JobKind, ...]:
        """All kinds, the next one first: urgent ones, then those whose turn is longest ago."""
        urgent = [kind for kind in self._kinds if kind in URGENT]
        others = [kind for kind in self._kinds if kind not in URGENT]
        first_urgent = self._urgent_in_a_row < MOST_URGENT
        return tuple(urgent + others if first_urgent else others + urgent)

    def taken(self, kind: JobKind) -> None:
        """Note that a job of this kind is taken: its next turn comes after the other kinds'."""
        self._kinds.remove(kind)
        self._kinds.append(kind)
        self._urgent_in_a_row = self._urgent_in_a_row + 1 if kind in URGENT else 0

    def sort(self, waiting: Sequence[JobKind]) -> list[int]:
        """In which order waiting jobs will be taken, as indices; the oldest of a kind is first."""
        ahead = Turns(self._kinds)
        ahead._urgent_in_a_row = self._urgent_in_a_row
        left, order = list(range(len(waiting))), list[int]()
        while left:
            kind = next(kind for kind in ahead.kinds if any(waiting[each] == kind for each in left))
            chosen = next(each for each in left if waiting[each] == kind)
            left.remove(chosen)
            order.append(chosen)
            ahead.taken(kind)
        return order
