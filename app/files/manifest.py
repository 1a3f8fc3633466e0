"""A study bundle's manifest, and the check of an archive against it."""

from __future__ import annotations

import re
import zipfile
from typing import Annotated, Literal

from pydantic import BaseModel, FailFast, Field, ValidationError

from clpips.errors import StudyError
from clpips.io.validation import first_fault

VERSION = 2  # of a bundle with a pool; one without is written as version 1
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
# Images and weights hardly compress and a database about tenfold; far more is a zip bomb.
MAX_RATIO = 100
FREE_BYTES = 50_000_000


class Member(BaseModel, frozen=True, strict=True):
    """One file of a bundle: its SHA-256 and its size in bytes."""

    sha256: str
    size: int


class Manifest(BaseModel, frozen=True, strict=True):
    """The contents of ``manifest.json``.

    Args:
        format, version: identify the kind of file.
        created: when it was written, ISO 8601.
        study: the study's title.
        counts: numbers of participants, rankings, images and fits, for human readers.
        metrics: the name in the bundle by each fit's original stored path; ``None`` where the file
            was already missing.
        lost: files of the study that were missing when it was packed; it opens without them.
        files: every file but the manifest, by its name in the bundle.
    """

    format: Literal["clpips-study-bundle"]
    version: Annotated[int, Field(ge=1, le=VERSION)]
    created: str
    study: str
    counts: Annotated[dict[str, int], FailFast()]
    metrics: Annotated[dict[str, str | None], FailFast()]
    lost: Annotated[tuple[str, ...], FailFast()] = ()
    files: Annotated[dict[str, Member], FailFast()]

    @property
    def pools(self) -> tuple[str, ...]:
        """The uploaded pools, by their names in the bundle."""
        return tuple(name for name in self.files if POOL.fullmatch(name))


def check_archive(archive: zipfile.ZipFile) -> Manifest:
    """Read an archive's manifest and check the archive's names and sizes against it.

    Reads the archive's directory and the manifest only: the files' contents still have to be
    checked against their SHA-256.

    Raises:
        StudyError: not a bundle, one of a later version, or one that was altered.
    """
    infos = archive.infolist()
    _check_sizes(infos)
    names = [info.filename for info in infos]
    if len(set(names)) < len(names):
        raise StudyError("a bundle must hold each file once, got a name twice")
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
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        fault = first_fault(error, MANIFEST)
        hint = "; please update the program" if fault.startswith("version must") else ""
        raise StudyError(f"a bundle's manifest is damaged or too new: {fault}{hint}") from error
    for new in manifest.metrics.values():
        if new is not None and (new not in manifest.files or not WEIGHTS.fullmatch(new)):
            raise StudyError(f"a bundle must hold the weights of its fits, but {new!r} is missing")
    return manifest
