"""The data folder and the database are for the account that runs the app, and for nobody else."""

from __future__ import annotations

import contextlib
import logging
import stat
from pathlib import Path

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
SIDECARS = ("", "-wal", "-shm")  # SQLite gives new ones the database's own mode
OWN_NAMES = frozenset(
    {"images", "weights", "exports", "backups", "logs", "previews", "pools", ".demo.lock"}
)
OWN_PREFIXES = ("clpips.sqlite", "before-restore-")

log = logging.getLogger(__name__)


def make_folder(folder: Path) -> None:
    """Make a data folder with mode 700, and give an existing one that mode.

    A folder that also holds other things (a home folder, ``/tmp``) may be meant for others and
    keeps its mode; the log says that they can look into it.

    Raises:
        OSError: it cannot be made.
    """
    if not folder.exists():
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if not stat.S_IMODE(folder.stat().st_mode) & 0o077:
        return
    if all(_is_own(each.name) for each in folder.iterdir()):
        _set_mode(folder, PRIVATE_FOLDER)
    else:
        log.warning("other accounts of this machine can look into the data folder %s", folder)


def make_database(path: Path) -> None:
    """Make an empty database file with mode 600, and give an existing one that mode.

    Raises:
        OSError: it cannot be made.
    """
    if not path.exists():
        path.touch(mode=PRIVATE_FILE)
    for sidecar in SIDECARS:
        file = path.with_name(path.name + sidecar)
        with contextlib.suppress(FileNotFoundError):  # another process may just have closed it
            if stat.S_IMODE(file.stat().st_mode) & 0o077:
                _set_mode(file, PRIVATE_FILE)


def _is_own(name: str) -> bool:
    return name in OWN_NAMES or name.startswith(OWN_PREFIXES)


def _set_mode(path: Path, mode: int) -> None:
    try:
        path.chmod(mode)
    except OSError as error:  # another account's, or a file system without modes
        log.warning("%s could not be made private: %s", path, error)
