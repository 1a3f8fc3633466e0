"""Progress and cancel, the same for everything that takes longer than a moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clpips.errors import Cancelled

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Watch:
    """Progress reports and cancellation of a long computation.

    ``progress`` is called with a fraction in [0, 1] and a short description; ``cancelled`` is
    checked between steps. Makers that support it pass ``preview`` a function that computes a small
    intermediate image; nothing is computed unless that function is called.
    """

    progress: Callable[[float, str], None] = lambda fraction, words: None
    cancelled: Callable[[], bool] = lambda: False
    preview: Callable[[Callable[[], Image]], None] = lambda picture: None

    def report(self, fraction: float, words: str) -> None:
        """Report progress.

        Raises:
            Cancelled: the caller cancelled.
        """
        if self.cancelled():
            raise Cancelled("the work was cancelled")
        self.progress(fraction, words)

    def part(self, start: float, share: float, prefix: str = "") -> Watch:
        """A watch for one part of the work, whose own progress runs from 0 to 1.

        Args:
            start: where the part begins in the whole, in [0, 1].
            share: how much of the whole it is.
            prefix: put before the part's own words.
        """

        def progress(fraction: float, words: str) -> None:
            self.progress(min(1.0, start + share * fraction), prefix + words)

        return replace(self, progress=progress)
