"""HPSv2 against the released scoring's own steps; the verifier learns, and is held to its rule."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from pictures import scene
from PIL import Image, ImageFilter

from clpips.bench.features import Features
from clpips.bench.metrics import verifier
from clpips.bench.metrics.hpsv2 import hpsv2
from clpips.errors import InputError, WeightsError
from clpips.progress import Watch

from ..conftest import SmallBench

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random model of the same kind, saved as HPSv2 saves its own."""
    folder = tmp_path_factory.mktemp("hps")
    (folder / "tiny-hps.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    model = open_clip.create_model("tiny-hps", pretrained=None)
    torch.save({"state_dict": model.state_dict()}, folder / "HPS_tiny.pt")
    return folder / "HPS_tiny.pt"


def test_hpsv2_is_the_product_of_normalised_features_for_the_caption(
    small_bench: SmallBench, checkpoint: Path
) -> None:
    images = [own[1] for own in small_bench.generated.values()]
    features = Features(cache=None, device="cpu")
    metric = hpsv2(features, checkpoint, architecture="tiny-hps")
    found = metric.values(images, Watch())
    # The steps of hpsv2.img_score.score, one image at a time.
    model, _, preprocess = open_clip.create_model_and_transforms("tiny-hps", pretrained=None)
    model.load_state_dict(torch.load(checkpoint, weights_only=True)["state_dict"])
    model.eval()
    tokenizer = open_clip.get_tokenizer("tiny-hps")
    for one, value in zip(images, found, strict=True):
        with torch.no_grad():
            image = preprocess(Image.open(one.path)).unsqueeze(0)
            outputs = model(image, tokenizer([one.sample.target.caption]))
            expected = torch.diagonal(outputs[0] @ outputs[1].T)[0]
        assert value == pytest.approx(float(expected), abs=1e-6)
    assert metric.card.version == "v2.1"


def test_another_checkpoint_or_version_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    features = Features(cache=None, device="cpu")
    torch.save({"state_dict": {"a": torch.zeros(2)}}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="not a checkpoint of tiny-hps"):
        hpsv2(features, tmp_path / "other.pt", architecture="tiny-hps")
    with pytest.raises(InputError, match=r"must be v2\.0 or v2\.1, got 'v3'"):
        hpsv2(features, checkpoint, version="v3", architecture="tiny-hps")


def test_the_verifier_has_the_published_number_of_weights() -> None:
    network = verifier.VerifierNetwork(210, 1024)
    assert sum(each.numel() for each in network.parameters()) == 1_375_617


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[verifier.Rating]]:
    """One user likes sharp pictures, the other blurred ones."""
    folder = tmp_path_factory.mktemp("rated")
    rng = np.random.default_rng(0)
    found: dict[str, list[verifier.Rating]] = {"train": [], "validation": [], "test": []}
    for number in range(96):
        part = ("train", "train", "validation", "test")[number % 4]
        sharp, path = bool(rng.integers(2)), folder / f"{number}.png"
        picture = scene(number, 32)
        (picture if sharp else picture.filter(ImageFilter.GaussianBlur(3))).save(path)
        for user, score in (("ann", 5 if sharp else 2), ("ben", 2 if sharp else 4)):
            found[part].append(verifier.Rating(user, str(path), score))
    return found


def test_the_verifier_learns_whom_an_image_pleases(
    ratings: dict[str, list[verifier.Rating]], small_bench: SmallBench, tmp_path: Path
) -> None:
    features = Features(cache=None, device="cpu")
    trained = verifier.train_verifier(ratings, features, encoder="alex", epochs=30, rate=3e-3)
    again = verifier.train_verifier(ratings, features, encoder="alex", epochs=30, rate=3e-3)
    assert trained[1] == again[1]
    path = tmp_path / "verifier.safetensors"
    verifier.save_verifier(*trained, path)
    metric = verifier.open_verifier(path, features, accept_any=True)
    assert metric.trained == trained[1]
    assert metric.trained.test_auc > 0.8
    shuffled = {
        part: [
            verifier.Rating(one.user, one.path, other.score)
            for one, other in zip(own, [*own[7:], *own[:7]], strict=True)
        ]
        for part, own in ratings.items()
    }
    _, blind = verifier.train_verifier(shuffled, features, encoder="alex", epochs=30, rate=3e-3)
    assert blind.test_auc < metric.trained.test_auc - 0.1
    one = small_bench.generated["light"][0]
    known = replace(one, sample=replace(one.sample, user="ann"))
    found = metric.values([one, known], Watch())
    assert np.isnan(found[0]) and 0 < found[1] < 1


def test_a_verifier_below_its_rule_is_not_used(tmp_path: Path) -> None:
    features = Features(cache=None, device="cpu")
    checksum = features.encoder("alex").card.checksum
    card = verifier.VerifierCard("alex", checksum, 256, ("ann",), 0.9, 0.86, 9, 9, 9, 0)
    network = verifier.VerifierNetwork(1, 256)
    path = tmp_path / "v.safetensors"
    verifier.save_verifier(network, card, path)
    with pytest.raises(WeightsError, match=r"from a test AUC of 0\.87 on, got 0\.860"):
        verifier.open_verifier(path, features)
    path.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="not a verifier"):
        verifier.open_verifier(path, features)


def test_ratings_that_cannot_train_are_refused(ratings: dict[str, list[verifier.Rating]]) -> None:
    features = Features(cache=None, device="cpu")
    strange = {**ratings, "test": [verifier.Rating("eve", ratings["test"][0].path, 5)]}
    with pytest.raises(InputError, match="test: users must have ratings in train, got 'eve'"):
        verifier.train_verifier(strange, features, encoder="alex")
    liked = {**ratings, "validation": [r for r in ratings["validation"] if r.score >= 4]}
    with pytest.raises(InputError, match="validation: ratings must be both below 4"):
        verifier.train_verifier(liked, features, encoder="alex")
