"""All access to the study data; the only code that speaks SQL.

:class:`Store` has one part for each kind of thing, all over one :class:`DatabaseAccess`. Its
methods take and return the frozen values of :mod:`app.study`; no row, no dictionary of columns
and no SQL leaves it. When a method returns, what it stored is on disk. Any thread of any process
on this machine may use a store; each call opens its own connection.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from app.settings import Settings
from app.store.arms import Arms
from app.store.blind_pairs import BlindPairs
from app.store.calibration import CalibrationBoards
from app.store.comparisons import Comparisons
from app.store.database import DatabaseAccess
from app.store.deletion import Deletion
from app.store.exports import Exports
from app.store.final_boards import FinalBoards
from app.store.fits import Fits
from app.store.guidance import RoundGuidance
from app.store.images import Images
from app.store.inspection import inspect
from app.store.jobs import Jobs
from app.store.migrations import LOCK_SECONDS
from app.store.participants import Participants
from app.store.platform_settings import PlatformSettings
from app.store.previews import Previews
from app.store.progress import Progress
from app.store.rankings import Rankings
from app.store.researchers import Researchers
from app.store.rounds import Rounds
from app.store.studies import Studies
from app.store.targets import Targets
from app.store.transfer import Transfer
from app.store.trials import Trials
from app.store.unavailable import DatabaseBusy, DiskFull, StoreUnavailable
from app.store.vectors import Vectors
from app.store.workers import Workers, is_in_use

__all__ = [
    "DatabaseBusy",
    "DiskFull",
    "Store",
    "StoreUnavailable",
    "inspect",
    "is_in_use",
    "open_store",
]

WEB_SECONDS = 5.0  # with the wait for a thread, less than the 10 s after which a browser gives up


class Store:
    """The study data of one data folder.

    Args:
        where: the data folder, or the :class:`~app.settings.Settings` that name it. Folder and
            database are made where they are missing; an older database is migrated, after a
            copy of it was put beside it.
        patience: for how many seconds a read or a write waits while the database is locked.

    Raises:
        StudyError: the database belongs to another program or to a newer version of this one.
    """

    def __init__(self, where: Path | str | Settings, *, patience: float = LOCK_SECONDS) -> None:
        access = DatabaseAccess(where, patience=patience)
        self.access = access
        self.settings = access.settings
        self.path = access.path

        self.studies = Studies(access)
        self.targets = Targets(access)
        self.deletion = Deletion(access)
        self.images = Images(access)
        self.participants = Participants(access)
        self.progress = Progress(access)

        self.trials = Trials(access)
        self.rounds = Rounds(access)
        self.previews = Previews(access)
        self.rankings = Rankings(access)
        self.guidance = RoundGuidance(access)
        self.final_boards = FinalBoards(access)
        self.calibration = CalibrationBoards(access)
        self.blind_pairs = BlindPairs(access)
        self.arms = Arms(access)

        self.jobs = Jobs(access)
        self.workers = Workers(access)
        self.vectors = Vectors(access)
        self.fits = Fits(access)
        self.comparisons = Comparisons(access)
        self.exports = Exports(access)

        self.researchers = Researchers(access)
        self.platform_settings = PlatformSettings(access)
        self.transfer = Transfer(access)


def open_store() -> Store:
    """The web process's store, of the data folder that the environment names.

    Cheap after the first time. It waits less long for a lock than a worker does: somebody is
    waiting for the answer.
    """
    return _store(Settings.from_environment())


@lru_cache(maxsize=8)
def _store(chosen: Settings) -> Store:
    return Store(
        chosen, patience=WEB_SECONDS
    )  # opens a connection per call, so threads may share it
