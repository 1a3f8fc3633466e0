"""Difference vectors on disk: found again by content, rejected when damaged."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest
from pictures import scene

from clpips import CLPIPS
from clpips.__main__ import main
from clpips.errors import InputError
from clpips.features import cache as vector_cache
from clpips.features.cache import SpaceCache, VectorCache, default_cache
from clpips.types import Ranking


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A target and three images, old enough to be known by their times."""
    names = []
    for number in range(4):
        path = tmp_path / f"{number}.png"
        scene(number, 64).save(path)
        os.utime(path, (1e9 + number, 1e9 + number))
        names.append(str(path))
    return names


@pytest.fixture
def cache(tmp_path: Path) -> VectorCache:
    return VectorCache(tmp_path / "cache")


def kept(cache: VectorCache, *, space: str = "alex", checksum: str = "a" * 64) -> SpaceCache:
    return cache.of(space, checksum, 5)


def put(cache: VectorCache, target: str, image: str, vector: np.ndarray) -> None:
    its = kept(cache)
    its.get(target, image)
    its.put(target, image, vector)


def on_disk(cache: VectorCache) -> list[Path]:
    return [path for path in cache.folder.rglob("*") if path.is_file()]


SINGLE = np.array([0.5, 0.25, 1.0, 0.0, 2.0])
DOUBLE = SINGLE / 3


@pytest.mark.parametrize("vector", [SINGLE, DOUBLE])
def test_a_vector_is_found_again_exactly(cache, files, vector) -> None:
    assert kept(cache).get(files[0], files[1]) is None
    put(cache, files[0], files[1], vector)
    found = kept(VectorCache(cache.folder)).get(files[0], files[1])
    assert found is not None
    assert found.dtype == np.float64
    assert np.array_equal(found, vector)


def test_what_a_network_gives_takes_half_the_room(cache, files) -> None:
    put(cache, files[0], files[1], SINGLE)
    put(cache, files[0], files[2], DOUBLE)
    sizes = sorted(path.stat().st_size for path in on_disk(cache))
    assert sizes[1] - sizes[0] == 4 * len(SINGLE)


def test_content_counts_and_names_do_not(cache, files, tmp_path: Path) -> None:
    put(cache, files[0], files[1], SINGLE)
    moved = Path(files[1]).rename(tmp_path / "moved.png")
    assert kept(cache).get(files[0], str(moved)) is not None
    assert kept(cache).get(str(moved), files[0]) is None
    scene(9, 64).save(moved)
    assert kept(cache).get(files[0], str(moved)) is None


def test_a_change_that_keeps_size_and_name_is_noticed(cache, tmp_path: Path, files) -> None:
    path = tmp_path / "picture"
    now = time.time()
    path.write_bytes(b"one")
    os.utime(path, (now, now))
    put(cache, files[0], str(path), SINGLE)
    path.write_bytes(b"two")
    os.utime(path, (now, now))  # within one tick of the file system's clock
    assert kept(cache).get(files[0], str(path)) is None


@pytest.mark.parametrize("other", [{"space": "vgg"}, {"checksum": "b" * 64}])
def test_other_spaces_and_weights_have_vectors_of_their_own(cache, files, other) -> None:
    put(cache, files[0], files[1], SINGLE)
    its = kept(cache, **other)
    assert its.get(files[0], files[1]) is None
    its.put(files[0], files[1], DOUBLE)
    for one, vector in ((its, DOUBLE), (kept(cache), SINGLE)):
        found = one.get(files[0], files[1])
        assert found is not None
        assert np.array_equal(found, vector)


def test_weights_without_a_checksum_are_refused(cache) -> None:
    with pytest.raises(InputError, match="kept by their weights' checksum, got none for squeeze"):
        cache.of("squeeze", "", 5)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: content[:10],
        lambda content: bytes([content[0], content[1], content[2] ^ 1]) + content[3:],
        lambda content: content[:8] + bytes([content[8] ^ 1]) + content[9:],
        lambda content: bytes(len(content)),
    ],
)
def test_a_torn_or_altered_file_is_computed_again(cache, files, damage) -> None:
    put(cache, files[0], files[1], SINGLE)
    (path,) = on_disk(cache)
    path.write_bytes(damage(path.read_bytes()))
    assert kept(cache).get(files[0], files[1]) is None
    put(cache, files[0], files[1], SINGLE)
    assert kept(cache).get(files[0], files[1]) is not None


def test_a_file_under_another_key_is_rejected(cache, files) -> None:
    put(cache, files[0], files[1], SINGLE)
    (first,) = on_disk(cache)
    put(cache, files[0], files[2], DOUBLE)
    (second,) = set(on_disk(cache)) - {first}
    first.replace(second)
    assert kept(cache).get(files[0], files[2]) is None


def test_a_picture_that_changes_while_it_is_compared_is_not_kept(cache, files) -> None:
    its = kept(cache)
    its.get(files[0], files[1])
    scene(9, 64).save(files[1])
    its.put(files[0], files[1], SINGLE)
    assert on_disk(cache) == []


