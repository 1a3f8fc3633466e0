"""A metric as ONNX: an image pair → its distance, for runtimes without Python or torch."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from clpips.errors import ClpipsError, InputError
from clpips.extras import requires
from clpips.features.architecture import empty_network, spec_of
from clpips.features.spatial import EPSILON, SCALE, SHIFT
from clpips.features.weights import backbone_tensors
from clpips.io.atomic_files import write_files
from clpips.io.image_files import MIN_SIDE
from clpips.metric.clpips import CLPIPS
from clpips.text import one_line

FORMAT = "clpips-onnx-1"
TOLERANCE = 1e-5
"""How far the written file may be from the metric itself, in units of distance."""
EXPORTABLE = ("alex", "vgg", "squeeze")
"""Feature spaces that can be exported: chains of layers, each tapped on the way."""
_PROBE_SIDE = 96


class PairDistance(nn.Module):
    """A metric as one module: two batches of images (n, 3, H, W) in [-1, 1] → distances (n,)."""

    def __init__(self, metric: CLPIPS) -> None:
        super().__init__()
        self.slices = nn.ModuleList(_trunk(metric.backbone))
        self.register_buffer("shift", torch.tensor(SHIFT)[None, :, None, None])
        self.register_buffer("scale", torch.tensor(SCALE)[None, :, None, None])
        for number, weights in enumerate(metric.layer_weights()):
            self.register_buffer(f"weights{number}", torch.from_numpy(weights).float())

    def forward(self, target: Tensor, image: Tensor) -> Tensor:
        """Σ over the layers of weights · spatial mean of squared feature differences."""
        layers = zip(self._features(target), self._features(image), strict=True)
        parts = [
            # (n, c, h, w) -> (n, c) -> (n,)
            (x - y).square().mean(dim=(2, 3)) @ self.get_buffer(f"weights{number}")
            for number, (x, y) in enumerate(layers)
        ]
        return torch.stack(parts).sum(dim=0)

    def _features(self, images: Tensor) -> list[Tensor]:
        activation, taps = images - self.get_buffer("shift"), []
        activation = activation / self.get_buffer("scale")
        for layers in self.slices:
            activation = layers(activation)
            length = activation.square().sum(dim=1, keepdim=True).sqrt()
            taps.append(activation / (length + EPSILON))
        return taps


def write_onnx(metric: CLPIPS, path: str | os.PathLike[str], *, side: int | None = None) -> None:
    """Write a metric with its network as one ONNX file, checked before it is kept.

    Inputs ``target`` and ``image``: float32 (n, 3, H, W), RGB in [-1, 1], of one size. Output
    ``distance``: float32 (n,), smaller is nearer, within 1e-5 of :meth:`CLPIPS.distance`. The
    card and the input range are in the file's metadata, under names that begin ``clpips.``.

    Args:
        metric: fitted, or stock.
        path: must end in ``.onnx``.
        side: a fixed height and width in pixels, for runtimes that need one; by default H and W
            are free, from 32 on. The number of pairs n is always free.

    Raises:
        InputError: another ending, a side below 32, a feature space that cannot be exported.
        MissingExtra: ``onnx``, ``onnxscript`` or ``onnxruntime`` is not installed.
        ClpipsError: the file computes something else than the metric.
        WeightsError: the network's own weights could not be had.
    """
    if Path(path).suffix.lower() != ".onnx":
        raise InputError(f"an ONNX export must end in .onnx, got {str(path)!r}")
    if side is not None and side < MIN_SIDE:
        raise InputError(f"side must be at least {MIN_SIDE} pixels, got {side}")
    onnx, runtime = _package("onnx"), _package("onnxruntime")
    _package("onnxscript")
    module = PairDistance(metric).eval()
    model = _exported(module, side)
    onnx.helper.set_model_props(model, _metadata(metric, side))
    content: bytes = model.SerializeToString()
    onnx.checker.check_model(content, full_check=True)
    _check_runs(runtime, content, module, side)
    write_files({Path(path): content})


def _trunk(backbone: str) -> list[nn.Module]:
    """The frozen layers up to each tap: the one place that knows which spaces can be exported."""
    if backbone not in EXPORTABLE:
        raise InputError(
            f"an ONNX export must be of a feature space out of {EXPORTABLE}, got {backbone!r}"
        )
    spec = spec_of(backbone)
    module = empty_network(backbone)
    module.load_state_dict(backbone_tensors(backbone)[0], strict=True, assign=True)
    layers = cast(nn.Sequential, cast(nn.ModuleDict, module)["features"])
    layers.requires_grad_(False)
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False  # a graph has values, not places
    return [layers[first:last] for first, last in spec.taps]


def _package(name: str) -> Any:
    with requires("onnx", "an ONNX export"):
        return importlib.import_module(name)


def _exported(module: PairDistance, side: int | None) -> Any:
    """The ONNX model of a module, by torch's exporter."""
    length = side or _PROBE_SIDE
    # Unequal sides and more than one pair, so that none is taken for a constant.
    pair = tuple(torch.zeros(2, 3, length, side or length + 32) for _ in range(2))
    free: dict[int, Any] = {0: torch.export.Dim("n")}
    if side is None:
        free |= {2: torch.export.Dim("height", min=MIN_SIDE)}
        free |= {3: torch.export.Dim("width", min=MIN_SIDE)}
    with _quiet():
        program = torch.onnx.export(
            module,
            pair,
            dynamo=True,
            input_names=["target", "image"],
            output_names=["distance"],
            dynamic_shapes=(free, free),
            verbose=False,
            # The optimiser takes + 1e-10 for + 0 and drops it: where all features are 0 the
            # file would then compute 0/0.
            optimize=False,
        )
    if program is None:
        raise ClpipsError("torch's exporter gave no ONNX model")
    return program.model_proto


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints and warns about its own inner names; none of it is the caller's."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _metadata(metric: CLPIPS, side: int | None) -> Mapping[str, str]:
    card = {"clpips.card": json.dumps(metric.card_.to_dict())} if metric.is_fitted else {}
    return {
        "clpips.format": FORMAT,
        "clpips.backbone": metric.backbone,
        "clpips.weights": "personal" if metric.is_fitted else "stock",
        "clpips.input": "float32 (n, 3, H, W), RGB in [-1, 1], both inputs of one size",
        "clpips.output": "distance (n,), smaller is nearer",
        "clpips.side": "free" if side is None else str(side),
        **card,
    }


def _check_runs(runtime: Any, content: bytes, module: PairDistance, side: int | None) -> None:
    """Run the file on two pairs and compare it with the module."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, 3, side or _PROBE_SIDE + 5, side or _PROBE_SIDE)
    target, image = (torch.rand(shape, generator=generator) * 2 - 1 for _ in range(2))
    try:
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {"target": target.numpy(), "image": image.numpy()})
    except Exception as error:  # the runtime has exceptions of its own, by version
        raise ClpipsError(f"onnxruntime cannot run the export ({one_line(error)})") from error
    with torch.inference_mode():
        wanted = module(target, image).numpy()
    if not np.allclose(found, wanted, rtol=0, atol=TOLERANCE):
        raise ClpipsError(
            f"the ONNX export must give the metric's distances to {TOLERANCE:g}, "
            f"got {found.tolist()} for {wanted.tolist()}"
        )
