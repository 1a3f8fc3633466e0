"""``clpips identity rank`` as a person at a terminal meets it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from PIL import Image

from clpips import CLPIPS, Ranking
from clpips.__main__ import main
from clpips.features.embedding.file import write_embeddings
from clpips.features.embedding.registry import open_encoder
from clpips.features.embedding.text import text_tower_of


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two species with two identities each: gallery, references, queries of two methods."""
    folder = tmp_path_factory.mktemp("identity")
    tables = {"gallery": ["name,species,file_path"], "references": ["name,species,file_path"]}
    tables["queries"] = ["name,species,file_path,method"]
    number = 0
    for species in ("dog", "toy"):
        for name in ("a", "b"):
            for kind, more in (("gallery", ("", "")), ("references", ("",)),
                               ("queries", (",one", ",two"))):  # fmt: skip
                for place, ending in enumerate(more):
                    path = f"{kind}-{species}-{name}-{place}.png"
                    number += 1
                    scene(number, 40).save(folder / path)
                    tables[kind].append(f"{name},{species},{path}{ending}")
    for kind, lines in tables.items():
        (folder / f"{kind}.csv").write_text("\n".join(lines))
    paths = sorted(path.name for path in folder.glob("*.png"))
    rng = np.random.default_rng(0)
    features = {path: rng.normal(size=8).astype(np.float32) for path in paths}
    write_embeddings(features, folder / "own.npz")
    return folder


