"""``clpips doctor``: what is there, what is missing, and how to get it."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from staged import ranked_study

from app.store import Store
from clpips.__main__ import main
from clpips.cli import installation

Told = Callable[..., tuple[int, dict[str, dict[str, str]], str]]


@pytest.fixture
def told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Told:
    """Runs the command: its status, the findings by name, and standard error."""
    for name in ("CLPIPS_IMAGES_URL", "HF_ENDPOINT", "CLPIPS_DATA", "CLPIPS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT", str(closed_port()))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))

    def run(*arguments: object) -> tuple[int, dict[str, dict[str, str]], str]:
        given = ["doctor", "--json", *map(str, arguments)]
        status = main(given if arguments else [*given, "--data", str(tmp_path / "data")])
        out, error = capsys.readouterr()
        document: dict[str, Any] = json.loads(out)
        assert document["ok"] == (status == 0)
        return status, {each["name"]: each for each in document["findings"]}, error

    return run


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_here_everything_that_is_needed_is_there(told: Told) -> None:
    status, found, error = told()
    assert (status, error) == (0, "")
    assert found["numpy"]["detail"] == metadata.version("numpy")
    assert found["streamlit"]["state"] == "ok"
    assert found["alex"]["detail"].endswith("clpips-alex.safetensors")
    assert found["tiny"]["state"] == found["sample targets"]["state"] == "ok"
    assert "GB free" in found["data"]["detail"] and "will be made" in found["data"]["detail"]
    assert found["database"]["state"] == found["the app"]["state"] == "optional"
    assert {each["state"] for each in found.values()} == {"ok", "optional"}
    assert all(each["remedy"] for each in found.values() if each["state"] != "ok")


def test_the_lines_say_how_to_get_what_is_not_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLPIPS_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    assert main(["doctor", "--data", str(tmp_path / "data")]) == 1
    out, error = capsys.readouterr()
    (line,) = [each for each in out.splitlines() if each.split()[:2] == ["MISS", "alex"]]
    assert line.endswith("not on this machine  → clpips weights fetch --backbone alex")
    assert error == "clpips: needed, but missing: 'alex'\n"


def test_weights_that_were_changed_are_missing(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clpips-alex.safetensors").write_bytes(b"other weights")
    monkeypatch.setenv("CLPIPS_WEIGHTS", str(tmp_path))
    status, found, _ = told()
    assert status == 1 and "SHA-256" in found["alex"]["detail"]


@pytest.mark.parametrize(
    ("name", "state", "remedy"),
    [
        ("timm", "optional", "pip install 'clpips[encoders]'"),
        ("streamlit", "optional", "pip install 'clpips[app]'"),
        ("scipy", "missing", "pip install 'scipy<2,>=1.15'"),
    ],
)
def test_a_package_that_is_not_installed(
    told: Told, monkeypatch: pytest.MonkeyPatch, name: str, state: str, remedy: str
) -> None:
    real = metadata.version

    def version(asked: str) -> str:
        if asked == name:
            raise metadata.PackageNotFoundError(asked)
        return real(asked)

    monkeypatch.setattr(installation.metadata, "version", version)
    status, found, _ = told()
    assert status == (state == "missing")
    assert (found[name]["state"], found[name]["remedy"]) == (state, remedy)


def test_a_package_of_another_version(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version
    monkeypatch.setattr(
        installation.metadata, "version", lambda name: "9.9" if name == "scipy" else real(name)
    )
    status, found, _ = told()
    assert status == 1 and found["scipy"]["detail"] == "9.9, not <2,>=1.15"


def test_a_configured_service_must_answer(
    told: Told, monkeypatch: pytest.MonkeyPatch, listening: int
) -> None:
    monkeypatch.setenv("CLPIPS_IMAGES_URL", f"http://127.0.0.1:{closed_port()}/v1")
    status, found, _ = told()
    assert status == 1 and "refused" in found["CLPIPS_IMAGES_URL"]["detail"]
    monkeypatch.setenv("CLPIPS_IMAGES_URL", f"http://127.0.0.1:{listening}/v1")
    status, found, _ = told()
    assert status == 0 and found["CLPIPS_IMAGES_URL"]["state"] == "ok"
    for wrong in ("images.example", "ftp://images.example", "http://[", "http://a:99999"):
        monkeypatch.setenv("CLPIPS_IMAGES_URL", wrong)
        status, found, _ = told()
        assert status == 1 and "no address" in found["CLPIPS_IMAGES_URL"]["detail"], wrong


def test_the_running_app_is_found(
    told: Told, monkeypatch: pytest.MonkeyPatch, listening: int
) -> None:
    monkeypatch.setenv("PORT", str(listening))
    assert told()[1]["the app"]["state"] == "ok"


def test_a_folder_that_cannot_be_written(told: Told, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    status, found, _ = told("--data", tmp_path / "file" / "data")
    assert status == 1 and "cannot be written" in found["data"]["detail"]


def test_a_disk_that_is_almost_full(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(total=100_000_000_000, free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    status, found, _ = told()
    assert status == 1 and "100 % full, 0.0 GB free" in found["data"]["detail"]


def test_the_database_is_looked_into(told: Told, tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    ranked_study(store)
    _, found, _ = told()
    assert found["database"]["detail"].endswith(": 1 study, 6 rankings")
    assert found["worker"]["state"] == "optional"
    store.workers.mark_alive("a worker")
    assert told()[1]["worker"]["detail"] == "1 running"


@pytest.mark.parametrize("content", [b"", b"not a database " * 1000])
def test_a_database_that_is_none_is_said_and_stays_as_it_is(
    told: Told, tmp_path: Path, content: bytes
) -> None:
    database = tmp_path / "data" / "clpips.sqlite"
    database.parent.mkdir()
    database.write_bytes(content)
    status, found, _ = told()
    assert status == 1 and "clpips restore" in found["database"]["remedy"]
    assert database.read_bytes() == content
    assert [each.name for each in database.parent.iterdir()] == ["clpips.sqlite"]


def test_models_of_the_hub_are_listed(told: Told, tmp_path: Path) -> None:
    (tmp_path / "hub" / "hub" / "models--timm--vit_tiny").mkdir(parents=True)
    assert told()[1]["timm/vit_tiny"]["state"] == "ok"
