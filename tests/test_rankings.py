"""Rankings files: what is read, and what is refused with file, row and rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clpips.errors import RankingError, RankingsFileError
from clpips.rankings import read_rankings, write_rankings
from clpips.types import Ranking

HEADER = "participant,target,image,rank"
GOOD = ["ada,t.png,a.png,1", "ada,t.png,b.png,2", "ada,t.png,c.png,2"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("t", "u", "a", "b", "c"):
        (tmp_path / f"{name}.png").write_bytes(b"only its existence is looked at here")
    return tmp_path


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "rankings.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_one_ranking_per_participant_target_trial_and_round(folder: Path) -> None:
    rows = [
        "ada,t.png,a.png,1,1,1,0.5",
        "ada,t.png,b.png,2,1,1,0.5",
        "ada,t.png,a.png,2,1,2,",
        "ada,t.png,b.png,1,1,2,",
        "bo,t.png,a.png,1,1,1,",
    ]
    rankings = read_rankings(write(folder, *rows, header=HEADER + ",trial,round,confidence"))
    assert [(r.participant, r.round, r.ranks) for r in rankings] == [
        ("ada", "1", (1, 2)),
        ("ada", "2", (2, 1)),
        ("bo", "1", (1,)),
    ]
    assert rankings[0].confidence == 0.5
    assert rankings[0].target == str(folder / "t.png")


def test_ties_share_a_number_and_make_no_comparison(folder: Path) -> None:
    (ranking,) = read_rankings(write(folder, *GOOD))
    assert ranking.ranks == (1, 2, 2)
    assert len(list(ranking.comparisons())) == 2


def test_images_may_lie_in_another_folder(folder: Path, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    path = write(folder, *GOOD).rename(elsewhere / "r.csv")
    with pytest.raises(RankingsFileError, match="exists"):
        read_rankings(path)
    assert read_rankings(path, image_dir=folder)[0].images[0] == str(folder / "a.png")


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_what_is_written_is_read_back(folder: Path, ending: str) -> None:
    rankings = [
        Ranking("ada", "t.png", ("a.png", "b.png"), (1, 2), "1", "2", 0.25),
        Ranking("Zoë, the second", "u.png", ("c.png", "a.png"), (1, 1)),
    ]
    path = folder / f"r{ending}"
    write_rankings(rankings, path)
    found = read_rankings(path)
    assert [(r.participant, r.ranks, r.trial, r.round, r.confidence) for r in found] == [
        (r.participant, r.ranks, r.trial, r.round, r.confidence) for r in rankings
    ]


def test_a_spreadsheets_byte_order_mark_is_ignored(folder: Path) -> None:
    path = write(folder, *GOOD)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_rankings(path)) == 1


@pytest.mark.parametrize(
    ("rows", "header", "rule"),
    [
        (["ada,t.png,a.png"], "participant,target,image", r"row 1: the column 'rank' is missing"),
        (["ada,t.png,a.png,first"], HEADER, r"row 2: rank must be a whole number, got 'first'"),
        (["ada,t.png,a.png,1.5"], HEADER, r"row 2: rank must be a whole number"),
        (["ada,t.png,a.png,0"], HEADER, r"row 2: rank must be at least 1"),
        (["ada,t.png,a.png,2"], HEADER, r"row 2: ranks must start at 1"),
        ([*GOOD, "ada,t.png,a.png,4"], HEADER, r"row 5: .*repeat an image.*first in row 2"),
        ([GOOD[0], "ada,t.png,x.png,2"], HEADER, r"row 3: image must be an image that exists"),
        (["ada,x.png,a.png,1"], HEADER, r"row 2: target must be an image that exists"),
        ([",t.png,a.png,1"], HEADER, r"row 2: participant must not be empty"),
        (["ada,t.png,a.png"], HEADER, r"row 2: a row must have one value per column"),
        (["ada,t.png,a.png,1,7"], HEADER, r"row 2: a row must have one value per column"),
        ([], HEADER, r"at least one row"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(
    folder: Path, rows: list[str], header: str, rule: str
) -> None:
    path = write(folder, *rows, header=header)
    with pytest.raises(RankingsFileError, match=rule) as caught:
        read_rankings(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_endings_bytes_and_json_lines_are_refused(folder: Path) -> None:
    for name, content in (
        ("r.xlsx", b""),
        ("r.csv", b"\xff\xfe\x00"),
        ("r.parquet", b"no parquet"),
        ("r.jsonl", b"{"),
        ("s.jsonl", b"[1]"),
        ("t.jsonl", json.dumps({"participant": "a"}).encode()),
    ):
        (folder / name).write_bytes(content)
        with pytest.raises(RankingsFileError, match=name):
            read_rankings(folder / name)
    with pytest.raises(RankingsFileError, match="no such"):
        read_rankings(folder / "missing.csv")


@pytest.mark.parametrize(
    ("images", "ranks"),
    [((), ()), (("a", "a"), (1, 2)), (("a",), (1, 2)), (("a", "b"), (0, 1)), (("a", "b"), (2, 3))],
)
def test_a_ranking_that_cannot_exist_cannot_be_built(
    images: tuple[str, ...], ranks: tuple[int, ...]
) -> None:
    with pytest.raises(RankingError):
        Ranking("ada", "t", images, ranks)


def test_nearest_first_follows_the_ranks() -> None:
    assert Ranking("ada", "t", ("a", "b", "c"), (3, 1, 2)).nearest_first() == ("b", "c", "a")
