"""The cells of a rankings file: text, names, images, ranks and confidences, each checked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from clpips.errors import InputError, RankingsFileError
from clpips.io.image_names import ImageFolder, composed
from clpips.io.tabular_files import Layout
from clpips.text import LONGEST_QUOTE, quoted

REQUIRED = ("participant", "target", "image", "rank")
OPTIONAL = ("trial", "round", "confidence")
LAYOUT = Layout("a rankings file", REQUIRED, OPTIONAL, RankingsFileError)

INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Unicode categories that no participant's name may hold: it would look like another's."""
MAX_RANK = 1_000_000
"""Largest accepted rank: a mistyped rank should give an error message, not an overflow."""

Key: TypeAlias = tuple[str, str, str | None, str | None]
"""Participant, target, trial and round: rows that share them make one ranking."""


class Cells:
    """One row of a rankings file, read cell by cell; errors name file, row and rule."""

    def __init__(
        self, source: Path, number: int, row: Mapping[str, Any], images: ImageFolder
    ) -> None:
        self.source = source
        self.number = number
        self.row = row
        self.images = images

    def wrong(self, rule: str) -> InputError:
        """The error for this row."""
        return LAYOUT.wrong(self.source, self.number, rule)

    def key(self) -> Key:
        """To which ranking the row belongs."""
        trial, round_ = self.text("trial"), self.text("round")
        return (
            self.participant(),
            self.image("target"),
            None if trial is None else composed(trial),
            None if round_ is None else composed(round_),
        )

    def text(self, column: str) -> str | None:
        """A cell as text; empty cells are ``None``, and so is NaN, which Parquet may contain."""
        value = self.row.get(column)
        if value is None or (isinstance(value, float) and value != value):
            return None
        if isinstance(value, bool | dict | list | bytes):
            raise self.wrong(f"{column} must be text or a number, got {quoted(value)}")
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # a table library turns whole numbers beside empty cells to floats
        text = str(value).strip()
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise self.wrong(f"{column} must be UTF-8 text, got {quoted(text)}")
        return text or None

    def required(self, column: str) -> str:
        """The text of a cell that must not be empty."""
        text = self.text(column)
        if text is None:
            raise self.wrong(f"{column} must not be empty")
        return text

    def participant(self) -> str:
        """A participant's name; one name has one spelling, however its accents are composed."""
        name = composed(self.required("participant"))
        if name.isprintable():  # spares most names the search
            return name
        hidden = next((each for each in name if unicodedata.category(each) in INVISIBLE), None)
        if hidden is not None:
            raise self.wrong(
                f"participant must hold no invisible character, got U+{ord(hidden):04X} in "
                f"{quoted(name)}"
            )
        return name

    def image(self, column: str) -> str:
        """The canonical path of a file; symbolic links are resolved."""
        name = self.required(column)
        path = self.images.find(name)
        if path is None:
            at = self.images.folder / name
            where = f" ({str(at)!r})" if len(name) <= LONGEST_QUOTE else ""
            raise self.wrong(f"{column} must be an image that exists, got {quoted(name)}{where}")
        return path

    def rank(self) -> int:
        """A rank: a whole number of at least 1."""
        text = self.required("rank")
        # 1.0 and, in much of Europe, 1,0 are what table programs make of 1; int() alone would
        # also take "1_0" and "١".
        if not re.fullmatch(r"[+-]?[0-9]{1,99}(\.0*|,0)?", text):
            raise self.wrong(f"rank must be a whole number, got {quoted(self.row['rank'])}")
        rank = int(re.split("[.,]", text)[0])
        if rank < 1:
            raise self.wrong(f"rank must be at least 1, got {rank}")
        if rank > MAX_RANK:
            raise self.wrong(f"rank must be at most {MAX_RANK:,}, got {rank}")
        return rank

    def confidence(self) -> float | None:
        """A confidence in [0, 1], with a decimal point or comma; ``None`` where empty."""
        text = self.text("confidence")
        if text is None:
            return None
        # float() alone would also take "0_1" and "٠.٥".
        number = r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)(e[+-]?[0-9]+)?"
        if not re.fullmatch(number, text, re.IGNORECASE):
            raise self.wrong(f"confidence must be a number, got {quoted(text)}")
        confidence = float(text.replace(",", "."))
        if not 0 <= confidence <= 1:
            raise self.wrong(f"confidence must lie in [0, 1], got {confidence:g}")
        return confidence
