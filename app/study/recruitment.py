"""Recruiter's parameters: who sent a participant, as Prolific, Mechanical Turk and SONA say it.

They stand in the join link, are kept with the participant, and fill in the addresses that lead a
participant back. Anybody can write a link, so their names are known and their values bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

from clpips.errors import StudyError
from clpips.text import quoted

PARAMETERS = (
    "PROLIFIC_PID",
    "STUDY_ID",
    "SESSION_ID",
    "workerId",
    "assignmentId",
    "hitId",
    "survey_code",
    "id",
)
IDENTITIES = ("PROLIFIC_PID", "workerId", "survey_code", "id")
"""Those that name a person; the first that is given decides who it is."""
CODE = "code"
"""The placeholder of the study's own completion code."""
NOT_ACCEPTED = "ASSIGNMENT_ID_NOT_AVAILABLE"
"""What Mechanical Turk gives as assignmentId while a task is only looked at."""
MAX_VALUE = 128
MAX_ADDRESS = 2000

Recruitment = tuple[tuple[str, str], ...]
"""Names and values in the order of :data:`PARAMETERS`; empty for who came by themselves."""

# Neither what no spreadsheet should see first, nor what templates are written with: a link whose
# {{%PROLIFIC_PID%}} was not filled in would make everybody one person.
_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@+=/-]*", re.ASCII)
_HOLE = re.compile(r"\{([^{}]*)\}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)


def read_parameters(given: Mapping[str, Sequence[str]]) -> Recruitment:
    """The recruiter's parameters among those of a link.

    Args:
        given: every value of each parameter; capitals in names do not matter, and unknown names
            and empty values are left out.

    Raises:
        StudyError: a value that is too long or has other characters, or two for one parameter.
    """
    found: dict[str, str] = {}
    known = {name.lower(): name for name in PARAMETERS}
    for written, values in given.items():
        name = known.get(written.lower())
        for value in values if name is not None else ():
            if name is None or not value:
                continue
            check_value(name, value)
            if found.setdefault(name, value) != value:
                raise StudyError(f"{name} must be given once, got two values")
    return tuple((name, found[name]) for name in PARAMETERS if name in found)


def check_value(name: str, value: str) -> None:
    """Check the value of one parameter.

    Raises:
        StudyError: it is empty, too long, or has other characters than an id.
    """
    if len(value) > MAX_VALUE:
        raise StudyError(f"{name} must have at most {MAX_VALUE} characters, got {len(value):,}")
    if not _VALUE.fullmatch(value):
        raise StudyError(
            f"{name} must be letters, digits and . _ ~ : @ + = / -, beginning with a letter or "
            f"a digit, got {quoted(value)}"
        )


def identity(recruitment: Recruitment) -> str | None:
    """Who a recruiter says a person is, such as ``PROLIFIC_PID=5f3a``; ``None`` if nobody."""
    values = dict(recruitment)
    for name in IDENTITIES:
        if name in values:
            return f"{name}={values[name]}"
    return None


def is_preview(recruitment: Recruitment) -> bool:
    """Whether somebody at Mechanical Turk looks at a task that they have not accepted."""
    return dict(recruitment).get("assignmentId") == NOT_ACCEPTED


def check_address(what: str, address: str) -> None:
    """Check an address that participants are led to; an empty one means that there is none.

    Raises:
        StudyError: it is no ``https:`` address, too long, or has unknown placeholders.
    """
    if not address:
        return
    if len(address) > MAX_ADDRESS:
        raise StudyError(f"{what} must have at most {MAX_ADDRESS:,} characters")
    if not address.isascii() or not address.isprintable() or re.search(r"[\s\\\"'<>]", address):
        raise StudyError(f"{what} must be one web address without spaces, got {quoted(address)}")
    host, rest = _parts(what, address)
    if not _HOST.fullmatch(host.lower()):
        raise StudyError(f"{what} must name a host, got {quoted(address)}")
    for name in _HOLE.findall(rest):
        if name not in (*PARAMETERS, CODE):
            raise StudyError(
                f"{what} may have the placeholders "
                f"{', '.join(f'{{{each}}}' for each in (*PARAMETERS, CODE))}, got {{{name}}}"
            )


def filled_in(address: str, recruitment: Recruitment, code: str | None) -> str:
    """An address with its placeholders replaced; what is not known becomes nothing."""
    values = {**dict(recruitment), CODE: code or ""}
    return _HOLE.sub(lambda hole: quote(values.get(hole.group(1), ""), safe=""), address)


def _parts(what: str, address: str) -> tuple[str, str]:
    """The host of an address and what follows it."""
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise StudyError(f"{what} must be a web address, got {quoted(address)}") from error
    if parts.scheme != "https":
        raise StudyError(f"{what} must begin with https://, got {quoted(address)}")
    if "@" in parts.netloc:
        raise StudyError(f"{what} must not hold a user name, got {quoted(address)}")
    return host, f"{parts.path}?{parts.query}#{parts.fragment}"
