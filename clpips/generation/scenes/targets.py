"""The sample targets in ``data/targets``: what they are, and how they are made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from clpips.errors import GenerationError
from clpips.generation.scenes.maker import VERSION, draw, png
from clpips.io.resources import targets_folder

SIDE = 512


@dataclass(frozen=True, slots=True)
class SampleTarget:
    """One target with the words that made it.

    Args:
        name: neutral, for screens: ``target-01`` and so on.
        path: the PNG, 512 × 512.
        sha256: of the file's bytes.
        prompt: what made it; never shown to a participant.
        seed: the image's own seed.
        maker_version: the version of ``scenes`` that made it.
        attempts: three prompts from vague to good, for simulated participants.
    """

    name: str
    path: Path
    sha256: str
    prompt: str
    seed: int
    maker_version: str
    attempts: tuple[str, str, str]

    def make(self) -> Image.Image:
        """The target drawn again from its prompt and seed."""
        return draw(self.prompt, self.seed, width=SIDE, height=SIDE)


def sample_targets(data_dir: Path | str | None = None) -> tuple[SampleTarget, ...]:
    """The targets listed in ``targets.json`` of ``data_dir`` (default: the project's own).

    Raises:
        GenerationError: the list is missing or is not one.
    """
    folder = Path(data_dir) if data_dir is not None else targets_folder()
    listing = folder / "targets.json"
    try:
        rows = json.loads(listing.read_text(encoding="utf-8"))["targets"]
        return tuple(_from_row(folder, row) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GenerationError(
            f"sample targets must be listed in targets.json, got {listing}: {error}"
        ) from error


def _from_row(folder: Path, row: Mapping[str, Any]) -> SampleTarget:
    first, second, third = row["attempts"]
    return SampleTarget(
        name=row["name"],
        path=folder / row["file"],
        sha256=row["sha256"],
        prompt=row["prompt"],
        seed=int(row["seed"]),
        maker_version=row["maker_version"],
        attempts=(first, second, third),
    )


def rebuild(data_dir: Path | str | None = None) -> tuple[SampleTarget, ...]:
    """Draw every listed target again, write the files, and bring the list up to date."""
    folder = Path(data_dir) if data_dir is not None else targets_folder()
    listing = folder / "targets.json"
    document = json.loads(listing.read_text(encoding="utf-8"))
    for row in document["targets"]:
        data = png(draw(row["prompt"], int(row["seed"]), width=SIDE, height=SIDE))
        (folder / row["file"]).write_bytes(data)
        row["sha256"] = hashlib.sha256(data).hexdigest()
        row["maker_version"] = VERSION
    listing.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return sample_targets(folder)
