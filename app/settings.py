"""Every path and secret of the platform, read from the environment once, in one frozen value."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from clpips.errors import StudyError

DEFAULT_DATA = Path("data/local")
DEFAULT_PORT = 8501
DEFAULT_ADDRESS = "127.0.0.1"
MOST_WORKERS = 64
RESEARCHER_COOKIE = "clpips_researcher"
"""The cookie of a researcher who is signed in."""
KNOWN_BROWSER_COOKIE = "clpips_known_browser"
"""The cookie of a browser in which somebody has signed in before."""
BACKUP_NAME = re.compile(r"clpips-backup-\d{8}-\d{6}\.tar")
"""The names of backups that the program chooses, by the moment in UTC."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the platform keeps its data and where it answers.

    Args:
        data_dir: folder of everything that is written: database, images, weights, exports, logs.
        port: 1 to 65,535.
        weights_dir: a folder to look for backbone weights in first, where one is given.
        address: the network address to answer on; the default answers this machine only.
        researcher_password: sets the researcher's password at the first start, so that a server
            without a screen can be set up; ``None`` asks for it in the browser.
        demo_studies: make the demo study and the simulated study at the first start.
        workers: how many worker processes ``python -m app`` starts, 1 to 64.
        allow_missing_images: start although images of the database have no file.
        proxies: addresses and networks of the proxies whose ``X-Forwarded-For`` and
            ``X-Forwarded-Proto`` are believed; by default nobody's.

    Raises:
        StudyError: a port or number of workers outside its range, an empty address or password.
    """

    data_dir: Path = DEFAULT_DATA
    port: int = DEFAULT_PORT
    weights_dir: Path | None = None
    address: str = DEFAULT_ADDRESS
    researcher_password: str | None = None
    demo_studies: bool = True
    allow_missing_images: bool = False
    workers: int = 1
    proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65_535:
            raise StudyError(f"PORT must lie between 1 and 65535, got {self.port}")
        if not 1 <= self.workers <= MOST_WORKERS:
            raise StudyError(
                f"CLPIPS_WORKERS must lie between 1 and {MOST_WORKERS}, got {self.workers}"
            )
        if not self.address.strip():
            raise StudyError("CLPIPS_ADDRESS must name an address, got an empty one")
        if self.data_dir.exists() and not self.data_dir.is_dir():
            raise StudyError(f"CLPIPS_DATA must be a folder, got the file '{self.data_dir}'")
        for proxy in self.proxies:
            try:
                ip_network(proxy)
            except ValueError as error:
                raise StudyError(
                    "CLPIPS_PROXIES must list addresses and networks, such as "
                    f"127.0.0.1,10.0.0.0/8, got {proxy!r}"
                ) from error

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings that the environment asks for; an empty variable counts as not set.

        Raises:
            StudyError: a variable holds what it cannot; the sentence names it.
        """
        weights = environ.get("CLPIPS_WEIGHTS")
        return cls(
            data_dir=Path(environ.get("CLPIPS_DATA") or DEFAULT_DATA).expanduser(),
            port=_whole_number("PORT", environ.get("PORT") or str(DEFAULT_PORT)),
            weights_dir=Path(weights).expanduser() if weights else None,
            address=environ.get("CLPIPS_ADDRESS") or DEFAULT_ADDRESS,
            researcher_password=environ.get("CLPIPS_RESEARCHER_PASSWORD") or None,
            demo_studies=_yes_or_no("CLPIPS_DEMO", environ.get("CLPIPS_DEMO") or "1"),
            allow_missing_images=_yes_or_no(
                "CLPIPS_ALLOW_MISSING_IMAGES", environ.get("CLPIPS_ALLOW_MISSING_IMAGES") or "0"
            ),
            workers=_whole_number("CLPIPS_WORKERS", environ.get("CLPIPS_WORKERS") or "1"),
            proxies=tuple(environ.get("CLPIPS_PROXIES", "").replace(",", " ").split()),
        )

    def __repr__(self) -> str:
        """The settings without the password, so that a log line cannot leak it."""
        secret = "set" if self.researcher_password else "not set"
        return (
            f"Settings(data_dir={str(self.data_dir)!r}, port={self.port}, "
            f"weights_dir={None if self.weights_dir is None else str(self.weights_dir)!r}, "
            f"address={self.address!r}, researcher_password={secret}, "
            f"demo_studies={self.demo_studies}, "
            f"allow_missing_images={self.allow_missing_images}, workers={self.workers}, "
            f"proxies={self.proxies})"
        )

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data_dir / "clpips.sqlite"

    @property
    def images(self) -> Path:
        """Folder of every image, each named by its content hash."""
        return self.data_dir / "images"

    @property
    def weights(self) -> Path:
        """Folder of the fitted metrics."""
        return self.data_dir / "weights"

    @property
    def identity(self) -> Path:
        """Folder of the identity rankings, a folder each: uploads, results, pictures."""
        return self.data_dir / "identity"

    @property
    def exports(self) -> Path:
        """Folder of the files made for download."""
        return self.data_dir / "exports"

    @property
    def backups(self) -> Path:
        """Folder of the backups made with the button, and of the copies made before a migration."""
        return self.data_dir / "backups"

    @property
    def logs(self) -> Path:
        """Folder of the log files."""
        return self.data_dir / "logs"


def _whole_number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise StudyError(f"{name} must be a whole number, got {text!r}") from error


def _yes_or_no(name: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise StudyError(f"{name} must be 0 or 1, got {text!r}")
    return text == "1"
