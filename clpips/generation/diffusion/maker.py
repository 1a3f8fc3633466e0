"""``diffusers:<folder or id>``: any text-to-image pipeline of the ``diffusers`` library.

Images are made one at a time, each with a generator of its own, so that every one can be made
again by itself: in a batch the last digits depend on the neighbours.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Any

import diffusers
import torch
from PIL import Image

from clpips.errors import Cancelled, GenerationError
from clpips.generation.diffusion.finite_output import as_picture, finite_decoding, require_finite
from clpips.generation.diffusion.hub import Source, source_of
from clpips.generation.diffusion.pipeline import Loaded, loaded_pipeline
from clpips.generation.diffusion.settings import SCHEDULERS, DiffusionSettings
from clpips.generation.diffusion.truncated_words import unread_words
from clpips.generation.pixel_hash import pixel_hash
from clpips.generation.protocol import Generated, Request
from clpips.generation.seeds import image_seed
from clpips.progress import Watch
from clpips.types import Provenance

TRIES = 3
"""How many images are made in place of one that the model's safety checker withholds."""
LIBRARIES = ("diffusers", "transformers", "torch")

# Pipelines keep state while they run: one image at a time in a process.
_running = threading.Lock()


class Diffusers:
    """A diffusion pipeline as a maker; loaded when the first image is requested.

    Args:
        source: a folder in the layout of diffusers, or an id on the hub such as ``owner/model``.
        name: the maker's name; by default ``diffusers:`` and the source.
        default: settings where a request's options say nothing.

    ``Request.options`` are the fields of ``DiffusionSettings``.
    """

    can_start_from_image = True

    def __init__(
        self,
        source: str,
        *,
        name: str | None = None,
        default: DiffusionSettings = DiffusionSettings(),  # noqa: B008 # it is frozen
    ) -> None:
        self.source, self.default = source, default
        self.name = name or f"diffusers:{source}"

    @property
    def version(self) -> str:
        """The model's commit on the hub, or the beginning of its folder's SHA-256.

        Raises:
            GenerationError: the model cannot be had.
        """
        return source_of(self.source, revision=self.default.revision, watch=Watch()).version

    def generate(self, request: Request, watch: Watch = Watch()) -> Iterator[Generated]:  # noqa: B008 # Watch is frozen
        """Yield ``request.count`` images in order; reports each denoising step.

        Image ``i`` is made with ``image_seed(request.seed, i)``. One that the model's safety
        checker withholds is replaced by another seed's, which its provenance says.

        Raises:
            GenerationError: a wrong option, a model that cannot be had or run, output that is not
                finite numbers, or a prompt for which the safety checker withholds everything.
            Cancelled: the caller cancelled; images already yielded remain valid.
        """
        settings = DiffusionSettings.of(request.options, self.default)
        watch.report(0.0, "Loading the model")
        source = source_of(self.source, revision=settings.revision, watch=watch)
        for index in range(request.count):
            following = watch.part(
                index / request.count,
                1 / request.count,
                prefix=f"Image {index + 1} of {request.count}: ",
            )
            with _running:
                loaded = loaded_pipeline(source, settings.dtype)
                yield self._one(loaded, source, request, settings, index, following)
        watch.report(1.0, "Done")

    def remake(self, provenance: Provenance, *, start: Image.Image | None = None) -> Image.Image:
        """The image that a provenance describes, made again.

        Args:
            provenance: of an image of this model.
            start: the image that it started from, where it did.

        Raises:
            GenerationError: it comes from another model or another version of it, or the image
                that it started from is missing or another one.
        """
        options = provenance.options
        if (provenance.maker, provenance.maker_version) != (self.name, self.version):
            raise GenerationError(
                f"an image can be made again only by {self.name} {self.version}, "
                f"got one of {provenance.maker} {provenance.maker_version}"
            )
        if options.get("start") != (None if start is None else pixel_hash(start)):
            raise GenerationError(
                "an image can be made again only from the image that it started from"
            )
        settings = DiffusionSettings.of(options["settings"], self.default)
        request = Request(
            provenance.prompt,
            provenance.seed,
            1,
            provenance.width,
            provenance.height,
            start=start,
            strength=options.get("strength", 1.0),
        )
        source = source_of(self.source, revision=settings.revision, watch=Watch())
        with _running:
            made = _Run(loaded_pipeline(source, settings.dtype), request, settings, Watch())
            image, _ = made.image(provenance.seed)
        return image

    def unread(self, pipeline: Any, prompt: str) -> tuple[str, ...]:
        """The words of a prompt that the pipeline does not take in."""
        return unread_words(pipeline, prompt)

    def _one(
        self,
        loaded: Loaded,
        source: Source,
        request: Request,
        settings: DiffusionSettings,
        index: int,
        watch: Watch,
    ) -> Generated:
        started, moment = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
        run = _Run(loaded, request, settings, watch)
        for attempt in range(TRIES):
            seed = image_seed(request.seed, index + attempt * request.count)
            image, withheld = run.image(seed)
            if not withheld:
                break
        else:
            raise GenerationError(
                "the model's safety checker must let an image pass, but it withheld "
                f"{TRIES} of them: use other words"
            )
        provenance = Provenance(
            maker=self.name,
            maker_version=source.version,
            prompt=request.prompt,
            seed=seed,
            width=image.width,
            height=image.height,
            options={
                "settings": asdict(settings),
                "scheduler": type(run.pipeline.scheduler).__name__,
                "dtype": str(loaded.dtype).removeprefix("torch."),
                "device": loaded.device,
                "model_sha256": source.digest,
                "libraries": {name: version(name) for name in LIBRARIES},
                "made_at": moment,
                "withheld_before": attempt,
                **run.starting_point,
            },
            not_understood=self.unread(loaded.pipeline, request.prompt),
            seconds=time.perf_counter() - started,
        )
        return Generated(image, provenance)


