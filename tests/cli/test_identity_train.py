"""``clpips identity build`` and ``train``, and the head as an encoder."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from clpips.__main__ import main
from clpips.errors import WeightsError
from clpips.features.embedding.head import read_head_card
from clpips.features.embedding.registry import open_encoder
from clpips.identity.near_identity_set import open_near_identity_set
from clpips.io.resources import tiny_model_folder


def run(capsys: Any, *arguments: Any) -> tuple[int, str, str]:
    status = main([str(each) for each in ("identity", *arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("drawn") / "set"
    assert (
        main(
            ["identity", "build", "scenes", "--identities", "8", "--size", "32", "--out", str(out)]
        )
        == 0
    )
    return out


@pytest.fixture(scope="module")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("head") / "head.safetensors"
    arguments = ["identity", "train", drawn, "--encoder", "tiny-clip", "--out", out, "--json"]
    assert main([str(each) for each in (*arguments, "--epochs", 2, "--batch-size", 4)]) == 0
    return out


def test_build_scenes_writes_a_set_with_both_levels_and_a_split(drawn: Path) -> None:
    dataset = open_near_identity_set(drawn)
    assert len(dataset.identities) == 8 and dataset.sources == ("far", "near")
    splits = [one.split for one in dataset.identities]
    assert [splits.count(name) for name in ("train", "val", "test")] == [5, 1, 2]
    assert all(one.category for one in dataset.identities)
    for views in dataset.views():
        assert all(views.positives) and all(all(each) for each in views.distractors.values())
    with Image.open(drawn / "000000" / "view-1.png") as picture:
        assert picture.size == (32, 32)


def test_build_scenes_refuses_a_folder_in_use_and_impossible_sizes(
    capsys: Any, drawn: Path, tmp_path: Path
) -> None:
    status, _, said = run(capsys, "build", "scenes", "--identities", 1, "--out", drawn)
    assert status == 2 and "new or empty folder" in said
    out = tmp_path / "out"
    status, _, said = run(capsys, "build", "scenes", "--size", 8, "--out", out)
    assert status == 2 and "32 to 2048" in said and not out.exists()


def test_a_trained_head_is_an_encoder_that_says_where_it_came_from(
    drawn: Path, trained: Path
) -> None:
    encoder = open_encoder(f"head:{trained}")
    base = open_encoder("tiny-clip")
    card = read_head_card(trained)
    assert (card.encoder, card.encoder_checksum) == ("tiny-clip", base.card.checksum)
    assert card.split == {"train": 5, "val": 1, "test": 2} and len(card.curve) == 2
    assert card.dataset == "set" and card.settings["batch_size"] == 4
    pictures = [Image.open(drawn / "000000" / f"view-{k}.png").convert("RGB") for k in (1, 2)]
    both = encoder.embed(pictures)
    assert both.shape == (2, encoder.card.dimensions) == (2, 256)
    np.testing.assert_allclose(np.linalg.norm(both, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(encoder.embed(pictures[1:]), both[1:], atol=1e-5)
    assert encoder.card.checksum != base.card.checksum
    assert not trained.with_name(trained.name + ".training").exists()


def test_a_head_over_another_encoder_is_refused(trained: Path, tmp_path: Path) -> None:
    with safe_open(trained, framework="pt") as file:
        metadata = dict(file.metadata())
    card = json.loads(metadata["card"])
    metadata["card"] = json.dumps({**card, "encoder_checksum": "0" * 64})
    other = tmp_path / "other.safetensors"
    save_file(load_file(trained), other, metadata=metadata)
    with pytest.raises(WeightsError, match="was trained on tiny-clip with checksum 000000000000"):
        open_encoder(f"head:{other}")


@pytest.mark.parametrize("content", [b"", b"nothing of the kind"])
def test_a_file_that_is_no_head_is_status_2(
    capsys: Any, drawn: Path, tmp_path: Path, content: bytes
) -> None:
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(content)
    out = tmp_path / "out.safetensors"
    status, _, said = run(capsys, "train", drawn, "--encoder", f"head:{wrong}", "--out", out)
    assert status == 2 and "must be a safetensors file" in said and said.count("\n") == 1


def test_training_prints_the_curve_and_before_and_after(
    capsys: Any, drawn: Path, tmp_path: Path
) -> None:
    tokens, out = tmp_path / "tokens", tmp_path / "head.safetensors"
    arguments = ("train", drawn, "--encoder", "tiny-clip", "--out", out, "--tokens", tokens)
    options = ("--epochs", 2, "--no-tier2", "--head", "linear", "--dimensions", 16)
    status, told, said = run(capsys, *arguments, *options)
    assert status == 0 and "SSR val." in told and "kept" in told and "near" in told
    assert said.startswith("epoch 1: loss") and (tokens / "maps-0.npy").exists()
    first = read_head_card(out)
    assert first.settings["alpha"] == 0
    status, told, _ = run(capsys, *arguments, *options, "--json")
    assert status == 0 and json.loads(told)["curve"] == [dict(each) for each in first.curve]


def test_token_maps_of_other_pictures_are_refused(capsys: Any, drawn: Path, tmp_path: Path) -> None:
    tokens, out = tmp_path / "tokens", tmp_path / "head.safetensors"
    tokens.mkdir()
    (tokens / "maps.json").write_text('{"encoder": "x", "pictures": "y", "count": 72, "maps": 0}')
    status, _, said = run(
        capsys, "train", drawn, "--encoder", "tiny-clip", "--out", out, "--tokens", tokens
    )
    assert status == 2 and "must be of these pictures by tiny-clip" in said and not out.exists()


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    (tmp_path / "masks").mkdir()
    for name in ("a", "b"):
        pixels = draw.integers(0, 255, (64, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        mask = np.zeros((64, 96), dtype=np.uint8)
        mask[20:50, 30:60] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    table = tmp_path / "mine.csv"
    table.write_text("name,species,file_path\nrex,dog,a.png\nrex,dog,b.png\n")
    return table


def test_inpainting_changes_what_is_under_the_mask_alone(
    capsys: Any, photographs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    status, told, _ = run(
        capsys, "build", "inpaint", photographs, "--model", tiny_model_folder(),
        "--masks", tmp_path / "masks", "--steps", 2, "--out", out,
    )  # fmt: skip
    assert status == 0 and "1 identities, 4 images, distractors inpaint" in told
    dataset = open_near_identity_set(out, masks=True)
    (views,) = dataset.views()
    assert [bool(slot) for slot in views.positives] == [True, True, False]
    before = np.asarray(Image.open(tmp_path / "a.png"))
    after = np.asarray(Image.open(out / "000000" / "inpaint-1.png"))
    mask = np.asarray(Image.open(tmp_path / "masks" / "a.png")) > 0
    assert (before[~mask] == after[~mask]).all()
    assert (before[mask] != after[mask]).any(axis=1).mean() > 0.9
    with (out / "nearid.csv").open() as file:
        assert {row["category"] for row in csv.DictReader(file)} == {"dog"}


def test_inpainting_needs_a_mask_and_a_sensible_template(
    capsys: Any, photographs: Path, tmp_path: Path
) -> None:
    base = (
        "build",
        "inpaint",
        photographs,
        "--model",
        tiny_model_folder(),
        "--out",
        tmp_path / "o",
    )
    status, _, said = run(capsys, *base, "--masks", tmp_path / "none")
    assert status == 2 and "every image must have a mask" in said
    masks = ("--masks", tmp_path / "masks")
    status, _, said = run(capsys, *base, *masks, "--prompt", "a {colour} one")
    assert status == 2 and "may hold {category} alone" in said
    status, _, said = run(capsys, *base, *masks, "--source", "view")
    assert status == 2 and "--source must be" in said
    assert not (tmp_path / "o").exists()