def writer(folder: str, files: list[str], seed: int) -> None:
    cache = VectorCache(folder)
    for number in np.random.default_rng(seed).permutation(60):
        image = files[1 + number % 3]
        its = cache.of("alex", f"{number:064}", 5)
        found = its.get(files[0], image)
        assert found is None or np.array_equal(found, SINGLE * number)
        its.put(files[0], image, SINGLE * number)


def test_processes_may_share_a_folder(cache, files) -> None:
    context = multiprocessing.get_context("fork")
    running = [
        context.Process(target=writer, args=(str(cache.folder), files, seed)) for seed in range(3)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0, 0, 0]
    for number in range(60):
        found = cache.of("alex", f"{number:064}", 5).get(files[0], files[1 + number % 3])
        assert found is not None
        assert np.array_equal(found, SINGLE * number)
    assert not [path for path in on_disk(cache) if path.suffix != vector_cache.SUFFIX]


def test_the_folder_stays_within_its_limit_and_the_oldest_go_first(tmp_path: Path, files) -> None:
    cache = VectorCache(tmp_path / "cache", limit=20 * vector_cache.BLOCK)
    seen: set[Path] = set()
    for number in range(100):
        its = cache.of("alex", f"{number:064}", 5)
        its.get(files[0], files[1])
        its.put(files[0], files[1], SINGLE)
        for path in set(on_disk(cache)) - seen:
            os.utime(path, (1e9 + number, 1e9 + number))
            seen.add(path)
    assert 10 <= len(on_disk(cache)) <= 20
    there = [
        cache.of("alex", f"{number:064}", 5).get(files[0], files[1]) is not None
        for number in range(100)
    ]
    assert not any(there[:70])
    assert there[99]


def test_what_a_crash_left_behind_is_cleared_away(cache, files) -> None:
    put(cache, files[0], files[1], SINGLE)
    (path,) = on_disk(cache)
    old, new = path.with_name(".x.vector.1.partial"), path.with_name(".y.vector.2.partial")
    for each in (old, new):
        each.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    put(VectorCache(cache.folder), files[0], files[2], SINGLE)
    assert not old.exists()
    assert new.exists()


def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path: Path, files) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = VectorCache(tmp_path / "file" / "cache")
    put(cache, files[0], files[1], SINGLE)
    assert kept(cache).get(files[0], files[1]) is None


def test_the_environment_says_where_and_how_large(monkeypatch, tmp_path: Path) -> None:
    for name in ("CLPIPS_CACHE", "CLPIPS_CACHE_MIB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = default_cache()
    assert found is not None
    assert (found.folder, found.limit) == (tmp_path / "clpips" / "vectors", 1 << 30)
    monkeypatch.setenv("CLPIPS_CACHE", str(tmp_path / "here"))
    monkeypatch.setenv("CLPIPS_CACHE_MIB", "5")
    found = default_cache()
    assert found is not None
    assert (found.folder, found.limit) == (tmp_path / "here", 5 << 20)
    for wrong in ("0", "-1", "many", "1.5", ""):
        monkeypatch.setenv("CLPIPS_CACHE_MIB", wrong)
        with pytest.raises(InputError, match="CLPIPS_CACHE_MIB must be a positive whole number"):
            default_cache()
    for off in ("off", "OFF"):
        monkeypatch.setenv("CLPIPS_CACHE", off)
        assert default_cache() is None
    monkeypatch.delenv("CLPIPS_CACHE_MIB")
    monkeypatch.setenv("CLPIPS_CACHE", "~/vectors")
    assert default_cache().folder == Path.home() / "vectors"


def test_a_second_metric_finds_what_the_first_computed(cache, files, monkeypatch) -> None:
    ranking = Ranking("ada", files[0], tuple(files[1:]), (1, 2, 3))
    (first,) = CLPIPS("alex").observe([ranking], cache=cache)
    monkeypatch.setattr(CLPIPS, "network", None)
    (second,) = CLPIPS("alex").observe([ranking], cache=VectorCache(cache.folder))
    assert np.array_equal(first.vectors, second.vectors)
    with pytest.raises(TypeError):
        CLPIPS("vgg").observe([ranking], cache=cache)


def test_the_command_line_computes_once(capsys, monkeypatch, tmp_path: Path, files) -> None:
    monkeypatch.setenv("CLPIPS_CACHE", str(tmp_path / "cache"))
    larger = tmp_path / "larger.png"
    scene(8, 80).save(larger)
    rows = [f"ada,{files[0]},{name},{rank}" for rank, name in enumerate(files[1:], start=1)]
    table = tmp_path / "rankings.csv"
    table.write_text("\n".join(["participant,target,image,rank", *rows]))
    score = ["score", files[0], *files[2:], str(larger), files[2], "--json"]

    def said(*arguments: str) -> list[object]:
        assert main(list(arguments)) == 0
        return json.loads(capsys.readouterr().out)

    first = said("evaluate", str(table), "--json"), said(*score)
    monkeypatch.setattr(CLPIPS, "network", None)
    assert (said("evaluate", str(table), "--json"), said(*score)) == first
    assert [row.get("resized", False) for row in first[1]] == [False, False, True, False]
    monkeypatch.setenv("CLPIPS_CACHE", "off")
    with pytest.raises(TypeError):
        main(score)
