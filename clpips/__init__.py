"""CLPIPS: LPIPS whose layer-combination weights are refitted to one person's rankings.

>>> from clpips import CLPIPS, read_rankings, evaluate  # doctest: +SKIP
>>> personal = CLPIPS("alex").fit(read_rankings("rankings.csv"))  # doctest: +SKIP

Names are loaded when first used, so ``import clpips.types`` costs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clpips.version import __version__

__all__ = [
    "CLPIPS",
    "Agreement",
    "Evaluation",
    "HeldOut",
    "Ranking",
    "__version__",
    "evaluate",
    "held_out",
    "read_rankings",
    "write_rankings",
]

_HOME = {
    "CLPIPS": "clpips.metric.clpips",
    "Agreement": "clpips.stats.agreement",
    "Evaluation": "clpips.evaluation.held_out",
    "HeldOut": "clpips.evaluation.held_out",
    "Ranking": "clpips.types",
    "evaluate": "clpips.evaluation.held_out",
    "held_out": "clpips.evaluation.held_out",
    "read_rankings": "clpips.io.rankings",
    "write_rankings": "clpips.io.rankings",
}

if TYPE_CHECKING:
    from clpips.evaluation.held_out import Evaluation, HeldOut, evaluate, held_out
    from clpips.io.rankings import read_rankings, write_rankings
    from clpips.metric.clpips import CLPIPS
    from clpips.stats.agreement import Agreement
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
