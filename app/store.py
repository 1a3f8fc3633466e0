"""The store: the only door to the study data, and the only code that speaks SQL.

It takes and returns the frozen values of :mod:`clpips.types` and :mod:`app.records`; no row, no
dictionary of columns and no SQL leaves it. What a method says was stored is on disk when it
returns. Any thread of any process on this machine may use one; each call opens its own connection.
"""

from __future__ import annotations

from app.tables.arms import Arms
from app.tables.boards import Boards
from app.tables.bundles import Bundles
from app.tables.calibration import Calibrations
from app.tables.duels import Duels
from app.tables.fits import Fits
from app.tables.guides import Guides
from app.tables.jobs import Jobs
from app.tables.overview import Overview
from app.tables.people import People
from app.tables.previews import Previews
from app.tables.researchers import Researchers
from app.tables.rounds import Rounds
from app.tables.standing import Standings
from app.tables.studies import Studies
from app.tables.submissions import Submissions
from app.tables.vectors import Vectors


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
