"""Backups: a whole data folder in one ``.tar``, made and checked while the app is running.

In it: ``clpips.sqlite``, a snapshot of the database; the image files that it names; the fitted
metrics, uploaded pools and identity rankings; and ``backup.json``, which lists them with their
SHA-256. Left out is what can be made again: files for download, previews, logs and older backups.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from app.files.backup_manifest import (
    DATABASE,
    FOLDERS,
    IDENTITY,
    IMAGE,
    MANIFEST,
    BackupManifest,
    check_member,
    parse_manifest,
)
from app.files.identity_runs import runs
from app.files.manifest import Member
from app.files.pools import uploaded
from app.settings import Settings
from app.store import Store
from app.study.identity_run import RESULTS
from clpips.errors import StudyError
from clpips.io.atomic_files import atomic_file
from clpips.progress import Watch

BLOCK = 1 << 20
TAR_BYTES = 2_048  # of an archive beside each file's content, at most
PATTERNS = (*(f"{folder}/[!.]*" for folder in FOLDERS), f"{IDENTITY}/[!.]*/[!.]*")
WRITING = 0.7  # of the progress bar; the rest is reading it again


def backup_name(moment: datetime | None = None) -> str:
    """The name of a backup made now, or at an aware date and time."""
    return f"clpips-backup-{(moment or datetime.now(UTC)):%Y%m%d-%H%M%S}.tar"


def back_up_folder(
    data_dir: Path, out: Path, watch: Watch, *, overwrite: bool = False
) -> tuple[Path, BackupManifest]:
    """Back up a data folder to a file, or to a file of a dated name in the folder ``out``.

    Raises:
        StudyError: there is no database in it, or a damaged one; too little room; the file is
            there already and ``overwrite`` is not set.
        StoreUnavailable: the database cannot be read at the moment.
    """
    settings = Settings(data_dir=data_dir, allow_missing_images=True)  # the rest is worth saving
    if not settings.database.is_file():
        raise StudyError(f"a data folder must hold {DATABASE}, got '{data_dir}' without it")
    path = out / backup_name() if out.is_dir() else out
    if path.exists() and not overwrite:
        raise StudyError(f"a backup must go into a new file unless told to overwrite, got '{path}'")
    return path, write_backup(Store(settings), path, watch, overwrite=overwrite)


def write_backup(
    store: Store, path: Path, watch: Watch, *, overwrite: bool = False
) -> BackupManifest:
    """Write a backup in one step, for its owner alone, and read it again to check it.

    Raises:
        StudyError: the database is damaged, or there is too little room.
        FileExistsError: the file is there already and ``overwrite`` is not set.
        Cancelled: the caller cancelled; nothing was written.
    """
    with (
        atomic_file(path, overwrite=overwrite) as unfinished,
        tempfile.TemporaryDirectory(dir=unfinished.parent, prefix=".backup-") as folder,
    ):
        unfinished.touch(mode=0o600)  # it holds the hashes of password and links
        watch.report(0.0, "Copying the database…")
        _check_space(store, unfinished.parent)
        store.transfer.backup(Path(folder) / DATABASE)
        snapshot = Store(Settings(data_dir=Path(folder), allow_missing_images=True))
        snapshot.transfer.check()
        with tarfile.open(unfinished, "w", format=tarfile.PAX_FORMAT) as archive:
            manifest = _Writer(archive, store.settings.data_dir).write(
                snapshot, watch.part(0, WRITING)
            )
        _read_again(unfinished, manifest, watch.part(WRITING, 1 - WRITING))
        return manifest


class _Writer:
    """Adds the files of a data folder to an archive, and remembers what was lost."""

    def __init__(self, archive: tarfile.TarFile, data_dir: Path) -> None:
        self.archive = archive
        self.data_dir = data_dir
        self.files: dict[str, Member] = {}
        self.lost: list[str] = []

    def write(self, snapshot: Store, watch: Watch) -> BackupManifest:
        created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        counts = {**snapshot.transfer.counts(), "images": 0}
        self._add(DATABASE, snapshot.path)
        total, _ = snapshot.images.total()
        for number, image in enumerate(snapshot.images.all()):
            watch.report(number / total, f"Copying image {number + 1:,} of {total:,}…")
            name = image.path.relative_to(snapshot.settings.data_dir).as_posix()
            counts["images"] += self._add_image(name, image.sha)
        for name in self._others(snapshot):
            watch.report(1.0, "Copying metrics, pools and rankings…")
            self._add(name, self.data_dir / name)
        manifest = BackupManifest(
            created=created, counts=counts, files=self.files, lost=tuple(self.lost)
        )
        self._put(MANIFEST, manifest.model_dump_json(indent=1).encode())
        return manifest

    def _others(self, snapshot: Store) -> Iterator[str]:
        """The files beside the images, by their names in the data folder.

        What the database names and is not there is noted as lost.
        """
        there = {
            file.relative_to(self.data_dir).as_posix()
            for pattern in PATTERNS
            for file in self.data_dir.glob(pattern)
            if file.is_file()
        }
        self.lost += sorted(_named(snapshot) - there)
        yield from sorted(there)

    def _add_image(self, name: str, sha: str) -> bool:
        try:
            content = (self.data_dir / name).read_bytes()
        except FileNotFoundError:
            content = b""
        if hashlib.sha256(content).hexdigest() != sha:
            self.lost.append(name)
            return False
        self._put(name, content)
        return True

    def _add(self, name: str, path: Path) -> None:
        """Add a file that nobody writes to: the snapshot, or one that was renamed into place."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            self.archive.addfile(_info(name, size), file)
        self.files[name] = Member(sha256=sha256, size=size)
        _forget_members(self.archive)

    def _put(self, name: str, content: bytes) -> None:
        self.archive.addfile(_info(name, len(content)), io.BytesIO(content))
        _forget_members(self.archive)


