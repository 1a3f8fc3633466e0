"""Calls to a service: paced, timed, bounded, tried again where that may help."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult

import httpx2
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from clpips.errors import GenerationError
from clpips.generation.openai_images.api_key import key, quoted
from clpips.generation.openai_images.cancellation import pause, take_turn, under_way
from clpips.generation.openai_images.options import ServiceOptions
from clpips.generation.openai_images.responses import Answer, refusal
from clpips.generation.openai_images.url_policy import (
    addresses_of,
    at_address,
    checked_image_url,
    host_of,
    is_loopback,
)
from clpips.progress import Watch

MAX_IMAGE_BYTES = 30_000_000
MAX_ANSWER_BYTES = MAX_IMAGE_BYTES * 4 // 3 + 1_000_000  # base64, and what stands around it
WHOLE = 5  # times the timeout: what a whole answer may take

MAX_REFUSAL = 20_000  # bytes of a refusal in which a field's name is looked for

_RETRYABLE_STATUS = {408, 409, 429}
_WRONG_REQUEST_STATUS = {400, 422}


class RetryableError(GenerationError):
    """A failure worth another attempt, ``after`` some seconds if the service named a delay."""

    def __init__(self, sentence: str, after: float | None = None) -> None:
        super().__init__(sentence)
        self.after = after


class FieldRefusal(GenerationError):
    """A request that the service finds wrong; ``said`` is what it answered."""

    def __init__(self, sentence: str, said: str) -> None:
        super().__init__(sentence)
        self.said = said


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds before an image is requested again: ``first``, doubled after each attempt.

    Up to ``jitter`` is added by chance; nothing, not even ``Retry-After``, makes it ``longest``.
    """

    first: float = 1.0
    jitter: float = 1.0
    longest: float = 60.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls one service for one request.

    Args:
        base: the base URL, checked.
        options: timeouts, attempts and pace.
        watch: checked for cancellation between calls, while waiting, and during a call.
        waits: how long to wait before another attempt.
    """

    base: str
    options: ServiceOptions
    watch: Watch
    waits: Waits = Waits()  # frozen

    def post(self, path: str, **body: Any) -> tuple[Answer, int]:
        """The answer to one POST, and how many attempts it took.

        ``body`` is what ``httpx2`` takes: ``json``, or ``data`` and ``files``.

        Raises:
            GenerationError: no attempt was answered with success.
            Cancelled: the caller cancelled.
        """
        options = self.options
        interval = 60 / options.per_minute if options.per_minute else 0.0
        secret = key(self.base)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}

        async def call() -> Answer:
            # Calls to this machine itself do not go through a proxy from the environment.
            async with self._client(trust_env=not is_loopback(self.base)) as client:
                request = client.build_request("POST", self.base + path, headers=headers, **body)
                return await self._answer(client, request, MAX_ANSWER_BYTES)

        def attempt() -> Answer:
            take_turn(self.base, interval, self.watch)
            return under_way(call, self.watch)

        return self._tried(attempt)

    def image(self, url: str) -> bytes:
        """The bytes of an image that a service's answer names; the key is not sent there.

        Raises:
            GenerationError: an address that is not allowed, or no attempt succeeded.
            Cancelled: the caller cancelled.
        """
        parts = checked_image_url(url, self.base)

        async def call() -> Answer:
            # Connect to the address that was checked: no proxy, no second look-up.
            async with self._client(trust_env=False) as client:
                failure: GenerationError | None = None
                for address in await self._looked_up(parts):
                    request = client.build_request(
                        "GET",
                        at_address(parts, address),
                        headers={"Host": parts.netloc},
                        extensions={"sni_hostname": parts.hostname},
                    )
                    try:
                        return await self._answer(client, request, MAX_IMAGE_BYTES)
                    except RetryableError as error:
                        failure = error
                raise failure or RetryableError(
                    f"{host_of(self.base)}: an image's URL leads nowhere"
                )

        answer, _ = self._tried(lambda: under_way(call, self.watch))
        return answer.body

    async def _looked_up(self, parts: SplitResult) -> list[str]:
        try:
            return await addresses_of(parts, self.base)
        except OSError as error:
            raise RetryableError(
                f"{host_of(self.base)}: an image's URL must name a host that can be found, "
                f"got {quoted(parts.hostname, 100)!r}: {quoted(error)}"
            ) from error

    def _client(self, *, trust_env: bool) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            timeout=self.options.timeout,
            trust_env=trust_env,
            follow_redirects=False,
            headers={"User-Agent": "clpips", "Accept-Encoding": "identity"},
        )

    async def _answer(
        self, client: httpx2.AsyncClient, request: httpx2.Request, most: int
    ) -> Answer:
        """The successful answer to one call, of at most ``most`` bytes."""
        host = host_of(self.base)
        limit = self.options.timeout
        failure: GenerationError
        try:
            async with asyncio.timeout(limit * WHOLE):
                answer = await _received(client, request, most, host)
        except (httpx2.TimeoutException, TimeoutError):
            failure = RetryableError(
                f"{host}: the service must answer within {limit:g} s, got no answer"
            )
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.DecodingError) as e:
            failure = GenerationError(f"{host}: the service must speak HTTP, got {quoted(e)}")
        except httpx2.TransportError as e:
            reason = quoted(e) or type(e).__name__
            failure = RetryableError(
                f"{host}: the service must be reachable and answer, got: {reason}"
            )
        else:
            return _checked_status(answer, host)
        # Raised outside the handlers so that it does not chain the library's error, whose request
        # holds the key.
        raise failure

    def _tried(self, attempt: Callable[[], Answer]) -> tuple[Answer, int]:
        """The answer of the first successful attempt, and its number, from 1."""
        backoff = wait_exponential_jitter(
            multiplier=self.waits.first, max=self.waits.longest, jitter=self.waits.jitter
        )

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, RetryableError) and error.after is not None:
                return min(error.after, self.waits.longest)
            return backoff(state)

        retrying = Retrying(
            retry=retry_if_exception_type(RetryableError),
            stop=stop_after_attempt(self.options.attempts),
            wait=wait,
            sleep=lambda seconds: pause(seconds, self.watch),
            reraise=True,
        )
        try:
            answer = retrying(attempt)
        except RetryableError as error:
            tried = self.options.attempts
            words = "attempt" if tried == 1 else "attempts"
            raise GenerationError(f"{error}, after {tried} {words}") from None
        return answer, retrying.statistics["attempt_number"]


async def _received(
    client: httpx2.AsyncClient, request: httpx2.Request, most: int, host: str
) -> Answer:
    response = await client.send(request, stream=True)
    try:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > most:
                raise GenerationError(
                    f"{host}: an image must have at most {MAX_IMAGE_BYTES // 1_000_000} MB, "
                    "got a longer answer"
                )
        return Answer(response.status_code, dict(response.headers), bytes(body))
    finally:
        await response.aclose()


def _checked_status(answer: Answer, host: str) -> Answer:
    status = answer.status
    if 200 <= status < 300:
        return answer
    sentence = refusal(answer, host)
    if status in _RETRYABLE_STATUS or status >= 500:
        raise RetryableError(sentence, after=retry_after(answer.headers))
    if status in _WRONG_REQUEST_STATUS:
        raise FieldRefusal(sentence, answer.body[:MAX_REFUSAL].decode("utf-8", "replace"))
    raise GenerationError(sentence)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a ``Retry-After`` header asks for, from now; ``None`` without one.

    The header holds seconds or an HTTP date; a date that has passed is 0.
    """
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            until = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        seconds = (until - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
