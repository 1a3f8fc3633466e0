"""What the documentation names is there: files, modules, commands, links, and one version."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import clpips

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "data/README.md"],
    key=lambda page: page.as_posix(),
)
TOP = ("app", "benchmarks", "clpips", "data", "docs", "tests", "tools", ".github")
MADE_LATER = ("data/local",)
"""Ignored by git: it is there once the app has run."""

PICTURES = sorted(ROOT.glob("docs/**/*.svg"))

PATH = re.compile(rf"`((?:{'|'.join(map(re.escape, TOP))})/[\w./-]+)`")
WORDS = re.compile(rf"\b(?:{'|'.join(map(re.escape, TOP))})/[\w./-]+")
MODULE = re.compile(r"`(?!clpips\.sqlite`)((?:app|clpips|tools)(?:\.\w+)+)`")
NAME_IN_FILE = re.compile(r"`(\w+)`\s+in\s+`((?:app|clpips)/[\w./]+\.py)`")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
SCRIPT = re.compile(r"python ((?:benchmarks|docs|tools|tests)/[\w/]+\.py)")
RUN_MODULE = re.compile(r"python -m ((?:app|clpips|tools)[\w.]*)")
TEST = re.compile(r"pytest (tests/[\w/]+\.py)(?:::(\w+))?(?: -k (\w+))?")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def is_named(name: str) -> bool:
    """Whether a dotted name is a module, or is defined in one."""
    module, _, rest = name.rpartition(".")
    if is_module(name) or not module:
        return is_module(name)
    if not is_module(module):
        return is_named(module)
    place = ROOT.joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return re.search(rf"\b{rest}\b", file.read_text("utf-8")) is not None


@each_page
def test_every_path_and_module_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    paths = [name for name in PATH.findall(text) if not name.startswith(MADE_LATER)]
    assert [name for name in paths if not (ROOT / name).exists()] == []
    assert [name for name in MODULE.findall(text) if not is_named(name)] == []


@each_page
def test_every_name_that_a_page_places_in_a_file_is_there(page: Path) -> None:
    for name, file in NAME_IN_FILE.findall(page.read_text("utf-8")):
        assert re.search(rf"\b{name}\b", (ROOT / file).read_text("utf-8")), f"{name} in {file}"


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_every_path_in_a_picture_is_there(picture: Path) -> None:
    words = WORDS.findall(picture.read_text("utf-8"))
    assert words and [name for name in words if not (ROOT / name).exists()] == []


@each_page
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@each_page
def test_every_command_that_a_page_shows_names_a_script_or_a_test_that_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    assert [name for name in SCRIPT.findall(text) if not (ROOT / name).is_file()] == []
    for name in RUN_MODULE.findall(text):
        assert is_module(f"{name}.__main__") or is_module(name), name
    for file, test, keyword in TEST.findall(text):
        names = re.findall(r"def (test_\w+)", (ROOT / file).read_text("utf-8"))
        assert any((test or keyword) in name for name in names), f"{file} {test}{keyword}"


def test_these_checks_can_fail() -> None:
    assert PATH.findall("`clpips/nowhere.py`") == ["clpips/nowhere.py"]
    assert MODULE.findall("`clpips.metric.solver`") == ["clpips.metric.solver"]
    assert is_named("clpips.metric.clpips.CLPIPS") and is_named("clpips.io")
    assert not is_named("clpips.nowhere.CLPIPS") and not is_named("clpips.metric.clpips.NOTHING")
    assert LINK.findall("[a](docs/b.md#c) [d](https://e)") == ["docs/b.md"]
    assert TEST.findall("pytest tests/a.py -k b") == [("tests/a.py", "", "b")]


def test_the_citation_is_complete_and_names_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(cited)
    assert str(cited["version"]) == clpips.__version__
    for paper in cited["references"]:
        assert {"type", "title", "authors", "year", "url"} <= set(paper)
    urls = [paper["url"] for paper in cited["references"]]
    assert "https://arxiv.org/abs/2604.01234" in urls


def test_the_issue_forms_have_what_github_asks_for() -> None:
    forms = [
        file
        for file in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")
        if file.name != "config.yml"
    ]
    assert len(forms) == 2
    for file in forms:
        form = yaml.safe_load(file.read_text("utf-8"))
        assert {"name", "description", "body"} <= set(form)
        names = [field["id"] for field in form["body"]]
        assert len(names) == len(set(names))
        assert all(field["attributes"]["label"] for field in form["body"])
