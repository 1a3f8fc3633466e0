"""Atomic writes of files and folders: complete, or everything as it was."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from clpips.errors import Cancelled, InputError
from clpips.io.atomic_files import atomic_file, atomic_folder, write_files


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def everything(folder: Path) -> dict[str, bytes | None]:
    found = sorted(folder.rglob("*"))
    return {str(each): each.read_bytes() if each.is_file() else None for each in found}


def test_a_file_is_in_place_after_the_block_and_not_before(tmp_path: Path) -> None:
    final = tmp_path / "new" / "deep" / "a.txt"
    with atomic_file(final) as partial:
        partial.write_text("whole")
        assert not final.exists() and partial.parent == final.parent
    assert final.read_text() == "whole"
    assert list(final.parent.iterdir()) == [final]


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    final = tmp_path / "a.txt"
    final.write_text("old")
    with atomic_file(final) as partial:
        partial.write_text("new")
        assert final.read_text() == "old"
    assert everything(tmp_path) == {str(final): b"new"}


@pytest.mark.parametrize("failure", [ValueError, OSError, Cancelled, KeyboardInterrupt])
@pytest.mark.parametrize("name", ["a.txt", "new/deep/a.txt"])
def test_a_block_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, name: str, failure: type[BaseException]
) -> None:
    (tmp_path / "a.txt").write_text("old")
    before = everything(tmp_path)
    with pytest.raises(failure), atomic_file(tmp_path / name) as partial:
        partial.write_text("half")
        raise failure
    with pytest.raises(failure), atomic_folder(tmp_path / "out" / name) as folder:
        (folder / "images").mkdir()
        (folder / "images" / "1.png").write_bytes(b"half")
        raise failure
    assert everything(tmp_path) == before


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "new" / "a.txt"):
        pass
    assert everything(tmp_path) == {}


def test_a_file_that_must_not_be_overwritten_stays(tmp_path: Path) -> None:
    final = tmp_path / "a.txt"
    for content in ("first", "second"):
        try:
            with atomic_file(final, overwrite=False) as partial:
                partial.write_text(content)
        except FileExistsError:
            assert content == "second"
    assert everything(tmp_path) == {str(final): b"first"}


@pytest.mark.parametrize("durable", [True, False])
def test_a_durable_file_and_the_new_names_on_its_path_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr("os.fsync", fsync)
    with atomic_file(tmp_path / "new" / "a.txt", durable=durable) as partial:
        partial.write_text("whole")
    assert synced == ([partial.name, "new", tmp_path.name] if durable else [])


def test_every_file_of_a_folder_is_synced_before_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    final = tmp_path / "out"

    def fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        assert (name == tmp_path.name) is final.exists()
        synced.append(name)

    monkeypatch.setattr("os.fsync", fsync)
    with atomic_folder(final) as folder:
        (folder / "images").mkdir()
        (folder / "images" / "1.png").write_bytes(b"1")
    assert synced == ["1.png", "images", folder.name, tmp_path.name]


def test_files_are_all_on_disk_before_the_first_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "new" / "b.txt"
    first.write_text("old")
    calls: list[int] = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_files({first: b"new", second: b"new"})
    assert everything(tmp_path) == {str(first): b"old"}
    write_files({first: b"new", second: b"new"})
    assert (first.read_bytes(), second.read_bytes()) == (b"new", b"new")


def test_a_file_with_the_longest_name_can_be_written(tmp_path: Path) -> None:
    final = tmp_path / ("a" * 255)
    write_files({final: b"whole"})
    assert everything(tmp_path) == {str(final): b"whole"}


@pytest.mark.usefixtures("umask")
def test_rights_are_those_that_the_umask_grants(tmp_path: Path) -> None:
    write_files({tmp_path / "a.txt": b""})
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "b.txt").write_bytes(b"")
    assert rights(tmp_path / "a.txt") == rights(tmp_path / "out" / "b.txt") == 0o640
    assert rights(tmp_path / "out") == 0o750


def test_a_folder_appears_at_the_end_also_over_an_empty_one(tmp_path: Path) -> None:
    for final in (tmp_path / "new" / "out", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with atomic_folder(final) as folder:
            (folder / "a.txt").write_text("whole")
            assert not (final / "a.txt").exists()
        assert [each.name for each in final.iterdir()] == ["a.txt"]
        assert [each for each in final.parent.iterdir() if each.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("out", "rule"),
    [
        ("", "got an empty name"),
        ("file", "got the file"),
        ("file/deeper", "is a file"),
        ("full", "a new or empty folder"),
        ("x" * 256, "at most 255 bytes"),
    ],
)
def test_a_folder_is_refused_where_it_cannot_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, rule: str
) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("kept")
    before = everything(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rule), atomic_folder(out):
        pass
    assert everything(tmp_path) == before


def test_a_system_that_cannot_sync_folders_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_dir():
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr("os.fsync", fsync)
    write_files({tmp_path / "a.txt": b"whole"})
    assert (tmp_path / "a.txt").read_bytes() == b"whole"
