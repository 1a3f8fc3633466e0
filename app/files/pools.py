"""Image pools uploaded by researchers: where they are stored and how a study refers to them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from app.files.manifest import POOL
from app.store import Store
from clpips.errors import GenerationError, StudyError
from clpips.generation.names import kind_of
from clpips.generation.pool import read_pool
from clpips.io.atomic_files import atomic_file

FOLDER = "pools"


def add_pool(store: Store, data: bytes) -> str:
    """Check and store an uploaded archive.

    Returns:
        the maker's name for a study's settings: ``pool:`` and a path in the data folder.

    Raises:
        GenerationError: the archive breaks a rule; nothing is stored.
    """
    name = f"{hashlib.sha256(data).hexdigest()}.zip"
    maker, final = f"pool:{FOLDER}/{name}", store.settings.data_dir / FOLDER / name
    if final.exists():
        return maker
    with atomic_file(final) as partial:
        partial.write_bytes(data)
        try:
            read_pool(partial)
        except GenerationError as error:
            sentence = str(error).replace(partial.name, "the uploaded archive")
            raise GenerationError(sentence) from error
    return maker


def uploaded(name: str) -> str | None:
    """The stored path of a maker's uploaded pool; ``None`` for any other maker."""
    kind, _, rest = name.partition(":")
    return rest if kind == "pool" and POOL.fullmatch(rest) else None


def check_travelled(pool: Path) -> None:
    """Check a pool from a study bundle like an uploaded one.

    Raises:
        StudyError: the archive breaks a rule.
    """
    try:
        read_pool(pool)
    except GenerationError as error:
        raise StudyError(f"a bundle's pool must be valid: {error}") from error


def maker_here(store: Store, name: str) -> str:
    """A maker's name with a pool's path resolved against this machine's data folder."""
    kind, _, rest = name.partition(":")
    if kind_of(name) != "pool" or Path(rest).expanduser().is_absolute():
        return name
    return f"{kind}:{store.settings.data_dir / rest}"
