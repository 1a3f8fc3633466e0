"""``clpips identity nearid``, as a person calls it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import near_identities as fakes
import numpy as np
import pytest
from PIL import Image

from clpips.__main__ import main
from clpips.features.embedding.encoder import ImageEncoder
from clpips.features.embedding.file import write_embeddings
from clpips.features.embedding.registry import open_encoder
from clpips.features.registry import space_of
from clpips.identity.foreground import cleaned_mask
from clpips.identity.near_identity_set import open_near_identity_set
from clpips.identity.part_level_set import open_part_level_set
from clpips.metric.card import Card
from clpips.metric.clpips import CLPIPS
from clpips.metric.serialization import write_metric
from clpips.metric.settings import FitSettings
from clpips.types import Ranking

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        status = main(["identity", "nearid", *map(str, arguments)])
        held = capsys.readouterr()
        return status, held.out, held.err

    return call


@pytest.fixture(scope="session")
def stock_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A personal metric's file whose weights are the stock ones."""
    ranking = Ranking("ada", "t.png", ("a.png", "b.png"), (1, 2))
    space = space_of("alex")
    settings = FitSettings("channel", 0.05, 1.0, "stock", 0)
    card = Card.of_fit(space, [ranking], settings, 0.0)
    path = tmp_path_factory.mktemp("metric") / "stock.safetensors"
    write_metric(path, space.by_block(space.stock), card)
    return path


def embeddings(dataset: Path, path: Path, seed: int = 0) -> Path:
    """Random embeddings of a set; distractors are near their view."""
    draw = np.random.default_rng(seed)
    found = {}
    for views in open_near_identity_set(dataset).views():
        for slots in (views.positives, *views.distractors.values()):
            for slot in slots:
                if slot is not None:
                    found[slot.key] = draw.normal(size=8).astype(np.float32)
    write_embeddings(found, path)
    return path


@pytest.mark.parametrize("layout", ["folder", "images", "img"])
def test_the_report_says_what_the_margins_come_to(run: Run, tmp_path: Path, layout: str) -> None:
    data, out = tmp_path / "set", tmp_path / "out"
    if layout == "folder":
        fakes.csv_set(data, [f"i{n}" for n in range(6)], missing=[("i1", "flux", 2)])
    else:
        fakes.parquet_set(data, range(6), spelling=layout)
    file = embeddings(data, tmp_path / "e.npz")
    status, printed, _ = run(data, "--embeddings", file, "--out", out, "--json")
    report = json.loads((out / "report.json").read_text())
    assert (status, json.loads(printed)) == (0, report)
    assert report["encoder"]["name"] == "e.npz"
    with (out / "margins.csv").open(encoding="utf-8-sig", newline="") as held:
        rows = list(csv.DictReader(held))
    for source, found in {**report["sources"], "pooled": report["pooled"]}.items():
        own = [row for row in rows if source in ("pooled", row["source"])]
        margins = np.array([float(row["margin"]) for row in own])
        assert found["n_margins"] == len(own)
        assert found["pa"] == pytest.approx((margins > 0).mean())
        assert found["mean_margin"] == pytest.approx(margins.mean())
        units: dict[Any, list[str]] = {}
        for row in own:
            units.setdefault((row["source"], row["id"]), []).append(row["won"])
        assert found["ssr"] == pytest.approx(np.mean([set(v) == {"1"} for v in units.values()]))
    row = rows[0]
    assert float(row["margin"]) == pytest.approx(
        float(row["similarity"]) - float(row["distractor_similarity"])
    )


def test_the_published_toy_case_through_the_command(run: Run, tmp_path: Path) -> None:
    """Vector 7.1: all similarities .9, distractors .1, but for B's first, .95."""
    data = tmp_path / "set"
    fakes.csv_set(data, ["A", "B"], ["flux"])
    root = np.sqrt(0.9)
    found = {}
    for id_ in "AB":
        for view in (1, 2, 3):
            e = np.zeros(8, dtype=np.float64)
            e[0], e[view] = root, np.sqrt(0.1)
            cross = 0.95 if (id_, view) == ("B", 1) else 0.1
            d = cross * e
            d[7] = np.sqrt(1 - cross**2)
            found[f"positive-{id_}-{view}.png"] = e.astype(np.float32)
            found[f"flux-{id_}-{view}.png"] = d.astype(np.float32)
    write_embeddings(found, tmp_path / "e.npz")
    status, printed, _ = run(
        data, "--embeddings", tmp_path / "e.npz", "--out", tmp_path / "o", "--json"
    )
    one = json.loads(printed)["sources"]["flux"]
    assert status == 0
    assert (one["ssr"], one["n_identities"], one["n_margins"]) == (0.5, 2, 12)
    assert one["pa"] == pytest.approx(10 / 12)
    assert one["pa_compat"] == pytest.approx(12 / 14)


