"""Recruiter's parameters: what a link may bring, and the addresses that lead people back."""

from __future__ import annotations

import pytest

from app.study.recruitment import filled_in, identity, is_preview, read_parameters
from app.study.settings import StudySettings
from clpips.errors import StudyError


def test_known_parameters_are_read_in_letters_of_either_case_and_others_are_not() -> None:
    given = {"study_id": ["61b0"], "prolific_pid": ["5f3a"], "utm_source": ["x"], "hitId": [""]}
    found = read_parameters(given)
    assert found == (("PROLIFIC_PID", "5f3a"), ("STUDY_ID", "61b0"))
    assert identity(found) == "PROLIFIC_PID=5f3a" and identity(found[1:]) is None
    assert is_preview(read_parameters({"assignmentId": ["ASSIGNMENT_ID_NOT_AVAILABLE"]}))


@pytest.mark.parametrize(
    "value",
    ["{{%PROLIFIC_PID%}}", "${workerId}", "=1+1", "-5", "a b", "a\u200bb", "a\nb", "é", "x" * 129],
)
def test_values_that_are_no_ids_are_refused(value: str) -> None:
    """Templates that nobody filled in, formulas, invisible letters, endless texts."""
    with pytest.raises(StudyError, match="PROLIFIC_PID must"):
        read_parameters({"PROLIFIC_PID": [value]})


def test_two_values_of_one_parameter_are_refused() -> None:
    with pytest.raises(StudyError, match="given once"):
        read_parameters({"PROLIFIC_PID": ["a"], "prolific_pid": ["b"]})


def test_placeholders_of_an_address_are_filled_in_and_escaped() -> None:
    address = "https://recruiter.example/done?p={PROLIFIC_PID}&cc={code}&s={SESSION_ID}"
    found = filled_in(address, (("PROLIFIC_PID", "a&b=c"),), "K7 Q")
    assert found == "https://recruiter.example/done?p=a%26b%3Dc&cc=K7%20Q&s="


@pytest.mark.parametrize(
    "address",
    [
        "http://recruiter.example/done",
        "javascript:alert(1)",
        "https://user@recruiter.example",
        "https://",
        "https://recruiter.example/a b",
        "https://recruiter.example/{token}",
        "https://{PROLIFIC_PID}.example/",
        "https://recruiter.example/" + "x" * 2000,
    ],
)
def test_an_address_that_nobody_should_be_led_to_is_refused(address: str) -> None:
    with pytest.raises(StudyError, match="the completion address m"):
        StudySettings(completion_url=address)
