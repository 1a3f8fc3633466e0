"""Parts of a piece of work: each reports from 0 to 1 and fills its share of the whole."""

from __future__ import annotations

from clpips.watch import Watch


def part(watch: Watch, start: float, share: float, *, prefix: str = "") -> Watch:
    """A watch for one part of the work.

    Args:
        watch: follows the whole.
        start: where the part begins, in [0, 1].
        share: how much of the whole it is.
        prefix: put before the part's own words.
    """
    return Watch(
        progress=lambda fraction, words: watch.progress(start + share * fraction, prefix + words),
        cancelled=watch.cancelled,
        preview=watch.preview,
    )
