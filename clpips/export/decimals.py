"""How many decimals a column of agreements needs; the same in every row, on screen and in print."""

from __future__ import annotations

from collections.abc import Iterable

DIGITS = (2, 3, 4, 5)
"""The fewest that will do. A quarter of differences need three, one in forty more."""
SAME = 1e-9
HALF = 0.005  # of the last digit that a difference shows
Change = tuple[float | None, float | None, float | None]
"""Before, after, and the difference as it is shown beside them."""


def agreeing(before: float | None, after: float | None, gain: float | None) -> int:
    """How many digits two numbers need so that their difference, with two digits, is seen in them.

    >>> agreeing(0.31, 0.354, 0.044), agreeing(0.3149, 0.2751, -0.0398)
    (2, 3)
    >>> agreeing(0.8877, 0.9744, 0.0867)  # 0.89 and 0.97 would not give +0.09
    3

    Args:
        before, after: the numbers.
        gain: ``after − before``; another one, as a mean over other rankings would be, is not
            expected to agree.
    """
    if before is None or after is None or gain is None or abs(after - before - gain) > SAME:
        return DIGITS[0]
    for digits in DIGITS:
        seen = round(after, digits) - round(before, digits)
        if abs(seen - round(gain, DIGITS[0])) < HALF - SAME:
            return digits
    return DIGITS[-1]


def column_digits(changes: Iterable[Change]) -> int:
    """The digits of a whole column: as many as the row that needs most."""
    return max((agreeing(*change) for change in changes), default=DIGITS[0])
