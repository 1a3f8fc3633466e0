"""Study bundles: a whole study in one ``.zip``, which can be opened on another machine.

In it: ``manifest.json`` (SHA-256 and size of each file), ``study.sqlite`` (the study's rows,
without links, passwords and other studies), ``rankings.csv`` (the current rankings, for
``clpips evaluate``), ``images/<SHA-256>.png``, ``weights/`` and, where the study's images come
from an uploaded pool, ``pools/<SHA-256>.zip``. Opening it restores the same rankings, difference
vectors and metrics, hence the same numbers, and the study can continue there.
"""

from __future__ import annotations

import errno
import hashlib
import lzma
import secrets
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.files.bundle_weights import check_weights
from app.files.manifest import (
    DATABASE,
    IMAGE,
    MANIFEST,
    MAX_FILES,
    PLAIN,
    POOL,
    RANKINGS,
    VERSION,
    Manifest,
    Member,
    check_archive,
)
from app.files.pools import check_travelled, uploaded
from app.files.ranking_table import ranking_rows, write_csv
from app.settings import Settings
from app.store import Store
from app.study.settings import StudySettings
from app.study.types import Study
from clpips.errors import ImageError, StudyError
from clpips.generation.names import BUILT_IN
from clpips.io.atomic_files import atomic_file
from clpips.io.image_files import picture_size
from clpips.progress import Watch
from clpips.text import cut, one_line

# What zipfile was seen to raise on damaged archives.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    ValueError,
    LookupError,
    OverflowError,
)
BLOCK = 1 << 20
TABLE_SHARE = 0.3  # of the progress bar, for the table of rankings
MEDIA = {"png": ("PNG", "image/png"), "jpg": ("JPEG", "image/jpeg"), "webp": ("WEBP", "image/webp")}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes, whenever it is packed


def write_bundle(store: Store, study_id: int, path: Path | str, watch: Watch) -> Manifest:
    """Write a study to ``path`` in one step.

    Returns:
        Its manifest.

    Raises:
        StudyError: there is no such study, or one with more images than a bundle can hold.
        Cancelled: the caller cancelled; nothing was written.
    """
    _check_size(store, study_id)
    with (
        atomic_file(Path(path)) as unfinished,
        tempfile.TemporaryDirectory(dir=unfinished.parent, prefix=".bundle-") as folder,
    ):
        database = store.transfer.export_study(study_id, Path(folder) / DATABASE)
        rankings = _rankings(store, study_id, Path(folder), watch.part(0.0, TABLE_SHARE))
        contents = {DATABASE: database, **rankings}
        packing = watch.part(TABLE_SHARE, 1 - TABLE_SHARE)
        return _pack(store, study_id, contents, unfinished, packing)


def _check_size(store: Store, study_id: int) -> None:
    """Nothing is packed that could not be opened again."""
    count, most = store.images.count_of_study(study_id), MAX_FILES - 10_000
    if count > most:
        raise StudyError(
            f"a bundle must hold at most {most:,} images, the study has {count:,}: "
            "a backup of all studies has no such limit"
        )


def open_bundle(
    store: Store,
    path: Path | str,
    watch: Watch,
    *,
    title: str | None = None,
    allow_outside: Collection[str] = (),
) -> Study:
    """Import a study from a bundle, as a new study that is closed to new participants.

    Everything is checked, and imported into an empty temporary store, before this store is
    changed: a refused bundle changes nothing.

    Args:
        store: the store to import into.
        path: the bundle; it is not changed.
        watch: progress and cancel.
        title: the new study's title; ``None`` keeps the bundle's.
        allow_outside: the makers, feature spaces and addresses for participants that the study
            may use although they did not come in the bundle. A stranger's could show this machine's
            pictures to participants.

    Raises:
        OutsideBundle: the study uses what is neither in the bundle nor allowed.
        StudyError: not a bundle, or one that is damaged, altered, unsafe or of a newer version.
        Cancelled: the caller cancelled; everything is as it was.
    """
    with _unpacked(store, Path(path), watch) as (manifest, folder):
        rehearsal = Store(Settings(data_dir=folder / "rehearsal"))
        known = _take_in(rehearsal, manifest, folder, watch.part(0.4, 0.3), title=title)
        _check_pools(known, manifest)
        for name in filter(None, manifest.metrics.values()):
            check_weights(folder / name, known.settings.backbone)
        outside = sources_outside(known.settings, manifest)
        if not set(outside) <= set(allow_outside):
            raise OutsideBundle(outside)
        # From here on it can no longer be cancelled.
        to_the_end = Watch(progress=watch.part(0.7, 0.3).progress)
        return _take_in(store, manifest, folder, to_the_end, title=title)


