"""A package that comes with an extra and is missing is told in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from clpips.errors import MissingExtra
from clpips.extras import requires
from clpips.features.efficientnet import open_efficientnet
from clpips.features.pretrained import open_timm, open_transformers
from clpips.generation.protocol import open_maker


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As if the package were not installed."""
    for name in list(sys.modules):
        if name == package or name.startswith((f"{package}.", "clpips.generation.diffusion.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)


@pytest.mark.parametrize(
    ("package", "use", "sentence"),
    [
        (
            "diffusers",
            lambda: open_maker("tiny"),
            "the maker tiny needs the package diffusers: pip install 'clpips[diffusion]'",
        ),
        (
            "timm",
            lambda: open_timm("resnet10t", "cpu"),
            "timm:resnet10t needs the package timm: pip install 'clpips[encoders]'",
        ),
        (
            "timm",
            lambda: open_efficientnet("cpu"),
            "EfficientNet-Lite0 needs the package timm: pip install 'clpips[encoders]'",
        ),
        (
            "transformers",
            lambda: open_transformers("owner/model", "cpu"),
            "transformers:owner/model needs the package transformers: "
            "pip install 'clpips[encoders]'",
        ),
    ],
)
def test_the_sentence_names_package_and_extra(
    monkeypatch: pytest.MonkeyPatch, package: str, use: Callable[[], object], sentence: str
) -> None:
    hide(monkeypatch, package)
    with pytest.raises(MissingExtra) as raised:
        use()
    assert str(raised.value) == sentence


def test_an_error_inside_an_installed_package_is_left_as_it_is() -> None:
    with pytest.raises(ImportError, match="cannot import name"), requires("onnx", "an export"):
        raise ImportError("cannot import name 'x' from 'onnx'")
