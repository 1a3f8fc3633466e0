"""Embedding spread over a Ray cluster: the same vectors, from more machines.

Pictures are decoded here and sent in batches, so that nothing has to lie on the other machines but
this library and the encoder's weights. A worker process opens the encoder once. A batch whose
machine is lost is computed again on another.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from PIL import Image

from clpips.errors import ClpipsError, InputError, WeightsError
from clpips.extras import requires
from clpips.features.embedding.encoder import Embeddings, ImageEncoder
from clpips.features.embedding.registry import open_encoder
from clpips.text import cut, one_line

LOCAL = "local"
"""The address of a cluster on this machine, started for the purpose."""
RETRIES = 20
"""A batch is computed again at most so often when machines are lost."""
AHEAD = 2
"""Batches on their way for each CPU of the cluster."""
ANSWER_SECONDS = 10


class RayEmbedding:
    """Embeds batches on a cluster; it is joined or started at once.

    Args:
        address: ``local``, ``host:port`` or ``ray://host:port``.
        name: the encoder's.
        device: where each worker runs it: ``cpu``, ``cuda`` or ``auto``.
        checksum: that the workers' encoders must have.

    Raises:
        MissingExtra: Ray is not installed.
        InputError: no cluster answers there.
    """

    def __init__(self, address: str, name: str, *, device: str, checksum: str) -> None:
        with requires("ray", "--ray"):
            import ray
        self._ray: Any = ray
        self._given = (name, device, checksum)
        if not ray.is_initialized():
            _join(address)
        cluster: dict[str, float] = self._ray.cluster_resources()
        share = {"num_gpus": 1} if device != "cpu" and cluster.get("GPU") else {"num_cpus": 1}
        self._task = ray.remote(_embed).options(max_retries=RETRIES, **share)
        self._most = AHEAD * max(1, int(cluster.get("CPU", 1)))

    def __call__(self, batches: Iterator[Sequence[Image.Image]]) -> Iterator[Embeddings]:
        """Batches of pictures → their embeddings, in the same order.

        Raises:
            WeightsError: a worker's encoder is another one.
            InputError: the cluster failed.
        """
        waiting: deque[Any] = deque()
        for batch in batches:
            waiting.append(self._task.remote(*self._given, list(batch)))
            if len(waiting) >= self._most:
                yield self._result(waiting.popleft())
        while waiting:
            yield self._result(waiting.popleft())

    def close(self) -> None:
        """Leave the cluster; one on this machine ends."""
        self._ray.shutdown()

    def _result(self, task: Any) -> Embeddings:
        try:
            found: Embeddings = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, ClpipsError):
                raise error.cause from error
            raise InputError(f"the Ray cluster failed: {_brief(error.cause)}") from error
        except self._ray.exceptions.RayError as error:
            raise InputError(f"the Ray cluster failed: {_brief(error)}") from error
        return found


def _join(address: str) -> None:
    import ray

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    quiet: dict[str, Any] = {
        "include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR,
    }  # fmt: skip
    if address == LOCAL:
        ray.init(**quiet)
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        raise InputError(
            f"a Ray address must be {LOCAL}, host:port or ray://host:port, got {address!r}"
        )
    try:  # Ray itself tries for a minute
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
        quiet.pop("include_dashboard")
        ray.init(address=address, **quiet)
    except (OSError, OverflowError, ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(f"no Ray cluster answers at {address} ({_brief(error)})") from error


def _embed(name: str, device: str, checksum: str, pictures: list[Image.Image]) -> Embeddings:
    """Runs on a worker."""
    encoder = _opened(name, device)
    if encoder.card.checksum != checksum:
        raise WeightsError(f"the cluster's {name} is another one than here (checksum differs)")
    return encoder.embed(pictures)


@lru_cache(maxsize=2)
def _opened(name: str, device: str) -> ImageEncoder:
    return open_encoder(name, device=device)


def _brief(error: object) -> str:
    return cut(one_line(error), 160)
