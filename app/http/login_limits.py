"""How often the password may be guessed, without anybody being able to keep its owner out.

- A network address has five guesses; then each wrong one doubles the wait, up to a minute.
- All addresses together have sixty wrong guesses a minute; beyond that, 503.
- Checking a password takes 64 MiB and 0.1 s, so one is checked at a time, four wait, and the next
  gets 503 at once.
- A browser in which somebody has signed in before has a signed cookie: its guesses are counted
  by themselves and checked in a lane of their own, whatever strangers do.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from starlette.requests import Request

from app.http.lanes import Lane
from app.http.passwords import password_fits
from app.http.proxies import client_address
from app.settings import KNOWN_BROWSER_COOKIE
from app.store import Store, StoreUnavailable

FREE_GUESSES = 5
LONGEST_WAIT = 60.0
REMEMBERED_SECONDS = 15 * 60.0
ALL_GUESSES = 60
ALL_SECONDS = 60.0
KNOWN_SECONDS = 180 * 86_400
UNKNOWN = "unknown"
KNOWN = "browser "
"""How the names begin under which known browsers' guesses are counted; no address does."""


class TooManyLogins(StoreUnavailable):
    """More log-ins at once, or wrong ones within a minute, than are checked."""

    def __init__(self) -> None:
        super().__init__(
            "too many people are trying to sign in at the moment; please try again in a moment"
        )


STRANGERS = Lane("log-in", threads=1, waiting=4, full=TooManyLogins)
KNOWN_BROWSERS = Lane("known-log-in", threads=1, waiting=4, full=TooManyLogins)


class Visitor(NamedTuple):
    """Whoever tries to sign in: the name that guesses are counted by."""

    name: str
    is_known: bool


def visitor(request: Request, store: Store) -> Visitor:
    """A known browser by its cookie, anybody else by the network address."""
    browser = _known_browser(store, request.cookies.get(KNOWN_BROWSER_COOKIE, ""))
    if browser is not None:
        return Visitor(f"{KNOWN}{browser}", True)
    return Visitor(network_of(client_address(request)), False)


def network_of(host: str) -> str:
    """The address that guesses are counted by; for IPv6 the network, which one person has whole.

    >>> network_of("203.0.113.9"), network_of("2001:db8::1:2"), network_of("::ffff:203.0.113.9")
    ('203.0.113.9', '2001:db8::/64', '203.0.113.9')
    """
    try:
        address = ip_address(host)
    except ValueError:
        return UNKNOWN
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), 64), strict=False))


def seconds_to_wait(store: Store, who: Visitor) -> float:
    """How long before the next guess is checked; 0 for now.

    Raises:
        TooManyLogins: too many strangers have guessed within the last minute.
    """
    failures, ago = store.researchers.login_failures(who.name, REMEMBERED_SECONDS)
    if failures >= FREE_GUESSES:
        wait = min(2.0 ** (failures - FREE_GUESSES), LONGEST_WAIT) - ago
        if wait > 0:
            return wait
    if not who.is_known:
        everybody = store.researchers.count_login_failures(ALL_SECONDS, leave_out=KNOWN)
        if everybody >= ALL_GUESSES:
            raise TooManyLogins
    return 0.0


def check_password(store: Store, who: Visitor, password: str) -> tuple[bool, float]:
    """Check one guess and count a wrong one; to be run in one of the two lanes.

    Returns:
        Whether it is right, and how long to wait instead: others may have guessed while this
        guess waited for its turn.
    """
    wait = seconds_to_wait(store, who)
    if wait:
        return False, wait
    if password_fits(store.researchers.password_hash(), password):
        return True, 0.0
    store.researchers.add_login_failure(who.name)
    return False, 0.0


def new_known_browser(store: Store) -> str:
    """The cookie for a browser in which somebody has just signed in."""
    named = f"{secrets.token_hex(8)}.{int(time.time()) + KNOWN_SECONDS}"
    return f"{named}.{_signature(store, named)}"


def _known_browser(store: Store, cookie: str) -> str | None:
    """The browser's name in a cookie that we signed and that has not expired."""
    named, _, signature = cookie.rpartition(".")
    browser, _, expires = named.partition(".")
    if not (cookie.isascii() and expires.isdigit() and int(expires) > time.time()):
        return None
    if not hmac.compare_digest(signature, _signature(store, named)):
        return None
    return browser


def _signature(store: Store, named: str) -> str:
    """Of this data folder and its present password: another password forgets all browsers."""
    key = store.platform_settings.get_or_set("known_browser_key", secrets.token_hex(32))
    secret = f"{key} {store.researchers.password_hash()}"
    return hmac.new(secret.encode(), named.encode(), hashlib.sha256).hexdigest()
