"""The prompts of a rankings file, which rankings themselves do not carry."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clpips.types import Ranking

_Key = tuple[str, str, str | None, str | None]


def read_prompts(
    path: str | os.PathLike[str],
    rankings: Sequence[Ranking],
    *,
    image_dir: str | os.PathLike[str] | None = None,
) -> dict[Ranking, str]:
    """The prompt of each ranking, where the file has a column ``prompt``.

    Args:
        path: a file that :func:`clpips.io.rankings.read_rankings` has read.
        rankings: what it gave.
        image_dir: as it was given there.
    """
    import pandas as pd

    source = Path(path)
    if source.suffix == ".parquet":
        table = pd.read_parquet(source)
    elif source.suffix == ".jsonl":
        table = pd.read_json(source, lines=True, dtype=False)
    else:
        table = pd.read_csv(source, dtype=str, encoding="utf-8-sig", skipinitialspace=True)
        table.columns = table.columns.str.strip()
    if "prompt" not in table.columns:
        return {}
    folder = Path(image_dir) if image_dir is not None else source.parent
    prompts: dict[_Key, str] = {}
    for row in table.to_dict("records"):
        prompt = _text(row["prompt"])
        if prompt is not None:
            target = os.path.realpath(folder / str(row["target"]).strip())
            trial, round_ = _text(row.get("trial")), _text(row.get("round"))
            key = (str(row["participant"]).strip(), target, trial, round_)
            prompts.setdefault(key, prompt)
    keys = {one: (one.participant, one.target, one.trial, one.round) for one in rankings}
    return {one: prompts[key] for one, key in keys.items() if key in prompts}


def _text(value: Any) -> str | None:
    """A cell as text; an empty cell of any kind is ``None``."""
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None
