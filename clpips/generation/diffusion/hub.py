"""Where diffusion pipelines come from: a folder, or an id on the hub, loaded by the same code.

Weights are read from safetensors files alone and no code from a model's repository is run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from clpips.errors import Cancelled, GenerationError
from clpips.progress import Watch

INDEX = "model_index.json"
_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_KEPT = ("*.json", "*.txt", "*.model", "*.safetensors")


@dataclass(frozen=True, slots=True)
class Source:
    """A model on this machine.

    Args:
        name: the requested folder or id.
        folder: where its files are.
        revision: the hub's commit; empty for a folder.
        digest: SHA-256 over all file names and contents, hexadecimal.
    """

    name: str
    folder: Path
    revision: str
    digest: str

    @property
    def version(self) -> str:
        """The commit, or for a folder the first 12 digits of the digest."""
        return self.revision or self.digest[:12]


def source_of(name: str, *, revision: str | None, watch: Watch) -> Source:
    """Find a model, download it where it is an id that is not here yet.

    Args:
        name: a folder in the layout of diffusers, or an id such as ``owner/model``.
        revision: branch, tag or commit of an id; ``None`` for its main branch.
        watch: called with the downloaded share, and checked for cancellation.

    Raises:
        GenerationError: no such folder, not a model's folder, or a model that cannot be had;
            the message says which folder is accepted.
        Cancelled: the caller cancelled; downloaded files stay.
    """
    folder, commit = Path(name).expanduser(), ""
    if not folder.exists():
        if not _ID.fullmatch(name):
            raise GenerationError(
                f"a diffusers model must be a folder with {INDEX} in it, or an id on the hub "
                f"such as owner/model, got {name!r}"
            )
        folder = _downloaded(name, revision, watch)
        commit = folder.name
    elif revision is not None:
        raise GenerationError(f"only an id on the hub has revisions, got the folder {name}")
    _check(folder, name)
    return Source(name, folder, commit, _digest(folder, _stamps(folder)))


def _check(folder: Path, name: str) -> None:
    """Only a folder with an index and with safetensors files is a model."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        parts = [part for part, what in index.items() if isinstance(what, list) and what[0]]
    except (OSError, ValueError, AttributeError, IndexError) as error:
        raise GenerationError(
            f"the folder of a diffusers model must have a readable {INDEX}, got {name}"
        ) from error
    for part in parts:
        inside = folder / part
        weights = [each.suffix for each in inside.glob("*") if each.suffix in (".bin", ".pt")]
        if weights and not any(inside.glob("*.safetensors")):
            raise GenerationError(
                f"weights must be safetensors files, got pickles alone in {name}/{part}"
            )


def _stamps(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of every file: what is hashed anew when one of them changes."""
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    kept = [each for each in files if not each.relative_to(folder).parts[0].startswith(".")]
    found = [(each.relative_to(folder).as_posix(), each.stat()) for each in kept]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in found)


@lru_cache(maxsize=8)
def _digest(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:
    whole = hashlib.sha256()
    for name, _, _ in stamps:
        with (folder / name).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{name}\0{content}\n".encode())
    return whole.hexdigest()


def _downloaded(name: str, revision: str | None, watch: Watch) -> Path:
    """The folder of an id in the hub's cache, with everything in it that is loaded."""
    try:
        return _fetched(name, revision, watch)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001 # no network, no model, no leave: all end alike
        try:
            return _cached(name, revision)
        except (OSError, ValueError):
            raise GenerationError(
                f"the model {name} could not be had from the hub ({_reason(error)}); copy its "
                f"folder (with {INDEX} and safetensors files) to this machine and name it as "
                f"diffusers:<folder>"
            ) from error


def _reason(error: Exception) -> str:
    """The first line of an error, short, or its type where it has no message."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:160]


def _cached(name: str, revision: str | None) -> Path:
    """The folder where an id was downloaded before."""
    from huggingface_hub import hf_hub_download, snapshot_download

    index = hf_hub_download(name, INDEX, revision=revision, local_files_only=True)
    chosen = _choice(Path(index))
    return Path(snapshot_download(name, revision=revision, local_files_only=True, **chosen))


def _fetched(name: str, revision: str | None, watch: Watch) -> Path:
    """Download what is missing of an id, file by file, and give its folder."""
    from huggingface_hub import hf_hub_download, snapshot_download

    watch.report(0.0, f"Looking for {name}")
    index = Path(hf_hub_download(name, INDEX, revision=revision))
    commit, chosen = index.parent.name, _choice(index)
    wanted = snapshot_download(name, revision=commit, dry_run=True, **chosen)
    missing = [each for each in wanted if each.will_download]
    total, done = sum(each.file_size for each in missing) or 1, 0
    for each in missing:
        bar = _byte_counter(partial(_tell, watch, total, done))
        hf_hub_download(name, each.filename, revision=commit, tqdm_class=bar)
        done += each.file_size
        _tell(watch, total, done, 0)
    return Path(snapshot_download(name, revision=commit, **chosen))


def _choice(index: Path) -> dict[str, Any]:
    """Which files belong to a pipeline: its index, and its parts' configurations and weights."""
    parts = json.loads(index.read_text(encoding="utf-8"))
    named = [part for part, what in parts.items() if isinstance(what, list) and what[0]]
    kept = [INDEX, *(f"{part}/{kind}" for part in named for kind in _KEPT)]
    return {"allow_patterns": kept, "ignore_patterns": ["*.fp16.*", "*.non_ema.*"]}


def _tell(watch: Watch, total: int, before: int, come: int) -> None:
    """Report the bytes received: those of the files before, and of this one."""
    done = before + come
    words = f"Downloading the model: {done / 1e6:.1f} of {total / 1e6:.1f} MB"
    watch.report(min(done / total, 1.0), words)


def _byte_counter(report: Callable[[int], None]) -> Any:
    """A silent progress bar class that reports how many bytes of its file were received."""
    from tqdm.auto import tqdm

    class Silent(tqdm):  # type: ignore[misc] # tqdm has no types
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})
            self.received = 0

        def update(self, n: float | None = 1) -> bool | None:
            self.received += int(n or 0)
            report(self.received)
            return None

    return Silent