def _forget_members(archive: tarfile.TarFile) -> None:
    """Keep no list of what was written or read: a million images would fill the memory."""
    archive.members.clear()  # type: ignore[attr-defined]  # documented nowhere, there since 2.3


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


def _named(snapshot: Store) -> set[str]:
    """The metrics and pools that the studies of a snapshot name, and results of rankings."""
    done = (run for job, run in runs(snapshot) if job.state == "done")
    names = {f"{IDENTITY}/{run.key}/{name}" for run in done for name in RESULTS}
    for study in snapshot.studies.all(include_archived=True):
        names |= {name for maker in study.settings.makers if (name := uploaded(maker))}
        names |= {snapshot.fits.stored_path(fit) for fit in snapshot.fits.of_study(study.id)}
    return names


def _check_space(store: Store, folder: Path) -> None:
    """Snapshot and archive are on the disk at the same time."""
    images, size = store.images.total()
    needed = 2 * store.path.stat().st_size + size + images * TAR_BYTES
    for pattern in PATTERNS:
        needed += sum(file.stat().st_size for file in store.settings.data_dir.glob(pattern))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StudyError(
            f"a backup of this data folder needs {needed / 1e6:,.0f} MB of free disk space, "
            f"got {free / 1e6:,.0f} MB"
        )


def members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """The checked members of an archive and their contents, in turn; none is kept in memory."""
    seen: dict[str, object] = {}
    while (member := archive.next()) is not None:
        check_member(member, seen)
        if not IMAGE.fullmatch(member.name):
            seen[member.name] = True
        content = archive.extractfile(member)
        if content is not None:
            yield member, content
        _forget_members(archive)


def digest_of(content: IO[bytes], out: IO[bytes] | None = None) -> str:
    """The SHA-256 of a member, which is copied to ``out`` where that is given."""
    digest = hashlib.sha256()
    while block := content.read(BLOCK):
        digest.update(block)
        if out is not None:
            out.write(block)
    return digest.hexdigest()


def check_digest(member: tarfile.TarInfo, sha256: str, listed: dict[str, Member]) -> None:
    """Check an image against its name; remember any other file's SHA-256 for the list.

    Raises:
        StudyError: the image is damaged.
    """
    image = IMAGE.fullmatch(member.name)
    if image is None:
        listed[member.name] = Member(sha256=sha256, size=member.size)
    elif image[2] != sha256:
        raise StudyError(f"a backup must be whole, but {member.name!r} is damaged")


def check_complete(manifest: BackupManifest, listed: dict[str, Member], images: int) -> None:
    """Check what an archive held against its list.

    Raises:
        StudyError: something is missing, damaged or not listed.
    """
    for name in sorted({*manifest.files, *listed}):
        if manifest.files.get(name) != listed.get(name):
            raise StudyError(f"a backup must be whole, but {name!r} is missing or damaged")
    if images != manifest.counts.get("images"):
        raise StudyError(
            f"a backup must be whole, but it holds {images:,} images instead of "
            f"{manifest.counts.get('images', 0):,}"
        )


def _read_again(path: Path, manifest: BackupManifest, watch: Watch) -> None:
    listed: dict[str, Member] = {}
    images, found = 0, None
    with tarfile.open(path, "r:") as archive:
        for member, content in members(archive):
            watch.report(member.offset / path.stat().st_size, "Checking the backup…")
            if member.name == MANIFEST:
                found = parse_manifest(content.read())
                continue
            check_digest(member, digest_of(content), listed)
            images += IMAGE.fullmatch(member.name) is not None
    if found != manifest:
        raise StudyError("a backup must be whole, but its list is damaged")
    check_complete(manifest, listed, images)
