"""Token maps of many pictures, in float16: what a head is trained on instead of the pictures.

They are large (75 kB a picture for EfficientNet-Lite0's two stages), so that a folder can keep
them: as memory-mapped ``maps-0.npy`` and so on, beside ``maps.json``, which names the encoder and
the pictures by their content. A folder whose names agree is read instead of computed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from clpips.errors import InputError
from clpips.features.embedding.network import NetworkEncoder
from clpips.io.atomic_files import atomic_folder
from clpips.progress import Watch

Maps: TypeAlias = tuple[np.ndarray[Any, np.dtype[np.float16]], ...]
"""Each (pictures, positions, channels)."""
Read: TypeAlias = Callable[[int], Image.Image]
"""A picture by its number."""
INDEX = "maps.json"
BATCH = 16
LIMIT = np.float32(65504)
"""The largest number in float16."""


def token_maps(
    encoder: NetworkEncoder,
    count: int,
    read: Read,
    *,
    watch: Watch = Watch(),  # noqa: B008 # Watch is frozen
    batch_size: int = BATCH,
) -> Maps:
    """The maps of pictures, in memory.

    Args:
        encoder: whose.
        count: how many pictures; at least one.
        read: gives them.
        watch: progress and cancel.
        batch_size: pictures a pass.

    Raises:
        Cancelled: the caller cancelled.
    """
    return _filled(encoder, count, read, None, watch, batch_size)


def kept_token_maps(
    encoder: NetworkEncoder,
    contents: Sequence[str],
    read: Read,
    folder: Path,
    *,
    watch: Watch = Watch(),  # noqa: B008 # Watch is frozen
    batch_size: int = BATCH,
) -> Maps:
    """The maps of pictures, memory-mapped from a folder, which is filled first where it is new.

    Args:
        encoder: whose.
        contents: a digest of each picture's content.
        read: gives them.
        folder: with maps of the same pictures by the same encoder, or new or empty.
        watch: progress and cancel; a cancelled computation leaves no folder.
        batch_size: pictures a pass.

    Raises:
        InputError: the folder holds something else.
        Cancelled: the caller cancelled.
    """
    wanted = {
        "encoder": encoder.card.checksum,
        "pictures": hashlib.sha256("\n".join(contents).encode()).hexdigest(),
        "count": len(contents),
    }
    index = folder / INDEX
    if not index.exists():
        with atomic_folder(folder) as partial:
            found = _filled(encoder, len(contents), read, partial, watch, batch_size)
            wanted["maps"] = len(found)
            (partial / INDEX).write_text(json.dumps(wanted), encoding="utf-8")
            del found  # no system renames a folder with open files everywhere
    try:
        held = json.loads(index.read_text(encoding="utf-8"))
        maps = [np.load(_file(folder, k), mmap_mode="r") for k in range(held.pop("maps"))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{folder}: not a folder of token maps ({error})") from error
    wanted.pop("maps", None)
    if held != wanted or any(len(each) != len(contents) for each in maps):
        raise InputError(
            f"{folder}: the token maps must be of these pictures by {encoder.card.name}, and are "
            f"of others; name another folder"
        )
    return tuple(maps)


def _filled(
    encoder: NetworkEncoder,
    count: int,
    read: Read,
    folder: Path | None,
    watch: Watch,
    batch_size: int,
) -> Maps:
    maps: Maps = ()
    for start in range(0, count, batch_size):
        watch.report(start / count, f"Token maps: {start} of {count} images")
        numbers = range(start, min(start + batch_size, count))
        found = encoder.tokens([read(number) for number in numbers])
        values = [np.clip(m.float().cpu().numpy(), -LIMIT, LIMIT) for m in found]
        maps = maps or tuple(_empty(folder, k, (count, *v.shape[1:])) for k, v in enumerate(values))
        for held, value in zip(maps, values, strict=True):
            held[start : start + len(value)] = value
    watch.report(1.0, f"Token maps: {count} of {count} images")
    return maps


def _empty(
    folder: Path | None, number: int, shape: tuple[int, ...]
) -> np.ndarray[Any, np.dtype[np.float16]]:
    if folder is None:
        return np.empty(shape, dtype=np.float16)
    return np.lib.format.open_memmap(
        _file(folder, number), mode="w+", dtype=np.float16, shape=shape
    )


def _file(folder: Path, number: int) -> Path:
    return folder / f"maps-{number}.npy"