class OutsideBundle(StudyError):
    """A bundle's study uses services, folders or models that did not come in the bundle.

    Args:
        names: of the makers and the feature space, as the study's settings have them.
    """

    def __init__(self, names: Sequence[str]) -> None:
        shown = ", ".join(repr(one_line(each)[:200]) for each in names)
        super().__init__(
            f"this bundle’s study uses {shown}, which is not in the bundle: allow that if you "
            "trust where the bundle comes from"
        )
        self.names = tuple(names)


def sources_outside(settings: StudySettings, manifest: Manifest) -> tuple[str, ...]:
    """What a study uses that its bundle does not hold: makers, feature space, ways back."""
    # A pool that was lost before may be here all the same, as another study's.
    inside = {*BUILT_IN, *(f"pool:{name}" for name in manifest.pools)}
    makers = [each for each in settings.makers if each not in inside]
    spaces = [settings.backbone] if ":" in settings.backbone else []
    ways_back = filter(None, (settings.completion_url, settings.screen_out_url))
    return tuple(dict.fromkeys([*makers, *spaces, *ways_back]))


def _rankings(store: Store, study_id: int, folder: Path, watch: Watch) -> dict[str, Path]:
    """Write the rankings as CSV; its path by its name in the bundle, empty without rankings."""
    count = write_csv(ranking_rows(store, study_id, None, watch), folder / RANKINGS)
    return {RANKINGS: folder / RANKINGS} if count else {}


def _pack(
    store: Store, study_id: int, begun: dict[str, Path], unfinished: Path, watch: Watch
) -> Manifest:
    metrics, contents = {}, dict(begun)
    for image in store.images.paths(store.images.of_study(study_id)).values():
        contents[f"images/{image.name}"] = image
    for fit in store.fits.of_study(study_id):
        name = f"weights/fit-{fit.id}.safetensors"
        there = fit.metric_path.is_file()
        metrics[store.fits.stored_path(fit)] = name if there else None
        if there:
            contents[name] = fit.metric_path
    pools = {name: store.settings.data_dir / name for name in _pools(store.studies.get(study_id))}
    contents |= {name: place for name, place in pools.items() if place.is_file()}
    lost = tuple(name for name, place in pools.items() if not place.is_file())
    files = {}
    with zipfile.ZipFile(unfinished, "w") as archive:
        for number, (name, source) in enumerate(contents.items()):
            watch.report(number / len(contents), f"Packing file {number + 1} of {len(contents)}…")
            files[name] = _add(archive, name, source)
        counts = {
            "participants": len(store.participants.of_study(study_id)),
            "rankings": store.rounds.count_ranked(study_id),
            "images": sum(name.startswith("images/") for name in files),
            "fits": len(metrics),
        }
        manifest = Manifest(
            format="clpips-study-bundle",
            version=VERSION if any(map(POOL.fullmatch, files)) else 1,
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            study=store.studies.get(study_id).title,
            counts=counts,
            metrics=metrics,
            lost=lost,
            files=files,
        )
        archive.writestr(_info(MANIFEST), manifest.model_dump_json(indent=1))
    return manifest


def _add(archive: zipfile.ZipFile, name: str, source: Path) -> Member:
    """Add one file; images and weights are stored as they are, being compressed already."""
    digest, size = hashlib.sha256(), 0
    info = _info(name)
    if name not in PLAIN:
        info.compress_type = zipfile.ZIP_STORED
    info.file_size = source.stat().st_size  # so that zipfile knows whether it needs ZIP64
    with source.open("rb") as file, archive.open(info, "w") as member:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            member.write(block)
    return Member(sha256=digest.hexdigest(), size=size)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


@contextmanager
def _unpacked(store: Store, path: Path, watch: Watch) -> Iterator[tuple[Manifest, Path]]:
    """A bundle's verified files, in a temporary folder."""
    if not path.is_file():
        raise StudyError(f"a bundle must be a file, got '{path}'")
    data_dir = store.settings.data_dir
    with tempfile.TemporaryDirectory(dir=data_dir, prefix=".opening-") as name:
        folder = Path(name)
        try:
            with zipfile.ZipFile(path) as archive:
                manifest = check_archive(archive)
                _check_space(manifest, data_dir)
                for number, (file, member) in enumerate(manifest.files.items()):
                    words = f"Checking file {number + 1} of {len(manifest.files)}…"
                    watch.report(0.4 * number / len(manifest.files), words)
                    _unpack(archive, file, member, folder / file)
        except _DAMAGED as error:
            raise _damaged(error) from error
        except OSError as error:
            if error.errno != errno.EINVAL:  # a position in the file that there cannot be
                raise
            raise _damaged(error) from error
        except RuntimeError as error:  # zipfile's error for an encrypted file
            raise StudyError("a bundle must not be encrypted, got an encrypted one") from error
        yield manifest, folder


