"""Small near-identity sets, exactly as they are published."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from clpips.identity.near_identity_table import NearIdentityRow, write_near_identity_table

SIDE = 36
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""How a picture's column is stored by the library ``datasets``."""


def png(seed: int, side: int = SIDE) -> bytes:
    """A picture of four random colours."""
    colours = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    return _file(Image.fromarray(colours).resize((side, side), Image.Resampling.NEAREST))


def disc(side: int = SIDE, radius: float = 0.3) -> bytes:
    """A mask: a disc in the middle."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    return _file(Image.fromarray((np.hypot(x, y) < radius).astype(np.uint8) * 255))


def csv_set(
    folder: Path,
    ids: Sequence[str] = ("a", "b"),
    sources: Sequence[str] = ("flux", "sdxl"),
    *,
    missing: Sequence[tuple[str, str, int]] = (),
    masks: bool = False,
) -> list[NearIdentityRow]:
    """A folder with ``nearid.csv``; ``missing`` are (id, source, view)."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, id_ in enumerate(ids):
        for source in ("", *sources):
            for view in (1, 2, 3):
                if (id_, source, view) in missing:
                    continue
                name = f"{source or 'positive'}-{id_}-{view}.png"
                seed = 100 * number + 10 * view + len(source)
                (folder / name).write_bytes(png(seed))
                mask = ""
                if masks and not source:
                    mask = f"mask-{id_}-{view}.png"
                    (folder / mask).write_bytes(disc())
                rows.append(NearIdentityRow(id_, view, name, source, mask, f"kind{number % 2}"))
    write_near_identity_table(rows, folder)
    return rows


def parquet_set(
    folder: Path,
    ids: Sequence[int] = (17, 4, 90),
    *,
    spelling: str = "images",
    files: Mapping[str, str] | None = None,
    masks: bool = False,
    plain: bool = False,
    changed: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """The published layout.

    Args:
        folder: made.
        ids: of the rows.
        spelling: ``images`` or ``img``.
        files: table → file; by default ``positives.parquet``, ``flux.parquet``, ``sdxl.parquet``.
        masks: whether the views have masks.
        plain: pictures as plain bytes rather than as structs.
        changed: table → column → values in place of the usual ones.
    """
    files = files or {
        "positives": "positives.parquet",
        "flux": "flux.parquet",
        "sdxl": "sdxl.parquet",
    }
    for table, file in files.items():
        prefix = spelling if table == "positives" else "nimg"
        columns: dict[str, Any] = {"id": list(ids)}
        if table == "positives":
            columns["category"] = [f"kind{number % 2}" for number in range(len(ids))]
        for view in (1, 2, 3):
            columns[f"{prefix}{view}"] = [
                picture(png(100 * n + 10 * view + len(table)), plain) for n in range(len(ids))
            ]
            if masks and table == "positives":
                columns[f"masks{view}"] = [picture(disc(), plain) for _ in ids]
        columns |= (changed or {}).get(table, {})
        write_parquet(folder / file, {k: v for k, v in columns.items() if v is not None})
    return folder


def part_level_set(
    folder: Path, rows: int = 5, *, changed: Mapping[str, list[Any] | None] | None = None
) -> Path:
    """A part-level set (MTG) as it is published: objects of one size, parts of several."""
    columns: dict[str, Any] = {}
    for number in (1, 2):
        for offset, kind in enumerate(("original", "inpainted")):
            columns[f"image_{number}_{kind}"] = [
                picture(png(1000 * n + 10 * number + offset)) for n in range(rows)
            ]
        columns[f"image_{number}_object_mask"] = [picture(disc(radius=0.45))] * rows
        columns[f"image_{number}_part_mask"] = [
            picture(disc(radius=0.1 + 0.05 * ((n + number) % 6))) for n in range(rows)
        ]
    columns |= changed or {}
    kept = {name: values for name, values in columns.items() if values is not None}
    write_parquet(folder / "data" / "test-00000-of-00001.parquet", kept)
    return folder


def picture(data: bytes | None, plain: bool = False) -> Any:
    """A cell that holds a picture."""
    if plain or data is None:
        return data
    return {"bytes": data, "path": None}


def write_parquet(path: Path, columns: Mapping[str, list[Any]], rows_per_group: int = 2) -> None:
    """Columns whose values are mappings with ``bytes`` become structs, as published."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        name: pa.array(values, IMAGE)
        if any(isinstance(value, dict) for value in values)
        else pa.array(values)
        for name, values in columns.items()
    }
    pq.write_table(pa.table(arrays), path, row_group_size=rows_per_group)


def _file(image: Image.Image) -> bytes:
    held = io.BytesIO()
    image.save(held, "PNG")
    return held.getvalue()
