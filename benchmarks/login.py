"""Many log-ins at once: how long do strangers, the owner and everybody else wait?

Run ``python benchmarks/login.py [--guesses 60]``.

The web process runs as behind a proxy. Strangers from as many addresses send one wrong password
each, all at once. Meanwhile the owner signs in from a known browser, and another page is asked for.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "tests" / "browser")]

from running import web_process  # noqa: E402 # after the path is set

from app.http.login_limits import new_known_browser  # noqa: E402
from app.http.passwords import hash_password  # noqa: E402
from app.settings import KNOWN_BROWSER_COOKIE  # noqa: E402
from app.store import Store  # noqa: E402

PASSWORD = "correct horse"
PROXY = "127.0.0.1"


def ask(port: int, method: str, path: str, body: str = "", **headers: str) -> tuple[int, float]:
    """Status and seconds of one request."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(PROXY, port, timeout=300)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, kind | named)
    status = connection.getresponse().status
    connection.close()
    return status, time.perf_counter() - begun


def log_in(port: int, password: str, address: str, cookie: str = "") -> tuple[int, float]:
    """One log-in of a client at an address, as a proxy passes it on."""
    more = {"Cookie": f"{KNOWN_BROWSER_COOKIE}={cookie}"} if cookie else {}
    body = f"password={password.replace(' ', '+')}"
    return ask(port, "POST", "/auth/login", body, X_Forwarded_For=address, **more)


def crowd(port: int, guesses: int, cookie: str) -> None:
    """Everybody at once; print how long each kind waited."""
    with ThreadPoolExecutor(guesses + 2) as pool:

        def later(work: Callable[..., tuple[int, float]], *given: str) -> tuple[int, float]:
            time.sleep(0.2)
            return work(port, *given)

        owner = pool.submit(later, log_in, PASSWORD, "192.0.2.1", cookie)
        other = pool.submit(later, ask, "GET", "/health")
        addresses = [f"198.51.{number // 250}.{number % 250}" for number in range(guesses)]
        answers = [pool.submit(log_in, port, "a guess", each) for each in addresses]
        found = [each.result() for each in answers]
    for status, count in sorted(Counter(status for status, _ in found).items()):
        slowest = max(seconds for each, seconds in found if each == status)
        print(f"{count} guesses answered with {status}, the last after {slowest:.2f} s")
    print(f"the owner's known browser: {owner.result()[0]} after {owner.result()[1]:.2f} s")
    print(f"/health: {other.result()[0]} after {other.result()[1]:.2f} s")


def main() -> None:
    """Run it in a data folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guesses", type=int, default=60)
    options = parser.parse_args()
    os.environ |= {"CLPIPS_PROXIES": PROXY, "FORWARDED_ALLOW_IPS": PROXY}
    with TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.researchers.set_password_hash(hash_password(PASSWORD))
        cookie = new_known_browser(store)
        with web_process(Path(folder)) as running:
            crowd(running.port, options.guesses, cookie)


if __name__ == "__main__":
    main()
