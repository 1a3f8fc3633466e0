"""A training run on disk between epochs: tensors as safetensors, the rest as JSON; no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clpips.errors import InputError
from clpips.io.atomic_files import atomic_file

_FORMAT = "clpips training checkpoint 1"


def write_checkpoint(
    path: Path,
    parts: Mapping[str, Any],
    settings: Mapping[str, Any],
    best: Mapping[str, Tensor],
    results: Mapping[str, Any],
) -> None:
    """Write a run in one step.

    Args:
        path: the file.
        parts: its ``head``, ``optimizer``, ``schedule`` and ``scaler``.
        settings: how it was started; a run with others cannot go on from the file.
        best: the best epoch's weights.
        results: anything else, as plain values.
    """
    tensors = {f"head.{k}": v for k, v in parts["head"].state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in best.items()}
    adam = parts["optimizer"].state_dict()
    for number, state in adam["state"].items():
        tensors |= {f"adam.{number}.{name}": value for name, value in state.items()}
    about = {
        "format": _FORMAT,
        "settings": dict(settings),
        "results": dict(results),
        "groups": adam["param_groups"],
        "schedule": parts["schedule"].state_dict(),
        "scaler": parts["scaler"].state_dict(),
    }
    held = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    with atomic_file(path, durable=False) as partial:
        save_file(held, partial, metadata={"checkpoint": json.dumps(about)})


def read_checkpoint(
    path: Path, parts: Mapping[str, Any], settings: Mapping[str, Any], best: dict[str, Tensor]
) -> dict[str, Any]:
    """Put a run back to where its file has it; fills ``best`` and returns the results.

    Raises:
        InputError: not such a file, or one of a run with other settings or another head.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("checkpoint", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 # no dict
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"{path}: not a training checkpoint ({error})") from error
    if about.get("format") != _FORMAT:
        raise InputError(f"{path}: not a training checkpoint")
    if about["settings"] != dict(settings):
        changed = [k for k, v in settings.items() if about["settings"].get(k) != v]
        raise InputError(
            f"{path}: a run goes on with the settings that it began with, "
            f"got another {', '.join(changed) or 'set of them'}"
        )
    head = _under(tensors, "head.")
    try:
        parts["head"].load_state_dict(head)
    except RuntimeError as error:
        raise InputError(f"{path}: the checkpoint is of another head") from error
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(tensors, "adam.").items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    parts["optimizer"].load_state_dict({"state": state, "param_groups": about["groups"]})
    parts["schedule"].load_state_dict(about["schedule"])
    parts["scaler"].load_state_dict(about["scaler"])
    best.update(_under(tensors, "best."))
    found: dict[str, Any] = about["results"]
    return found


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
