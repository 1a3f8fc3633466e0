"""Targets as a researcher gives them, samples and uploads: all are right, or none is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.files.target_upload import TargetPicture, target_picture
from app.store import Store
from clpips.errors import ImageError, StudyError
from clpips.generation.scenes.targets import SIDE, SampleTarget
from clpips.text import without_paths


def read_uploads(
    uploads: Sequence[tuple[str, bytes]],
    samples: Sequence[SampleTarget],
    *,
    taken: Iterable[str] = (),
) -> dict[str, TargetPicture]:
    """Uploaded targets by file name.

    Args:
        uploads: name and bytes of each file.
        samples: the sample targets chosen beside them.
        taken: names of targets that the study has already.

    Raises:
        StudyError: files that cannot be a target, or targets of one name; names every one.
    """
    pictures: dict[str, TargetPicture] = {}
    refused: list[str] = []
    origins = dict.fromkeys(taken, "a target of this study")
    for sample in samples:
        if sample.name in origins:
            refused.append(f"the sample {sample.name!r} is a target of this study already")
        origins[sample.name] = "a sample target"
    for filename, data in uploads:
        try:
            picture = target_picture(filename, data)
        except ImageError as error:
            refused.append(without_paths(error))
            continue
        if (other := origins.get(picture.name)) is not None:
            refused.append(
                f"{filename}: a target must have a name of its own, "
                f"{picture.name!r} is that of {other}"
            )
        origins[picture.name] = filename
        pictures[filename] = picture
    if refused:
        raise StudyError("; ".join(refused))
    return pictures


def store_targets(
    store: Store, samples: Sequence[SampleTarget], pictures: Mapping[str, TargetPicture]
) -> list[tuple[str, str]]:
    """Store the images; name and hash of each target, samples first."""
    targets = []
    for sample in samples:
        data = sample.path.read_bytes()
        targets.append((sample.name, store.images.add(data, width=SIDE, height=SIDE)))
    for picture in pictures.values():
        sha = store.images.add(picture.data, width=picture.width, height=picture.height)
        targets.append((picture.name, sha))
    return targets


def conversion_notes(pictures: Mapping[str, TargetPicture]) -> tuple[str, ...]:
    """One sentence for each uploaded image that was converted."""
    return tuple(f"{file}: {note}." for file, each in pictures.items() for note in each.notes)
