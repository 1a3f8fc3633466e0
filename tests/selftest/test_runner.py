"""The self-test: it passes here, and a part that is deliberately broken makes it fail."""

from __future__ import annotations

import argparse
import json
import math

import pytest

from clpips.cli import selftest as command
from clpips.errors import Cancelled, ClpipsError
from clpips.progress import Watch
from clpips.selftest import checks as selftest_checks
from clpips.selftest.check import Check, Skip
from clpips.selftest.checks import all_checks
from clpips.selftest.runner import Result, SelfTest, agrees, made, selftest


@pytest.fixture(scope="module")
def found() -> SelfTest:
    return selftest()


def of(group: str) -> list[Check]:
    return [check for check in all_checks() if check.group == group]


def a_check(measure: object, expected: float | str = 1.0, tolerance: float = 0.0) -> Check:
    return Check("Group", "name", "definition", expected, measure, tolerance)  # type: ignore[arg-type]


def test_everything_agrees_with_its_known_answer(found: SelfTest) -> None:
    failed = [(one.name, one.got, one.reason) for one in found.results if one.outcome == "fail"]
    assert failed == []
    assert found.passed


def test_what_needs_nothing_optional_is_never_skipped(found: SelfTest) -> None:
    needed = ("Statistics", "Learning", "Pictures", "Distances")
    assert {one.outcome for one in found.results if one.group in needed} == {"pass"}


def test_every_name_is_there_once_and_every_statistic_is_checked(found: SelfTest) -> None:
    names = [one.name for one in found.results]
    assert len(set(names)) == len(names)
    for word in ("Spearman", "tau-b", "ICC(1,1)", "ICC(2,1)", "ICC(3,k)", "W", "alpha", "loss"):
        assert any(word in name for name in names), word


@pytest.mark.parametrize(
    ("module", "name", "broken", "group"),
    [
        ("clpips.stats.correlation", "spearman", lambda x, y: 0.9, "Statistics"),
        ("clpips.stats.correlation", "kendall", lambda x, y: math.nan, "Statistics"),
        ("clpips.stats.icc", "intraclass", lambda table, form: 0.5, "Statistics"),
        ("clpips.io.images", "load_image", lambda source, **_: source, "Pictures"),
    ],
)
def test_a_broken_part_fails_its_own_checks(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str, broken: object, group: str
) -> None:
    monkeypatch.setattr(f"{module}.{name}", broken)
    checks = of(group)[:12] if group == "Statistics" else of(group)[:2]
    result = selftest(checks)
    assert not result.passed
    assert 0 < result.count("fail") < len(checks) + 1


def test_a_statistic_with_a_flipped_sign_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from clpips.stats import correlation

    right = correlation.spearman
    monkeypatch.setattr(correlation, "spearman", lambda x, y: -right(x, y))
    failed = {one.name for one in selftest(of("Statistics")).results if one.outcome == "fail"}
    assert failed == {"Spearman, the same order", "Spearman, reversed", "Spearman, ten people"}


def test_weights_that_are_not_the_published_ones_are_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    from pathlib import Path

    other = Path(str(tmp_path)) / "clpips-alex.safetensors"
    other.write_bytes(b"somebody else's weights")
    monkeypatch.setattr("clpips.features.weights.local_file", lambda backbone: other)
    result = made(next(one for one in of("Weights") if one.name == "alex network"))
    assert result.outcome == "fail"
    assert result.got != result.expected


def test_weights_that_are_not_here_are_skipped_not_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clpips.features.weights.local_file", lambda backbone: None)
    results = [made(one) for one in (*of("Distances"), of("Weights")[0])]
    assert {one.outcome for one in results} == {"skipped"}
    assert "clpips weights fetch --backbone alex" in results[0].reason


def test_an_optional_part_that_is_missing_is_skipped_with_its_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selftest_checks.importlib.util, "find_spec", lambda name: None)
    result = made(of("Optional parts")[0])
    assert result.outcome == "skipped"
    assert result.reason == "not installed; only needed for encoders of timm as feature spaces"


def test_a_check_that_breaks_has_failed_and_says_how() -> None:
    def measure() -> float:
        raise ZeroDivisionError("no\nrows")

    result = made(a_check(measure))
    assert (result.outcome, result.got, result.reason) == (
        "fail",
        None,
        "ZeroDivisionError: no rows",
    )


def test_a_value_that_is_not_a_number_has_failed_and_fits_json() -> None:
    result = made(a_check(lambda: math.nan))
    assert (result.outcome, result.got, result.reason) == ("fail", None, "got nan")
    json.dumps(SelfTest((result,)).to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("got", "outcome"), [(1.0, True), (1.004, True), (1.006, False), ("1.0", False)]
)
def test_the_tolerance_is_the_largest_difference_that_passes(got: float, outcome: bool) -> None:
    assert agrees(a_check(None, tolerance=0.005), got) is outcome


def test_skipped_checks_do_not_count() -> None:
    def skip() -> float:
        raise Skip("no such thing")

    result = selftest([a_check(lambda: 1.0), a_check(skip)])
    assert result.passed
    assert result.sentence == (
        "The only check passed. 1 skipped, because what it needs is not here."
    )
    more = selftest([a_check(lambda: 1.0)] * 2 + [a_check(skip)] * 2)
    assert more.sentence == "All 2 checks passed. 2 skipped, because what they need is not here."


def test_a_cancelled_self_test_stops() -> None:
    with pytest.raises(Cancelled):
        selftest([a_check(lambda: 1.0)], watch=Watch(cancelled=lambda: True))


# --- the command ------------------------------------------------------------------------------


def ran(capsys: pytest.CaptureFixture[str], *, as_json: bool = False) -> str:
    command.run(argparse.Namespace(json=as_json))
    return capsys.readouterr().out


def of_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest_checks, "all_checks", lambda: tuple(selftest_checks.statistics()))


def test_the_command_prints_each_check_and_the_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of_statistics(monkeypatch)
    text = ran(capsys)
    assert "ok    ICC(2,1)" in text
    assert "0.289764, expected 0.29 ± 0.005 (Shrout and Fleiss (1979))" in text
    assert text.rstrip().endswith("All 17 checks passed.")


def test_with_json_the_command_prints_one_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of_statistics(monkeypatch)
    document = json.loads(ran(capsys, as_json=True))
    assert document["passed"] is True
    assert document["counts"] == {"pass": 17, "fail": 0, "skipped": 0}
    first = document["checks"][0]
    assert set(first) == set(Result.__dataclass_fields__)
    assert first["outcome"] == "pass"


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_fails_when_a_statistic_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    of_statistics(monkeypatch)
    monkeypatch.setattr("clpips.stats.concordance.krippendorff_alpha", lambda table, level: 0.8)
    with pytest.raises(ClpipsError, match="2 of 17 checks failed"):
        ran(capsys, as_json=as_json)
    shown = capsys.readouterr().out
    assert json.loads(shown)["passed"] is False if as_json else "FAIL  Krippendorff" in shown


def test_the_command_line_knows_its_option() -> None:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers(dest="command"))
    assert parser.parse_args(["selftest", "--json"]).json is True
