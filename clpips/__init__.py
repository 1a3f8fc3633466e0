"""CLPIPS: LPIPS whose layer-combination weights are refitted to one person's rankings.

>>> from clpips import CLPIPS, read_rankings, evaluate  # doctest: +SKIP
>>> personal = CLPIPS("alex").fit(read_rankings("rankings.csv"))  # doctest: +SKIP

Names are loaded when first used, so ``import clpips.types`` costs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "CLPIPS",
    "Agreement",
    "Evaluation",
    "HeldOut",
    "Ranking",
    "evaluate",
    "held_out",
    "read_rankings",
    "write_rankings",
]

_HOME = {
    "CLPIPS": "clpips.metric",
    "Agreement": "clpips.agreement",
    "Evaluation": "clpips.evaluation",
    "HeldOut": "clpips.evaluation",
    "Ranking": "clpips.types",
    "evaluate": "clpips.evaluation",
    "held_out": "clpips.evaluation",
    "read_rankings": "clpips.rankings",
    "write_rankings": "clpips.rankings",
}

if TYPE_CHECKING:
    from clpips.agreement import Agreement
    from clpips.evaluation import Evaluation, HeldOut, evaluate, held_out
    from clpips.metric import CLPIPS
    from clpips.rankings import read_rankings, write_rankings
    from clpips.types import Ranking


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'clpips' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
