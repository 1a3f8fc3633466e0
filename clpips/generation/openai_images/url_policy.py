"""Which addresses may be requested: the service's own, and those that its answers name."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit, urlunsplit

from clpips.errors import GenerationError
from clpips.generation.openai_images.api_key import quoted

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def checked_base(rest: str) -> str:
    """A service's base URL, without a slash at its end.

    Raises:
        GenerationError: not such a URL. Where it may hold a secret, the sentence does not show it.
    """
    base = rest.strip().rstrip("/")
    try:
        parts = urlsplit(base)
        parts.port  # noqa: B018 # reading it checks it
    except ValueError as error:
        raise GenerationError(
            f"the base URL must be an address, got one where {quoted(error)}"
        ) from None
    if parts.username is not None or parts.password is not None:
        raise GenerationError(
            "the base URL must hold no user name and no password, got one that does; "
            "the key is read from CLPIPS_IMAGES_KEY"
        )
    if parts.query or parts.fragment or "?" in base or "#" in base:
        raise GenerationError("the base URL must end with its path, got one with a query")
    if parts.scheme not in ("http", "https"):
        raise GenerationError(
            f"the base URL must begin with https:// or http://, got {quoted(parts.scheme, 20)!r}"
        )
    if not parts.hostname or any(not "!" <= letter <= "~" for letter in base) or "\\" in base:
        raise GenerationError(
            f"the base URL must name a host, as in https://host/v1, got {quoted(base)!r}"
        )
    return base


def check_plain_http(base: str, *, allowed: bool) -> None:
    """Refuse to send words and key unencrypted over a network, unless that is ``allowed``.

    Raises:
        GenerationError: plain http to another machine.
    """
    if base.startswith("http://") and not is_loopback(base) and not allowed:
        raise GenerationError(
            f"{host_of(base)}: the base URL must begin with https:// unless the option "
            "allow_plain_http is true, got http://"
        )


def host_of(url: str) -> str:
    """The host that a URL names, with its port where it has one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return host if parts.port is None else f"{host}:{parts.port}"


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine itself: ``localhost`` or a loopback address."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_image_url(url: str, base: str) -> SplitResult:
    """The parts of an image's URL from a service's answer, with an allowed scheme.

    Raises:
        GenerationError: neither https, nor http between two ends on this machine.
    """
    service = host_of(base)
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 # reading it checks it
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if not parts.hostname or "@" in parts.netloc or not _is_plain(url) or len(url) > 8000:
        raise GenerationError(f"{service}: an image's URL must be an address, got one that is not")
    plain = parts.scheme == "http" and is_loopback(base)
    if parts.scheme != "https" and not plain:
        raise GenerationError(
            f"{service}: an image's URL must begin with https://, got {quoted(parts.scheme, 20)!r}"
        )
    return parts


async def addresses_of(parts: SplitResult, base: str) -> list[str]:
    """The addresses behind an image's URL, each checked; they are what must be connected to.

    A name that is looked up again might answer another address, so the name is not enough.

    Raises:
        GenerationError: one of them is not public, and not loopback for a service on loopback.
        OSError: the name cannot be looked up.
    """
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(
        parts.hostname, port, type=socket.SOCK_STREAM
    )
    addresses = list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))
    for text in addresses:
        address = ipaddress.ip_address(text)
        fine = address.is_loopback if parts.scheme == "http" else _is_public(address)
        if not fine and not (address.is_loopback and is_loopback(base)):
            raise GenerationError(
                f"{host_of(base)}: an image's URL must lead to a public address, got "
                f"{quoted(parts.hostname, 100)!r}, which is {text}"
            )
    return addresses


def at_address(parts: SplitResult, address: str) -> str:
    """The same URL with an address in the place of its host's name."""
    host = f"[{address}]" if ":" in address else address
    return urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))


def _is_plain(url: str) -> bool:
    return "\\" not in url and all("!" <= letter <= "~" for letter in url)


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast
