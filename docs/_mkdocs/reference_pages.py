"""MkDocs hook: one page of API reference for each room of ``clpips``, from the docstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "clpips"
DRAWING = PACKAGE / "generation" / "scenes"
"""Its rooms know how to draw a lighthouse; its public names are all in its ``__init__``."""


def on_config(config: MkDocsConfig) -> None:
    """Put the pages at the end of the navigation."""
    pages = ["reference/index.md", *(f"reference/{dotted(room)}.md" for room in rooms())]
    config.nav = [*(config.nav or []), {"API reference": pages}]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add ``reference/<room>.md`` for each room, and an index of them."""
    lines = ["# API reference\n"]
    for room in rooms():
        page = f"{dotted(room)}.md"
        files.append(generated(config, page, reference(room)))
        lines.append(f"- [`{dotted(room)}`]({page}): {first_sentence(room)}")
    files.append(generated(config, "index.md", "\n".join(lines)))


def rooms() -> list[Path]:
    """The package, and each folder of its top level."""
    return [PACKAGE, *sorted(each.parent for each in PACKAGE.glob("*/__init__.py"))]


def generated(config: MkDocsConfig, name: str, content: str) -> File:
    """A page that exists in the site only."""
    return File.generated(config, f"reference/{name}", content=content)


def reference(room: Path) -> str:
    """The page of one room: its docstring, then each of its public modules under a heading."""
    first = f"::: {dotted(room)}\n    options:\n      heading_level: 1\n"
    return "\n".join([first, *(f"::: {dotted(module)}\n" for module in modules(room))])


def modules(room: Path) -> Iterator[Path]:
    """The public modules of a room and of the rooms in it; the package's top level alone."""
    for place in sorted(room.iterdir()):
        if place.suffix == ".py" and not place.stem.startswith("_"):
            yield place
        elif (place / "__init__.py").is_file() and room not in (PACKAGE, DRAWING):
            yield from (place, *modules(place))


def dotted(place: Path) -> str:
    """The name by which a module is imported."""
    return ".".join(place.relative_to(ROOT).with_suffix("").parts)


def first_sentence(room: Path) -> str:
    """What a package's docstring begins with."""
    tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
    paragraph = (ast.get_docstring(tree) or "").partition("\n\n")[0]
    return " ".join(paragraph.split())
