"""The list of what is in a study bundle, and the check that a file really is such a bundle."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clpips.errors import StudyError

FORMAT = "clpips-study-bundle"
VERSION = 2  # of a bundle with a pool; one without is as it was in version 1
MANIFEST = "manifest.json"
DATABASE = "study.sqlite"
RANKINGS = "rankings.csv"  # for people and the command line; opening reads the database
PLAIN = (DATABASE, RANKINGS)
IMAGE = re.compile(r"images/([0-9a-f]{64})\.(png|jpg|webp)")
POOL = re.compile(r"pools/([0-9a-f]{64})\.zip")
WEIGHTS = re.compile(r"weights/[A-Za-z0-9][A-Za-z0-9._-]{0,100}\.safetensors")

MAX_FILES = 200_000
MAX_BYTES = 20_000_000_000
MAX_MANIFEST = 64_000_000
# Images and weights hardly shrink and a database about tenfold; far more is a trap.
MAX_RATIO = 100
FREE_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a bundle: its SHA-256 and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle holds.

    Args:
        created: when it was written, ISO 8601.
        study: the study's title.
        files: every other file by its name in the bundle.
        metrics: for each fit's path in the data folder it came from, the name in the bundle;
            ``None`` where that file was lost before.
        lost: files of the study that were gone when it was packed; it opens without them.
        counts: participants, rankings, images and fits, for people who look inside.
    """

    created: str
    study: str
    files: Mapping[str, Member]
    metrics: Mapping[str, str | None]
    counts: Mapping[str, int]
    lost: tuple[str, ...] = ()

    @property
    def pools(self) -> tuple[str, ...]:
        """The names in the bundle of the uploaded pools in it."""
        return tuple(name for name in self.files if POOL.fullmatch(name))

    def to_json(self) -> str:
        """The text of ``manifest.json``."""
        files = {name: {"sha256": f.sha256, "size": f.size} for name, f in self.files.items()}
        document = {
            "format": FORMAT,
            "version": VERSION if self.pools else 1,
            "created": self.created,
            "study": self.study,
            "counts": dict(self.counts),
            "metrics": dict(self.metrics),
            "lost": list(self.lost),
            "files": files,
        }
        return json.dumps(document, indent=1, ensure_ascii=False)


def check_archive(archive: zipfile.ZipFile) -> Manifest:
    """The manifest of an archive, after checking that its names and sizes are as it says.

    Only the archive's own list was read so far, and the manifest: the content is still to be
    checked against the SHA-256 of each file.

    Raises:
        StudyError: not a bundle, one of a later version, or one that was changed.
    """
    infos = archive.infolist()
    _check_sizes(infos)
    names = [info.filename for info in infos]
    if len(set(names)) < len(names):
        raise StudyError("a bundle must hold each file once, got one name twice")
    if MANIFEST not in names or archive.getinfo(MANIFEST).file_size > MAX_MANIFEST:
        raise StudyError(f"a bundle must hold {MANIFEST}, got a zip file without it")
    manifest = _parsed(archive.read(MANIFEST))
    for name in manifest.files:
        if name not in PLAIN and not any(kind.fullmatch(name) for kind in (IMAGE, POOL, WEIGHTS)):
            raise StudyError(f"a bundle must hold only a study's files, got {name!r}")
    for name in sorted({*names, DATABASE} ^ {*manifest.files, MANIFEST}):
        there = "missing" if name in manifest.files or name == DATABASE else "not in its manifest"
        raise StudyError(f"a bundle must hold what its manifest lists, but {name!r} is {there}")
    for info in infos:
        member = manifest.files.get(info.filename)
        if member is not None and member.size != info.file_size:
            raise StudyError(
                f"a bundle's {info.filename!r} must have {member.size} bytes as its manifest says, "
                f"got {info.file_size}"
            )
    return manifest


def _check_sizes(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_FILES:
        raise StudyError(f"a bundle must hold at most {MAX_FILES:,} files, got {len(infos):,}")
    unpacked = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if unpacked > min(MAX_BYTES, FREE_BYTES + MAX_RATIO * packed):
        raise StudyError(
            "a bundle must not unpack to far more than a study has, "
            f"got {packed / 1e6:,.1f} MB that unpack to {unpacked / 1e6:,.1f} MB"
        )


def _parsed(text: bytes) -> Manifest:
    try:
        document: Any = json.loads(text)
        if document["format"] != FORMAT:
            raise StudyError(f"a bundle's format must be {FORMAT!r}, got {document['format']!r}")
        if document["version"] not in range(1, VERSION + 1):
            raise StudyError(
                f"a bundle's version must be at most {VERSION}, got {document['version']!r}: "
                "please update the program"
            )
        manifest = Manifest(
            created=str(document["created"]),
            study=str(document["study"]),
            files={
                str(name): Member(str(file["sha256"]), int(file["size"]))
                for name, file in document["files"].items()
            },
            metrics={
                str(old): None if new is None else str(new)
                for old, new in document["metrics"].items()
            },
            counts={str(name): int(count) for name, count in document["counts"].items()},
            lost=tuple(str(name) for name in document.get("lost", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StudyError("a bundle's manifest must be whole, got a damaged one") from error
    for new in manifest.metrics.values():
        if new is not None and (new not in manifest.files or not WEIGHTS.fullmatch(new)):
            raise StudyError(f"a bundle must hold the weights of its fits, but {new!r} is missing")
    return manifest
