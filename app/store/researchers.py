"""The researcher's password, sessions and failed log-ins."""

from __future__ import annotations

import hashlib
from datetime import datetime

from app.store.database import DatabaseAccess, first, insert, now, number, timestamp
from clpips.errors import StudyError

KEEP_FAILURES_SECONDS = 86_400.0


class Researchers:
    """Access to the researcher's pages."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def password_hash(self) -> str | None:
        """The stored hash; ``None`` until a password was set."""
        with self._access.read() as db:
            row = first(db, "SELECT password_hash FROM researcher")
        return None if row is None else str(row["password_hash"])

    def set_password_hash(self, password_hash: str, *, replace: bool = False) -> None:
        """Set the researcher's password by its hash, once.

        With ``replace`` it may be set again, and every session ends.

        Raises:
            StudyError: there is one already.
        """
        with self._access.write() as db:
            if number(db, "SELECT count(*) FROM researcher"):
                if not replace:
                    raise StudyError("the researcher's password can be set only once")
                db.execute("DELETE FROM session")
            db.execute("INSERT OR REPLACE INTO researcher VALUES (1, ?, ?)", [password_hash, now()])

    def add_session(self, token: str, expires: datetime) -> None:
        """Let the bearer of a token in until an aware moment; only its SHA-256 is stored."""
        with self._access.write() as db:
            db.execute("DELETE FROM session WHERE expires_at <= ?", [now()])
            row = {
                "token_hash": _hash(token),
                "created_at": now(),
                "expires_at": timestamp(expires),
            }
            insert(db, "session", row)

    def has_session(self, token: str) -> bool:
        """Whether a token still opens the researcher's pages."""
        sql = "SELECT count(*) FROM session WHERE token_hash = ? AND expires_at > ?"
        with self._access.read() as db:
            return bool(number(db, sql, [_hash(token), now()]))

    def delete_session(self, token: str) -> None:
        """End a session; one that is not there is fine."""
        with self._access.write() as db:
            db.execute("DELETE FROM session WHERE token_hash = ?", [_hash(token)])

    def add_login_failure(self, address: str) -> None:
        """Note a wrong password from a network address; day-old ones are forgotten."""
        with self._access.write() as db:
            old = now(seconds=-KEEP_FAILURES_SECONDS)
            db.execute("DELETE FROM login_failure WHERE at < ?", [old])
            insert(db, "login_failure", {"address": address, "at": now()})

    def count_login_failures(self, address: str, seconds: float) -> int:
        """How many wrong passwords came from an address within the last ``seconds``."""
        sql = "SELECT count(*) FROM login_failure WHERE address = ? AND at >= ?"
        with self._access.read() as db:
            return number(db, sql, [address, now(seconds=-seconds)])


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
