"""Image pools uploaded by researchers: where they are stored and how a study refers to them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.files.manifest import POOL
from app.store import Store
from app.study.settings import StudySettings
from clpips.errors import GenerationError, StudyError
from clpips.generation.names import kind_of
from clpips.generation.pool import Pool, opened, read_pool
from clpips.generation.scenes import sample_targets
from clpips.io.atomic_files import atomic_file
from clpips.io.image_names import target_key
from clpips.text import counted, named, quoted

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


def own_images(store: Store, maker: str, study_id: int, target: str) -> dict[str, Any]:
    """The options by which a pool shows a target's own images only, where it says which are whose.

    Raises:
        GenerationError: the pool breaks a rule.
    """
    names = [each.name for each in store.studies.targets(study_id)]
    return {"target": target} if _pool(store, maker).is_divided([*names, target]) else {}


def check_pools(store: Store, settings: StudySettings, targets: Sequence[str]) -> tuple[str, ...]:
    """Check that a study's pools hold what its boards need.

    Args:
        store: where uploaded pools are.
        settings: the study's.
        targets: the names of its targets.

    Returns:
        What its owner may not expect, in sentences: how names and captions were read, and images
        of targets that the study does not have.

    Raises:
        StudyError: a pool that says which images belong to which target, and has too few of one.
    """
    notes: list[str] = []
    for maker in dict.fromkeys(settings.makers):
        if kind_of(maker) != "pool":
            continue
        pool = _pool(store, maker)
        notes += pool.notes
        if not pool.is_divided(targets):
            continue
        _check_enough(pool, settings, targets)
        keys = {target_key(each) for each in targets}
        others = {each.target for each in pool.images if each.target is not None}
        unused = sorted(each for each in others if target_key(each) not in keys)
        if unused:
            notes.append(
                f"captions.csv: the images of {named(unused)} are not shown, because the study "
                "has no such target."
            )
    return tuple(notes)


def _check_enough(pool: Pool, settings: StudySettings, targets: Sequence[str]) -> None:
    """A study must be able to finish: each board needs images that its target has not shown."""
    samples = sorted((each.name for each in sample_targets()), key=lambda name: name in targets)
    arms = len(settings.arms) or 1
    if settings.mixes_arms:
        needed = settings.min_rounds * settings.made_per_round // arms
    else:
        needed = -(-settings.min_rounds // arms) * settings.made_per_round
    boards = [(each, needed) for each in targets]
    boards += [(each, settings.candidates) for each in samples[: settings.calibration]]
    for target, least in boards:
        if (found := len(pool.of_target(target))) < least:
            raise StudyError(
                f"the pool must hold at least {counted(least, 'different image')} of the target "
                f"{quoted(target)}, as captions.csv or folders name it, got {found:,}"
            )


def _pool(store: Store, maker: str) -> Pool:
    return opened(maker_here(store, maker).partition(":")[2]).pool