def opened(rest: str) -> Diffusers:
    """The maker for a folder or id."""
    return Diffusers(rest)


class _Run:
    """One request's way through a pipeline, image after image."""

    def __init__(
        self, loaded: Loaded, request: Request, settings: DiffusionSettings, watch: Watch
    ) -> None:
        self.loaded, self.request, self.settings, self.watch = loaded, request, settings, watch
        self.pipeline = loaded.pipeline if request.start is None else loaded.from_image
        self.pipeline.scheduler = _scheduler(loaded.scheduler, settings.scheduler)
        self.width, self.height = self._size()

    def _size(self) -> tuple[int, int]:
        wanted, factor = (self.request.width, self.request.height), self.loaded.factor
        if self.settings.native_size:
            wanted = (self.loaded.native_side, self.loaded.native_side)
        for side in wanted:
            if side % factor:
                raise GenerationError(
                    f"the sides of an image of {self.loaded.pipeline.__class__.__name__} must be "
                    f"multiples of {factor} pixels, got {wanted[0]} × {wanted[1]}"
                )
        return wanted

    @property
    def starting_point(self) -> dict[str, Any]:
        """The provenance entries about the start image."""
        if self.request.start is None:
            return {}
        return {"start": pixel_hash(self.request.start), "strength": self.request.strength}

    def image(self, seed: int) -> tuple[Image.Image, bool]:
        """One image, and whether the model's safety checker withheld it."""
        settings, request = self.settings, self.request
        arguments: dict[str, Any] = {
            "prompt": request.prompt,
            "num_inference_steps": settings.steps,
            "generator": torch.Generator("cpu").manual_seed(seed),
            "callback_on_step_end": self._after_step(),
            "output_type": "np",
        }
        if settings.guidance is not None:
            arguments["guidance_scale"] = settings.guidance
        if settings.negative_prompt:
            arguments["negative_prompt"] = settings.negative_prompt
        if request.start is None:
            arguments |= {"width": self.width, "height": self.height}
        else:
            size = (self.width, self.height)
            start = request.start.convert("RGB").resize(size, Image.Resampling.LANCZOS)
            arguments |= {"image": start, "strength": request.strength}
        try:
            with torch.inference_mode(), finite_decoding(self.pipeline, self.loaded.dtype):
                made = self.pipeline(**arguments)
        except (Cancelled, GenerationError):
            raise
        except (RuntimeError, ValueError, TypeError) as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise GenerationError(
                f"{type(self.pipeline).__name__} could not make the image: {lines[0][:200]}"
            ) from error
        flags = getattr(made, "nsfw_content_detected", None)
        return as_picture(made.images[0], self.loaded.dtype), bool(flags and flags[0])

    def _after_step(self) -> Callable[..., dict[str, Any]]:
        steps = self.settings.steps
        if self.request.start is not None:
            steps = max(int(steps * self.request.strength), 1)

        def report_step(
            pipeline: Any, step: int, time: Any, values: dict[str, Any]
        ) -> dict[str, Any]:
            self.watch.report(min((step + 1) / steps, 1.0), f"step {step + 1} of {steps}")
            words = f"after step {step + 1} of {steps}"
            require_finite(values.get("latents"), words, self.loaded.dtype)
            if self.loaded.preview is not None and "latents" in values:
                self.watch.preview(partial(self.loaded.preview.picture, values["latents"]))
            return {}

        return report_step


def _scheduler(own: Any, name: str | None) -> Any:
    """A fresh scheduler: the model's own kind, or the named one with the model's noise."""
    kind = type(own) if name is None else getattr(diffusers, SCHEDULERS[name])
    return kind.from_config(own.config)
