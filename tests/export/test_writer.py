"""Rankings in other tools' layouts, read back as those tools read them."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import choix
import numpy as np
import pytest
from pictures import scene
from PIL import Image

from clpips.errors import Cancelled, ImageError, InputError
from clpips.export.nights import splits
from clpips.export.writer import LAYOUTS, ExportedRankings, export_rankings
from clpips.io.images import load_image
from clpips.progress import Watch
from clpips.types import Ranking

Triple = tuple[str, str, str]
"""Target, nearer, farther: each the SHA-256 of the picture."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pictures")
    for number in range(12):
        scene(number, 48).save(made / f"p{number}.png")
    return made


@pytest.fixture(scope="module")
def rankings(folder: Path) -> list[Ranking]:
    """Two people, two targets; agreement, disagreement, a tie and a repeat."""

    def ranking(who: str, target: int, order: str, ranks: tuple[int, ...], round_: str) -> Ranking:
        images = tuple(str(folder / f"p{number}.png") for number in map(int, order.split()))
        return Ranking(who, str(folder / f"p{target}.png"), images, ranks, "1", round_)

    return [
        ranking("ada", 0, "2 3 4 5", (1, 2, 3, 4), "1"),
        ranking("ada", 0, "2 3 4 5", (2, 1, 3, 4), "2"),  # a repeat, which counts too
        ranking("bob", 0, "2 3 4 5", (1, 2, 3, 4), "1"),
        ranking("bob", 1, "6 7 8", (1, 2, 2), "1"),
    ]


