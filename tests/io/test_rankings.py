"""Rankings files: what is read, and what is refused with file, row and rule."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from clpips.errors import RankingError, RankingsFileError
from clpips.io.rankings import read_rankings, write_rankings
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
    names = [(r.target, *r.images) for r in rankings]
    assert [(r.target, *r.images) for r in found] == [
        tuple(str(folder / name) for name in row) for row in names
    ]


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("place", [".", "sub", "../beside"])
def test_a_written_file_names_its_images_from_where_it_lies(
    folder: Path, ending: str, place: str
) -> None:
    images = (str(folder / "b.png"), str(folder / "." / "a.png"))
    rankings = [Ranking("ada", str(folder / "t.png"), images, (2, 1))]
    path = folder / place / f"r{ending}"
    write_rankings(rankings, path)
    assert read_rankings(path) == rankings
    if ending == ".jsonl":
        assert not Path(json.loads(path.read_text().splitlines()[0])["image"]).is_absolute()


def test_paths_from_the_working_folder_are_rewritten(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    write_rankings([Ranking("ada", "t.png", ("a.png", "b.png"), (1, 2))], "sub/r.csv")
    (found,) = read_rankings("sub/r.csv")
    assert (found.target, *found.images) == tuple(
        str(folder / name) for name in ("t.png", "a.png", "b.png")
    )


def test_names_that_are_no_files_are_written_as_they_are(folder: Path) -> None:
    write_rankings([Ranking("ada", "5f" * 32, ("0a" * 32, "1/2"), (1, 2))], folder / "r.jsonl")
    rows = [json.loads(line) for line in (folder / "r.jsonl").read_text().splitlines()]
    assert [(row["target"], row["image"]) for row in rows] == [
        ("5f" * 32, "0a" * 32),
        ("5f" * 32, "1/2"),
    ]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    ranking = Ranking("ada", "t.png", ("a.png",), (1,))
    path = write(folder, *GOOD)
    before = {file: file.read_bytes() for file in folder.iterdir()}
    monkeypatch.setattr("os.fsync", full)
    for target in (path, folder / "new" / "deep" / "r.csv"):
        with pytest.raises(OSError, match="No space"):
            write_rankings([ranking], target)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_a_name_that_utf8_cannot_hold_is_not_written(folder: Path, ending: str) -> None:
    with pytest.raises(RankingsFileError, match="UTF-8"):
        write_rankings([Ranking("\ud800", "t", ("a",), (1,))], folder / f"r{ending}")
    assert not (folder / f"r{ending}").exists()


def test_two_spellings_of_a_target_are_one_target_and_one_ranking(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "link.png").symlink_to("t.png")
    spellings = ["t.png", f"{folder}/t.png", "./t.png", "sub/../t.png", "link.png"]
    for name in ("d", "e"):
        (folder / f"{name}.png").write_bytes(b"")
    rows = [f"ada,{spellings[i]},{'abcde'[i]}.png,{i + 1}" for i in range(5)]
    (ranking,) = read_rankings(write(folder, *rows))
    assert ranking.target == str(folder / "t.png")
    assert ranking.ranks == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("again", ["./a.png", "sub/../a.png", "link.png"])
def test_two_spellings_of_an_image_are_one_image(folder: Path, again: str) -> None:
    (folder / "sub").mkdir()
    (folder / "link.png").symlink_to("a.png")
    with pytest.raises(RankingsFileError, match=r"row 3: .*must not repeat an image.*row 2"):
        read_rankings(write(folder, "ada,t.png,a.png,1", f"ada,t.png,{again},2"))


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_whole_numbers_that_a_table_library_made_floats_are_read(folder: Path, ending: str) -> None:
    import pandas as pd

    table = pd.DataFrame(
        {
            "participant": [7.0, 7.0],
            "target": "t.png",
            "image": ["a.png", "b.png"],
            "rank": [1.0, 2.0],
            "round": [3.0, 3.0],
            "confidence": float("nan"),
        }
    )
    path = folder / f"r{ending}"
    if ending == ".csv":
        table.to_csv(path, index=False)
    elif ending == ".parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    (ranking,) = read_rankings(path)
    assert ranking.ranks == (1, 2)
    assert ranking.confidence is None
    if ending != ".csv":  # in CSV "7.0" is what the person wrote
        assert (ranking.participant, ranking.round) == ("7", "3")


@pytest.mark.parametrize("rank", ["1_0", "١", "1.5", "1e0", "0x1", "1 0", "９", "9" * 5000])
def test_a_rank_is_written_in_plain_digits(folder: Path, rank: str) -> None:
    with pytest.raises(RankingsFileError, match="row 3: rank must be a whole number"):
        read_rankings(write(folder, GOOD[0], f"ada,t.png,b.png,{rank}"))


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("true", "rank must be text or a number"),
        ("1.5", "rank must be a whole number"),
        ("NaN", "rank must not be empty"),
        ("Infinity", "rank must be a whole number"),
        ("null", "rank must not be empty"),
        ("[1]", "rank must be text or a number"),
        ("1" + "0" * 30, "rank must be at most"),
        ("1" * 5000, "one JSON object"),
        ('1, "rank": 2', "'rank' must appear only once"),
        ('1, "participant": {"x": 1}', "'participant' must appear only once"),
        ('1, "trial": "\\ud800"', "trial must be UTF-8 text"),
        ('1, "image": "x\\ny.png"', "'image' must appear only once"),
        ("[" * 100_000, "one JSON object"),
    ],
)
def test_a_json_value_that_cannot_be_is_refused_in_one_line(
    folder: Path, value: str, rule: str
) -> None:
    path = folder / "r.jsonl"
    path.write_text(f'{{"participant": "a", "target": "t.png", "image": "a.png", "rank": {value}}}')
    with pytest.raises(RankingsFileError, match=f"r.jsonl, row 1: .*{rule}") as caught:
        read_rankings(path)
    assert "\n" not in str(caught.value)


def test_a_name_with_a_line_break_is_still_refused_in_one_line(folder: Path) -> None:
    with pytest.raises(RankingsFileError, match=r"row 2: image must be an image") as caught:
        read_rankings(write(folder, 'ada,t.png,"x\ny.png",1'))
    assert len(str(caught.value).splitlines()) == 1


def test_json_lines_end_at_line_feeds_only(folder: Path) -> None:
    images = (str(folder / "a.png"),)
    rankings = [Ranking("ada", str(folder / "t.png"), images, (1,), trial="one\u2028b\x85c")]
    path = folder / "r.jsonl"
    write_rankings(rankings, path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_rankings(path) == rankings


def test_a_repeated_column_is_refused(folder: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    path = write(folder, "ada,t.png,a.png,1,1", header=HEADER + ", rank")
    table = pyarrow.Table.from_arrays(
        [pyarrow.array([value]) for value in ("ada", "t.png", "a.png", 1, 1)],
        names=[*HEADER.split(","), "rank"],
    )
    pyarrow.parquet.write_table(table, folder / "r.parquet")
    for source in (path, folder / "r.parquet"):
        with pytest.raises(RankingsFileError, match="row 1: the column 'rank' must appear only"):
            read_rankings(source)


def test_a_damaged_parquet_file_is_refused_in_one_line(folder: Path) -> None:
    path = folder / "r.parquet"
    write_rankings([Ranking("ada", "t.png", ("a.png", "b.png"), (1, 2))], path)
    whole = path.read_bytes()
    for damaged in (
        whole[:-30],
        whole[:40],
        whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(RankingsFileError, match=r"r\.parquet") as caught:
            read_rankings(path)
        assert "\n" not in str(caught.value)


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


@pytest.mark.parametrize("column", ["image", "rank", "round"])
def test_a_quote_that_never_closes_is_told_where_it_opens(folder: Path, column: str) -> None:
    """Else it would swallow the rest of the file, as a name or as a round."""
    cells = {"image": 'ada,t.png,"a.png,1,1', "rank": 'ada,t.png,a.png,"1,1'}
    opened = cells.get(column, 'ada,t.png,a.png,1,"1')
    rest = [f"ada,t.png,b.png,{number},1" for number in range(2, 500)]
    path = write(
        folder, "ada,t.png,c.png,1,1", opened, *rest, header="participant,target,image,rank,round"
    )
    with pytest.raises(RankingsFileError) as caught:
        read_rankings(path)
    assert str(caught.value) == f"{path}, row 3: the row is not CSV (a quote that opens must close)"


@pytest.mark.parametrize("column", ["image", "rank", "target", "confidence"])
def test_what_an_error_quotes_is_cut(folder: Path, column: str) -> None:
    """Two stray quotes make one cell of everything between them."""
    long = '"' + "x\n" * 5000 + '"'
    row = {"participant": "ada", "target": "t.png", "image": "a.png", "rank": "1"}
    row = row | {"confidence": "1"} | {column: long}
    path = write(folder, ",".join(row.values()), header=",".join(row))
    with pytest.raises(RankingsFileError) as caught:
        read_rankings(path)
    sentence = str(caught.value).removeprefix(str(path))
    assert len(sentence) < 200
    assert f"{column} must" in sentence
    header = write(folder, "1,2", header=f"participant,{long}")
    with pytest.raises(RankingsFileError, match="'target' is missing") as caught:
        read_rankings(header)
    assert len(str(caught.value).removeprefix(str(header))) < 200


# --- files as spreadsheets and other systems write them ------------------------------------------

TABLE = "participant,target,image,rank\nann,t.png,a.png,1\nann,t.png,b.png,2\n"


@pytest.mark.parametrize(
    "data",
    [
        TABLE.replace(",", ";").encode(),
        TABLE.replace(",", "\t").encode(),
        ("sep=;\r\n" + TABLE.replace(",", ";").replace("\n", "\r\n")).encode(),
        TABLE.replace(",", "\t").encode("utf-16"),
        TABLE.encode("utf-16-le"),
        (TABLE + ",,,\n ,,,\n,,,,,,\n").encode(),
        ('\n"SEP=;"\n' + TABLE.replace(",", ";")).encode(),
    ],
)
@pytest.mark.parametrize("name", ["r.csv", "R.CSV"])
def test_what_spreadsheets_write_is_read(folder: Path, data: bytes, name: str) -> None:
    (folder / name).write_bytes(data)
    (ranking,) = read_rankings(folder / name)
    assert (ranking.participant, ranking.ranks) == ("ann", (1, 2))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"PK\x03\x04rest", "got an Excel workbook or another archive: save it as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "got an Excel workbook"),
        (b"version https://git-lfs.github.com/spec/v1\n", "got a Git LFS pointer"),
        (TABLE.replace(",", ";").replace(";rank", "").encode(), "the column 'rank' is missing"),
        (b" <!DOCTYPE html><html>", "got a web page"),
        (TABLE.encode().replace(b"ann", b"M\xfcller"), "must be UTF-8 or UTF-16 text"),
        (b"sep=;\n" + TABLE.replace(",", ";").encode() + b"ann;t.png\n", r"row 5: .*by ';'"),
    ],
)
def test_a_file_that_is_something_else_is_called_so(
    folder: Path, data: bytes, sentence: str
) -> None:
    (folder / "r.csv").write_bytes(data)
    with pytest.raises(RankingsFileError, match=sentence):
        read_rankings(folder / "r.csv")


def test_one_name_in_two_unicode_forms_is_one_participant(folder: Path) -> None:
    path = write(folder, "Zo\u00eb,t.png,a.png,1", "Zoe\u0308,t.png,b.png,2")
    (ranking,) = read_rankings(path)
    assert (ranking.participant, ranking.ranks) == ("Zo\u00eb", (1, 2))


def test_an_invisible_character_in_a_name_is_refused_with_its_row(folder: Path) -> None:
    path = write(folder, "ann,t.png,a.png,1", "ann\u200b,t.png,b.png,2")
    with pytest.raises(RankingsFileError, match=r"row 3: participant must .* got U\+200B"):
        read_rankings(path)


@pytest.mark.parametrize("written", ["pics\\\u00e9.png", "pics/e\u0301.png", "pics/\u00e9.png"])
@pytest.mark.parametrize("on_disk", ["\u00e9.png", "e\u0301.png"])
def test_an_image_is_found_however_its_path_is_spelled(
    folder: Path, written: str, on_disk: str
) -> None:
    (folder / "pics").mkdir()
    place = folder / "pics" / on_disk
    place.write_bytes((folder / "a.png").read_bytes())
    (ranking,) = read_rankings(write(folder, f"ann,t.png,{written},1", "ann,t.png,b.png,2"))
    assert ranking.images[0] == str(place.resolve())


def test_an_error_names_the_line_on_which_the_row_begins(folder: Path) -> None:
    path = folder / "r.csv"
    header, first = "participant,target,image,rank,note", "ann,t.png,a.png,1,x"
    path.write_text(f'{header}\n\n{first}\nann,t.png,b.png,z,"two\nlines"\n', encoding="utf-8")
    with pytest.raises(RankingsFileError, match="row 4: rank must be a whole number"):
        read_rankings(path)


@pytest.mark.parametrize("confidence", ["0_1", "\u0660.\u0665", "nan", "0,5,1"])
def test_a_confidence_is_written_in_plain_digits(folder: Path, confidence: str) -> None:
    header = "participant;target;image;rank;confidence"
    path = write(folder, f"ann;t.png;a.png;1;{confidence}", header=header)
    with pytest.raises(RankingsFileError, match="row 2: confidence must be a number"):
        read_rankings(path)


@pytest.mark.parametrize(("rank", "confidence"), [("1", "0,5"), ("1,0", ".5"), ("1.0", "5e-1")])
def test_decimal_commas_are_read(folder: Path, rank: str, confidence: str) -> None:
    header = "participant;target;image;rank;confidence"
    path = write(folder, f"ann;t.png;a.png;{rank};{confidence}", header=header)
    (ranking,) = read_rankings(path)
    assert (ranking.ranks, ranking.confidence) == ((1,), 0.5)


def test_a_table_in_utf_32_is_read(folder: Path) -> None:
    path = folder / "r.csv"
    path.write_text("participant,target,image,rank\nZoë,t.png,a.png,1\n", encoding="utf-32")
    assert read_rankings(path)[0].participant == "Zoë"


@pytest.mark.parametrize("name", ["=1+1", "'=1+1", "'tis", "-ann", "＋x", "Möwe"])
def test_names_survive_the_guard_against_formulas(folder: Path, name: str) -> None:
    """A spreadsheet must not run a participant's label, and our own reader gives it back."""
    path = folder / "out.csv"
    ranking = Ranking(name, str(folder / "t.png"), (str(folder / "a.png"),), (1,))
    write_rankings([ranking], path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("\ufeff") and not re.search(r"^[=+\-@＋]", text, re.MULTILINE)
    assert read_rankings(path)[0].participant == name


def test_one_trial_in_two_unicode_forms_is_one_ranking(folder: Path) -> None:
    header = "participant,target,image,rank,trial"
    rows = ("ann,t.png,a.png,1,Jos\u00e9", "ann,t.png,b.png,2,Jose\u0301")
    (ranking,) = read_rankings(write(folder, *rows, header=header))
    assert ranking.ranks == (1, 2)


def test_json_lines_may_be_utf16(folder: Path) -> None:
    row = {"participant": "ann", "target": "t.png", "image": "a.png", "rank": 1}
    (folder / "r.jsonl").write_bytes((json.dumps(row) + "\n").encode("utf-16"))
    assert len(read_rankings(folder / "r.jsonl")) == 1
