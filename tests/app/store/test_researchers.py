from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from clpips.errors import StudyError

if TYPE_CHECKING:
    from floor import Floor

SOON = timedelta(minutes=5)


def test_the_password_is_set_once(floor: Floor) -> None:
    assert floor.store.researchers.password_hash() is None
    floor.store.researchers.set_password_hash("first")
    with pytest.raises(StudyError, match="only once"):
        floor.store.researchers.set_password_hash("second")
    assert floor.store.researchers.password_hash() == "first"


def test_replacing_the_password_ends_every_session(floor: Floor) -> None:
    floor.store.researchers.set_password_hash("first")
    floor.store.researchers.add_session("token", datetime.now(UTC) + SOON)
    floor.store.researchers.set_password_hash("second", replace=True)
    assert floor.store.researchers.password_hash() == "second"
    assert not floor.store.researchers.has_session("token")


def test_a_session_is_valid_until_it_ends_or_is_ended(floor: Floor) -> None:
    floor.store.researchers.add_session("token", datetime.now(UTC) + SOON)
    floor.store.researchers.add_session("old", datetime.now(UTC) - SOON)
    assert floor.store.researchers.has_session("token")
    assert not floor.store.researchers.has_session(
        "old"
    ) and not floor.store.researchers.has_session("guess")
    floor.store.researchers.delete_session("token")
    assert not floor.store.researchers.has_session("token")


def test_failed_logins_are_counted_by_address(floor: Floor) -> None:
    researchers = floor.store.researchers
    for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2", "browser one"):
        researchers.add_login_failure(address)
    failures, ago = researchers.login_failures("10.0.0.1", 60)
    assert failures == 2 and 0 <= ago < 5
    assert researchers.login_failures("10.0.0.1", -1) == (0, -1)
    assert researchers.login_failures("10.0.0.9", 60) == (0, 60)
    assert researchers.count_login_failures(60, leave_out="browser ") == 3


def test_a_setting_comes_back(floor: Floor) -> None:
    assert floor.store.platform_settings.get("demo") is None
    floor.store.platform_settings.set("demo", "1")
    floor.store.platform_settings.set("demo", "2")
    assert floor.store.platform_settings.get("demo") == "2"


def test_a_setting_that_is_there_stays(floor: Floor) -> None:
    assert floor.store.platform_settings.get_or_set("key", "first") == "first"
    assert floor.store.platform_settings.get_or_set("key", "second") == "first"
