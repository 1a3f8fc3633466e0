"""The maker: one call an image, each with its own seed and provenance."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

from clpips.generation.openai_images.api_key import cleaned, guard_logs
from clpips.generation.openai_images.client import Caller, FieldRefusal, Waits
from clpips.generation.openai_images.optional_fields import left_out, refused_fields, remember
from clpips.generation.openai_images.options import ServiceOptions, service_options
from clpips.generation.openai_images.responses import Answer, ImageResponse, parse_response, picture
from clpips.generation.openai_images.url_policy import check_plain_http, checked_base, host_of
from clpips.generation.protocol import MAX_SIDE, Generated, Request
from clpips.generation.scenes.maker import png
from clpips.generation.seeds import image_seed
from clpips.progress import Watch
from clpips.types import Provenance

NAME = "http"
VERSION = "1.0"


class Service:
    """Asks an OpenAI-compatible service for each image.

    ``Request.options`` are those of :class:`ServiceOptions`. The key is read from
    ``CLPIPS_IMAGES_KEY`` for each call, sent to the base URL in
    ``CLPIPS_IMAGES_URL`` alone, and kept nowhere. A request with a
    start image goes to ``/images/edits``. Where the service refuses
    ``size`` or ``response_format``, requests go on without it.

    Args:
        base: the base URL, to which ``/images/generations`` is added.

    Raises:
        GenerationError: not a base URL.
    """

    name = NAME
    version = VERSION
    can_start_from_image = True

    def __init__(self, base: str, *, _waits: Waits = Waits()) -> None:  # noqa: B008 # frozen
        self.base = checked_base(base)
        self._waits = _waits

    def generate(self, request: Request, watch: Watch = Watch()) -> Iterator[Generated]:  # noqa: B008 # Watch is frozen
        """Yield ``request.count`` images in order; reports before each and at the end.

        An image has the size that the service gave it, which its provenance records.

        Raises:
            GenerationError: a wrong option, a service that fails or refuses, a wrong answer;
                images already yielded stand.
            Cancelled: the caller cancelled; a call under way is aborted.
        """
        options = service_options(request.options)
        check_plain_http(self.base, allowed=options.allow_plain_http)
        guard_logs()
        caller = Caller(self.base, options, watch, self._waits)
        start = None if request.start is None else _start_png(request.start)
        host = host_of(self.base)
        for index in range(request.count):
            number = f"image {index + 1} of {request.count}"
            watch.report(index / request.count, f"Asking {host} for {number}")
            seed = image_seed(request.seed, index) >> 17  # 31 bits: services take no more
            yield self._one(request, caller, seed, start)
        watch.report(1.0, "Done")

    def _one(self, request: Request, caller: Caller, seed: int, start: bytes | None) -> Generated:
        began = time.perf_counter()
        fields = _fields(request, caller.options, seed, edits=start is not None)
        host = host_of(self.base)
        answer, attempts, without = self._asked(caller, fields, start)
        response = parse_response(answer, host)
        data = response.data if response.data is not None else caller.image(response.url or "")
        made = picture(data, host)
        record = _record(self.base, caller.options, response, attempts)
        if without:
            record["fields_left_out"] = sorted(without)
        if made.info["notes"]:
            record["notes"] = made.info["notes"]
        if start is not None:
            record["start_sha256"] = hashlib.sha256(start).hexdigest()
            record["strength"] = request.strength if caller.options.send_strength else None
        provenance = Provenance(
            maker=NAME,
            maker_version=VERSION,
            prompt=request.prompt,
            seed=seed,
            width=made.width,
            height=made.height,
            options=cleaned({**request.options, "service": record}),
            seconds=time.perf_counter() - began,
        )
        return Generated(made, provenance)

    def _asked(
        self, caller: Caller, fields: Mapping[str, Any], start: bytes | None
    ) -> tuple[Answer, int, frozenset[str]]:
        """The answer, how many attempts it took, and which refused fields were left out.

        A refused optional field is left out and the image requested once more; all further
        requests to this model go without it.
        """
        model, attempts = caller.options.model, 0
        while True:
            without = left_out(self.base, model) - set(caller.options.fields)
            sent = {name: value for name, value in fields.items() if name not in without}
            try:
                answer, tried = _post(caller, sent, start)
            except FieldRefusal as error:
                refused = refused_fields(error, sent, caller.options.fields)
                if not refused:
                    raise
                attempts += 1
                remember(self.base, model, refused)
            else:
                return answer, attempts + tried, without & set(fields)


def opened(rest: str) -> Service:
    """The maker for a base URL.

    Raises:
        GenerationError: not a base URL.
    """
    return Service(rest)


def _post(caller: Caller, fields: dict[str, Any], start: bytes | None) -> tuple[Answer, int]:
    if start is None:
        return caller.post("/images/generations", json=fields)
    image = {"image": ("start.png", start, "image/png")}
    return caller.post("/images/edits", data=_form(fields), files=image)


def _fields(request: Request, options: ServiceOptions, seed: int, *, edits: bool) -> dict[str, Any]:
    """The fields of one call, without those that are ``None``."""
    fields: dict[str, Any] = {
        "model": options.model,
        "prompt": request.prompt,
        "n": 1,
        "size": f"{request.width}x{request.height}",
        "response_format": "b64_json",
        "seed": seed if options.send_seed else None,
        "strength": request.strength if edits and options.send_strength else None,
        **options.fields,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _form(fields: dict[str, Any]) -> dict[str, str]:
    """The same fields as a form holds them: texts as they are, all else as JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.items()
    }


def _start_png(start: Image.Image) -> bytes:
    image = start.convert("RGB")
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return png(image)


def _record(
    base: str, options: ServiceOptions, response: ImageResponse, attempts: int
) -> dict[str, Any]:
    """What is worth knowing of one image's call, JSON-serialisable."""
    record = {
        "base_url": base,
        "attempts": attempts,
        "seed_sent": options.send_seed,
        "model": response.model,
        "revised_prompt": response.revised_prompt,
        "usage": response.usage,
        "cost": options.cost_per_image,
        "currency": options.currency,
    }
    return {name: value for name, value in record.items() if value is not None}