def _damaged(error: Exception) -> StudyError:
    reason = cut(one_line(error), 200)
    return StudyError(f"a bundle must be a whole zip file, got a damaged one: {reason}")


def _check_space(manifest: Manifest, data_dir: Path) -> None:
    """Unpacked files, temporary store and imported study are on disk at the same time."""
    needed = 3 * sum(member.size for member in manifest.files.values())
    free = shutil.disk_usage(data_dir).free
    if free < needed:
        raise StudyError(
            f"opening this bundle needs {needed / 1e6:,.0f} MB of free disk space, "
            f"got {free / 1e6:,.0f} MB"
        )


def _unpack(archive: zipfile.ZipFile, name: str, member: Member, place: Path) -> None:
    """Unpack one file, up to its stated size, and check it.

    ``name`` matched one of the manifest's patterns, so it cannot lead out of the folder.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), member.size
    with archive.open(name) as source, place.open("wb") as file:
        while left >= 0 and (block := source.read(min(BLOCK, left + 1))):
            left -= len(block)
            digest.update(block)
            file.write(block)
    image, pool = IMAGE.fullmatch(name), POOL.fullmatch(name)
    by_content = image or pool
    named = by_content.group(1) if by_content else member.sha256
    if left != 0 or digest.hexdigest() != member.sha256 or digest.hexdigest() != named:
        raise StudyError(f"a bundle's files must match their checksums, but {name!r} was changed")
    if image:
        _check_image(place, image.group(2))
    if pool:
        check_travelled(place)


def _pools(study: Study) -> list[str]:
    """The distinct uploaded pools that a study uses."""
    named = [uploaded(maker) for maker in study.settings.makers]
    return [name for name in dict.fromkeys(named) if name is not None]


def _check_pools(study: Study, manifest: Manifest) -> None:
    """A study's uploaded pools must be in its bundle, unless they were already missing."""
    pools = _pools(study)
    for name in pools:
        if name not in manifest.files and name not in manifest.lost:
            raise StudyError(f"a bundle must hold its study's pool, but {name!r} is missing")
    for other in set(manifest.pools) - set(pools):
        raise StudyError(f"a bundle must hold only a study's files, got {other!r}")


def _check_image(place: Path, ending: str) -> None:
    try:
        picture_size(place, formats=MEDIA[ending][:1])
    except ImageError as error:
        raise StudyError(f"a bundle's images must be valid: {error}") from error


def _take_in(
    store: Store, manifest: Manifest, folder: Path, watch: Watch, *, title: str | None
) -> Study:
    """Add verified files and rows to a store; on an error, remove the files again."""
    images = [name for name in manifest.files if IMAGE.fullmatch(name)]
    for number, name in enumerate(images):
        watch.report(number / len(images), "Importing the images…")
        wanted, media_type = MEDIA[name.rsplit(".", 1)[1]]
        width, height = picture_size(folder / name, formats=[wanted])
        data = (folder / name).read_bytes()
        store.images.add(data, width=width, height=height, media_type=media_type)
    tag, moved, placed = secrets.token_hex(4), {}, []
    try:
        for old, packed in manifest.metrics.items():
            # A missing file gets a path where nothing is, never that of another study's file.
            place = store.settings.weights / f"opened-{tag}-{Path(packed or 'lost').name}"
            moved[old] = str(place.absolute())
            if packed is not None:
                _copy(folder / packed, place)
                placed.append(place)
        for pool in manifest.pools:
            place = store.settings.data_dir / pool
            if not place.exists():  # else it is here already, under the hash of its content
                _copy(folder / pool, place)
                placed.append(place)
        return store.transfer.import_study(folder / DATABASE, title=title, metric_paths=moved)
    except BaseException:
        for place in placed:
            place.unlink(missing_ok=True)
        raise


def _copy(source: Path, place: Path) -> None:
    with atomic_file(place) as unfinished:
        shutil.copyfile(source, unfinished)
