"""Sample files: what every method is asked to generate, and for whom.

The unified JSON of PMG-bench: one list of samples, each with a user, a history of images with
captions, a target with its caption, and what the user prefers in words. Files of the original are
read unchanged; ``docs/bench-samples.schema.json`` is the format as JSON Schema.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clpips.bench.sample_schema import SAMPLES, ItemFields, SampleFields
from clpips.errors import DatasetError
from clpips.io.atomic_files import write_files
from clpips.io.image_names import ImageFolder
from clpips.io.validation import first_fault
from clpips.text import one_line, quoted


@dataclass(frozen=True, slots=True)
class Item:
    """An image of a history, or a target.

    Args:
        item_id: its identifier.
        image_path: as it stands in the file.
        path: the image's file; empty where images are not needed.
        caption: what it shows; may be empty.
        score: the user's own rating, or ``None``.
        aesthetic_score: everybody's rating, or ``None``.
    """

    item_id: str
    image_path: str
    path: str = ""
    caption: str = ""
    score: float | None = None
    aesthetic_score: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One task of the benchmark.

    Args:
        index: its place in the file, from 0; generated images are named by it.
        user: whose history it is.
        history: what they had before, oldest first; at least one item.
        target: what they took next.
        style: what they prefer, as the file has it; may be empty.
        window_position: where the history begins among all their items, or ``None``.
        total_sequence_length: how many items those are, or ``None``.
        sample_index: of this user's samples (SER30K), or ``None``.
        is_worker: whether the file calls the user ``worker_id`` (FLICKR-AES).
    """

    index: int
    user: str
    history: tuple[Item, ...]
    target: Item
    style: str = ""
    window_position: int | None = None
    total_sequence_length: int | None = None
    sample_index: int | None = None
    is_worker: bool = False


def read_samples(
    path: str | os.PathLike[str],
    *,
    image_dir: str | os.PathLike[str] | None = None,
    files: bool = True,
) -> list[Sample]:
    """The samples of a file, in its order.

    Args:
        path: a JSON file.
        image_dir: what image paths are relative to; by default the file's own folder.
        files: whether every image has to be there.

    Raises:
        DatasetError: not such a file; the sentence names sample (from 0) and field.
    """
    source = Path(path)
    fields = _validated(source, _document(source))
    images = ImageFolder(Path(image_dir) if image_dir is not None else source.parent)
    return [
        _sample(source, index, each, images if files else None) for index, each in enumerate(fields)
    ]


def write_samples(samples: Sequence[Sample], path: str | os.PathLike[str]) -> None:
    """Write a sample file; fields that a sample does not have are left out."""
    document = [_plain(sample) for sample in samples]
    content = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    write_files({Path(path): content.encode()})


def _document(source: Path) -> Any:
    if not source.is_file():
        raise DatasetError(f"{source}: no such file of samples")
    try:
        return json.loads(source.read_bytes())
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError too
        raise DatasetError(one_line(f"{source}: not JSON ({error})")) from error


def _validated(source: Path, document: Any) -> list[SampleFields]:
    if not isinstance(document, list):
        raise DatasetError(f"{source}: samples must be one list, got {quoted(document)}")
    try:
        return SAMPLES.validate_python(document)
    except ValidationError as error:
        place, *_ = error.errors(include_url=False)[0]["loc"] or (None,)
        fault = first_fault(error, "the list")
        if isinstance(place, int):
            fault = fault.removeprefix(f"{place}").removeprefix(".").removeprefix(": ")
            raise DatasetError(f"{source}, sample {place}: {fault}") from error
        raise DatasetError(f"{source}: {fault}") from error


def _sample(source: Path, index: int, fields: SampleFields, images: ImageFolder | None) -> Sample:
    def item(found: ItemFields, where: str) -> Item:
        path = "" if images is None else images.find(found.image_path)
        if path is None:
            raise DatasetError(
                one_line(
                    f"{source}, sample {index}, {where}.image_path: no image "
                    f"{quoted(found.image_path)} in {images.folder if images else ''} "
                    "(--images names the folder that paths are relative to)"
                )
            )
        return Item(
            str(found.item_id),
            found.image_path,
            path,
            found.caption.strip(),
            found.score,
            found.aesthetic_score,
        )

    history = [
        item(each, f"history_items_info.{place}")
        for place, each in enumerate(fields.history_items_info)
    ]
    return Sample(
        index,
        str(fields.worker_id if fields.user_id is None else fields.user_id),
        tuple(history),
        item(fields.target_item_info, "target_item_info"),
        (fields.worker_style if fields.user_style is None else fields.user_style) or "",
        fields.window_position,
        fields.total_sequence_length,
        fields.sample_index,
        fields.user_id is None,
    )


def _plain(sample: Sample) -> dict[str, Any]:
    who = "worker" if sample.is_worker else "user"
    found = {
        f"{who}_id": sample.user,
        "history_item_ids": [item.item_id for item in sample.history],
        "history_items_info": [_plain_item(item) for item in sample.history],
        "target_item_id": sample.target.item_id,
        "target_item_info": _plain_item(sample.target),
        f"{who}_style": sample.style,
        "num_interactions": len(sample.history),
        "window_position": sample.window_position,
        "total_sequence_length": sample.total_sequence_length,
        "sample_index": sample.sample_index,
    }
    return {key: value for key, value in found.items() if value is not None}


def _plain_item(item: Item) -> dict[str, Any]:
    found = {
        "item_id": item.item_id,
        "caption": item.caption,
        "image_path": item.image_path,
        "score": item.score,
        "aesthetic_score": item.aesthetic_score,
    }
    return {key: value for key, value in found.items() if value is not None}
