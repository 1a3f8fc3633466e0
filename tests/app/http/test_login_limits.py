"""Guessing the password is slowed down, and its owner is never kept out."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from floor import Floor
from running import web_process
from serving import Answer, Server
from sql import run_sql

from app.__main__ import children
from app.http.login_limits import (
    ALL_GUESSES,
    KNOWN_SECONDS,
    Visitor,
    network_of,
    new_known_browser,
    seconds_to_wait,
)
from app.http.passwords import hash_password
from app.settings import KNOWN_BROWSER_COOKIE, Settings
from app.store import Store
from clpips.errors import StudyError

PASSWORD = "correct horse"


@pytest.fixture
def server(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that believes the tests' X-Forwarded-For, so that they have several addresses."""
    monkeypatch.setenv("CLPIPS_DATA", str(floor.store.settings.data_dir))
    monkeypatch.setenv("CLPIPS_PROXIES", "127.0.0.1")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    floor.store.researchers.set_password_hash(hash_password(PASSWORD))
    running = Server()
    yield running
    running.stop()


def log_in(
    server: Server, password: str, address: str = "192.0.2.1", cookie: str | None = None
) -> Answer:
    more = {"cookie": f"{KNOWN_BROWSER_COOKIE}={cookie}"} if cookie else {}
    return server.form("/auth/login", {"password": password}, x_forwarded_for=address, **more)


def came_in(answer: Answer) -> bool:
    return answer.status == 303 and "problem" not in answer.headers["location"]


