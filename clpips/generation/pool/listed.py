"""The files of a pool before any is read: names, sizes, limits and the rules that they keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from clpips.errors import GenerationError

IMAGES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp")
_OTHER_IMAGES = (".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".jp2", ".jxl", ".svg")
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a pool may hold: bytes in all, unpacked; bytes of one file; number of files."""

    total: int = 2_000_000_000
    file: int = 100_000_000
    files: int = 20_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a pool: its path with slashes, and its bytes when unpacked."""

    name: str
    size: int


def is_image(name: str) -> bool:
    """Whether a file's ending is that of PNG, JPEG or WebP."""
    return name.lower().endswith(IMAGES)


def checked(file: Listed, number: int, total: int, limits: Limits) -> Listed:
    """A file within the limits, of a kind that a pool may hold."""
    check_number(number, limits)
    try:
        file.name.encode()
    except UnicodeEncodeError:
        raise wrong(file.name, "must have a name in UTF-8", "other bytes in it") from None
    if file.size > limits.file:
        raise wrong(file.name, f"must have at most {limits.file:,} bytes", f"{file.size:,}")
    if total > limits.total:
        raise GenerationError(
            f"a pool must have at most {limits.total:,} bytes when unpacked, "
            f"got more up to {shown(file.name)}"
        )
    if is_hidden(file.name):
        return file
    lower = file.name.lower()
    if lower.endswith(_ARCHIVES):
        raise wrong(file.name, "must not be an archive itself", "one inside the pool")
    if lower.endswith(_OTHER_IMAGES):
        raise wrong(file.name, "must be PNG, JPEG or WebP", "another image format")
    return file


def check_number(number: int, limits: Limits) -> None:
    """Refuse more files than a pool may hold."""
    if number > limits.files:
        raise GenerationError(f"a pool must have at most {limits.files:,} files, got more")


def is_hidden(name: str) -> bool:
    """What systems leave in folders and archives on their own account."""
    parts = PurePosixPath(name).parts
    return parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts)


def shown(name: str) -> str:
    """A file's name as a sentence can hold it: printable, at most 120 characters."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in name)
    return printable if len(printable) <= 120 else f"{printable[:119]}…"


def wrong(name: str, rule: str, fact: str) -> GenerationError:
    """The error for a file that breaks a rule."""
    return GenerationError(f"{shown(name)}: a pool's file {rule}, got {fact}")
