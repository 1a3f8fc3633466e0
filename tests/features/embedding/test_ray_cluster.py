"""Embedding on a Ray cluster: equal vectors, in order, also when a machine is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import ray
from pictures import scene
from ray.cluster_utils import Cluster

from clpips.__main__ import main
from clpips.errors import InputError, WeightsError
from clpips.features.embedding import ray_cluster
from clpips.features.embedding.compute import embed_files
from clpips.features.embedding.ray_cluster import RayEmbedding
from clpips.features.embedding.registry import open_encoder
from clpips.progress import Watch


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("ray")
    for number in range(24):
        scene(number, 40).save(folder / f"{number}.png")
    (folder / "bad.png").write_bytes(b"no picture")
    return [str(folder / "bad.png"), *(str(folder / f"{number}.png") for number in range(24))]


@pytest.mark.slow
def test_two_nodes_give_the_same_vectors_when_one_is_killed(files: list[str]) -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    encoder = open_encoder("alex")
    spread = RayEmbedding(cluster.address, "alex", device="cpu", checksum=encoder.card.checksum)
    try:
        assert ray.cluster_resources()["CPU"] == 2
        killed = []

        def lost_in_the_middle(batches: Iterator[Any]) -> Iterator[Any]:
            for number, found in enumerate(spread(batches)):
                if number == 0:  # the other node has batches
                    cluster.remove_node(second, allow_graceful=False)
                    killed.append(second)
                yield found

        bad: dict[str, str] = {}
        given = {"cache": None, "watch": Watch(), "batch_size": 2, "unusable": bad}
        found = embed_files(encoder, files, embed=lost_in_the_middle, **given)
        assert killed
        here = embed_files(encoder, files, **given)
        np.testing.assert_allclose(found, here, atol=1e-6)
        assert np.isnan(found[0]).all() and list(bad) == [files[0]]
    finally:
        spread.close()
        cluster.shutdown()


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class FakeRay:
    """Runs each task when its result is asked for, and counts those on their way."""

    def __init__(self) -> None:
        self.waiting = self.most = 0
        self.exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def is_initialized(self) -> bool:
        return True

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def remote(self, function: Any) -> Any:
        def submit(*given: Any) -> Any:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            return lambda: function(*given)

        task = SimpleNamespace(remote=submit)
        task.options = lambda **_: task
        return task

    def get(self, task: Any) -> Any:
        self.waiting -= 1
        try:
            return task()
        except Exception as error:
            raise RayTaskError(error) from error


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    cluster = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", cluster)
    return cluster


def test_results_keep_their_order_and_few_batches_are_on_their_way(
    fake: FakeRay, files: list[str]
) -> None:
    encoder = open_encoder("alex")
    spread = RayEmbedding("local", "alex", device="cpu", checksum=encoder.card.checksum)
    bad: dict[str, str] = {}
    given = {"cache": None, "watch": Watch(), "batch_size": 2, "unusable": bad}
    found = embed_files(encoder, files, embed=spread, **given)
    np.testing.assert_array_equal(found, embed_files(encoder, files, **given))
    assert fake.most == 2 * ray_cluster.AHEAD


def test_another_encoder_over_there_is_refused(fake: FakeRay, files: list[str]) -> None:
    encoder = open_encoder("alex")
    spread = RayEmbedding("local", "alex", device="cpu", checksum="another")
    with pytest.raises(WeightsError, match="the cluster's alex is another one than here"):
        embed_files(encoder, files[1:], embed=spread, cache=None, watch=Watch())


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1"),
        ("nowhere", "must be local, host:port or ray://host:port, got 'nowhere'"),
    ],
)
def test_an_address_without_a_cluster_is_one_sentence(address: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        RayEmbedding(address, "alex", device="cpu", checksum="")


def test_a_metric_or_ones_own_embeddings_cannot_be_spread(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    given = ["--queries", "q.csv", "--gallery", "g.csv", "--out", str(tmp_path), "--ray"]
    assert main(["identity", "rank", "--metric", "m.safetensors", *given]) == 2
    assert "--ray goes with --encoder" in capsys.readouterr().err
