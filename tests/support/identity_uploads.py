"""Archives as a researcher uploads them for an identity ranking."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

from pictures import scene

HEADER = "name,species,file_path,method"


def packed(files: Mapping[str, bytes | str]) -> bytes:
    """A zip archive of these files."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def png(seed: int) -> bytes:
    held = io.BytesIO()
    scene(seed, 32).save(held, "PNG")
    return held.getvalue()


def tables(**rows: Sequence[str]) -> dict[str, bytes | str]:
    """``queries="a,dog"`` and so on: a table each, and a picture for each row of name and species.

    Pictures of one name are the same, so that every query finds its own.
    """
    files: dict[str, bytes | str] = {}
    for table, some in rows.items():
        lines = [HEADER]
        for number, row in enumerate(some):
            name, species, method = (*row.split(","), "")[:3]
            path = f"{table}/{number}.png"
            files[path] = png(sum(map(ord, name)))
            lines.append(f"{name},{species},{path},{method}")
        files[f"{table}.csv"] = "\n".join(lines) + "\n"
    return files
