"""Difference vectors: LPIPS exactly, computed once per pair."""

from __future__ import annotations

import lpips
import numpy as np
import pytest
import torch
from pictures import noise, scene

from clpips.errors import Cancelled, InputError
from clpips.features import Network
from clpips.images import load_image, resize_like
from clpips.watch import Watch
from clpips.weights import backbone_tensors, stock_weights


@pytest.fixture(scope="module", params=["alex", "vgg"])
def network(request: pytest.FixtureRequest) -> Network:
    return Network(request.param)


def theirs(network: Network) -> lpips.LPIPS:
    """The lpips package with the same trunk, without its download."""
    model = lpips.LPIPS(net=network.backbone, pnet_rand=True, verbose=False)
    tensors, _ = backbone_tensors(network.backbone)
    own = model.net.state_dict()
    for name in own:
        own[name] = tensors["features." + name.split(".", 1)[1]]
    model.net.load_state_dict(own)
    return model


@pytest.mark.parametrize("picture", [noise, scene])
def test_distances_equal_the_lpips_package(network: Network, picture) -> None:
    model = theirs(network)
    pictures = [picture(seed) for seed in range(7)]
    target, *images = pictures
    found = network.difference_vectors(target, images, batch_size=4)
    ours = found.vectors @ stock_weights(network.backbone)
    with torch.no_grad():
        for image, distance in zip(images, ours, strict=True):
            expected = model(load_image(target)[None], load_image(image)[None]).item()
            assert distance == pytest.approx(expected, abs=1e-6)


def test_batches_change_nothing(network: Network) -> None:
    pictures = [scene(seed, 64) for seed in range(6)]
    one = network.difference_vectors(pictures[0], pictures, batch_size=1).vectors
    many = network.difference_vectors(pictures[0], pictures, batch_size=32).vectors
    np.testing.assert_allclose(one, many, atol=1e-7)


def test_a_picture_differs_from_itself_by_nothing(network: Network) -> None:
    picture = scene(1)
    vectors = network.difference_vectors(picture, [picture]).vectors
    assert np.array_equal(vectors, np.zeros_like(vectors))


def test_difference_vectors_are_symmetric_and_never_negative(network: Network) -> None:
    a, b = scene(1), scene(2)
    there = network.difference_vectors(a, [b]).vectors
    back = network.difference_vectors(b, [a]).vectors
    np.testing.assert_allclose(there, back, atol=1e-7)
    assert there.min() >= 0


def test_an_image_of_another_size_is_resized_to_the_target_and_said_so(network: Network) -> None:
    target, larger = scene(1, 64), scene(2, 96)
    found = network.difference_vectors(target, [larger, scene(3, 64)])
    assert found.resized == (True, False)
    by_hand = resize_like(load_image(larger), load_image(target))
    same = network.difference_vectors(target, [by_hand]).vectors
    np.testing.assert_allclose(found.vectors[0], same[0], atol=1e-7)


def test_a_cancelled_watch_stops_the_work(network: Network) -> None:
    with pytest.raises(Cancelled):
        network.difference_vectors(scene(1), [scene(2)], watch=Watch(cancelled=lambda: True))


def test_an_unknown_backbone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"backbone must be one of .* got 'resnet'"):
        Network("resnet")  # type: ignore[arg-type]


def test_the_squeeze_network_is_real_code_on_random_weights(monkeypatch) -> None:
    """Its ImageNet weights may not be to be had; its taps are checked against lpips anyway."""
    from clpips import features

    torch.manual_seed(0)
    model = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    tensors = {
        "features." + name.split(".", 1)[1]: value for name, value in model.net.state_dict().items()
    }
    monkeypatch.setattr(features, "backbone_tensors", lambda *_, **__: (tensors, "random"))
    squeeze = Network("squeeze")
    target, image = scene(1), scene(2)
    ours = squeeze.difference_vectors(target, [image]).vectors @ stock_weights("squeeze")
    with torch.no_grad():
        expected = model(load_image(target)[None], load_image(image)[None]).item()
    assert ours[0] == pytest.approx(expected, abs=1e-6)
