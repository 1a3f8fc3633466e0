"""Rankings in other tools' layouts, written as one folder in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from clpips.errors import InputError
from clpips.export import bapps, bradley_terry, nights, preference_pairs
from clpips.export.image_names import Pictures
from clpips.export.plan import Plan
from clpips.export.triplets import Votes, votes_of
from clpips.io.atomic_files import atomic_folder
from clpips.progress import Watch
from clpips.text import counted
from clpips.types import Ranking

Layout = Literal["2afc", "nights", "bradley-terry", "pairs"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

_Plan: TypeAlias = Callable[[Votes, Pictures, Path | None], Plan]
_PLANS: Mapping[str, _Plan] = {
    "2afc": bapps.plan,
    "nights": nights.plan,
    "bradley-terry": bradley_terry.plan,
    "pairs": preference_pairs.plan,
}
READING = 0.3
"""Share of the work that is reading; the rest is copying images."""


@dataclass(frozen=True, slots=True)
class ExportedRankings:
    """What an export of rankings contains and leaves out.

    Args:
        layout: one of ``LAYOUTS``.
        n_rankings: rankings read.
        n_comparisons: comparisons written; each says that one image is nearer than another.
        n_ties: pairs left out because they share a rank.
        n_twins: images left out because their ranking holds the same picture already.
        n_images: image files written.
    """

    layout: Layout
    n_rankings: int
    n_comparisons: int
    n_ties: int
    n_twins: int
    n_images: int

    @property
    def sentence(self) -> str:
        """The counts in plain words."""
        text = f"{counted(self.n_comparisons, 'comparison')} out of "
        text += f"{counted(self.n_rankings, 'ranking')}; "
        text += "no tie" if not self.n_ties else counted(self.n_ties, "tied pair")
        text += " was left out" if self.n_ties < 2 else " were left out"
        if self.n_twins:
            text += f", and {counted(self.n_twins, 'image')} that the ranking held twice"
        return text + "."


def export_rankings(
    rankings: Sequence[Ranking],
    layout: str,
    out: str | os.PathLike[str],
    *,
    images: bool = True,
    prompts: Mapping[Ranking, str] | None = None,
    watch: Watch | None = None,
) -> ExportedRankings:
    """Write rankings as a folder in another tool's layout.

    Ties are never counted as a preference. Paths in the tables are relative to the folder.

    Args:
        rankings: the current ones, images as paths; each counts once.
        layout: ``2afc``, ``nights``, ``bradley-terry`` or ``pairs``.
        out: a folder that does not exist yet, or is empty.
        images: copy the images into the folder; otherwise tables lead to where they are.
        prompts: what the images of a ranking were made from, where known.
        watch: progress and cancel.

    Raises:
        InputError: no such layout, a folder with something in it, no comparison at all.
        ImageError: an image that cannot be read.
        Cancelled: the caller cancelled; there is no folder.
    """
    if layout not in LAYOUTS:
        raise InputError(f"the layout must be one of {LAYOUTS}, got {layout!r}")
    watch = watch or Watch()
    with atomic_folder(out) as folder:
        pictures = Pictures()
        votes = votes_of(
            rankings, pictures.content_of, prompts=prompts, watch=watch.part(0.0, READING)
        )
        plan = _PLANS[layout](votes, pictures, None if images else Path(out))
        counts = (votes.n_rankings, len(votes.votes), votes.n_ties, votes.n_twins)
        result = ExportedRankings(layout, *counts, n_images=len(plan.copies))
        readme = f"{result.sentence}\n\n{plan.about}".encode()
        for name, content in {**plan.tables, "README.txt": readme}.items():
            _place(folder, name).write_bytes(content)
        for number, (name, picture) in enumerate(plan.copies.items()):
            share = READING + (1 - READING) * number / len(plan.copies)
            watch.report(share, f"Copying image {number + 1} of {len(plan.copies)}")
            _copy(pictures.path_of(picture), _place(folder, name))
        watch.report(1.0, "Putting the folder in place")
    return result


def _place(folder: Path, name: str) -> Path:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _copy(source: Path, place: Path) -> None:
    """The same bytes; another format only where the layout's reader needs one."""
    if source.suffix.lower() == place.suffix:
        shutil.copyfile(source, place)
        return
    from clpips.io.images import load_image  # torch, for this rare case alone

    _save_png(load_image(source).permute(1, 2, 0).numpy(), place)


def _save_png(values: object, place: Path) -> None:
    import numpy as np
    from PIL import Image

    levels = np.round((np.asarray(values) + 1) * 127.5).astype(np.uint8)
    Image.fromarray(levels).save(place)
