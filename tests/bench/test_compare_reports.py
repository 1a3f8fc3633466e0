"""Two reports of the same samples, compared as written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clpips.bench.compare_reports import compare_reports, read_report
from clpips.bench.report import report_of
from clpips.bench.report_files import write_report
from clpips.bench.runner import score
from clpips.errors import DatasetError
from clpips.progress import Watch

from .conftest import Brightness, SmallBench

METRICS = [Brightness("error", "lower", against_target=True)]


@pytest.fixture(scope="module")
def reports(small_bench: SmallBench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``both`` has all methods; ``light``, ``none`` and ``light-as-none`` one each."""
    folder = tmp_path_factory.mktemp("reports")
    generated = small_bench.generated
    for name, methods in {
        "both": generated,
        "light": {"light": generated["light"]},
        "none": {"none": generated["none"]},
    }.items():
        report = report_of(score(small_bench.samples, methods, METRICS))
        write_report(report, folder / name, Watch())
    return folder


def test_the_only_method_of_each_is_compared_as_within_one_report(
    small_bench: SmallBench, reports: Path
) -> None:
    (found,) = compare_reports(read_report(reports / "light"), read_report(reports / "none"))
    within = report_of(score(small_bench.samples, small_bench.generated, METRICS))
    (expected,) = (o for o in within.comparisons if (o.first, o.second) == ("light", "none"))
    assert (found.first, found.second) == ("A: light", "B: none")
    assert (found.n, found.n_users) == (expected.n, expected.n_users) == (9, 5)
    np.testing.assert_allclose(
        [found.difference, found.p, *found.ci], [expected.difference, expected.p, *expected.ci]
    )


def test_methods_of_one_name_are_compared(reports: Path) -> None:
    found = compare_reports(read_report(reports / "both"), read_report(reports / "both"))
    assert [one.first for one in found] == ["A: light", "A: none", "A: same"]
    assert {one.difference for one in found} == {0.0}


def test_what_cannot_be_compared_is_refused(
    small_bench: SmallBench, reports: Path, tmp_path: Path
) -> None:
    light, both = read_report(reports / "light"), read_report(reports / "both")
    with pytest.raises(DatasetError, match="sample 0 is of 'user-0' and of 'x'"):
        compare_reports(light, replace(light, users={**light.users, 0: "x"}))
    other = replace(light.cards["error"], checksum="abc")
    with pytest.raises(DatasetError, match="error must be of one model in both"):
        compare_reports(light, replace(light, cards={"error": other}))
    with pytest.raises(DatasetError, match="no metric in common"):
        compare_reports(light, replace(light, cards={}))
    with pytest.raises(DatasetError, match="no method in common"):
        renamed = {"error": {"x": {0: 1.0}, "y": {0: 1.0}}}
        compare_reports(both, replace(both, values=renamed))
    with pytest.raises(DatasetError, match="no such report"):
        read_report(tmp_path)
    (tmp_path / "report.json").write_text(json.dumps({"methods": {}}))
    with pytest.raises(DatasetError, match="not the report of a benchmark"):
        read_report(tmp_path)
