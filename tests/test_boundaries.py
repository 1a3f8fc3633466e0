"""What each process may load: the web process never holds the heavy libraries."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import app.views

HEAVY = ("torch", "torchvision", "lpips", "diffusers", "transformers", "pingouin")
REPORT = "import sys; print(*sorted(set(sys.modules)))"


def loaded_by(statements: str) -> set[str]:
    """The modules that a fresh Python has loaded after some statements."""
    command = [sys.executable, "-W", "ignore", "-c", f"{statements}; {REPORT}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def views() -> list[str]:
    walked = pkgutil.walk_packages(app.views.__path__, "app.views.")
    return [module.name for module in walked if not module.ispkg]


def test_the_web_process_with_all_its_screens_loads_no_heavy_library() -> None:
    names = ["app.serve", *views()]
    assert any(name.startswith("app.views.participant.") for name in names)
    assert any(name.startswith("app.views.researcher.") for name in names)
    loaded = loaded_by(f"import {', '.join(names)}")
    assert "streamlit" in loaded
    assert not loaded & set(HEAVY)


def test_the_hint_of_known_words_loads_no_heavy_library() -> None:
    loaded = loaded_by(
        "from clpips.generation.scenes.language.lexicon import vocabulary; vocabulary()"
    )
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("module", ["clpips", "clpips.types", "clpips.errors"])
def test_the_vocabulary_costs_no_torch_and_no_screen(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert not loaded & {*HEAVY, "numpy", "streamlit", "sqlite_utils", "PIL", "pydantic"}


def test_statistics_load_pingouin_only_to_report_an_icc() -> None:
    agreement = "from clpips.stats.agreement import over_rankings"
    assert "pingouin" not in loaded_by(agreement)
    assert "pingouin" in loaded_by(f"{agreement}; over_rankings([([1, 2, 3], [1, 3, 2])])")


def test_a_maker_that_is_not_opened_loads_nothing_of_its_own() -> None:
    loaded = loaded_by("import clpips, clpips.generation; from clpips import *")
    assert not loaded & {
        "httpx",
        "httpx2",
        "httpcore2",
        "tenacity",
        "clpips.generation.openai_images",
    }
    assert {"httpx2", "tenacity"} <= loaded_by("import clpips.generation.openai_images")


def test_this_check_can_fail() -> None:
    assert "torch" in loaded_by("from clpips import CLPIPS")