def test_the_table_is_in_percent(run: Run, tmp_path: Path) -> None:
    fakes.csv_set(tmp_path / "set")
    file = embeddings(tmp_path / "set", tmp_path / "e.npz")
    status, printed, _ = run(tmp_path / "set", "--embeddings", file, "--out", tmp_path / "o")
    assert status == 0
    assert [line.split()[0] for line in printed.splitlines()[1:4]] == ["flux", "sdxl", "pooled"]


def test_only_the_split_is_measured(run: Run, tmp_path: Path) -> None:
    fakes.parquet_set(
        tmp_path / "set", changed={"positives": {"split": ["train", "test", "train"]}}
    )
    file = embeddings(tmp_path / "set", tmp_path / "e.npz")
    arguments = ("--embeddings", file, "--out", tmp_path / "o", "--json")
    status, printed, _ = run(tmp_path / "set", *arguments, "--split", "test")
    assert status == 0
    assert json.loads(printed)["pooled"]["n_distinct"] == 1


def damaged_table(folder: Path, old: str, new: str) -> None:
    path = folder / "nearid.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("kind,source", "sort,source", "nearid.csv, row 1: the column 'kind' is missing"),
        ("a,positive,,2", "a,positive,,5", "nearid.csv, row 3: view must be 1, 2 or 3, got '5'"),
        ("a,positive,,2", "a,positive,,1", "nearid.csv, row 3: positive 1 of 'a' must appear once"),
        ("positive-b-1.png", "gone.png", "row 11: file_path: no image 'gone.png'"),
        ("a,distractor,flux,1", "c,distractor,flux,1", "row 5: id 'c' has a distractor and must"),
        ("b,positive,,3,", "b,positive,,3,x,", "row 13: a row must have one value per column"),
    ],
)
def test_a_damaged_folder_is_one_sentence(
    run: Run, tmp_path: Path, stock_file: Path, old: str, new: str, sentence: str
) -> None:
    fakes.csv_set(tmp_path / "set")
    damaged_table(tmp_path / "set", old, new)
    status, printed, said = run(
        tmp_path / "set", "--metric", stock_file, "--out", tmp_path / "out", "--json"
    )
    assert (status, printed) == (2, "")
    assert sentence in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("spelling", ["images", "img"])
@pytest.mark.parametrize(
    ("table", "column", "values", "sentence"),
    [
        ("positives", "{0}2", None, "positives.parquet: the column '{0}2' is missing"),
        ("flux", "id", [17, 5, 90], "flux.parquet, row 3: id must be '4', as in the same row of"),
        ("flux", "nimg3", ["a", "b", "c"], "flux.parquet, row 2, nimg3 must hold a picture"),
        ("positives", "id", [17, 4, 17], "positives.parquet, row 4: an id must appear once"),
        ("positives", "{0}1", [b"x" * 9] * 3, "positives.parquet, row 2, {0}1: "),
        ("positives", "split", ["a", "b", "c"], "positives.parquet, row 2: split must be one of"),
    ],
)
def test_a_damaged_parquet_set_is_one_sentence(
    run: Run,
    tmp_path: Path,
    stock_file: Path,
    spelling: str,
    table: str,
    column: str,
    values: list[Any] | None,
    sentence: str,
) -> None:
    column, sentence = column.format(spelling), sentence.format(spelling)
    fakes.parquet_set(tmp_path / "set", spelling=spelling, changed={table: {column: values}})
    status, printed, said = run(
        tmp_path / "set", "--metric", stock_file, "--out", tmp_path / "out", "--json"
    )
    assert (status, printed) == (2, "")
    assert sentence in said
    assert said.count("\n") == 1


def test_a_file_that_is_not_parquet_is_one_sentence(run: Run, tmp_path: Path) -> None:
    fakes.parquet_set(tmp_path)
    file = tmp_path / "flux.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    status, _, said = run(tmp_path, "--embeddings", "none.npz", "--out", tmp_path / "out")
    assert status == 2
    assert "flux.parquet: not a Parquet file" in said


def test_unreadable_pictures_can_be_counted_as_missing(
    run: Run, tmp_path: Path, stock_file: Path
) -> None:
    fakes.csv_set(tmp_path / "set", ["a"], ["flux"])
    (tmp_path / "set" / "flux-a-1.png").write_bytes(b"no picture")
    arguments = (tmp_path / "set", "--metric", stock_file, "--out", tmp_path / "out", "--json")
    status, _, said = run(*arguments)
    assert status == 2
    assert "nearid.csv, row 5: " in said
    status, printed, _ = run(*arguments, "--skip-unreadable")
    report = json.loads(printed)
    assert status == 0
    assert list(report["unusable"]) == [f"{tmp_path / 'set' / 'nearid.csv'}, row 5"]
    assert report["pooled"]["n_margins"] == 4


