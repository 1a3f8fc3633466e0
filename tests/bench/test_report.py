"""From scores to tables: means, intervals, paired comparisons, agreement with people."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from clpips.bench.people import agreement_with_people
from clpips.bench.report import BenchReport, report_of
from clpips.bench.report_files import write_report
from clpips.bench.runner import Scores, score
from clpips.bench.tables import latex, markdown
from clpips.errors import Cancelled, DatasetError
from clpips.progress import Watch
from clpips.types import Ranking

from .conftest import Brightness, SmallBench, grey

METRICS = (Brightness(), Brightness("error", "lower", against_target=True))


@pytest.fixture(scope="module")
def scores(small_bench: SmallBench) -> Scores:
    left_out = {"hpsv2": "the checkpoint is not at hand"}
    return score(small_bench.samples, small_bench.generated, METRICS, left_out=left_out)


@pytest.fixture(scope="module")
def report(scores: Scores) -> BenchReport:
    return report_of(scores, dataset="pog")


def test_every_value_stands_at_its_sample(small_bench: SmallBench, scores: Scores) -> None:
    for method, images in small_bench.generated.items():
        for one in images:
            assert scores.values[method]["grey"][one.sample.index] == grey(one.path)
    assert np.flatnonzero(np.isnan(scores.values["none"]["grey"])).tolist() == [3]


def test_means_and_deviations_are_over_the_samples_that_have_a_value(
    small_bench: SmallBench, report: BenchReport
) -> None:
    values = [grey(one.path) for one in small_bench.generated["none"]]
    one = report.summaries["none"]["grey"]
    assert one.mean == pytest.approx(np.mean(values))
    assert one.std == pytest.approx(np.std(values))  # the population's
    assert (one.n, one.n_missing, one.n_users) == (9, 1, 5)
    assert one.ci is not None and one.ci[0] < one.mean < one.ci[1]


def test_the_interval_redraws_people_with_all_their_samples(
    scores: Scores, report: BenchReport
) -> None:
    # The level of "light" is one for each person: ten samples are five independent values.
    alone = [replace(sample, user=str(sample.index)) for sample in scores.samples]
    low, high = report_of(replace(scores, samples=alone)).summaries["light"]["grey"].ci
    together = report.summaries["light"]["grey"].ci
    assert together[1] - together[0] > 1.3 * (high - low)


def test_methods_are_compared_on_the_samples_that_both_have(
    scores: Scores, report: BenchReport
) -> None:
    (pair,) = (
        one
        for one in report.comparisons
        if (one.metric, one.first, one.second) == ("error", "light", "none")
    )
    gains = scores.values["light"]["error"] - scores.values["none"]["error"]
    there = np.isfinite(gains)
    assert (pair.n, pair.n_users) == (9, 5)
    assert pair.difference == pytest.approx(gains[there].mean())
    sums = [gains[[i for i in range(10) if i // 2 == user and there[i]]].sum() for user in range(5)]
    expected = stats.permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert pair.p == pytest.approx(expected)
    family = [one for one in report.comparisons if one.metric == "error"]
    order = np.argsort([one.p for one in family], kind="stable")
    smallest = family[order[0]]
    assert smallest.p_corrected == pytest.approx(min(1, 3 * smallest.p))


def test_a_metric_that_was_not_computed_is_left_out_by_name(report: BenchReport) -> None:
    document = report.to_dict()
    assert document["left_out"] == {"hpsv2": "the checkpoint is not at hand"}
    assert "hpsv2" not in document["methods"]["light"]
    assert "hpsv2 was not computed: the checkpoint is not at hand" in markdown(report)


def test_tables_show_means_deviations_and_what_was_published(report: BenchReport) -> None:
    one = report.summaries["same"]["error"]
    lines = markdown(report).splitlines()
    assert lines[0] == "| method | grey ↑ | error ↓ |"
    assert any(f"{one.mean:.4f} ± {one.std:.4f}" in line for line in lines)
    assert any("(1 missing)" in line for line in lines if line.startswith("| none"))
    source = latex(report)
    best = report.summaries["same"]["error"].mean
    assert rf"\mathbf{{{best:.4f}}}" in source
    assert source.count(r"\mathbf") == 2
    card = replace(report.scores.cards["error"], name="cps", title="CPS")
    values = {m: {"cps": own["error"]} for m, own in report.scores.values.items()}
    beside = report_of(replace(report.scores, cards={"cps": card}, values=values), dataset="pog")
    assert "| PMG | 0.2548 |" in markdown(beside)
    assert "published, not re-derived" in markdown(beside)
    assert "PMG & 0.2548" in latex(beside)


def test_the_files_hold_every_value(report: BenchReport, tmp_path: Path) -> None:
    write_report(report, tmp_path, Watch())
    document = json.loads((tmp_path / "report.json").read_text())
    assert document == json.loads(json.dumps(report.to_dict()))
    with (tmp_path / "samples.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 29
    assert float(rows[0]["grey"]) == report.scores.values["light"]["grey"][0]
    page = (tmp_path / "report.html").read_text()
    assert page.count('class="sample"') == 10
    assert "no image" in page
    assert "http" not in page
    again = tmp_path / "again"
    write_report(report, again, Watch())
    for path in again.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_worst_samples_come_first_on_the_page(report: BenchReport, tmp_path: Path) -> None:
    write_report(report, tmp_path, Watch())
    page = (tmp_path / "report.html").read_text()
    means = np.nanmean([own["grey"] for own in report.scores.values.values()], axis=0)
    assert page.index(f"Sample {int(means.argmin()):06}") < page.index(
        f"Sample {int(means.argmax()):06}"
    )


def test_an_image_that_cannot_be_read_is_missing_by_name(
    small_bench: SmallBench, tmp_path: Path
) -> None:
    bad, small = tmp_path / "000001.png", tmp_path / "000002.png"
    bad.write_bytes(b"no picture")
    Image.new("RGB", (20, 40)).save(small)  # too small for LPIPS: for every metric alike
    others = {1: bad, 2: small}
    generated = {
        "light": [
            replace(one, path=str(others.get(one.sample.index, one.path)))
            for one in small_bench.generated["light"]
        ]
    }
    found = score(small_bench.samples, generated, METRICS)
    assert np.isnan(found.values["light"]["grey"][1])
    assert np.isnan(found.values["light"]["grey"][2])
    assert [note.partition(":")[0] for note in found.notes] == ["left out", "left out"]
    assert "000001.png" in found.notes[0] and "at least 32 pixels" in found.notes[1]


def test_a_target_that_cannot_be_read_is_refused(small_bench: SmallBench, tmp_path: Path) -> None:
    bad = tmp_path / "t.png"
    bad.write_bytes(b"no picture")
    first = small_bench.generated["light"][0]
    sample = replace(first.sample, target=replace(first.sample.target, path=str(bad)))
    with pytest.raises(DatasetError, match=r"sample 0, target: .*t\.png"):
        score([sample], {"light": [replace(first, sample=sample)]}, METRICS)


def test_copies_are_told(small_bench: SmallBench) -> None:
    generated = {
        "copy": [
            replace(one, method="copy", path=one.sample.target.path)
            for one in small_bench.generated["light"]
        ]
    }
    found = score(small_bench.samples, generated, METRICS)
    assert "copy: 10 of 10 images are copies of their target" in found.notes


def test_it_can_be_cancelled(small_bench: SmallBench) -> None:
    with pytest.raises(Cancelled):
        score(
            small_bench.samples, small_bench.generated, METRICS, watch=Watch(cancelled=lambda: True)
        )


def test_metrics_are_held_against_people(small_bench: SmallBench, scores: Scores) -> None:
    def ranking(who: str, index: int, order: tuple[str, ...]) -> Ranking:
        images = [f"{small_bench.folder}/{method}/{index:06}.png" for method in order]
        target = small_bench.samples[index].target.path
        return Ranking(who, target, tuple(images), tuple(range(1, len(order) + 1)))

    # By error: same, none, light; by grey the lightest is best: light, same, none.
    rankings = [ranking("ann", index, ("same", "none", "light")) for index in (0, 1, 3)]
    rankings.append(ranking("ben", 2, ("light", "same", "none")))
    rankings.append(ranking("ben", 4, ("light", "same")))
    away = {"ann": lambda target, image: -grey(image)}
    found = agreement_with_people(scores, rankings, away)
    assert found.n_rankings == {"ann": 2, "ben": 1}
    assert found.n_left_out == 2
    assert found.spearman["error"] == {"ann": 1.0, "ben": -0.5}
    assert found.spearman["grey"]["ben"] == 1.0
    assert found.spearman["personal"] == {"ann": found.spearman["grey"]["ann"]}
