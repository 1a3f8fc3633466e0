"""Difference vectors: LPIPS exactly, computed once per pair."""

from __future__ import annotations

import copy

import lpips
import numpy as np
import pytest
import torch
from pictures import noise, scene

from clpips.errors import Cancelled, InputError
from clpips.features import lpips as features
from clpips.features.lpips import Network
from clpips.features.spatial import LayeredEncoder
from clpips.features.weights import backbone_tensors, stock_weights
from clpips.io.images import load_image, resize_like
from clpips.progress import Watch


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


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (97, 61), (175, 130)])
def test_odd_and_tiny_sizes_equal_the_lpips_package(network: Network, size) -> None:
    model = theirs(network)
    target, *images = [load_image(noise(seed, size)) for seed in range(4)]
    ours = network.difference_vectors(target, images).vectors @ stock_weights(network.backbone)
    with torch.no_grad():
        expected = model(target.expand(3, -1, -1, -1), torch.stack(images)).flatten().numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_nearly_the_same_picture_equals_the_lpips_package(network: Network) -> None:
    model, target = theirs(network), load_image(scene(1))
    image = (target + 1e-3 * torch.sin(torch.arange(96.0))).clamp(-1, 1)
    ours = network.difference_vectors(target, [image]).vectors @ stock_weights(network.backbone)
    with torch.no_grad():
        expected = model(target[None], image[None]).item()
    assert 0 < ours[0] == pytest.approx(expected, abs=1e-9, rel=1e-3)


def test_the_layout_in_memory_changes_nothing(network: Network) -> None:
    slices = copy.deepcopy(network.slices)
    assert network.memory_format == torch.channels_last
    for each in slices:
        each.to(memory_format=torch.contiguous_format)
    contiguous = LayeredEncoder(slices, checksum=network.checksum)  # as on other devices
    target, *images = [scene(seed, 80) for seed in range(4)]
    np.testing.assert_allclose(
        contiguous.difference_vectors(target, images).vectors,
        network.difference_vectors(target, images).vectors,
        atol=1e-7,
        rtol=1e-4,
    )


def test_both_ways_to_a_vector_agree_and_leave_the_features_as_they_were(network: Network) -> None:
    target, image = load_image(scene(1)), load_image(scene(2))
    of_target, of_image = network.features(target[None]), network.features(image[None])
    before = [layer.clone() for layer in of_image]
    first = network.differences(of_target, of_image)
    assert all(torch.equal(a, b) for a, b in zip(before, of_image, strict=True))
    np.testing.assert_allclose(
        first, network.difference_vectors(target, [image]).vectors, atol=1e-7
    )


def test_a_target_seen_again_costs_no_pass(network: Network, monkeypatch) -> None:
    target, image = scene(1), scene(2)
    first = network.difference_vectors(target, [image]).vectors
    monkeypatch.setattr(network, "features", None)
    assert np.array_equal(network.difference_vectors(target, [image]).vectors, first)
    with pytest.raises(TypeError):
        network.difference_vectors(scene(3), [image])


def test_changing_a_target_in_place_is_noticed(network: Network) -> None:
    target, image = load_image(scene(1)), load_image(scene(2))
    network.difference_vectors(target, [image])
    target.copy_(image)
    assert not network.difference_vectors(target, [image]).vectors.any()


def test_features_have_unit_length_at_every_place_that_has_any(network: Network) -> None:
    for layer in network.features(load_image(scene(1))[None]):
        lengths = layer.norm(dim=1)
        assert ((lengths - 1).abs() < 1e-5).logical_or(lengths == 0).all()


def test_larger_pictures_go_in_smaller_batches(network: Network) -> None:
    batches = [network.batch_for(side, side) for side in (32, 128, 512, 4096)]
    assert batches == sorted(batches, reverse=True)
    assert batches[0] > 1 == batches[-1]


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
