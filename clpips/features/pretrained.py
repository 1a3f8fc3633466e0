"""``timm:<name>`` and ``transformers:<id>``: any vision encoder, by name or from a local folder.

A name is downloaded by its library where the model hub can be reached; a folder (``timm:/path``,
``transformers:./path``) needs no network. No remote code runs. Weights must be safetensors, except
for timm's published models, whose older files timm loads as plain tensors only.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clpips.errors import InputError, WeightsError
from clpips.extras import requires
from clpips.features.base import joint_checksum
from clpips.features.pooled import PooledEncoder, Taps
from clpips.text import one_line

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
LONGEST_REASON = 160
HUB_SECONDS = 5
"""How long the model hub may take to answer at all."""


def open_timm(name: str, device: str | torch.device) -> PooledEncoder:
    """A timm model's pooled features.

    Args:
        name: of a model with published weights, or a folder with timm's ``config.json`` and
            ``model.safetensors``.
        device: where it runs.

    Raises:
        InputError: timm or the model hub has no such model.
        WeightsError: its weights are not available, or it does not encode square colour images.
    """
    folder = model_folder("timm", name, "model.safetensors")
    with requires("encoders", f"timm:{name}"):
        import timm
        from timm.data.config import resolve_model_data_config
    try:
        source = f"local-dir:{folder}" if folder else name
        if folder is None and ":" not in name:
            known = timm.is_model_pretrained if "." in name else timm.is_model
            if not known(name):
                raise InputError(f"timm:{name} must name one of timm's models, and there is none")
        with reachable_hub(folder):
            model = timm.create_model(source, pretrained=True, num_classes=0)
        settings: Any = resolve_model_data_config(model)  # type: ignore[no-untyped-call]  # timm
    except InputError:
        raise
    except Exception as error:  # any error of the library, the hub or the file system
        raise not_had("timm", name, error) from error
    return _encoder(
        f"timm:{name}",
        model,
        _only(frozen(model, device)),
        settings["input_size"],
        (settings["mean"], settings["std"]),
        device,
    )


def open_transformers(name: str, device: str | torch.device) -> PooledEncoder:
    """A transformers vision model: its image embedding (CLIP, SigLIP), else its pooled features.

    Many published models lack the weights of their pooler, which the library would initialise
    at random: for these the class token is used, or the spatial mean without one.

    Args:
        name: a model id or a local folder in transformers' layout.
        device: where it runs.

    Raises:
        InputError: the model hub answers, and has no such model.
        WeightsError: transformers does not support it, its weights are unavailable or
            incomplete, or it does not encode square colour images.
    """
    folder = model_folder("transformers", name, "*.safetensors")
    source: Any = str(folder) if folder else name
    kept = {"trust_remote_code": False}
    with requires("encoders", f"transformers:{name}"):
        from transformers import AutoConfig, AutoImageProcessor, AutoModel
    try:
        processors: Any = AutoImageProcessor
        with quietly(), reachable_hub(folder):
            config = AutoConfig.from_pretrained(source, **kept)
            model, loading_info = AutoModel.from_pretrained(
                source, use_safetensors=True, output_loading_info=True, **kept
            )
    except Exception as error:  # any error of the library, the hub or the file system
        raise not_had("transformers", name, error) from error
    made_up = [key for key in loading_info["missing_keys"] if "pooler" not in key.split(".")]
    if made_up:
        raise WeightsError(
            f"transformers:{name}: the file must hold every weight, got none for {made_up[0]}"
        )
    values = model.state_dict()
    for key in loading_info["missing_keys"]:
        values[key].zero_()  # otherwise the checksum would depend on random numbers
    try:
        with quietly(), reachable_hub(folder):
            prepare = processors.from_pretrained(source, **kept)
    except Exception as error:  # the same
        raise WeightsError(
            f"transformers:{name} must say how its pictures are scaled "
            "(preprocessor_config.json), and does not"
        ) from error
    vision = getattr(config, "vision_config", config)
    side = getattr(vision, "image_size", 224)
    size = [side, side] if isinstance(side, int) else list(side)
    return _encoder(
        f"transformers:{name}",
        model,
        embedding_of(frozen(model, device), pooled=not loading_info["missing_keys"]),
        [getattr(vision, "num_channels", 3), *size],
        (
            _three(getattr(prepare, "image_mean", None), CLIP_MEAN),
            _three(getattr(prepare, "image_std", None), CLIP_STD),
        ),
        device,
    )


def checksum_of(model: nn.Module) -> str:
    """SHA-256 over a model's tensors, by name: the same weights give the same number."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _encoder(
    called: str,
    model: nn.Module,
    taps: Taps,
    size: Sequence[int],
    scaling: tuple[Sequence[float], Sequence[float]],
    device: str | torch.device,
) -> PooledEncoder:
    """The encoder, after checking that it turns an image into one vector."""
    channels, height, width = (int(each) for each in size)
    if channels != 3 or height != width:
        raise WeightsError(
            f"{called} must take square pictures of 3 channels, got {channels} × {height} × {width}"
        )
    mean, std = scaling
    encoder = PooledEncoder(
        taps,
        checksum=joint_checksum(checksum_of(model), f"{height} {[*mean]} {[*std]}"),
        side=height,
        mean=mean,
        std=std,
        device=device,
    )
    try:
        found = encoder.features(torch.zeros(1, 3, height, width))
    except Exception as error:  # a model that also needs text, or another kind of image
        raise WeightsError(
            f"{called} cannot be used on pictures alone ({_first_sentence(error)})"
        ) from error
    if any(block.ndim != 2 for block in found):
        raise WeightsError(
            f"{called} must give one vector per picture, got {[*map(tuple, _shapes(found))]}"
        )
    return encoder


