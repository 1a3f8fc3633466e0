"""A study's own people: what they ranked nearest, and the target that came next.

An unpacked study bundle, or any folder with a ``rankings.csv``. Of every target, a participant's
last ranking counts, and the image that it puts first is what they chose. A sample's history are the
images that they chose for three targets in turn; its target is the next one, captioned by their own
words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from clpips.bench.datasets.windows import HISTORY, Prepared, numbered
from clpips.bench.samples import Item, Sample
from clpips.io.rankings import read_prompts, read_rankings
from clpips.progress import Watch
from clpips.types import Ranking

TABLE = "rankings.csv"


def read_study(
    root: Path,
    *,
    captions: Mapping[str, str],
    styles: Mapping[str, str],
    seed: int,
    watch: Watch,
) -> Prepared:
    """The study's samples; all are for testing.

    Args:
        root: the folder.
        captions: image (its file name without ending) → caption, where the words are not wanted.
        styles: participant → style.
        seed: without effect: nothing is drawn.
        watch: progress and cancel.

    Raises:
        RankingsFileError: the table is not there or not so; the sentence names file, row and rule.
    """
    notes: list[str] = []
    rankings = read_rankings(root / TABLE, notes=notes)
    watch.report(0.5, f"{len(rankings):,} rankings")
    prompts = read_prompts(root / TABLE, rankings)
    left_out: Counter[str] = Counter()
    samples: list[Sample] = []
    last: dict[str, dict[str, Ranking]] = {}
    for ranking in rankings:
        last.setdefault(ranking.participant, {})[ranking.target] = ranking

    def item(path: str, ranking: Ranking) -> Item:
        name = Path(path).stem
        return Item(name, path, path, captions.get(name, prompts.get(ranking, "")))

    for participant, by_target in last.items():
        boards = list(by_target.values())
        if len(boards) <= HISTORY:
            left_out["participants with three targets or fewer"] += 1
        for start in range(len(boards) - HISTORY):
            before, board = boards[start : start + HISTORY], boards[start + HISTORY]
            history = tuple(item(each.images[each.ranks.index(1)], each) for each in before)
            target = item(board.target, board)
            if len({one.item_id for one in (*history, target)}) <= HISTORY:
                left_out["windows in which an image comes twice"] += 1
                continue
            style = styles.get(participant, "")
            samples.append(Sample(0, participant, history, target, style, start, len(boards)))
    return Prepared([], [], numbered(samples, left_out), left_out, notes)
