"""The store: the only door to the study data, and the only code that speaks SQL.

It takes and returns the frozen values of :mod:`app.study`; no row, no
dictionary of columns and no SQL leaves it. What a method says was stored is on disk when it
returns. Any thread of any process on this machine may use one; each call opens its own connection.
"""

from __future__ import annotations

from functools import lru_cache

from app.settings import Settings
from app.store.arms import Arms
from app.store.blind_pairs import Duels
from app.store.calibration import Calibrations
from app.store.final_boards import Boards
from app.store.fits import Fits
from app.store.guidance import Guides
from app.store.jobs import Jobs
from app.store.participant_state import Standings
from app.store.participants import People
from app.store.previews import Previews
from app.store.researchers import Researchers
from app.store.rounds import Rounds
from app.store.studies import Studies
from app.store.study_queries import Overview
from app.store.study_transfer import Bundles
from app.store.submissions import Submissions
from app.store.vectors import Vectors


class Store(
    Studies,
    People,
    Standings,
    Rounds,
    Previews,
    Boards,
    Duels,
    Arms,
    Guides,
    Calibrations,
    Submissions,
    Overview,
    Jobs,
    Vectors,
    Fits,
    Researchers,
    Bundles,
):
    """Everything the platform remembers, kept in one data folder.

    Args:
        where: the data folder, or the :class:`~app.settings.Settings` that name it. Folder and
            database are made where they are missing; an older database is migrated, after a
            copy of it was put beside it.

    Raises:
        StudyError: the database belongs to another program or to a newer version of this one.
    """


def open_store() -> Store:
    """The store of the data folder that the environment names; cheap after the first time."""
    return _store(Settings.from_environment())


@lru_cache(maxsize=8)
def _store(chosen: Settings) -> Store:
    return Store(chosen)  # opens a connection per call, so threads may share it