def queries(out: Path) -> list[dict[str, str]]:
    with (out / "queries.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def arguments(study: Path, out: Path, *how: str) -> list[str]:
    tables = [f"--{kind}={study / kind}.csv" for kind in ("queries", "gallery", "references")]
    return ["identity", "rank", *tables, f"--out={out}", *how]


def test_it_writes_report_queries_and_a_page(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(arguments(study, tmp_path, "--encoder", "alex", "--json")) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert list(report["methods"]) == ["one", "two"]
    figures = report["methods"]["one"]["classes"]["dog"]
    for key in ("map", "map_ci", "map_ties", "rank1", "rank5", "rank10", "mrr", "n_queries",
                "n_gallery", "n_left_out", "chance_map", "ceiling_map", "drift",
                "reference_similarity"):  # fmt: skip
        assert key in figures
    assert report["compared_by"]["name"] == "alex"
    rows = queries(tmp_path)
    assert len(rows) == 8
    assert float(rows[0]["ap"]) <= 1
    page = (tmp_path / "report.html").read_text()
    assert "data-picture" in page
    assert "http" not in page.replace("http-equiv", "")


def test_embeddings_of_ones_own_need_no_pictures(study: Path, tmp_path: Path) -> None:
    for kind in ("queries", "gallery", "references"):
        (tmp_path / f"{kind}.csv").write_text((study / f"{kind}.csv").read_text())
    how = ("--embeddings", str(study / "own.npz"))
    assert main(arguments(tmp_path, tmp_path / "out", *how)) == 0


def test_a_personal_metric_ranks_by_its_own_distances(study: Path, tmp_path: Path) -> None:
    images = [str(path) for path in sorted(study.glob("*.png"))]
    order = Ranking("ada", images[0], tuple(images[1:6]), (1, 2, 3, 4, 5))
    personal = CLPIPS("alex").fit([order])
    personal.save(tmp_path / "ada.safetensors")
    how = ("--metric", str(tmp_path / "ada.safetensors"))
    assert main(arguments(study, tmp_path / "out", *how)) == 0
    rows = queries(tmp_path / "out")
    distances = {
        path.name: personal.distance(study / rows[0]["file_path"], path)
        for path in study.glob(f"gallery-{rows[0]['species']}-*.png")
    }
    assert rows[0]["nearest"].split() == sorted(distances, key=lambda name: distances[name])


def test_an_image_that_cannot_be_read_is_left_out_by_name(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for path in study.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "gallery-dog-a-0.png").write_bytes(b"no picture")
    assert main(arguments(tmp_path, tmp_path / "out", "--encoder", "alex", "--json")) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["methods"]["one"]["classes"]["dog"]["n_left_out"] == 1
    assert "gallery-dog-a-0.png" in " ".join(report["notes"])


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        (("--encoder", "effnet"), "an encoder must be one of"),
        (("--encoder", "alex", "--device", "tpu9"), "the device must be"),
        (("--encoder", "alex", "--gallery", "none.csv"), "no such table of images"),
        (("--embeddings", "none.npz"), "no such embeddings file"),
        (("--encoder", "open_clip:no-such-model"), "open_clip:no-such-model"),
        (("--encoder", "alex", "--out", __file__), "--out must name a folder"),
        (("--encoder", "alex", "--clip", "alex"), "compares pictures with texts"),
        (("--encoder", "alex", "--clip", "tiny-clip"), "CLIP-T needs prompts"),
        (("--encoder", "alex", "--gallery-size", "3"), "SUBJECTS,IMAGES"),
        (("--encoder", "alex", "--gallery-size", "3,0"), "positive whole number"),
        (("--encoder", "alex", "--extra", "gallery.csv"), "--extra goes with"),
        (("--encoder", "alex", "--gallery-images", "3"), "--gallery-images goes with"),
        (("--encoder", "alex", "--gallery-seed", "3"), "--gallery-seed goes with"),
        (("--embeddings", "e.npz", "--masks"), "--masks needs the pictures"),
        (("--metric", "m.safetensors", "--gallery-choice", "kmeans"), "a metric has none"),
    ],
)
def test_wrong_input_is_one_sentence_and_nothing_is_written(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture, how: tuple[str, ...], sentence: str
) -> None:
    try:
        status = main(arguments(study, tmp_path / "out", *how))
    except SystemExit as left:
        status = left.code
    error = capsys.readouterr().err
    assert status in (1, 2)
    assert sentence in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_gallery_above_the_exact_size_is_searched_through_an_index(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    how = ("--embeddings", str(study / "own.npz"))
    assert main(arguments(study, tmp_path / "exact", *how)) == 0
    assert main(arguments(study, tmp_path / "index", *how, "--exact-up-to", "3")) == 0
    assert "recall@10 1.000" in capsys.readouterr().out
    assert queries(tmp_path / "index") == queries(tmp_path / "exact")


def test_clip_t_is_the_similarity_of_image_and_prompt(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    table = [line.split(",") for line in (study / "queries.csv").read_text().split("\n")][:3]
    prompts = ["prompt", "a red ball on grass", ""]
    lines = [",".join([*cells, prompt]) for cells, prompt in zip(table, prompts, strict=True)]
    (tmp_path / "queries.csv").write_text("\n".join(lines))
    how = ("--embeddings", str(study / "own.npz"), "--clip", "tiny-clip", "--images", str(study))
    how = (*how, "--queries", str(tmp_path / "queries.csv"))
    assert main(arguments(study, tmp_path / "out", *how)) == 0
    shown, without = queries(tmp_path / "out")
    encoder = open_encoder("tiny-clip")
    image = encoder.embed([Image.open(study / shown["file_path"]).convert("RGB")])[0]
    (text,) = text_tower_of(encoder).embed([prompts[1]])
    assert float(shown["clip_t"]) == pytest.approx(float(image @ text), abs=1e-6)
    assert without["clip_t"] == ""
    assert "CLIP-T by tiny-clip" in capsys.readouterr().out
    assert "CLIP-T" in (tmp_path / "out" / "report.html").read_text()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Embeddings alone: two dogs that are queried, ten others in a table of their own."""
    folder = tmp_path_factory.mktemp("crowd")
    rng = np.random.default_rng(3)
    features: dict[str, np.ndarray] = {}
    for kind, names, images in (("queries", 2, 3), ("gallery", 2, 6), ("extra", 10, 6)):
        lines = ["name,species,file_path"]
        for number in range(names):
            name = f"{kind if kind == 'extra' else 'dog'}-{number}"
            centre = np.random.default_rng(number).normal(size=8)
            for image in range(images):
                path = f"{kind}/{name}/{image}.jpg"
                features[path] = (centre + rng.normal(size=8)).astype(np.float32)
                lines.append(f"{name},dog,{path}")
        (folder / f"{kind}.csv").write_text("\n".join(lines))
    write_embeddings(features, folder / "own.npz")
    return folder


def ranked(crowd: Path, out: Path, *how: str) -> dict:
    tables = [f"--{kind}={crowd / kind}.csv" for kind in ("queries", "gallery")]
    how = ("--embeddings", str(crowd / "own.npz"), *how, "--out", str(out))
    assert main(["identity", "rank", *tables, *how]) == 0
    return json.loads((out / "report.json").read_text())


def test_galleries_of_other_sizes_are_ranked_as_if_they_were_the_gallery(
    crowd: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    how = ("--extra", str(crowd / "extra.csv"), "--gallery-size")
    found = ranked(crowd, tmp_path / "a", *how, "all,all", "--gallery-size", "5,2")
    printed = capsys.readouterr().out
    whole, small = found["gallery_sizes"]
    assert (whole["subjects"], whole["images"], whole["n_gallery"]) == (None, None, 72)
    assert (small["subjects"], small["images"], small["n_gallery"]) == (5, 2, 10)
    assert re.search(r"^5 +2 +10 +generated +0\.\d{3}", printed, re.MULTILINE)
    assert "Gallery size" in (tmp_path / "a" / "report.html").read_text()
    both = (crowd / "gallery.csv").read_text() + "\n"
    (tmp_path / "both.csv").write_text(
        both + (crowd / "extra.csv").read_text().split("\n", 1)[1], "utf-8"
    )
    other = ranked(crowd, tmp_path / "b", "--gallery", str(tmp_path / "both.csv"))
    own = other["methods"]["generated"]["macro"]
    assert whole["methods"]["generated"]["macro"] == own
    assert found["methods"]["generated"]["macro"]["map"] > own["map"]
    again = ranked(crowd, tmp_path / "c", *how, "5,2", "--gallery-seed", "101")
    assert again["gallery_sizes"] == [small]


def test_the_released_sizes_are_all_there(crowd: Path, tmp_path: Path) -> None:
    found = ranked(
        crowd, tmp_path, "--extra", str(crowd / "extra.csv"), "--gallery-size", "release"
    )
    assert [(one["subjects"], one["images"]) for one in found["gallery_sizes"]] == [
        (10, 10), (15, 10), (25, 10), (100, 10), (10, 1), (10, 5), (10, 20),
    ]  # fmt: skip


@pytest.mark.parametrize("by", ["random", "kmeans"])
def test_a_chosen_gallery_is_the_one_that_is_searched(crowd: Path, tmp_path: Path, by: str) -> None:
    found = ranked(crowd, tmp_path, "--gallery-choice", by, "--gallery-images", "2")
    figures = found["methods"]["generated"]["classes"]["dog"]
    assert figures["n_gallery"] == 4
    assert found["settings"]["gallery_choice"] == {"by": by, "images": 2, "seed": None}
    assert {row["n_ranked"] for row in queries(tmp_path)} == {"4"}


def test_images_that_stand_in_the_gallery_are_told(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    how = ("--embeddings", str(study / "own.npz"), "--gallery", str(study / "references.csv"))
    assert main(arguments(study, tmp_path / "a", *how)) == 0
    told = capsys.readouterr().out
    assert "4 of 4 references stand in the gallery and find themselves first" in told
    assert "queries stand" not in told
