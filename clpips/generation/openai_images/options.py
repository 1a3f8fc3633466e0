"""What a study may set for a service, checked at birth."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from clpips.errors import GenerationError
from clpips.generation.openai_images.api_key import quoted

OURS = ("prompt", "n", "model", "seed", "strength", "stream")


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Settings of the maker ``http``.

    Args:
        model: what the service calls its model; left out of the request where it is ``None``.
        send_seed: whether each image's seed is sent, to services that know ``seed``.
        send_strength: whether ``Request.strength`` is sent with a start image.
        fields: further fields of the request, which may also replace ``size`` and
            ``response_format``; ``None`` leaves a field out.
        timeout: seconds that connecting, and each wait for more of an answer, may take;
            a whole answer may take five times as long.
        attempts: attempts per image at most, 1 to 10.
        per_minute: how many calls a minute, of all threads of this process, at most.
        cost_per_image: what an image costs, in ``currency``; recorded, not charged.
        currency: three capital letters, as in ``USD``; stands with ``cost_per_image``.
        allow_plain_http: whether words and key may travel unencrypted to another machine.

    Raises:
        GenerationError: an option outside its stated range or of another type.
    """

    model: str | None = None
    send_seed: bool = False
    send_strength: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 60.0
    attempts: int = 4
    per_minute: float | None = None
    cost_per_image: float | None = None
    currency: str | None = None
    allow_plain_http: bool = False

    def __post_init__(self) -> None:
        if self.model is not None and (not isinstance(self.model, str) or not self.model.strip()):
            raise _wrong("model", "be a name", self.model)
        for name in ("send_seed", "send_strength", "allow_plain_http"):
            if not isinstance(getattr(self, name), bool):
                raise _wrong(name, "be true or false", getattr(self, name))
        _check_number("timeout", self.timeout, 3600)
        _check_number("attempts", self.attempts, 10)
        if not isinstance(self.attempts, int):
            raise _wrong("attempts", "be a whole number", self.attempts)
        if self.per_minute is not None:
            _check_number("per_minute", self.per_minute, 60_000)
        self._check_cost()
        self._check_fields()

    def _check_cost(self) -> None:
        if (self.cost_per_image is None) != (self.currency is None):
            raise GenerationError(
                "the options cost_per_image and currency must stand together, got one of them"
            )
        if self.cost_per_image is None:
            return
        _check_number("cost_per_image", self.cost_per_image, 1e6, zero=True)
        currency = self.currency
        if not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
            raise _wrong("currency", "be three capital letters, as in USD", currency)

    def _check_fields(self) -> None:
        if not isinstance(self.fields, Mapping):
            raise _wrong("fields", "be fields and their values", self.fields)
        for name in self.fields:
            if not isinstance(name, str) or name in OURS:
                raise _wrong("fields", f"name none of {', '.join(OURS)}", name)
        try:
            json.dumps(dict(self.fields), allow_nan=False)
        except (TypeError, ValueError):
            raise GenerationError(
                "the option fields must be what JSON can hold, got another value in it"
            ) from None


def service_options(options: Mapping[str, Any]) -> ServiceOptions:
    """The options of a request.

    Raises:
        GenerationError: an unknown option, or one that :class:`ServiceOptions` refuses.
    """
    known = [each.name for each in fields(ServiceOptions)]
    for name in options:
        if name not in known:
            raise GenerationError(
                f"an option of http must be one of {', '.join(known)}, got {quoted(name, 80)!r}"
            )
    return ServiceOptions(**options)


def _check_number(name: str, value: Any, most: float, *, zero: bool = False) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and math.isfinite(value) and (0 < value <= most or (zero and value == 0)):
        return
    least = "at least" if zero else "above"
    raise _wrong(name, f"be a number {least} 0 and at most {most:g}", value)


def _wrong(name: str, rule: str, value: object) -> GenerationError:
    return GenerationError(f"the option {name} must {rule}, got {quoted(value, 80)!r}")