def failures(store: Store, address: str, count: int, *, ago: float = 0.0) -> None:
    at = (datetime.now(UTC) - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    for _ in range(count):
        run_sql(store.path, f"INSERT INTO login_failure (address, at) VALUES ('{address}', '{at}')")


def test_an_address_that_guesses_waits_and_nobody_else_does(server: Server) -> None:
    answers = [log_in(server, f"guess {number}") for number in range(10)]
    assert [each.status for each in answers[:5]] == [303] * 5
    late = [each for each in answers if each.status == 429]
    assert late and all(1 <= int(each.headers["retry-after"]) <= 60 for each in late)
    assert b"your network address" in late[0].body
    assert log_in(server, PASSWORD).status == 429
    assert came_in(log_in(server, PASSWORD, "192.0.2.2"))


def test_the_wait_ends_and_the_right_password_gets_in(server: Server, floor: Floor) -> None:
    failures(floor.store, "192.0.2.1", 10, ago=40)
    assert came_in(log_in(server, PASSWORD))


@pytest.mark.parametrize(
    ("count", "wait"), [(0, 0), (4, 0), (5, 1), (6, 2), (8, 8), (11, 60), (500, 60)]
)
def test_each_wrong_guess_doubles_the_wait(floor: Floor, count: int, wait: float) -> None:
    failures(floor.store, "192.0.2.1", count)
    found = seconds_to_wait(floor.store, Visitor("192.0.2.1", False)) if count < 60 else 60.0
    assert wait - 1 < found <= wait


def test_many_addresses_together_are_slowed_down_and_a_known_browser_gets_in(
    server: Server, floor: Floor
) -> None:
    cookie = new_known_browser(floor.store)
    for number in range(ALL_GUESSES):
        failures(floor.store, f"198.51.100.{number}", 1)
    answer = log_in(server, PASSWORD)
    assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1
    assert b"too many people" in answer.body.lower()
    assert came_in(log_in(server, PASSWORD, cookie=cookie))


def test_a_known_browser_does_not_wait_for_its_address(server: Server, floor: Floor) -> None:
    failures(floor.store, "192.0.2.1", 30)
    assert log_in(server, PASSWORD).status == 429
    assert came_in(log_in(server, PASSWORD, cookie=new_known_browser(floor.store)))


def test_a_known_browser_that_guesses_waits_too(server: Server, floor: Floor) -> None:
    cookie = new_known_browser(floor.store)
    statuses = [log_in(server, "a guess", cookie=cookie).status for _ in range(8)]
    assert 429 in statuses
    assert floor.store.researchers.login_failures("192.0.2.1", 60)[0] == 0
    assert came_in(log_in(server, PASSWORD))


def test_a_cookie_that_we_did_not_sign_is_nobodys(server: Server, floor: Floor) -> None:
    failures(floor.store, "192.0.2.1", 30)
    real = new_known_browser(floor.store)
    named, _, signature = real.rpartition(".")
    browser = named.partition(".")[0]
    old = f"{browser}.{int(time.time()) - 1}.{signature}"
    for forged in (
        f"{named}.{'0' * 64}",
        f"x{real}",
        old,
        "..",
        "a.b.c",
        f"{browser}..",
        real[:-1],
    ):
        assert log_in(server, PASSWORD, cookie=forged).status == 429, forged
    floor.store.researchers.set_password_hash(hash_password("another horse"), replace=True)
    assert log_in(server, "another horse", cookie=real).status == 429


def test_signing_in_makes_the_browser_known(server: Server, floor: Floor) -> None:
    answer = log_in(server, PASSWORD)
    assert came_in(answer)
    cookies = [each for each in answer.cookies if each.startswith(KNOWN_BROWSER_COOKIE)]
    (cookie,) = cookies
    assert "HttpOnly" in cookie and "Path=/auth/" in cookie and f"Max-Age={KNOWN_SECONDS}" in cookie
    failures(floor.store, "192.0.2.1", 30)
    assert came_in(log_in(server, PASSWORD, cookie=cookie.partition("=")[2].partition(";")[0]))


def test_sixty_at_once_are_answered_at_once(server: Server, floor: Floor) -> None:
    cookie = new_known_browser(floor.store)

    def timed(address: str, password: str, cookie: str | None = None) -> tuple[int, float]:
        begun = time.monotonic()
        return log_in(server, password, address, cookie).status, time.monotonic() - begun

    with ThreadPoolExecutor(61) as pool:
        crowd = [pool.submit(timed, f"198.51.100.{number}", "a guess") for number in range(60)]
        time.sleep(0.1)
        owner = pool.submit(timed, "192.0.2.1", PASSWORD, cookie).result()
        answers = [each.result() for each in crowd]
    statuses = [status for status, _ in answers]
    assert set(statuses) == {303, 503} and statuses.count(503) >= 40
    assert max(seconds for _, seconds in answers) < 10
    assert owner[0] == 303 and owner[1] < 5


def test_ipv6_addresses_are_counted_by_network() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("not an address' OR 1=1") == "unknown"


@pytest.mark.parametrize("wrong", ["*", "proxy.example", "10.0.0.1/8", "127.0.0.1;::1"])
def test_proxies_are_addresses_and_networks(wrong: str) -> None:
    with pytest.raises(StudyError, match="CLPIPS_PROXIES"):
        Settings.from_environment({"CLPIPS_PROXIES": wrong})


def test_several_proxies_can_be_listed() -> None:
    settings = Settings.from_environment({"CLPIPS_PROXIES": "127.0.0.1, ::1 10.0.0.0/8"})
    assert settings.proxies == ("127.0.0.1", "::1", "10.0.0.0/8")


# --- whom the real web process believes -------------------------------------------------------


def guesses(url_port: int, forwarded: list[str]) -> list[int]:
    statuses = []
    for each in forwarded:
        connection = http.client.HTTPConnection("127.0.0.1", url_port, timeout=20)
        headers = {"X-Forwarded-For": each, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/auth/login", "password=a+guess", headers)
        statuses.append(connection.getresponse().status)
        connection.close()
    return statuses


MANY = [f"198.51.100.{number}" for number in range(12)]


@pytest.mark.parametrize(
    ("proxies", "supervised", "forwarded", "held_up"),
    [
        ("", True, MANY, True),
        ("", False, MANY, True),
        ("127.0.0.1", True, MANY, False),
        ("127.0.0.1", True, [f"{each}, 192.0.2.1" for each in MANY], True),
        ("10.0.0.0/8", True, MANY, True),
    ],
)
def test_only_configured_proxies_name_the_client(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    proxies: str,
    supervised: bool,
    forwarded: list[str],
    held_up: bool,
) -> None:
    monkeypatch.setenv("CLPIPS_PROXIES", proxies)
    if supervised:  # as `python -m app` starts it
        web, _ = children(Settings.from_environment())
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", web.environment["FORWARDED_ALLOW_IPS"])
    store = Store(tmp_path)
    store.researchers.set_password_hash(hash_password(PASSWORD))
    with web_process(tmp_path) as running:
        statuses = guesses(running.port, forwarded)
    assert statuses[:5] == [303] * 5
    assert (429 in statuses) == held_up
    names = run_sql(store.path, "SELECT count(DISTINCT address) FROM login_failure")
    assert names == [(1 if held_up else len(MANY),)]
