"""The researcher's password: hashed with argon2, set once, without a default."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.store import Store
from clpips.errors import StudyError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MIN_PASSWORD = 8
MAX_PASSWORD = 1_000

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """The argon2 hash of a password.

    Raises:
        StudyError: it is shorter than 8 or longer than 1,000 characters, or blank.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise StudyError(
            f"a password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters, got {len(password)}"
        )
    if not password.strip():
        raise StudyError("a password must not consist of spaces only")
    return _hasher.hash(password)


def password_fits(hashed: str | None, password: str) -> bool:
    """Whether a password matches its hash; deliberately costs 0.1 s and 64 MiB."""
    if hashed is None or not 0 < len(password) <= MAX_PASSWORD:
        return False
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def check_password_is_set(store: Store) -> None:
    """Set the password from the environment at the first start; an existing one stays.

    Raises:
        StudyError: the server is reachable by others without a password, or it is too short.
    """
    if store.researchers.password_hash() is not None:
        return
    password = store.settings.researcher_password
    if password is not None:
        store.researchers.set_password_hash(hash_password(password))
    elif store.settings.address not in LOOPBACK:
        raise StudyError(
            "CLPIPS_RESEARCHER_PASSWORD must be set before others can reach the server, "
            f"got none with CLPIPS_ADDRESS={store.settings.address}"
        )
