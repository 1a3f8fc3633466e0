"""Results by study arm: image sources, and metrics shown between rounds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import NamedTuple

import streamlit as st

from app.store import Store
from app.study.arms import Guidance
from app.study.records import ArmBoard, GuidanceCount
from app.study.types import Study
from app.views.researcher.formatting import MISSING, NARROW, percent
from app.views.researcher.html import Column, badge, heading, muted, show, stacked, table
from app.views.researcher.new_study.advanced_fields import GUIDANCE_LABELS
from clpips.stats.preference import clustered_share

MAKERS = (
    Column("Arm", head=True),
    Column("Rounds", numeric=True),
    Column("Images", numeric=True),
    Column("Seconds per image", numeric=True),
)
NEARER = Column("Ranked nearer", numeric=True)
SHOWN = (
    Column("Shown between rounds", head=True),
    Column("Started", numeric=True),
    Column("Completed", numeric=True),
    Column("Rounds per target", numeric=True),
)
NEARER_HELP = (
    "Ranked nearer: of all pairs of an image from this arm and one from another arm on the same "
    "board, the share in which this arm’s image was ranked nearer to the target. Ties count one "
    "half; 50 % means no difference. The 95 % interval is clustered by participant."
)
ROUNDS_HELP = "Rounds per target: mean number of ranked rounds on finished targets."


class Beats(NamedTuple):
    """Pairwise results of an arm against the others: 1, ½ or 0 per pair, and its participant."""

    points: tuple[float, ...]
    people: tuple[str, ...]


def draw(store: Store, study: Study) -> None:
    """A table for each of the two things that a study can compare; nothing for plain studies."""
    settings = study.settings
    if settings.arms:
        show(heading("Results by study arm"), *_labels(study))
        boards = store.arms.boards(study.id)
        names = [arm.name for arm in settings.arms]
        columns = (*MAKERS, NEARER) if settings.mixes_arms else MAKERS
        show(table(columns, maker_rows(names, boards, mixed=settings.mixes_arms)))
        if settings.mixes_arms:
            st.caption(NEARER_HELP)
    if len(settings.guidance) > 1:
        show(heading("Results by metric shown between rounds"), *_labels(study))
        show(table(SHOWN, guidance_rows(settings.guidance, store.arms.guidance_counts(study.id))))
        st.caption(ROUNDS_HELP)


def maker_rows(
    names: Sequence[str], boards: Sequence[ArmBoard], *, mixed: bool
) -> list[tuple[str, ...]]:
    """One row per arm: rounds, images, seconds per image, how often ranked nearer."""
    rows: list[tuple[str, ...]] = []
    for name in names:
        images = [each for board in boards for each in board.images if each.arm == name]
        rounds = sum(any(each.arm == name for each in board.images) for board in boards)
        took = f"{median(each.seconds for each in images):.1f}" if images else MISSING
        row = (name, str(rounds), str(len(images)), took)
        rows.append((*row, _nearer(beats(name, boards))) if mixed else row)
    return rows


def beats(name: str, boards: Sequence[ArmBoard]) -> Beats:
    """Every pair of an image of an arm and one of another arm on the same ranked board."""
    points, people = [], []
    for board in boards:
        for one, other in combinations(board.images, 2):
            if (one.arm == name) == (other.arm == name) or one.rank is None or other.rank is None:
                continue
            apart = other.rank - one.rank if one.arm == name else one.rank - other.rank
            points.append(0.5 if apart == 0 else float(apart > 0))
            people.append(board.participant)
    return Beats(tuple(points), tuple(people))


def guidance_rows(
    shown: Sequence[Guidance], counts: Sequence[GuidanceCount]
) -> list[tuple[str, ...]]:
    """One row per metric: how many started and completed, and their rounds per target."""
    known = {each.guidance: each for each in counts}
    rows: list[tuple[str, ...]] = []
    for guidance in shown:
        found = known.get(guidance, GuidanceCount(guidance, 0, 0, 0, 0))
        each = f"{found.rounds / found.targets:.1f}" if found.targets else MISSING
        rows.append((GUIDANCE_LABELS[guidance], str(found.began), str(found.completed), each))
    return rows


def _nearer(found: Beats) -> str:
    if not found.points:
        return MISSING
    share = clustered_share(found.points, found.people)
    if share.n_clusters < 2:
        return stacked(percent(share.share, 0), "one participant so far")
    low, high = (round(100 * end) for end in share.interval)
    return stacked(percent(share.share, 0), f"{low} to {high}{NARROW}%")


def _labels(study: Study) -> tuple[str, ...]:
    """A label for studies whose participants are simulated."""
    words = "The participants of this study are simulated."
    return (muted(badge("Simulated", "note"), f" {words}"),) if study.simulated else ()
