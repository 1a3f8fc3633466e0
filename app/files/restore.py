"""Restores a backup into a data folder: everything is unpacked and checked before it counts."""

from __future__ import annotations

import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.files.backup import check_complete, check_digest, digest_of, members
from app.files.backup_manifest import (
    DATABASE,
    IMAGE,
    MANIFEST,
    MAX_MANIFEST,
    BackupManifest,
    parse_manifest,
)
from app.files.manifest import Member
from app.settings import Settings
from app.store import Store, is_in_use
from clpips.errors import StudyError
from clpips.progress import Watch
from clpips.text import counted, one_line

UNPACKING = ".restoring-"
REPLACED = "before-restore-"
NOT_OURS = ("lost+found",)  # a new disk's own folder
SPARE_BYTES = 50_000_000


def restore_backup(
    path: Path, data_dir: Path, watch: Watch, *, replace: bool = False
) -> BackupManifest:
    """Restore a backup into a new or empty data folder.

    Args:
        path: the backup; it is not changed.
        data_dir: the folder; made where it is missing.
        watch: progress and cancel.
        replace: whether the folder may hold something, which is then moved into a folder
            ``before-restore-…`` in it.

    Raises:
        StudyError: not a backup, a damaged one or one of a newer version; the folder holds
            something, or the app is running on it; too little room. Everything is as it was.
        Cancelled: the caller cancelled; everything is as it was.
    """
    _check_target(data_dir, replace=replace)
    if not path.is_file():
        raise StudyError(f"a backup must be a file, got '{path}'")
    with _unpacking_folder(data_dir) as folder:
        _check_space(path, folder)
        try:
            manifest = _unpack(path, folder, watch)
        except (tarfile.TarError, EOFError) as error:
            raise StudyError(
                f"a backup must be a whole .tar file, got a damaged one: {one_line(error)}"
            ) from error
        _check_store(folder, manifest)
        _move_into_place(folder, data_dir)
    return manifest


def _check_target(data_dir: Path, *, replace: bool) -> None:
    if not data_dir.exists():
        return
    if not data_dir.is_dir():
        raise StudyError(f"a backup must be restored into a folder, got the file '{data_dir}'")
    if any(_contents(data_dir)) and not replace:
        raise StudyError(
            f"a backup must be restored into a new or empty folder, got '{data_dir}', "
            "which is not empty; with --replace, what it holds is moved aside"
        )
    if is_in_use(Settings(data_dir=data_dir).database):
        raise StudyError(f"the app must be stopped first: it is running on '{data_dir}'")


def _contents(data_dir: Path) -> Iterator[Path]:
    """What is in a data folder, without what earlier restores left aside."""
    passed = (REPLACED, UNPACKING, *NOT_OURS)
    return (each for each in data_dir.iterdir() if not each.name.startswith(passed))


@contextmanager
def _unpacking_folder(data_dir: Path) -> Iterator[Path]:
    """A folder inside the data folder, which may be a mounted disk of its own; gone afterwards."""
    missing = [each for each in (data_dir, *data_dir.parents) if not each.exists()]
    data_dir.mkdir(parents=True, exist_ok=True)
    for killed in data_dir.glob(f"{UNPACKING}*"):
        shutil.rmtree(killed)
    folder = data_dir / f"{UNPACKING}{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        for made in missing:
            made.rmdir()
        raise
    folder.rmdir()


def _check_space(path: Path, folder: Path) -> None:
    """An archive without sparse files unpacks to less than its size."""
    needed, free = path.stat().st_size + SPARE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise StudyError(
            f"restoring this backup needs {needed / 1e6:,.0f} MB of free disk space, "
            f"got {free / 1e6:,.0f} MB"
        )


def _unpack(path: Path, folder: Path, watch: Watch) -> BackupManifest:
    """Unpack and check every file; a name cannot lead out of the folder."""
    listed: dict[str, Member] = {}
    images, manifest, size = 0, None, path.stat().st_size
    with tarfile.open(path, "r:") as archive:
        for member, content in members(archive):
            watch.report(member.offset / size, "Unpacking the backup…")
            if member.name == MANIFEST:
                manifest = parse_manifest(content.read(MAX_MANIFEST))
                continue
            place = folder / member.name
            if place.exists():
                raise StudyError(f"a backup must hold each file once, got {member.name!r} twice")
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.touch(mode=0o600)
            with place.open("wb") as file:
                check_digest(member, digest_of(content, file), listed)
                file.flush()
                os.fsync(file.fileno())
            images += IMAGE.fullmatch(member.name) is not None
    if manifest is None:
        raise StudyError(f"a backup must end with {MANIFEST}, got a file without it")
    check_complete(manifest, listed, images)
    return manifest


def _check_store(folder: Path, manifest: BackupManifest) -> None:
    """Open the database, which migrates an older one, and check it against the images."""
    store = Store(Settings(data_dir=folder, allow_missing_images=True))  # counted below
    store.transfer.check()
    lost = set(manifest.lost)
    missing = [
        image.sha
        for image in store.images.all()
        if not image.path.is_file() and image.path.relative_to(folder).as_posix() not in lost
    ]
    if missing:
        raise StudyError(f"a backup must be whole, but {counted(len(missing), 'image')} is missing")
    store.transfer.forget_this_machine()


def _move_into_place(folder: Path, data_dir: Path) -> None:
    """Move what is there aside and the restored files in, the database last; or nothing."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    aside = data_dir / f"{REPLACED}{stamp}-{secrets.token_hex(2)}"
    old = [(each, aside / each.name) for each in _contents(data_dir)]
    new = sorted(folder.iterdir(), key=lambda each: each.name.startswith(DATABASE))
    moves = old + [(each, data_dir / each.name) for each in new]
    done: list[tuple[Path, Path]] = []
    try:
        if old:
            aside.mkdir(mode=0o700)
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        if aside.is_dir():
            aside.rmdir()
        raise
