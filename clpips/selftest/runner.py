"""Does this installation compute what it should? Known answers, computed here and compared.

Every check has a name, what it is compared with, the expected and the found value, a tolerance
and an outcome. A check whose parts are not installed is skipped and says why; one that breaks
has failed. :mod:`clpips.selftest.checks` has the list.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from clpips.errors import Cancelled
from clpips.progress import Watch
from clpips.selftest.check import Check, Outcome, Skip, Value
from clpips.text import counted, one_line


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check; ``got`` is ``None`` where nothing was computed."""

    group: str
    name: str
    against: str
    expected: Value
    got: Value | None
    tolerance: float
    outcome: Outcome
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class SelfTest:
    """All results, in the order of the checks."""

    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether none failed; skipped ones do not count."""
        return not any(one.outcome == "fail" for one in self.results)

    def count(self, outcome: Outcome) -> int:
        """How many ended so."""
        return sum(one.outcome == outcome for one in self.results)

    @property
    def sentence(self) -> str:
        """The result in plain words."""
        made = self.count("pass") + self.count("fail")
        skipped = self.count("skipped")
        need = "it needs" if skipped == 1 else "they need"
        rest = f" {skipped} skipped, because what {need} is not here." if skipped else ""
        if self.passed:
            return f"{'The only check' if made == 1 else f'All {made} checks'} passed.{rest}"
        return f"{self.count('fail')} of {counted(made, 'check')} failed.{rest}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "passed": self.passed,
            "sentence": self.sentence,
            "counts": {each: self.count(each) for each in ("pass", "fail", "skipped")},
            "seconds": sum(one.seconds for one in self.results),
            "checks": [asdict(one) for one in self.results],
        }


def selftest(checks: Sequence[Check] | None = None, *, watch: Watch | None = None) -> SelfTest:
    """Make every check, or these.

    Args:
        checks: by default all of :func:`clpips.selftest.checks.all_checks`.
        watch: progress and cancel.

    Raises:
        Cancelled: the caller cancelled. Nothing else: what breaks has failed.
    """
    if checks is None:
        from clpips.selftest.checks import all_checks

        checks = all_checks()
    watch, results = watch or Watch(), []
    for number, check in enumerate(checks):
        watch.report(number / len(checks), f"{check.group}: {check.name}")
        results.append(made(check))
    return SelfTest(tuple(results))


def made(check: Check) -> Result:
    """Make one check; never raises, but for :class:`clpips.errors.Cancelled`."""
    started, got, reason = time.perf_counter(), None, ""
    outcome: Outcome
    try:
        got = check.measure()
        outcome = "pass" if agrees(check, got) else "fail"
    except Skip as skip:
        outcome, reason = "skipped", one_line(skip)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001 # a part that breaks in any way has failed its check
        outcome, reason = "fail", f"{type(error).__name__}: {one_line(error)}"
    if isinstance(got, float) and not math.isfinite(got):
        got, reason = None, f"got {got}"  # JSON cannot represent it
    seconds = time.perf_counter() - started
    return Result(
        check.group,
        check.name,
        check.against,
        check.expected,
        got,
        check.tolerance,
        outcome,
        reason,
        seconds,
    )


def agrees(check: Check, got: Value) -> bool:
    """Whether a value is the expected one, to the tolerance; not a number never is."""
    if isinstance(check.expected, str) or isinstance(got, str):
        return got == check.expected
    return abs(got - check.expected) <= check.tolerance
