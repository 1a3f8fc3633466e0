"""The researcher's password, sessions and failed log-ins."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from app.store.database import DatabaseAccess, first, insert, now, number, timestamp
from clpips.errors import StudyError

KEEP_FAILURES_SECONDS = 3_600.0


class Researchers:
    """Access to the researcher's pages."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def password_hash(self) -> str | None:
        """The stored password hash; ``None`` until one was set."""
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
        """Start a session until an aware date and time; only the token's SHA-256 is stored."""
        with self._access.write() as db:
            db.execute("DELETE FROM session WHERE expires_at <= ?", [now()])
            row = {
                "token_hash": _hash(token),
                "created_at": now(),
                "expires_at": timestamp(expires),
            }
            insert(db, "session", row)

    def has_session(self, token: str) -> bool:
        """Whether a token belongs to a session that has not expired."""
        sql = "SELECT count(*) FROM session WHERE token_hash = ? AND expires_at > ?"
        with self._access.read() as db:
            return bool(number(db, sql, [_hash(token), now()]))

    def delete_session(self, token: str) -> None:
        """End a session, if it exists."""
        with self._access.write() as db:
            db.execute("DELETE FROM session WHERE token_hash = ?", [_hash(token)])

    def add_login_failure(self, address: str) -> None:
        """Record a failed log-in of a network address or a known browser; records older than an
        hour are deleted.
        """
        with self._access.write() as db:
            old = now(seconds=-KEEP_FAILURES_SECONDS)
            db.execute("DELETE FROM login_failure WHERE at < ?", [old])
            insert(db, "login_failure", {"address": address, "at": now()})

    def login_failures(self, address: str, seconds: float) -> tuple[int, float]:
        """The failed log-ins of an address within the last ``seconds``.

        Returns:
            Their number, and the seconds since the newest.
        """
        sql = "SELECT count(*) AS n, max(at) AS at FROM login_failure WHERE address = ? AND at >= ?"
        with self._access.read() as db:
            found = first(db, sql, [address, now(seconds=-seconds)])
        if found is None or found["at"] is None:
            return 0, seconds
        return found["n"], (datetime.now(UTC) - datetime.fromisoformat(found["at"])).total_seconds()

    def count_login_failures(self, seconds: float, *, leave_out: str) -> int:
        """All failed log-ins of the last ``seconds``, but those of names that begin so."""
        sql = "SELECT count(*) FROM login_failure WHERE at >= ? AND NOT instr(address, ?) = 1"
        with self._access.read() as db:
            return number(db, sql, [now(seconds=-seconds), leave_out])


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