def test_a_personal_metric_measures_distances(run: Run, tmp_path: Path, stock_file: Path) -> None:
    data = tmp_path / "set"
    fakes.csv_set(data, ["a"], ["flux"], masks=True)
    damaged_table(data, ",mask-a-3.png", ",")  # so distractor 3 has none either
    status, _, said = run(
        data, "--metric", stock_file, "--out", tmp_path / "out", "--masks", "--json"
    )
    assert status == 0, said
    with (tmp_path / "out" / "margins.csv").open(encoding="utf-8-sig", newline="") as held:
        rows = list(csv.DictReader(held))
    metric = CLPIPS.load(stock_file)
    one = next(row for row in rows if (row["anchor"], row["other"]) == ("2", "1"))
    near = metric.distance(data / "positive-a-2.png", data / "positive-a-1.png")
    far = metric.distance(data / "positive-a-2.png", data / "flux-a-2.png")
    assert float(one["margin"]) == pytest.approx(far - near, abs=1e-6)
    assert [row["shown"] for row in rows] == ["whole"] * 6 + ["foreground"] * 2
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["masked"]["n_without_mask"] == 2
    assert report["masked"]["pooled"]["n_margins"] == 2


def test_masks_and_embeddings_of_a_file_exclude_each_other(run: Run, tmp_path: Path) -> None:
    fakes.csv_set(tmp_path / "set")
    status, _, said = run(
        tmp_path / "set", "--embeddings", "x.npz", "--masks", "--out", tmp_path / "o"
    )
    assert status == 2
    assert "--masks needs an encoder" in said


@pytest.mark.parametrize("layout", ["folder", "parquet"])
def test_a_set_without_masks_has_no_foregrounds(
    run: Run, tmp_path: Path, stock_file: Path, layout: str
) -> None:
    make = fakes.csv_set if layout == "folder" else fakes.parquet_set
    make(tmp_path / "set")
    status, _, said = run(
        tmp_path / "set", "--metric", stock_file, "--masks", "--out", tmp_path / "o"
    )
    assert status == 2
    assert "--masks needs masks, and the set has none" in said


def test_embeddings_must_cover_the_set(run: Run, tmp_path: Path) -> None:
    fakes.csv_set(tmp_path / "set")
    write_embeddings({"other.png": np.ones(3, dtype=np.float32)}, tmp_path / "e.npz")
    status, _, said = run(
        tmp_path / "set", "--embeddings", tmp_path / "e.npz", "--out", tmp_path / "o"
    )
    assert status == 2
    assert "must cover 'positive-a-1.png'" in said


def test_a_part_level_set_is_recognised(run: Run, tmp_path: Path, stock_file: Path) -> None:
    data = fakes.part_level_set(tmp_path / "mtg")
    draw = np.random.default_rng(0)
    rows = [pair.pictures for pair in open_part_level_set(data).pairs()]
    vectors = {
        slot.key: draw.normal(size=6).astype(np.float32) for row in rows for slot in row.values()
    }
    write_embeddings(vectors, tmp_path / "e.npz")
    status, printed, _ = run(
        data, "--embeddings", tmp_path / "e.npz", "--out", tmp_path / "out", "--json"
    )
    report = json.loads(printed)
    assert status == 0
    assert report["sources"] == {"mtg": report["pooled"]}
    assert report["pooled"]["n_margins"] == 10
    unit = {key: v / np.linalg.norm(v) for key, v in vectors.items()}

    def similar(row: int, one: str, other: str) -> float:
        return float(unit[rows[row][one].key] @ unit[rows[row][other].key])

    won = [
        similar(n, "1", "2") > similar(n, a, b)
        for n in range(5)
        for a, b in (("1", "1p"), ("2", "2p"))
    ]
    assert report["pooled"]["pa"] == pytest.approx(np.mean(won))
    oracles = [pair.oracles for pair in open_part_level_set(data).pairs()]
    r = np.corrcoef([similar(n, "2", "1p") for n in range(5)], [o[0] for o in oracles])[0, 1]
    assert report["part_level"]["correlations"]["2_1p"] == pytest.approx(r, abs=1e-6)
    status, printed, said = run(
        data, "--metric", stock_file, "--out", tmp_path / "metric", "--masks", "--json"
    )
    assert status == 0, said
    assert json.loads(printed)["masked"]["pooled"]["n_margins"] == 10


@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        ("image_2_part_mask", None, "the column 'image_2_part_mask' is missing"),
        ("image_1_original", [1, 2, 3, 4, 5], "row 2, image_1_original must hold a picture"),
        ("image_1_inpainted", [b"x"] * 5, "row 2, image_1_inpainted: "),
        ("image_2_object_mask", [b"x"] * 5, "row 2, image_2_object_mask: "),
        (
            "image_2_original",
            [{"bytes": None, "path": "gone.png"}] * 5,
            "row 2, image_2_original: no image 'gone.png'",
        ),
    ],
)
def test_a_damaged_part_level_set_is_one_sentence(
    run: Run,
    tmp_path: Path,
    stock_file: Path,
    column: str,
    values: list[Any] | None,
    sentence: str,
) -> None:
    data = fakes.part_level_set(tmp_path / "mtg", changed={column: values})
    status, printed, said = run(data, "--metric", stock_file, "--out", tmp_path / "out", "--json")
    assert (status, printed) == (2, "")
    assert sentence in said
    assert said.count("\n") == 1


def test_a_part_level_set_has_no_splits(run: Run, tmp_path: Path) -> None:
    data = fakes.part_level_set(tmp_path / "mtg")
    status, _, said = run(
        data, "--embeddings", "x.npz", "--out", tmp_path / "out", "--split", "val"
    )
    assert status == 2
    assert "has no splits or sources, got 'val'" in said


ENCODER = "tiny-clip"


@pytest.fixture(scope="session")
def encoder() -> ImageEncoder:
    return open_encoder(ENCODER)


def embedded(encoder: ImageEncoder, pictures: list[Image.Image]) -> np.ndarray:
    return encoder.embed([picture.convert("RGB") for picture in pictures]).astype(np.float64)


@pytest.mark.parametrize("layout", ["folder", "parquet"])
def test_an_encoder_sees_whole_pictures_and_foregrounds(
    run: Run, tmp_path: Path, encoder: ImageEncoder, layout: str
) -> None:
    data, out = tmp_path / "set", tmp_path / "out"
    if layout == "folder":
        fakes.csv_set(data, ["a", "b"], ["flux"], masks=True)
    else:
        fakes.parquet_set(data, (0, 1), masks=True)
    status, printed, said = run(
        data, "--encoder", ENCODER, "--out", out, "--masks", "--json", "--device", "cpu"
    )
    assert status == 0, said
    report = json.loads(printed)
    assert report["encoder"]["name"] == ENCODER
    assert report["encoder"]["checksum"] == encoder.card.checksum
    with (out / "margins.csv").open(encoding="utf-8-sig", newline="") as held:
        rows = list(csv.DictReader(held))
    views = next(open_near_identity_set(data).views())
    slots = [views.positives[0], views.positives[2], views.distractors["flux"][0]]
    pictures = [Image.open(io.BytesIO(slot.read())) for slot in slots if slot is not None]
    shown = [Image.fromarray(np.array(one) * middle(one)) for one in pictures]
    for how, each in (("whole", pictures), ("foreground", shown)):
        anchor, other, distractor = embedded(encoder, each)
        row = next(
            row
            for row in rows
            if (row["shown"], row["source"], row["anchor"], row["other"]) == (how, "flux", "1", "3")
        )
        expected = anchor @ other - anchor @ distractor
        assert float(row["margin"]) == pytest.approx(expected, abs=1e-6)


def middle(picture: Image.Image) -> np.ndarray:
    """The mask of the fakes, cleaned."""
    grey = np.asarray(Image.open(io.BytesIO(fakes.disc())))
    assert grey.shape[::-1] == picture.size
    return cleaned_mask(grey)[..., None].astype(np.uint8)


def test_an_encoder_names_the_cell_of_a_damaged_picture(run: Run, tmp_path: Path) -> None:
    broken = [fakes.picture(fakes.png(0)), fakes.picture(b"no picture"), None]
    data = fakes.parquet_set(tmp_path / "set", changed={"flux": {"nimg2": broken}})
    arguments = (data, "--encoder", ENCODER, "--out", tmp_path / "out", "--json")
    status, printed, said = run(*arguments)
    assert (status, printed) == (2, "")
    assert "flux.parquet, row 3, nimg2: " in said
    assert "clpips-pictures" not in said
    status, printed, _ = run(*arguments, "--skip-unreadable")
    assert status == 0
    report = json.loads(printed)
    assert list(report["unusable"]) == [f"{data / 'flux.parquet'}, row 3, nimg2"]
    assert report["sources"]["flux"]["n_margins"] == 6 + 4 + 4


def test_an_encoder_measures_a_part_level_set(run: Run, tmp_path: Path) -> None:
    data = fakes.part_level_set(tmp_path / "mtg")
    status, printed, said = run(
        data, "--encoder", ENCODER, "--out", tmp_path / "out", "--masks", "--json"
    )
    assert status == 0, said
    report = json.loads(printed)
    assert report["part_level"]["n_correlated"] == dict.fromkeys(
        ("1_1p", "2_2p", "1_2p", "2_1p"), 5
    )
    assert report["masked"]["part_level"]["mo"] != report["part_level"]["mo"]