def _shapes(tensors: Sequence[Tensor]) -> list[torch.Size]:
    return [tensor.shape for tensor in tensors]


def model_folder(library: str, name: str, weights: str) -> Path | None:
    """The folder that a name refers to, or ``None``."""
    path = Path(name).expanduser()
    if not path.is_dir():
        return None
    for wanted in ("config.json", weights):
        if not any(path.glob(wanted)):
            raise WeightsError(f"{library}:{name}: the folder must hold {wanted}, and does not")
    return path.absolute()


def frozen(model: Any, device: str | torch.device) -> Any:
    """The model for inference, on a device."""
    return model.requires_grad_(False).eval().to(device)


def _only(model: Any) -> Taps:
    return lambda images: (model(images),)


def embedding_of(model: Any, *, pooled: bool) -> Taps:
    """A transformers model's image embedding, else its pooled output, CLS token or mean map.

    Args:
        model: the model.
        pooled: whether the pooler of a model without an image embedding may be used.
    """

    def taps(images: Tensor) -> tuple[Tensor, ...]:
        embeds = hasattr(model, "get_image_features")
        found = (model.get_image_features if embeds else model)(pixel_values=images)
        if isinstance(found, Tensor):
            return (found,)
        pooler = getattr(found, "pooler_output", None)  # of CLIP and SigLIP: their embedding
        if (embeds or pooled) and pooler is not None:
            return (pooler.flatten(1),)
        last = found.last_hidden_state
        return (last[:, 0] if last.ndim == 3 else last.mean(dim=(2, 3)),)

    return taps


def _three(found: Any, otherwise: Sequence[float]) -> Sequence[float]:
    return otherwise if found is None else tuple(float(value) for value in found)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without transformers' progress bars and reports on standard error."""
    from transformers.utils import logging as module

    logging: Any = module
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def reachable_hub(folder: Path | None) -> Iterator[None]:
    """Use only previously downloaded files if the model hub does not answer.

    Otherwise the libraries request each file six times, which takes a minute.
    """
    from huggingface_hub import constants, utils

    settings: Any = constants
    web: Any = utils
    before = settings.HF_HUB_OFFLINE
    if folder is None and not before:
        try:
            web.get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
        except Exception:  # noqa: BLE001 — no network has many names, by operating system and proxy
            settings.HF_HUB_OFFLINE = True
    try:
        yield
    except OSError as error:
        if folder is None and settings.HF_HUB_OFFLINE:
            raise OSError("the model hub does not answer, and it is not in its cache") from error
        raise
    finally:
        settings.HF_HUB_OFFLINE = before


def not_had(library: str, name: str, error: Exception) -> InputError | WeightsError:
    """Why a model cannot be had: the hub has none of that name, or it could not be fetched."""
    if _is_unknown(error):
        return InputError(f"{library}:{name} must name a model that the hub has, and there is none")
    return WeightsError(
        f"{library}:{name} could not be had ({_first_sentence(error)}); a local folder in "
        f"{library}'s own layout needs no network: {library}:/path/to/folder"
    )


def _is_unknown(error: BaseException | None) -> bool:
    """Whether the model hub answered that it has no such model."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    while error is not None:
        if isinstance(error, RepositoryNotFoundError) and not isinstance(error, GatedRepoError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _first_sentence(error: Exception) -> str:
    first = one_line(error).split(". ")[0].removesuffix(".") or type(error).__name__
    return first if len(first) <= LONGEST_REASON else first[:LONGEST_REASON].rstrip() + "…"
