"""The wheel, installed in a new virtual environment and used from an empty folder.

By default the environment borrows this one's third-party packages and installs the wheel alone.
``make wheel-check`` sets ``CLPIPS_FULL_INSTALL=1``: then pip resolves everything that the wheel
asks for, at the newest versions that its ranges allow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from running import RunningApp

from clpips import CLPIPS, __version__
from clpips.io.resources import targets_folder

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("CLPIPS_FULL_INSTALL") == "1"


@dataclass(frozen=True)
class Installed:
    """The new environment, and an empty folder to work in."""

    environment: Path
    folder: Path

    def command(self, name: str) -> str:
        return str(self.environment / "bin" / name)

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.command(command), *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        return self.run("python", "-c", code)


def uv(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", str(out))
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    environment = tmp_path_factory.mktemp("environment") / "venv"
    uv("venv", "--python", sys.executable, str(environment))
    python = str(environment / "bin" / "python")
    if FULL:
        uv("pip", "install", "--python", python, f"{wheel}[app]")
    else:
        uv("pip", "install", "--python", python, "--no-deps", str(wheel))
        # A .pth file adds a folder but not the .pth files in it: so no editable install either.
        (packages,) = environment.glob("lib/python*/site-packages")
        (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        yield Installed(environment, tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def app(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    data = tmp_path_factory.mktemp("data")
    command = [installed.command("clpips-app")]
    with RunningApp(data, demo=True, command=command, folder=installed.folder) as running:
        yield running


def test_the_library_comes_from_the_wheel(installed: Installed) -> None:
    done = installed.python("import clpips; print(clpips.__file__)")
    assert done.stdout.startswith(str(installed.environment)), done.stderr
    assert installed.run("clpips", "--version").stdout == f"clpips {__version__}\n"


def test_nothing_called_app_can_be_imported(installed: Installed) -> None:
    done = installed.python("import app")
    assert done.returncode == 1
    assert "No module named 'app'" in done.stderr


def test_the_selftest_passes(installed: Installed) -> None:
    done = installed.run("clpips", "selftest", "--json")
    assert done.returncode == 0, done.stderr
    outcomes = [check["outcome"] for check in json.loads(done.stdout)["checks"]]
    assert "fail" not in outcomes and outcomes.count("pass") > 30


def test_it_scores_its_own_targets(installed: Installed) -> None:
    listed = installed.run("clpips", "targets").stdout.splitlines()
    assert [Path(path).name for path in listed] == [f"target-{n:02}.png" for n in range(1, 13)]
    assert all(path.startswith(str(installed.environment)) for path in listed)
    done = installed.run("clpips", "score", "--json", listed[0], listed[4])
    (score,) = json.loads(done.stdout)
    ours = [targets_folder() / Path(listed[index]).name for index in (0, 4)]
    assert score["distance"] == pytest.approx(CLPIPS("alex").distance(*ours), abs=1e-5)


def test_it_holds_the_data_of_the_repository(installed: Installed) -> None:
    done = installed.python("from clpips.io.resources import targets_folder as f; print(f())")
    shipped = Path(done.stdout.strip()).parent
    for folder in ("targets", "models", "example"):
        ours = sorted(file for file in (ROOT / "data" / folder).rglob("*") if file.is_file())
        assert len(ours) > 0
        for file in ours:
            there = shipped / file.relative_to(ROOT / "data")
            assert there.read_bytes() == file.read_bytes(), there


@pytest.mark.skipif(not FULL, reason="the same files and packages as in the checkout's tests")
def test_the_tiny_model_generates(installed: Installed) -> None:
    done = installed.python(
        "from clpips.generation.protocol import Request, open_maker\n"
        "request = Request('a red house', seed=1, count=1, width=64, height=64)\n"
        "(made,) = open_maker('tiny').generate(request)\n"
        "print(made.image.size, made.provenance.maker)"
    )
    assert done.stdout == "(64, 64) tiny\n", done.stderr


def test_the_app_opens_with_its_own_configuration(
    installed: Installed, app: RunningApp, browser: Browser
) -> None:
    with urllib.request.urlopen(f"{app.url}/health") as answer:
        assert json.loads(answer.read())["version"] == __version__
    page = browser.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(app.url)
    expect(page.get_by_role("heading").first).to_be_visible(timeout=30_000)
    assert faults == []


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks into Linux's /proc")
def test_the_web_process_sees_the_configuration(installed: Installed, app: RunningApp) -> None:
    folder = Path(f"/proc/{app.children()['web']}/cwd").readlink()
    assert folder.is_relative_to(installed.environment)
    options = ("runner.postScriptGC", "browser.gatherUsageStats", "client.toolbarMode")
    code = f"from streamlit.config import get_option; print([get_option(o) for o in {options}])"
    shown = subprocess.run(
        [installed.command("python"), "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "[False, False, 'minimal']\n"


def test_the_empty_folder_stays_empty(installed: Installed, app: RunningApp) -> None:
    assert list(installed.folder.iterdir()) == []
