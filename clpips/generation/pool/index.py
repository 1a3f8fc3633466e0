"""A pool as it is on disk, checked whole when it is opened; its images stay where they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from clpips.errors import GenerationError, ImageError
from clpips.generation.pool.archive import Source, opened_source
from clpips.generation.pool.captions import FILES, Caption, is_captions, read_captions
from clpips.generation.pool.listed import Limits, Listed, is_image, shown
from clpips.io.image_files import read_picture
from clpips.io.image_names import target_key
from clpips.progress import Watch

FORMATS = ("PNG", "JPEG", "WEBP")
_NO_CAPTION = Caption(None, None)


@dataclass(frozen=True, slots=True)
class PoolImage:
    """One image of a pool.

    Args:
        file: its path in the pool, with slashes.
        size: bytes of the file.
        sha256: of the file's bytes, 64 hexadecimal digits.
        width, height: pixels, upright.
        caption: what it shows, ``None`` where unknown.
        target: the target that ``captions.csv`` names, ``None`` where it names none.
    """

    file: str
    size: int
    sha256: str
    width: int
    height: int
    caption: str | None = None
    target: str | None = None

    def belongs_to(self, target: str) -> bool:
        """Whether it is of a target: by ``captions.csv``, or else by a folder that it lies in.

        Names are compared by :func:`clpips.io.image_names.target_key`.
        """
        key = target_key(target)
        if self.target is not None:
            return target_key(self.target) == key
        folders = PurePosixPath(self.file).parent
        return key in {target_key(each) for each in (*folders.parts, str(folders))}


@dataclass(frozen=True, slots=True)
class Pool:
    """The images of a folder or archive, in the order of their names.

    Args:
        path: the folder or archive.
        version: the first 12 hexadecimal digits of the SHA-256 of what the pool holds: files,
            captions and targets. A folder and an archive of it have the same.
        images: all of them; the same bytes may be there under several names.
        notes: how names and captions were read, where their owner may not expect it.
    """

    path: Path
    version: str
    images: tuple[PoolImage, ...]
    notes: tuple[str, ...] = ()

    @property
    def has_captions(self) -> bool:
        """Whether any image has a caption."""
        return any(image.caption is not None for image in self.images)

    def is_divided(self, targets: Iterable[str]) -> bool:
        """Whether it says of any image to which target it belongs, one of these or another."""
        names = list(targets)
        return any(
            image.target is not None or any(map(image.belongs_to, names)) for image in self.images
        )

    def of_target(self, target: str) -> frozenset[str]:
        """The different contents of a target's own images, as SHA-256."""
        return frozenset(image.sha256 for image in self.images if image.belongs_to(target))

    def picture(self, image: PoolImage) -> Image.Image:
        """One of the images, read again from where it is: RGB, upright.

        Raises:
            GenerationError: it has changed since the pool was opened.
        """
        with opened_source(self.path) as source:
            data = source.read(Listed(image.file, image.size))
        if hashlib.sha256(data).hexdigest() != image.sha256:
            raise GenerationError(
                f"{shown(image.file)}: a pool's file must stay as it was when the pool was opened, "
                "got other bytes"
            )
        return _decoded(data, image.file)


def read_pool(
    path: Path | str,
    watch: Watch = Watch(),  # noqa: B008 # frozen
    *,
    limits: Limits = Limits(),  # noqa: B008 # frozen
) -> Pool:
    """Open a pool and check all of it: every name, every image, every row.

    Images (PNG, JPEG, WebP) may lie anywhere in it. ``captions.csv``, of which there may be one,
    has the header ``image,caption`` or ``image,caption,target``. Hidden files and other kinds of
    files are passed over, but not archives and not images of other formats. Nothing is unpacked
    to disk, and no more than one image is in memory at a time.

    Args:
        path: a folder or a zip archive.
        watch: receives progress, and is checked for cancellation before each image.
        limits: how much it may hold.

    Raises:
        GenerationError: the first file, row or rule that is wrong.
        Cancelled: the caller cancelled.
    """
    path = Path(path)
    with opened_source(path) as source:
        files = source.listed(limits)
        listed = [file for file in files if is_image(file.name)]
        if not listed:
            raise GenerationError(
                f"{path.name}: a pool must hold images (PNG, JPEG or WebP), got none"
            )
        notes = source.notes()
        captions = _captions(source, files, [file.name for file in listed], notes)
        images = []
        for number, file in enumerate(listed):
            watch.report(number / len(listed), f"Checking image {number + 1} of {len(listed)}")
            images.append(_checked(source, file, captions.get(file.name, _NO_CAPTION)))
    return Pool(path, _version(images), tuple(images), tuple(notes))


def _captions(
    source: Source, files: list[Listed], images: list[str], notes: list[str]
) -> dict[str, Caption]:
    tables = [file for file in files if is_captions(file.name)]
    if len(tables) > 1:
        raise GenerationError(
            f"{shown(tables[1].name)}: a pool must have one {FILES[0]}, "
            f"got {shown(tables[0].name)} besides"
        )
    if not tables:
        return {}
    return dict(read_captions(source.read(tables[0]), tables[0].name, images, notes))


def _checked(source: Source, file: Listed, caption: Caption) -> PoolImage:
    data = source.read(file)
    image = _decoded(data, file.name)
    return PoolImage(
        file=file.name,
        size=file.size,
        sha256=hashlib.sha256(data).hexdigest(),
        width=image.width,
        height=image.height,
        caption=caption.caption,
        target=caption.target,
    )


def _decoded(data: bytes, name: str) -> Image.Image:
    try:
        return read_picture(data, shown(name), formats=FORMATS)
    except ImageError as error:
        raise GenerationError(str(error)) from error


def _version(images: list[PoolImage]) -> str:
    digest = hashlib.sha256()
    for image in images:
        digest.update(repr((image.file, image.sha256, image.caption, image.target)).encode())
    return digest.hexdigest()[:12]
