"""Optional packages, installed with an extra: ``pip install 'clpips[onnx]'``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from clpips.errors import MissingExtra

Extra = Literal["app", "diffusion", "encoders", "onnx", "ray", "scale"]


def install_command(extra: Extra) -> str:
    """The command that installs an extra."""
    return f"pip install 'clpips[{extra}]'"


@contextmanager
def requires(extra: Extra, what: str) -> Iterator[None]:
    """Import an extra's packages inside; a missing one gives a one-sentence error.

    Args:
        extra: that brings them.
        what: needs them, as the sentence's first words: ``an ONNX export``.

    Raises:
        MissingExtra: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or str(error)).partition(".")[0]
        raise MissingExtra(
            f"{what} needs the package {package}: {install_command(extra)}"
        ) from error
