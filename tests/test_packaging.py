"""The ranges of pyproject.toml and the pins of requirements.txt agree."""

from __future__ import annotations

import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pinned(name: str) -> dict[str, str]:
    """Package → version of a requirements file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(package): version for package, version in pins}


def ranges() -> dict[str, list[Requirement]]:
    """Package → the ranges that the library and its extras ask for."""
    texts = chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    found: dict[str, list[Requirement]] = {}
    for requirement in map(Requirement, texts):
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    del found["clpips"]  # extras that name other extras
    return found


def test_what_is_pinned_is_what_the_package_asks_for() -> None:
    assert set(pinned("requirements.txt")) == set(ranges()) - {"ray"}
    assert "ray" in pinned("requirements-dev.txt")


def test_every_pinned_version_lies_in_its_range() -> None:
    pins = pinned("requirements.txt") | pinned("requirements-dev.txt")
    for package, requirements in ranges().items():
        for requirement in requirements:
            assert requirement.specifier.contains(pins[package]), requirement


def test_the_app_has_every_extra_but_that_for_clusters() -> None:
    extras = PROJECT["optional-dependencies"]
    (others,) = [r for r in map(Requirement, extras["app"]) if r.name == "clpips"]
    assert others.extras == set(extras) - {"app", "ray"}
