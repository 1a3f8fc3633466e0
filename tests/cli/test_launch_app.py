"""``clpips-app`` puts the app on its own path alone and starts it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from clpips.cli import launch_app

ROOT = Path(__file__).parents[2]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The modules that were run, from an empty folder; the path is as before afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    names: list[str] = []
    monkeypatch.setattr(launch_app.runpy, "run_module", lambda name, **how: names.append(name))
    return names


def test_it_runs_the_app_from_its_own_folder(started: list[str]) -> None:
    assert launch_app.main([]) == 0
    assert started == ["app"]
    assert sys.path[0] == str(ROOT)


def test_study_data_go_to_the_current_folder_by_default(started: list[str], tmp_path: Path) -> None:
    os.environ.pop("CLPIPS_DATA", None)
    launch_app.main([])
    assert os.environ["CLPIPS_DATA"] == str(tmp_path / "data" / "local")


def test_a_stated_data_folder_is_kept(started: list[str]) -> None:
    os.environ["CLPIPS_DATA"] = "elsewhere"
    launch_app.main([])
    assert os.environ["CLPIPS_DATA"] == "elsewhere"


def test_missing_packages_are_one_sentence_and_status_2(
    started: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = {"streamlit", "altair"}
    monkeypatch.setattr(launch_app, "find_spec", lambda name: None if name in missing else name)
    assert launch_app.main([]) == 2
    assert started == []
    assert capsys.readouterr().err == (
        "clpips-app: not installed: altair, streamlit; "
        "install them with: pip install 'clpips[app]'\n"
    )


def test_an_unknown_option_is_status_2(started: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        launch_app.main(["--port=8600"])
    assert started == []
