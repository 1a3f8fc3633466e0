"""``clpips identity prepare``, as a person calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from published_datasets import cars_combined, cars_devkit, cub, save_mat, wildlife, wildlife_rows

from clpips.__main__ import main
from clpips.identity.datasets.cub import read_cub
from clpips.io.image_tables import read_image_table

Run = Callable[..., tuple[int, str, str]]
TABLES = ("train_data.csv", "gallery_data.csv", "extra_data.csv")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            status = main(["identity", "prepare", *map(str, arguments)])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def small_cub(root: Path) -> Path:
    return cub(root, classes={193: "Bewick_Wren", 194: "Cactus_Wren"}, per_class=24)


def small_cars(root: Path) -> Path:
    return cars_devkit(root, [1, 2] * 23)


def older_cars(root: Path) -> Path:
    return cars_combined(root, [1, 2] * 30, [0, 0, 1, 1] * 15)


def small_wildlife(root: Path) -> Path:
    animals = {("cow", "Cows2021", "a"): 30, ("cow", "Cows2021", "b"): 12}
    return wildlife(root, wildlife_rows(animals))


MAKERS: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "cub": (small_cub, ["--classes", "wren=193,194"]),
    "cars": (small_cars, ["--classes", "car=1,2"]),
    "older cars": (older_cars, ["--classes", "car=1,2", "--per-identity", "5", "6"]),
    "wildlife": (small_wildlife, []),
}


def arguments(kind: str, root: Path, out: Path) -> list[object]:
    dataset = kind.split()[-1]
    return ["--dataset", dataset, "--root", root, "--out", out, *MAKERS[kind][1]]


@pytest.mark.parametrize("kind", MAKERS)
def test_the_tables_are_read_back_with_every_image(kind: str, tmp_path: Path, run: Run) -> None:
    MAKERS[kind][0](tmp_path / "data")
    status, out, err = run(*arguments(kind, tmp_path / "data", tmp_path / "out"), "--json")
    assert (status, err) == (0, "")
    document = json.loads(out)
    assert document == json.loads((tmp_path / "out" / "prepare.json").read_text())
    paths = set()
    for table, part in zip(TABLES, ("train", "gallery", "extra"), strict=True):
        rows = read_image_table(tmp_path / "out" / table)
        assert len(rows) == document[part]
        assert document["files"][part] == str(tmp_path / "out" / table)
        paths |= {row.path for row in rows}
    assert len(paths) == document["train"] + document["gallery"] + document["extra"]


def test_the_printed_counts_are_by_species_and_identity(tmp_path: Path, run: Run) -> None:
    small_cub(tmp_path)
    status, out, _ = run(*arguments("cub", tmp_path, tmp_path / "out"))
    assert status == 0
    assert out.splitlines()[:4] == [
        "wren: 2 identities, 20 reference, 20 gallery, 11 extra images",
        "  Bewick_Wren: 10 reference, 10 gallery, 5 extra images",
        "  Cactus_Wren: 10 reference, 10 gallery, 6 extra images",
        "Left out: 25 images of other classes.",
    ]
    assert "Prompts are not part of a data set" in out


def test_car_models_are_named_beside_their_labels(tmp_path: Path, run: Run) -> None:
    small_cars(tmp_path)
    _, out, _ = run(*arguments("cars", tmp_path, tmp_path / "out"))
    assert "  1 (Model 002 C/V Sedan 2012): 10 reference" in out


def test_paths_are_relative_where_the_images_are_below(tmp_path: Path, run: Run) -> None:
    small_wildlife(tmp_path / "data")
    run(*arguments("wildlife", tmp_path / "data", tmp_path))
    inside = (tmp_path / "gallery_data.csv").read_text("utf-8-sig").splitlines()[1]
    assert inside.startswith("Cows2021_a,cow,data/images/Cows2021/a/")
    run(*arguments("wildlife", tmp_path / "data", tmp_path / "elsewhere"))
    outside = (tmp_path / "elsewhere" / "gallery_data.csv").read_text("utf-8-sig").splitlines()[1]
    assert f"cow,{tmp_path / 'data'}/images" in outside


def test_copies_lie_by_species_and_identity_in_the_order_of_the_draw(
    tmp_path: Path, run: Run
) -> None:
    root, out = small_cub(tmp_path / "data"), tmp_path / "out"
    for number, path in enumerate(sorted(root.rglob("*.jpg"))):
        path.write_bytes(str(number).encode())
    assert run(*arguments("cub", root, out), "--copy")[0] == 0
    tables = read_cub(root, classes={"wren": [193, 194]})
    assert (out / "gallery_data.csv").read_text("utf-8-sig").splitlines()[1] == (
        "Bewick_Wren,wren,data/wren/Bewick_Wren/gallery/0.jpg"
    )
    for table, rows in zip(TABLES, (tables.train, tables.gallery, tables.extra), strict=True):
        copied = [Path(row.path).read_bytes() for row in read_image_table(out / table)]
        assert copied == [Path(row.path).read_bytes() for row in rows]
    assert (out / "extra" / "wren" / "Cactus_Wren" / "5.jpg").is_file()


@pytest.mark.parametrize("occupied", [True, False])
def test_copies_are_all_there_or_none(tmp_path: Path, run: Run, occupied: bool) -> None:
    root, out = small_wildlife(tmp_path / "data"), tmp_path / "out"
    if occupied:
        out.mkdir()
        (out / "mine.txt").write_text("mine")
    else:  # a file in the way of reading, after some were copied
        rows = wildlife_rows({("cow", "Cows2021", "a"): 30, ("cow", "Cows2021", "A"): 30})
        wildlife(root, rows)
    status, _, err = run(*arguments("wildlife", root, out), "--copy")
    assert status == 2
    assert ("a new or empty folder" if occupied else "would share the folder") in err
    assert [path.name for path in tmp_path.rglob("*.csv")] == ["metadata.csv"]


def test_by_date_is_written_into_the_card(tmp_path: Path, run: Run) -> None:
    small_wildlife(tmp_path)
    how = ["--by-date", "--least", "3", "3", "--individuals", "1", "--seed", "5"]
    how += ["--per-identity", "4", "4", "--species", "cow", "--source-datasets", "Cows2021"]
    status, out, _ = run(*arguments("wildlife", tmp_path, tmp_path / "out"), *how, "--json")
    assert status == 0
    assert json.loads(out)["settings"] == {
        "species": ["cow"],
        "source_datasets": ["Cows2021"],
        "per_identity": [4, 4],
        "least": [3, 3],
        "individuals": 1,
        "split": "by date",
        "seed": 5,
    }
    assert list(json.loads(out)["species"]["cow"]["identities"]) == ["Cows2021_a"]


def first_line(table: Path, edit: Callable[[str], str]) -> None:
    lines = table.read_text().split("\n")
    table.write_text("\n".join([edit(lines[0]), *lines[1:]]))


def pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def relabelled(root: Path, label: object) -> None:
    """The class of the first car is another."""
    table = root / "devkit" / "cars_test_annos_withlabels.mat"
    annotations = scipy.io.loadmat(table)["annotations"]
    annotations["class"][0, 0] = label
    save_mat(table, annotations=annotations)


def without_field(root: Path, field: str) -> None:
    table = root / "cars_annos.mat"
    content = scipy.io.loadmat(table)
    kept = [name for name in content["annotations"].dtype.names if name != field]
    fewer = np.empty(content["annotations"].shape, [(name, object) for name in kept])
    for name in kept:
        fewer[name] = content["annotations"][name]
    save_mat(table, annotations=fewer, class_names=content["class_names"])


DAMAGE: list[tuple[str, Callable[[Path], object], str]] = [
    ("cub", lambda root: (root / "image_class_labels.txt").unlink(), "labels.txt: no such file"),
    ("cub", lambda root: first_line(root / "images.txt", lambda line: "1"), "images.txt, row 1: "),
    (
        "cub",
        lambda root: first_line(root / "image_class_labels.txt", lambda line: "1 500"),
        "image_class_labels.txt, row 1: there is no class 500 in classes.txt",
    ),
    (
        "cub",
        lambda root: first_line(root / "images.txt", lambda line: f"one {line}"),
        "images.txt, row 1: an image number must be a whole number, got 'one'",
    ),
    ("cub", lambda root: next((root / "images").glob("194*/*")).unlink(), "no image '194.Cactus"),
    ("cub", lambda root: pointer(root / "classes.txt"), "got a Git LFS pointer"),
    ("cars", lambda root: (root / "devkit" / "cars_meta.mat").unlink(), "meta.mat: no such file"),
    ("cars", lambda root: pointer(root / "devkit" / "cars_meta.mat"), "not a MATLAB file"),
    ("cars", lambda root: relabelled(root, [[197]]), "row 1: class must be a whole number within"),
    ("cars", lambda root: relabelled(root, ["Audi"]), "row 1: class must be a whole number within"),
    ("cars", lambda root: (root / "cars_test" / "00003.jpg").unlink(), "row 3: no image '00003."),
    ("older cars", lambda root: without_field(root, "test"), "must have the field 'test', got"),
    (
        "older cars",
        lambda root: (root / "cars_annos.mat").unlink(),
        "cars_annos.mat: no such file",
    ),
    (
        "older cars",
        lambda root: (root / "car_ims" / "000003.jpg").unlink(),
        "row 3: no image 'car_ims/000003.jpg'",
    ),
    (
        "older cars",
        lambda root: (root / "cars_annos.mat").write_bytes(
            (root / "cars_annos.mat").read_bytes()[:-300]
        ),
        "not a MATLAB file",
    ),
    (
        "older cars",
        lambda root: save_mat(root / "cars_annos.mat", annotations=np.ones((1, 3))),
        "must hold the variable 'class_names'",
    ),
    ("wildlife", lambda root: (root / "metadata.csv").unlink(), "metadata.csv: no such table"),
    (
        "wildlife",
        lambda root: first_line(root / "metadata.csv", lambda line: line.replace("path", "file")),
        "row 1: the column 'path' is missing",
    ),
    (
        "wildlife",
        lambda root: first_line(root / "metadata.csv", lambda line: f"{line},age"),
        "row 2: a row must have one value per column",
    ),
    (
        "wildlife",
        lambda root: (root / "images" / "Cows2021" / "b" / "0003.jpg").unlink(),
        "no image 'images/Cows2021/b/0003.jpg'",
    ),
    ("wildlife", lambda root: pointer(root / "metadata.csv"), "got a Git LFS pointer"),
    (
        "wildlife",
        lambda root: (root / "metadata.csv").write_text('identity,path,species\n"a,b,c\n'),
        "row 2: the row is not CSV",
    ),
]


@pytest.mark.parametrize("number", range(len(DAMAGE)), ids=lambda n: f"{DAMAGE[n][0]}-{n}")
def test_damage_gives_one_sentence_and_writes_nothing(
    number: int, tmp_path: Path, run: Run
) -> None:
    kind, damage, sentence = DAMAGE[number]
    root = MAKERS[kind][0](tmp_path / "data")
    damage(root)
    status, out, err = run(*arguments(kind, root, tmp_path / "out"))
    assert (status, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


WRONG: list[tuple[list[str], str]] = [
    (["--dataset", "cars", "--species", "car"], "--species goes with --dataset cub or wildlife"),
    (["--dataset", "cars", "--seed", "1"], "--seed goes with --dataset cub or wildlife, not with"),
    (["--dataset", "cub", "--by-date"], "--by-date goes with --dataset wildlife, not with cub"),
    (["--dataset", "wildlife", "--classes", "a=1"], "--classes goes with --dataset cub or cars"),
    (["--dataset", "cub", "--classes", "wren=193,x"], "--classes must be like wren=193,194"),
    (["--dataset", "cub", "--classes", "wren"], "--classes must be like wren=193,194, got 'wren'"),
    (["--dataset", "cub", "--classes", "a=1", "a=2"], "must name a species once, got 'a' again"),
    (["--dataset", "cub", "--classes", "a=1", "--species", "a"], "--species must not be given"),
    (["--dataset", "cub", "--species", "dog"], "--species must be of wren, tern, sparrow, or"),
    (["--dataset", "cub", "--per-identity", "0", "9"], "references must be at least 1, got 0"),
    (["--dataset", "wildlife", "--individuals", "0"], "must be at least 1"),
    (["--dataset", "cub", "--seed", "-1"], "seed must be within 0 … 4294967295, got -1"),
]


@pytest.mark.parametrize(("how", "sentence"), WRONG)
def test_options_that_do_not_go_together_are_refused(
    how: list[str], sentence: str, tmp_path: Path, run: Run
) -> None:
    status, _, err = run("--root", tmp_path, "--out", tmp_path / "out", *how)
    assert status == 2
    assert sentence in err


def test_a_file_in_place_of_the_folder_is_refused_before_any_work(tmp_path: Path, run: Run) -> None:
    (tmp_path / "out").write_text("mine")
    for out in (tmp_path / "out", tmp_path / "out" / "deeper", ""):
        status, _, err = run("--dataset", "cub", "--root", tmp_path, "--out", out)
        assert (status, "--out must name a folder" in err) == (2, True)
