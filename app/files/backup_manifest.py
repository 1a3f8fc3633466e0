"""What a backup's archive holds, and the list of it that ends the archive."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, FailFast, Field, ValidationError

from app.files.manifest import Member
from clpips.errors import StudyError
from clpips.io.validation import first_fault
from clpips.text import counted, named

DATABASE = "clpips.sqlite"
MANIFEST = "backup.json"
FOLDERS = ("weights", "pools")
"""Folders of the data folder that are copied whole, beside the images."""
IDENTITY = "identity"
"""Copied too; it has a folder for each ranking."""
ONE = {
    "studies": "study",
    "participants": "participant",
    "rankings": "ranking",
    "fits": "fit",
    "images": "image",
}
MAX_MANIFEST = 64_000_000

IMAGE = re.compile(r"images/([0-9a-f]{2})/(\1[0-9a-f]{62})\.(?:png|jpg|webp)")
OTHER = re.compile(rf"(?:{'|'.join(FOLDERS)}|{IDENTITY}/[0-9a-f]{{16}})/[^./\\][^/\\]{{0,250}}")


class BackupManifest(BaseModel, frozen=True, strict=True):
    """The contents of ``backup.json``, the archive's last member.

    Args:
        format, version: identify the kind of file.
        created: when it was begun, ISO 8601.
        counts: numbers of studies, participants, rankings, fits and images, for human readers.
        files: every member but the images and this list, by its name. An image's name is its
            SHA-256.
        lost: files that the database names and that were missing or damaged already.
    """

    format: Literal["clpips-backup"] = "clpips-backup"
    version: Annotated[int, Field(ge=1, le=1)] = 1
    created: str
    counts: Annotated[dict[str, int], FailFast()]
    files: Annotated[dict[str, Member], FailFast()]
    lost: Annotated[tuple[str, ...], FailFast()] = ()

    @property
    def sentence(self) -> str:
        """What the backup holds, and what was lost before it was made."""
        held = ", ".join(
            f"{count:,} {ONE[noun] if count == 1 and noun in ONE else noun}"
            for noun, count in self.counts.items()
        )
        if not self.lost:
            return f"{held}."
        return (
            f"{held}. {counted(len(self.lost), 'file')} of the data folder "
            f"{'was' if len(self.lost) == 1 else 'were'} missing or damaged already: "
            f"{named(list(self.lost))}."
        )


def check_member(member: tarfile.TarInfo, seen: Mapping[str, object]) -> None:
    """Check the name and kind of one of an archive's members.

    Raises:
        StudyError: a backup has no such member.
    """
    name = member.name
    known = name in (DATABASE, MANIFEST) or IMAGE.fullmatch(name) or OTHER.fullmatch(name)
    if not known or not member.isreg() or member.issparse() or name in seen:
        raise StudyError(f"a backup must hold only files of a data folder, got {name[:200]!r}")


def parse_manifest(text: bytes) -> BackupManifest:
    """Read ``backup.json``.

    Raises:
        StudyError: it is damaged, or of a later version.
    """
    try:
        return BackupManifest.model_validate_json(text)
    except ValidationError as error:
        fault = first_fault(error, MANIFEST)
        hint = "; please update the program" if fault.startswith("version must") else ""
        raise StudyError(f"a backup's list is damaged or too new: {fault}{hint}") from error
