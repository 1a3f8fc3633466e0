"""WildlifeReID-10k: the released selection, checked against pandas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from published_datasets import wildlife, wildlife_rows

from clpips.errors import ClpipsError, InputError
from clpips.identity.datasets.split import Draw
from clpips.identity.datasets.wildlife import Selection, read_wildlife

COUNTS = {
    **{("cow", "Cows2021", f"{n:03}"): 8 + n for n in range(1, 14)},
    **{("cow", "OpenCows2020", f"{n:03}"): 30 for n in range(3)},
    **{("sea turtle", "ZakynthosTurtles", f"t{n}"): 9 + 7 * n for n in range(4)},
    ("zebra", "StripeSpotter", "z"): 40,
    ("cow", "Cows2021", "unknown"): 25,
}
SPECIES = ["sea turtle", "cow"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wildlife(tmp_path_factory.mktemp("wildlife"), wildlife_rows(COUNTS))


def sampled(table: pd.DataFrame, count: Callable[[int], int]) -> pd.DataFrame:
    """A sample of each identity in the order of their names, each from its own stream."""
    groups = [own.sample(count(len(own)), random_state=42) for _, own in table.groupby("identity")]
    return pd.concat(groups)


def released_selection(
    root: Path, species: list[str], sources: list[str]
) -> tuple[list[str], list[str], set[str]]:
    """References, gallery and the rest with pandas, without unknown animals and ties by name."""
    table = pd.read_csv(root / "metadata.csv")
    table = table[table["species"].isin(species) & table["dataset"].isin(sources)]
    table = table[~table["identity"].str.endswith("_unknown")]
    enough = table.groupby("identity").filter(lambda own: len(own) >= 9)
    train = sampled(enough, lambda n: min(n - 5, 10))
    counts = train.groupby(["species", "identity"]).size().reset_index(name="n")
    counts = counts.sort_values(["n", "identity"], ascending=[False, True])
    names = counts.groupby("species").head(10)["identity"]
    train = train[train["identity"].isin(names)]
    rest = table[~table["path"].isin(train["path"])]
    gallery = sampled(rest[rest["identity"].isin(names)], lambda n: min(n, 15))
    extra = rest[~rest["path"].isin(gallery["path"])]
    by_species = [
        [path for each in species for path in part.loc[part["species"] == each, "path"]]
        for part in (train, gallery)
    ]
    return by_species[0], by_species[1], set(extra["path"])


def test_the_draws_are_those_of_pandas_row_for_row(root: Path) -> None:
    sources = ["Cows2021", "OpenCows2020", "ZakynthosTurtles"]
    train, gallery, extra = released_selection(root, SPECIES, sources)
    tables = read_wildlife(root, species=SPECIES, sources=sources)
    assert [row.file_path for row in tables.train] == train
    assert [row.file_path for row in tables.gallery] == gallery
    assert {row.file_path for row in tables.extra} == extra
    assert len({row.name for row in tables.train if row.species == "cow"}) == 10
    assert tables.left_out == {"images of other species": 40, "images of unknown individuals": 25}


def test_without_lists_every_species_is_read_in_the_order_of_names(root: Path) -> None:
    tables = read_wildlife(root)
    assert list(dict.fromkeys(row.species for row in tables.train)) == [
        "cow",
        "sea turtle",
        "zebra",
    ]
    assert "sea turtle 4, zebra 1" in tables.notes[0]


def test_a_list_of_sources_leaves_the_others_out(root: Path) -> None:
    tables = read_wildlife(root, species=["cow"], sources=["OpenCows2020"])
    assert {row.name for row in tables.train} == {f"OpenCows2020_00{n}" for n in range(3)}
    others = sum(COUNTS[key] for key in COUNTS if key[:2] == ("cow", "Cows2021"))
    assert tables.left_out["images from other source data sets"] == others


def test_ones_own_counts_and_seed(root: Path) -> None:
    selection = Selection(Draw(3, 2, 7), least=(2, 2), individuals=1)
    tables = read_wildlife(root, species=["zebra"], selection=selection)
    own = [row for row in wildlife_rows(COUNTS) if row["species"] == "zebra"]
    wanted = pd.DataFrame(own).sample(3, random_state=7)["path"].tolist()
    assert [row.file_path for row in tables.train] == wanted
    assert (len(tables.gallery), len(tables.extra)) == (2, 35)


def test_by_date_no_gallery_image_is_as_early_as_a_reference(root: Path) -> None:
    day = {row["path"]: row["date"] for row in wildlife_rows(COUNTS)}
    tables = read_wildlife(root, species=["cow"], by_date=True)
    for name in {row.name for row in tables.train}:
        early = [day[row.file_path] for row in tables.train if row.name == name]
        late = [day[row.file_path] for row in tables.gallery if row.name == name]
        assert max(early) < min(late)
        assert (4 <= len(early) <= 10, 5 <= len(late) <= 15) == (True, True)


def test_by_date_individuals_of_one_day_and_images_without_a_date_are_not_used(
    tmp_path: Path,
) -> None:
    rows = wildlife_rows({("cow", "C", "a"): 20, ("cow", "C", "b"): 30, ("cow", "C", "c"): 20})
    for row in rows:
        row["date"] = {"C_a": "2020-05-05", "C_b": row["date"], "C_c": ""}[row["identity"]]
    tables = read_wildlife(wildlife(tmp_path, rows), by_date=True)
    assert {row.name for row in tables.gallery} == {"C_b"}
    assert sum(row.name == "C_a" for row in tables.extra) == 20
    assert tables.left_out == {"images without a date": 20}


def test_an_image_in_several_rows_shows_several_animals_and_is_left_out(tmp_path: Path) -> None:
    rows = wildlife_rows({("cow", "C", "a"): 20, ("cow", "C", "b"): 20})
    first = {"a": "", "b": ""} | {row["identity"][-1]: row["path"] for row in rows}
    for row in rows:
        if row["path"] == first["b"]:
            row["path"] = first["a"]
    tables = read_wildlife(wildlife(tmp_path, rows))
    assert tables.left_out == {"rows of images that are in several rows": 2}
    every = [*tables.train, *tables.gallery, *tables.extra]
    assert first["a"] not in {row.file_path for row in every}


def test_a_table_of_one_species_needs_its_name(tmp_path: Path) -> None:
    rows = wildlife_rows({("cow", "C", "a"): 20})
    bare = [
        {"image_id": str(n), "identity": r["identity"], "path": r["path"], "bbox": "1"}
        for n, r in enumerate(rows)
    ]
    wildlife(tmp_path, bare)
    tables = read_wildlife(tmp_path, species=["cow"])
    assert tables.train[0].species == "cow"
    assert tables.notes[-1] == "Bounding boxes are not applied: images are used whole."
    with pytest.raises(ClpipsError, match="row 1: the column 'species' is missing"):
        read_wildlife(tmp_path)


def changed(column: str, value: str) -> Callable[[Path], None]:
    """Damage to the second row."""

    def damage(root: Path) -> None:
        rows = wildlife_rows({("cow", "C", "a"): 20})
        rows[1] = {**rows[1], column: value}
        wildlife(root, rows)

    return damage


def rewritten(old: str, new: str) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        table = root / "metadata.csv"
        table.write_text(table.read_text().replace(old, new, 1))

    return damage


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing file": (lambda root: (root / "metadata.csv").unlink(), "metadata.csv: no such table"),
    "wrong column": (rewritten("identity,", "who,"), "row 1: the column 'identity' is missing"),
    "short row": (rewritten(",C\n", "\n"), "row 2: a row must have one value per column"),
    "no identity": (changed("identity", ""), "row 3: identity must not be empty"),
    "no species": (changed("species", ""), "row 3: species must not be empty"),
    "no path": (changed("path", " "), "row 3: path must not be empty"),
    "image missing": (
        lambda root: (root / "images" / "C" / "a" / "0007.jpg").unlink(),
        r"row \d+: no image 'images/C/a/0007.jpg' in",
    ),
    "not a date": (changed("date", "in May"), "row 3: date must begin with YYYY-MM-DD"),
    "no rows": (
        lambda root: (root / "metadata.csv").write_text("identity,path,species\n"),
        "hold at least one row",
    ),
    "too few images": (
        lambda root: (wildlife(root, wildlife_rows({("cow", "C", "a"): 8})), None)[1],
        "an individual must have at least 9 images",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_by_file_and_row(kind: str, tmp_path: Path) -> None:
    damage, sentence = DAMAGE[kind]
    wildlife(tmp_path, wildlife_rows({("cow", "C", "a"): 20}))
    damage(tmp_path)
    with pytest.raises(InputError, match=sentence):
        read_wildlife(tmp_path, by_date=kind == "not a date")


def test_species_and_sources_that_are_not_there_are_refused(root: Path) -> None:
    with pytest.raises(InputError, match="no species 'dog', it has 'cow', 'sea turtle', 'zebra'"):
        read_wildlife(root, species=["dog"])
    with pytest.raises(InputError, match="no source data set 'ATRW', it has 'Cows2021'"):
        read_wildlife(root, sources=["ATRW"])
    with pytest.raises(InputError, match="an individual of 'cow' must have at least 50 images"):
        read_wildlife(root, species=["cow", "zebra"], selection=Selection(least=(20, 30)))


@pytest.mark.parametrize("wrong", [{"least": (0, 5)}, {"individuals": 0}])
def test_counts_have_ranges(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match="must be at least 1"):
        Selection(**wrong)  # type: ignore[arg-type]
