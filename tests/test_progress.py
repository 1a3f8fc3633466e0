"""Progress, cancel, and the part of the progress that one piece of work makes."""

from __future__ import annotations

import pytest

from clpips.errors import Cancelled
from clpips.progress import Watch


def test_a_part_moves_the_whole_by_its_share() -> None:
    told: list[tuple[float, str]] = []
    whole = Watch(progress=lambda fraction, words: told.append((fraction, words)))
    part = whole.part(0.5, 0.25, prefix="ada: ")
    part.report(0.0, "begun")
    part.report(1.0, "done")
    part.part(0.5, 0.5, prefix="fit: ").report(0.5, "half")
    assert told == [(0.5, "ada: begun"), (0.75, "ada: done"), (0.6875, "ada: fit: half")]


def test_a_part_never_reports_more_than_the_whole() -> None:
    told: list[float] = []
    whole = Watch(progress=lambda fraction, words: told.append(fraction))
    for number in range(49):
        whole.part(number / 49, 1 / 49).report(1.0, "")
    assert max(told) == 1.0


def test_a_part_is_cancelled_with_the_whole_and_offers_its_previews() -> None:
    offered: list[object] = []
    whole = Watch(cancelled=lambda: True, preview=offered.append)
    part = whole.part(0.0, 0.5)
    with pytest.raises(Cancelled):
        part.report(0.1, "on")
    part.preview(lambda: None)  # type: ignore[arg-type, return-value]
    assert len(offered) == 1
