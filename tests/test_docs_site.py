"""What the documentation site makes of docstrings, and which pages it generates."""

from __future__ import annotations

import logging
import runpy
from pathlib import Path
from textwrap import dedent

import griffe
import pytest

ROOT = Path(__file__).parent.parent
EXTENSION = ROOT / "docs" / "_mkdocs" / "sphinx_roles.py"


@pytest.fixture
def load(tmp_path: Path):
    """Loads a package of one module ``little.measures`` with the extension."""

    def loaded(source: str) -> griffe.Module:
        package = tmp_path / "little"
        package.mkdir()
        (package / "__init__.py").write_text("from little.measures import agreement\n")
        (package / "measures.py").write_text(dedent(source))
        extensions = griffe.load_extensions(str(EXTENSION))
        return griffe.load("little", search_paths=[tmp_path], extensions=extensions)

    return loaded


def test_a_role_becomes_a_link_to_what_it_names(load) -> None:
    package = load('''
        """See :func:`agreement`, :meth:`~Metric.fit` and :mod:`little.measures`."""
        def agreement(): "Documented."
        class Metric:
            "Documented; :meth:`fit` learns."
            def fit(self): "Documented."
    ''')
    assert package["measures"].docstring.value == (
        "See [`agreement`][little.measures.agreement], [`fit`][little.measures.Metric.fit] "
        "and [`little.measures`][little.measures]."
    )
    metric = package["measures.Metric"].docstring.value
    assert metric == "Documented; [`fit`][little.measures.Metric.fit] learns."


def test_a_name_that_was_imported_leads_to_where_it_is_defined(load) -> None:
    package = load('def agreement(): "Also :func:`little.agreement`."')
    text = package["measures.agreement"].docstring.value
    assert text == "Also [`little.agreement`][little.measures.agreement]."


def test_what_has_no_entry_is_shown_as_code(load) -> None:
    package = load('''
        """:func:`_private` and :data:`LEAST`."""
        LEAST = 1
        def _private(): "Documented."
        def agreement(): ...
    ''')
    assert package["measures"].docstring.value == "`_private` and `LEAST`."


def test_a_name_that_nothing_has_is_reported(load, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load('def agreement(): "See :func:`nowhere`."')
    assert "little.measures.agreement: :func:`nowhere` names nothing" in caplog.text


def test_a_doctest_becomes_a_code_block_and_shared_arguments_two(load) -> None:
    package = load('''
        def agreement(low, high):
            """From 0 to 1.

            Args:
                low, high: bounds,
                    both included.

            >>> agreement(0, 1)
            1
            """
    ''')
    text = package["measures.agreement"].docstring.value
    assert "    low: bounds,\n        both included.\n    high: bounds,\n" in text
    assert text.endswith("```pycon\n>>> agreement(0, 1)\n1\n```")


def test_every_public_module_is_on_exactly_one_page() -> None:
    hook = runpy.run_path(str(ROOT / "docs" / "_mkdocs" / "reference_pages.py"))
    shown = [hook["dotted"](place) for room in hook["rooms"]() for place in hook["modules"](room)]
    assert len(shown) == len(set(shown))
    assert {"clpips.types", "clpips.metric.solver", "clpips.generation.pool.index"} <= set(shown)
    assert not {"clpips.__main__", "clpips.generation.scenes.places.water"} & set(shown)