def digest(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def wanted(rankings: list[Ranking]) -> Counter[Triple]:
    return Counter(
        (digest(one.target), digest(pair.nearer), digest(pair.farther))
        for one in rankings
        for pair in one.comparisons()
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def from_twoafc(out: Path) -> Counter[Triple]:
    """As BAPPS's reader does: the sorted files of four folders belong together by place."""
    names = {place: sorted((out / place).iterdir()) for place in ("ref", "p0", "p1", "judge")}
    found: Counter[Triple] = Counter()
    rows = rows_of(out / "triplets.csv")
    for row, *files in zip(rows, *names.values(), strict=True):
        ref, p0, p1 = map(digest, files[:3])
        assert [out / row[place] for place in ("ref", "p0", "p1")] == files[:3]
        share = np.load(files[3], allow_pickle=False).reshape((1, 1, 1)).item()
        votes = int(row["votes_p0"]) + int(row["votes_p1"])
        assert float(row["judge"]) == share
        found[ref, p1, p0] += round(share * votes)
        found[ref, p0, p1] += votes - round(share * votes)
    return +found


def from_nights(out: Path) -> Counter[Triple]:
    """As DreamSim's reader does: columns by their place."""
    found: Counter[Triple] = Counter()
    with (out / "data.csv").open(newline="") as file:
        for line in list(csv.reader(file))[1:]:
            ref, left, right = (digest(out / line[place]) for place in (4, 5, 6))
            pair = (right, left) if float(line[2]) else (left, right)
            assert int(line[1]) + int(line[2]) == 1
            found[(ref, *pair)] += int(line[3])
    return found


def from_counts(out: Path) -> Counter[Triple]:
    table: Counter[Triple] = Counter()
    for row in rows_of(out / "counts.csv"):
        names = (digest(out / row[name]) for name in ("target", "item_i", "item_j"))
        table[tuple(names)] += int(row["wins_i"])
    matrices: Counter[Triple] = Counter()
    for one in json.loads((out / "counts.json").read_text())["targets"]:
        items = [digest(out / item) for item in one["items"]]
        for i, j in zip(*np.nonzero(one["wins"]), strict=True):
            matrices[digest(out / one["target"]), items[i], items[j]] += one["wins"][i][j]
    assert +table == +matrices
    return +table


def from_pairs(out: Path) -> Counter[Triple]:
    lines = [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]
    assert [{key: value or "" for key, value in line.items()} for line in lines] == rows_of(
        out / "pairs.csv"
    )
    return Counter(
        tuple(digest(out / line[name]) for name in ("target", "chosen", "rejected"))
        for line in lines
    )


READERS: dict[str, Callable[[Path], Counter[Triple]]] = {
    "2afc": from_twoafc,
    "nights": from_nights,
    "bradley-terry": from_counts,
    "pairs": from_pairs,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("images", [True, False])
def test_the_comparisons_come_back_out_of_every_layout(
    rankings: list[Ranking], tmp_path: Path, layout: str, images: bool
) -> None:
    out = tmp_path / "a" / "b"
    made = export_rankings(rankings, layout, out, images=images)
    if images or layout != "2afc":  # whose folders are the images
        assert READERS[layout](out) == wanted(rankings)
    assert (made.n_comparisons, made.n_ties, made.n_twins) == (20, 1, 0)
    assert made.n_images == len(list(out.rglob("*.png")))
    assert bool(made.n_images) == images
    assert not any(one.is_symlink() for one in out.rglob("*"))


def test_two_alternative_tables_without_images_lead_to_the_originals(
    rankings: list[Ranking], tmp_path: Path
) -> None:
    export_rankings(rankings, "2afc", tmp_path / "out", images=False)
    rows = rows_of(tmp_path / "out" / "triplets.csv")
    places = {digest(tmp_path / "out" / row["ref"]) for row in rows}
    assert places == {digest(one.target) for one in rankings}
    assert not any(Path(row["ref"]).is_absolute() for row in rows)


def test_the_side_of_a_picture_does_not_tell_who_won(
    rankings: list[Ranking], tmp_path: Path
) -> None:
    reverse = [
        Ranking(one.participant, one.target, one.images[::-1], one.ranks, one.trial, one.round)
        for one in rankings[:3]  # without ties, so that each pair is compared both times
    ]
    sides = []
    for name, some in (("as it is", rankings[:3]), ("reverse", reverse)):
        export_rankings(some, "2afc", tmp_path / name)
        rows = rows_of(tmp_path / name / "triplets.csv")
        sides.append(
            {tuple(digest(tmp_path / name / row[k]) for k in ("p0", "p1")) for row in rows}
        )
    assert sides[0] == sides[1]


def test_people_who_disagree_share_one_triplet_and_its_votes(
    rankings: list[Ranking], folder: Path, tmp_path: Path
) -> None:
    export_rankings(rankings, "2afc", tmp_path / "bapps")
    export_rankings(rankings, "nights", tmp_path / "nights")
    pair = {digest(folder / "p2.png"), digest(folder / "p3.png")}
    (split,) = (
        row
        for row in rows_of(tmp_path / "bapps" / "triplets.csv")
        if {digest(tmp_path / "bapps" / row[k]) for k in ("p0", "p1")} == pair
    )
    assert sorted((int(split["votes_p0"]), int(split["votes_p1"]))) == [1, 2]
    rows = rows_of(tmp_path / "nights" / "data.csv")
    assert [row["unanimous"] for row in rows].count("FALSE") == 2
    assert len({row["id"] for row in rows}) == len(rows) == 9


def test_no_target_is_in_two_splits_of_nights_and_the_split_is_the_seeds() -> None:
    targets = [f"target {number}" for number in range(20)]
    found = splits(targets * 3, seed=0)
    assert Counter(found.values()) == {"train": 16, "val": 2, "test": 2}
    assert splits(targets[::-1], seed=0) == found != splits(targets, seed=1)
    assert set(splits(targets[:9], seed=0).values()) == {"train"}


def test_bradley_terry_counts_recover_a_planted_order(folder: Path, tmp_path: Path) -> None:
    images = tuple(str(folder / f"p{number}.png") for number in range(1, 7))
    truth = np.array([0.0, 3.0, 1.0, 5.0, 2.0, 4.0])  # larger is nearer
    rng = np.random.default_rng(2)
    rankings = []
    for person in range(40):
        order = np.argsort(-(truth + rng.gumbel(size=6)))
        ranks = np.empty(6, dtype=int)
        ranks[order] = np.arange(1, 7)
        rankings.append(Ranking(f"p{person}", str(folder / "p0.png"), images, tuple(ranks)))
    export_rankings(rankings, "bradley-terry", tmp_path / "out")
    (one,) = json.loads((tmp_path / "out" / "counts.json").read_text())["targets"]
    strength = choix.ilsr_pairwise_dense(np.array(one["wins"]), alpha=0.01)
    by_item = dict(zip((Path(item).stem for item in one["items"]), strength, strict=True))
    found = np.array([by_item[digest(image)] for image in images])
    np.testing.assert_array_equal(np.argsort(found), np.argsort(truth))


def test_pairs_carry_the_prompt_where_it_is_known_and_no_formula_reaches_a_spreadsheet(
    rankings: list[Ranking], tmp_path: Path
) -> None:
    export_rankings(rankings, "pairs", tmp_path / "out", prompts={rankings[0]: "=a hat"})
    lines = [
        json.loads(line) for line in (tmp_path / "out" / "pairs.jsonl").read_text().splitlines()
    ]
    told = {(line["participant"], line["round"]): line["prompt"] for line in lines}
    assert told == {("ada", "1"): "=a hat", ("ada", "2"): None, ("bob", "1"): None}
    assert {row["prompt"] for row in rows_of(tmp_path / "out" / "pairs.csv")} == {"'=a hat", ""}


def test_the_same_ranking_handed_in_twice_counts_once(
    rankings: list[Ranking], tmp_path: Path
) -> None:
    made = export_rankings([*rankings, rankings[0]], "pairs", tmp_path / "out")
    assert (made.n_rankings, made.n_comparisons) == (4, 20)


def test_one_picture_at_two_paths_is_one_picture_at_its_nearer_place(
    folder: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "twin.png"
    twin.write_bytes((folder / "p2.png").read_bytes())
    images = (str(twin), str(folder / "p3.png"), str(folder / "p2.png"))
    ranking = Ranking("ada", str(folder / "p0.png"), images, (3, 2, 1))
    made = export_rankings([ranking], "pairs", tmp_path / "out")
    assert (made.n_comparisons, made.n_twins, made.n_images) == (1, 1, 3)
    line = json.loads((tmp_path / "out" / "pairs.jsonl").read_text())
    assert digest(tmp_path / "out" / line["chosen"]) == digest(twin)


def test_an_image_that_bapps_cannot_read_is_a_png_in_its_layout_and_itself_elsewhere(
    folder: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.webp"
    scene(30, 48).save(odd, lossless=True)
    ranking = Ranking("ada", str(folder / "p0.png"), (str(odd), str(folder / "p1.png")), (1, 2))
    export_rankings([ranking], "2afc", tmp_path / "bapps")
    export_rankings([ranking], "nights", tmp_path / "nights")
    assert {
        one.suffix for place in ("p0", "p1") for one in (tmp_path / "bapps" / place).iterdir()
    } == {".png"}
    made = [load_image(next((tmp_path / "bapps" / place).iterdir())) for place in ("p0", "p1")]
    assert any((one == load_image(odd)).all() for one in made)
    assert (tmp_path / "nights" / "images" / f"{digest(odd)}.webp").is_file()


def test_what_was_left_out_is_said_in_words(rankings: list[Ranking], tmp_path: Path) -> None:
    made = export_rankings(rankings, "nights", tmp_path / "out")
    assert made.sentence == "20 comparisons out of 4 rankings; 1 tied pair was left out."
    assert made.sentence in (tmp_path / "out" / "README.txt").read_text()
    none = ExportedRankings("pairs", 1, 1, 0, 2, 0)
    assert none.sentence == (
        "1 comparison out of 1 ranking; no tie was left out, "
        "and 2 images that the ranking held twice."
    )


@pytest.mark.parametrize("after", [0, 5, 20])
def test_cancelling_leaves_nothing_behind(
    rankings: list[Ranking], tmp_path: Path, after: int
) -> None:
    told: list[float] = []
    watch = Watch(lambda share, words: told.append(share), lambda: len(told) >= after)
    with pytest.raises(Cancelled):
        export_rankings(rankings, "2afc", tmp_path / "new" / "out", watch=watch)
    assert list(tmp_path.iterdir()) == []
    assert told == sorted(told) and len(told) == after


def test_a_failure_half_way_leaves_an_empty_folder_as_it_was(
    folder: Path, rankings: list[Ranking], tmp_path: Path
) -> None:
    gone = Ranking("ada", str(folder / "p0.png"), (str(tmp_path / "no.png"), "x"), (1, 2))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ImageError, match=r"no\.png: no such image"):
        export_rankings([*rankings, gone], "pairs", out)
    assert [*tmp_path.iterdir()] == [out] and list(out.iterdir()) == []


def test_what_is_no_image_never_gets_into_an_export(
    rankings: list[Ranking], tmp_path: Path
) -> None:
    """A rankings file may name any file of the machine."""
    secret = tmp_path / "passwords.png"
    secret.write_bytes(b"root:x:0:0")
    first = rankings[0]
    named = replace(first, images=(str(secret), *first.images[1:]))
    for layout in LAYOUTS:
        with pytest.raises(ImageError, match=r"passwords\.png: an image must be"):
            export_rankings([named], layout, tmp_path / layout)
        assert not (tmp_path / layout).exists()


def test_a_folder_with_something_in_it_is_never_written_to(
    rankings: list[Ranking], tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="must go into a new or empty folder"):
        export_rankings(rankings, "pairs", tmp_path)
    with pytest.raises(InputError, match=r"got the file"):
        export_rankings(rankings, "pairs", tmp_path / "mine.txt")
    with pytest.raises(InputError, match="is a file"):
        export_rankings(rankings, "pairs", tmp_path / "mine.txt" / "out")
    with pytest.raises(InputError, match="empty name"):
        export_rankings(rankings, "pairs", "")
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_ties_alone_are_nothing_to_export(folder: Path, tmp_path: Path) -> None:
    images = (str(folder / "p1.png"), str(folder / "p2.png"))
    with pytest.raises(InputError, match="at least one image ranked nearer than another"):
        export_rankings([Ranking("ada", str(folder / "p0.png"), images, (1, 1))], "2afc", tmp_path)
    with pytest.raises(InputError, match=r"the layout must be one of \('2afc'"):
        export_rankings([], "xml", tmp_path)


def test_finished_folders_have_the_usual_rights(rankings: list[Ranking], tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    export_rankings(rankings, "pairs", tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode
    with Image.open(next((tmp_path / "out" / "images").iterdir())) as image:
        image.load()
