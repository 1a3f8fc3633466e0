"""The methods paragraph and the LaTeX tables say the study's numbers and no others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import simulated

from clpips.errors import InputError
from clpips.evaluation.decision import METHOD_NAME
from clpips.evaluation.held_out import fit_and_hold_out
from clpips.export.latex import escaped, latex_table
from clpips.export.methods_text import MetricRow, PersonRow, StudyNumbers, methods_paragraph
from clpips.export.report_numbers import numbers_of_report, read_report
from clpips.features.weights import stock_weights
from clpips.metric.clpips import CLPIPS
from clpips.stats.agreement import bootstrap_interval

FULL = StudyNumbers(
    rows=(
        MetricRow("Stock LPIPS", 0.412, (0.3, 0.5), 0.401, 0.7),
        MetricRow("Pooled weights", 0.5, None, 0.48, 0.75),
        MetricRow("Personal", -0.004, (-0.2, 0.7), 0.61, 0.8),
    ),
    title="Hüte & 50 % of $hapes_{1}",
    participants=12,
    targets=8,
    rankings=1200,
    comparisons=7000,
    images_per_ranking=(4, 6),
    backbone="alex",
    n_weights=1152,
    interval_of="rankings",
    icc_form="ICC(A,1)",
    gain=0.188,
    gain_ci=(-0.05, 0.3),
    p=0.0004,
    p_test="sign flips",
    p_correction="Holm",
    noise_ceiling=0.81,
)


def people_of(report: dict[str, Any], *names: str) -> dict[str, Any]:
    return {**report, "participants": dict.fromkeys(names, report["participants"]["ada"])}


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """What ``clpips fit`` writes, as JSON gives it back."""
    rng = np.random.default_rng(1)
    table = rng.random((6, 12, 1152)) / 100
    observations = simulated(table, stock_weights("alex"), range(5), seed=2, noise=0.5)
    metric = CLPIPS("alex")
    result = fit_and_hold_out(metric, observations)
    assert result is not None
    entry = {"n_rankings": 5, "n_comparisons": 140, "held_out": result.to_dict()}
    return dict(json.loads(json.dumps({"backbone": "alex", "participants": {"ada": entry}})))


# --- the paragraph ------------------------------------------------------------------------------


def test_the_paragraph_says_every_number_that_is_known() -> None:
    text = methods_paragraph(FULL)
    for words in (
        "12 participants ranked images by how near they look to a target (8 targets).",
        "This gave 1,200 rankings of 4 to 6 images and 7,000 comparisons (ties make none).",
        "We refitted LPIPS v0.1 on AlexNet features (1,152 weights) to each participant’s",
        "without that target",
        "was 0.41 (95 % interval 0.30 to 0.50) for stock LPIPS, 0.50 for the pooled weights and "
        "0.00 (95 % interval −0.20 to 0.70) for the personal metric; "
        "intervals are bootstrapped over rankings.",
        "differed from stock LPIPS by +0.19 (95 % interval −0.05 to +0.30) "
        ""
        "(p < 0.001, sign flips, Holm-corrected).",
        "ICC(A,1) between the participant and the metric, on ranks within each ranking, was 0.40 "
        "for stock LPIPS, 0.48 for the pooled weights and 0.61 for the personal metric.",
        "The noise ceiling of these rankings was 0.81.",
    ):
        assert words in text
    assert text.count("\n") == 1 and "None" not in text and "nan" not in text


def test_the_paragraph_of_nothing_claims_no_result() -> None:
    text = methods_paragraph(StudyNumbers())
    assert text.startswith("We refitted LPIPS v0.1 to each participant’s rankings.")
    assert not re.search(r"\d(?!\.1 to each)", text.replace("v0.1", ""))
    for word in ("Spearman", "ICC", "p =", "ceiling", "gave", "differed"):
        assert word not in text


@pytest.mark.parametrize(
    ("simulated", "words"),
    [
        (0, "12 participants ranked images by"),
        (12, "12 simulated participants ranked images by"),
        (5, "12 participants ranked images, 5 of them simulated, by"),
    ],
)
def test_simulated_participants_are_never_passed_off_as_people(simulated: int, words: str) -> None:
    numbers = StudyNumbers(participants=12, simulated=simulated)
    assert words in methods_paragraph(numbers)
    assert ("simulated" in latex_table(numbers)) == bool(simulated)


# --- LaTeX --------------------------------------------------------------------------------------


def check_structure(text: str) -> list[list[list[str]]]:
    """The cells of each table, once its braces and environments are found to match."""
    bare = re.sub(r"\\[\\{}&%$#_]", "", re.sub(r"^%.*", "", text))
    depth = np.cumsum([{"{": 1, "}": -1}.get(letter, 0) for letter in bare])
    assert depth.min() >= 0 and depth[-1] == 0
    assert bare.count("$") % 2 == 0
    opened: list[str] = []
    for word, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        assert word == "begin" or opened.pop() == name
        opened += [name] * (word == "begin")
    assert opened == []
    tables = []
    for spec, body in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", text, re.S):
        assert re.findall(r"\\(\w+rule)", body) == ["toprule", "midrule", "bottomrule"]
        lines = [line.strip() for line in body.splitlines() if line.strip().endswith(r"\\")]
        rows = [re.split(r"(?<!\\)&", line.removesuffix(r"\\")) for line in lines]
        assert {len(row) for row in rows} == {len(spec)}
        tables.append([[cell.strip() for cell in row] for row in rows])
    return tables


def test_the_table_has_the_studys_rows_and_its_braces_match() -> None:
    (table,) = check_structure(latex_table(FULL))
    assert table == [
        ["Metric", "Spearman", r"95\,\% interval", "ICC(A,1)", "Pairwise accuracy"],
        ["Stock LPIPS", "0.41", "0.30 to 0.50", "0.40", r"70.0\,\%"],
        ["Pooled weights", "0.50", "--", "0.48", r"75.0\,\%"],
        ["Personal", "0.00", "$-0.20$ to 0.70", "0.61", r"80.0\,\%"],
    ]
    assert r"Hüte \& 50 \% of \$hapes\_\{1\}" in latex_table(FULL)


def test_a_column_that_nothing_is_known_of_is_left_out() -> None:
    (table,) = check_structure(latex_table(StudyNumbers(rows=(MetricRow("Personal", 0.5),))))
    assert table == [["Metric", "Spearman"], ["Personal", "0.50"]]
    assert "ceiling" not in latex_table(StudyNumbers())
    check_structure(latex_table(StudyNumbers()))


def test_two_participants_and_more_have_a_table_of_their_own() -> None:
    people = (
        PersonRow("a_b & {c}\\\n% d", 5, 0.4, None, 0.5, 0.1, (-0.1, 0.3), 0.04),
        PersonRow("~^#$", 6, 0.3, None, 0.6, 0.3, (0.1, 0.5), 0.0001),
    )
    text = latex_table(StudyNumbers(people=people, p_correction="Holm"))
    _, table = check_structure(text)
    assert table[0] == [
        *("Participant", "Rankings", "Stock LPIPS", "Personal", "Gain", r"95\,\% interval", "$p$")
    ]
    assert table[1][0] == r"a\_b \& \{c\}\textbackslash{} \% d"
    assert table[2] == [
        r"\textasciitilde{}\textasciicircum{}\#\$",
        *("6", "0.30", "0.60", "$+0.30$", "$+0.10$ to $+0.50$", "$< 0.001$"),
    ]
    assert "; $p$: Holm-corrected." in text
    said = methods_paragraph(StudyNumbers(people=people, gain=0.2))
    assert "by +0.20; its 95 % interval lay above zero for 1 of 2 participants." in said
    assert len(check_structure(latex_table(StudyNumbers(people=people[:1])))) == 1


def test_every_special_letter_is_escaped_once() -> None:
    assert escaped("\\") == r"\textbackslash{}"
    assert escaped("&%$#_{}") == r"\&\%\$\#\_\{\}"
    assert escaped("a\n b\tc") == "a b c"


# --- from the report ----------------------------------------------------------------------------


def test_the_numbers_are_the_reports_own(report: dict[str, Any]) -> None:
    own = report["participants"]["ada"]["held_out"]
    numbers = numbers_of_report(report)
    rows = {row.name: row for row in numbers.rows}
    for key, name in (("stock", "Stock LPIPS"), ("personal", "Personal")):
        assert rows[name].spearman == own[key]["spearman"]
        assert rows[name].spearman_ci == tuple(own[key]["spearman_ci"])
        assert (rows[name].icc, rows[name].pairwise_accuracy) == (
            own[key]["icc"],
            own[key]["pairwise_accuracy"],
        )
    assert (numbers.gain, numbers.gain_ci) == (own["gain"], tuple(own["gain_ci"]))
    assert (numbers.participants, numbers.targets, numbers.rankings) == (1, 5, 5)
    assert (numbers.comparisons, numbers.n_weights) == (140, 1152)
    assert (numbers.icc_form, numbers.p) == ("ICC(A,1)", own.get("p"))
    assert (numbers.p_correction, numbers.noise_ceiling) == (None, None)
    check_structure(latex_table(numbers))


def test_over_participants_the_mean_and_its_bootstrapped_interval_are_told(
    report: dict[str, Any],
) -> None:
    two = json.loads(json.dumps(people_of(report, "ada", "bob")))
    bob = two["participants"]["bob"]["held_out"]
    bob["personal"] |= {"spearman": 0.0, "per_ranking": [0.5, -0.5, None]}
    ada = two["participants"]["ada"]["held_out"]
    row = next(row for row in numbers_of_report(two).rows if row.name == "Personal")
    assert row.spearman == pytest.approx(ada["personal"]["spearman"] / 2)
    groups = [np.array(ada["personal"]["per_ranking"]), np.array([0.5, -0.5])]
    assert row.spearman_ci == bootstrap_interval(groups)
    assert (numbers_of_report(two).rankings, numbers_of_report(two).targets) == (10, 5)
    assert numbers_of_report(two).gain_ci is None


def test_p_values_of_several_participants_are_corrected_unless_they_are_already(
    report: dict[str, Any],
) -> None:
    two = json.loads(json.dumps(people_of(report, "ada", "bob")))
    for name, p in (("ada", 0.01), ("bob", 0.04)):
        two["participants"][name]["held_out"]["p"] = p
    found = numbers_of_report(two)
    assert ([row.p for row in found.people], found.p_correction) == ([0.02, 0.04], METHOD_NAME)
    for name, p in (("ada", 0.03), ("bob", 0.05)):
        two["participants"][name]["held_out"]["p_corrected"] = p
    assert [row.p for row in numbers_of_report(two).people] == [0.03, 0.05]
    del two["participants"]["bob"]
    del two["participants"]["ada"]["held_out"]["p_corrected"]
    one = numbers_of_report(two)
    assert (one.p, one.p_correction) == (0.01, None)
    test = "one-sided over targets, the larger p of sign flips and of t with 1.15 times its error"
    assert f"(p = 0.010, {test})" in methods_paragraph(one)


def test_what_one_participant_lacks_is_told_of_none(report: dict[str, Any]) -> None:
    two = json.loads(json.dumps(people_of(report, "ada", "bob", "cy")))
    two["participants"]["ada"]["held_out"]["pooled"] = {"spearman": 0.5}
    two["participants"]["bob"]["held_out"]["personal"]["icc"] = float("nan")
    two["participants"]["cy"]["held_out"] = None
    found = numbers_of_report(two)
    assert [row.name for row in found.rows] == ["Stock LPIPS", "Personal"]
    assert found.rows[1].icc is None and found.rows[0].icc is not None
    assert (found.participants, found.targets) == (3, None)
    assert found.people[0].pooled == 0.5
    assert (found.people[2].name, found.people[2].personal) == ("cy", None)


def test_a_report_without_held_out_agreement_is_refused(report: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="needs held-out agreement"):
        numbers_of_report({"participants": {"ada": {"held_out": None}}})
    with pytest.raises(InputError, match="got the pooled one alone"):
        numbers_of_report(people_of(report, "pooled"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "a report must be JSON"),
        (b"\xff", "a report must be JSON"),
        (b"[1]", "one that clpips fit wrote"),
        (b'{"participants": []}', "one that clpips fit wrote"),
        (b'{"participants": {"ada": 3}}', "one that clpips fit wrote"),
    ],
)
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_report(tmp_path / "report.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_report(tmp_path / "no.json")
