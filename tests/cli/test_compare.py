"""``clpips compare`` and ``clpips fit --baseline``, as a person at a terminal meets them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from little import SPACE, STOCK, person
from pictures import scene

from clpips import CLPIPS
from clpips.__main__ import main
from clpips.cli.compare import Row, _table, corrected_together, over_people
from clpips.evaluation.baselines import BASELINES
from clpips.io.rankings import read_rankings
from clpips.stats.agreement import Agreement, over_rankings

METRICS = ("stock", *BASELINES, "personal")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with four targets, and one who ranked for a single target."""
    folder = tmp_path_factory.mktemp("study")
    lines = ["participant,target,image,rank"]
    for target in range(4):
        scene(target, 64).save(folder / f"t{target}.png")
        for index in range(5):
            scene(50 + 5 * target + index, 64).save(folder / f"c{target}{index}.png")
            lines.append(f"ada,t{target}.png,c{target}{index}.png,{index + 1}")
            lines.append(f"bo,t{target}.png,c{target}{index}.png,{5 - index}")
            if target == 0:
                lines.append(f"cy,t{target}.png,c{target}{index}.png,{index + 1}")
    (folder / "rankings.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def document(study: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What ``--json`` printed for two feature spaces, and how often each pair was computed."""
    patch, counted = pytest.MonkeyPatch(), Counter()
    observe = CLPIPS.observe

    def seen(self, rankings, **more):
        counted[self.backbone] += 1
        return observe(self, rankings, **more)

    patch.setattr(CLPIPS, "observe", seen)
    printed: list[str] = []
    patch.setattr("builtins.print", lambda *words, **_: printed.append(" ".join(map(str, words))))
    status = main(["compare", str(study / "rankings.csv"), "--json", "--backbone", "alex", "wide"])
    patch.undo()
    assert status == 0
    (text,) = printed
    return {**json.loads(text), "counted": counted}


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def fitted(capsys, study: Path, out: Path, *more: str) -> tuple[int, str, str]:
    return run(capsys, "fit", study / "rankings.csv", "--out", out, *more)


# --- compare -------------------------------------------------------------------------------


def test_each_person_has_each_metric_in_each_space_on_the_same_rankings(document: dict) -> None:
    assert set(document["participants"]) == {"ada", "bo"}
    for rows in document["participants"].values():
        assert [(one["space"], one["name"]) for one in rows] == [
            (space, name) for space in ("alex", "wide") for name in METRICS
        ]
        assert {one["agreement"]["n_rankings"] for one in rows} == {4}
        assert {one["n_targets"] for one in rows} == {4}
        assert {one["too_early"] for one in rows} == {True}  # four rankings: five are needed
        for one in rows:
            assert (one["gain"] is None) == (one["p"] is None) == (one["name"] == "stock")
            assert -1 <= one["agreement"]["spearman"] <= 1


def test_a_gain_is_over_stock_in_the_same_space(document: dict) -> None:
    for rows in document["participants"].values():
        stock = {
            one["space"]: one["agreement"]["spearman"] for one in rows if one["name"] == "stock"
        }
        assert stock["alex"] != stock["wide"]
        for one in rows:
            if one["name"] != "stock":
                gain = one["agreement"]["spearman"] - stock[one["space"]]
                assert one["gain"] == pytest.approx(gain)


def test_the_personal_row_is_the_held_out_agreement_of_clpips_fit(
    capsys, study: Path, document: dict, tmp_path: Path
) -> None:
    assert fitted(capsys, study, tmp_path)[0] == 0
    report = json.loads((tmp_path / "report.json").read_text())
    for name, rows in document["participants"].items():
        held_out = report["participants"][name]["held_out"]
        mine = {one["name"]: one for one in rows if one["space"] == "alex"}
        for metric in ("stock", "pooled", "personal"):
            assert mine[metric]["agreement"]["spearman"] == held_out[metric]["spearman"]
            assert mine[metric]["agreement"]["spearman_ci"] == held_out[metric]["spearman_ci"]
        assert mine["personal"]["p"] == held_out["p"]


def test_difference_vectors_are_computed_once_per_space(document: dict) -> None:
    assert document["counted"] == {"alex": 1, "wide": 1}


def test_p_values_are_holm_s_over_all_people_and_metrics(document: dict) -> None:
    rows = [one for rows in document["participants"].values() for one in rows if one["p"]]
    assert document["correction"]["tests"] == len(rows) == 2 * 2 * 5
    assert document["correction"]["method"] == "holm"
    # Holm (1979), written out.
    least, adjusted = 0.0, {}
    for place, index in enumerate(sorted(range(len(rows)), key=lambda n: rows[n]["p"])):
        least = max(least, min(1.0, rows[index]["p"] * (len(rows) - place)))
        adjusted[index] = least
    assert [one["p_corrected"] for one in rows] == pytest.approx(
        [adjusted[n] for n in range(len(rows))]
    )


def test_over_people_everybody_weighs_the_same(document: dict) -> None:
    assert document["correction"]["tests_over_people"] == 2 * 5
    for place, one in enumerate(document["overall"]):
        own = [rows[place] for rows in document["participants"].values()]
        assert {(each["space"], each["name"]) for each in own} == {(one["space"], one["name"])}
        mean = np.mean([each["agreement"]["spearman"] for each in own])
        assert one["agreement"]["spearman"] == pytest.approx(mean)
        assert one["n_people"] == 2
        if one["name"] != "stock":
            assert one["gain"] == pytest.approx(np.mean([each["gain"] for each in own]))


def test_a_person_with_one_target_is_left_out_with_the_reason(document: dict) -> None:
    assert set(document["left_out"]) == {"cy"}
    assert "at least two targets, got 1" in document["left_out"]["cy"]


def test_the_table_shows_the_numbers_of_the_document(capsys, study: Path, document: dict) -> None:
    status, out, err = run(capsys, "compare", study / "rankings.csv")
    assert (status, err) == (0, "")
    blocks = {block.splitlines()[0]: block.splitlines()[2:] for block in out.split("\n\n")}
    for name, rows in [*document["participants"].items(), ("over people", document["overall"])]:
        shown = [line.split() for line in blocks[name][: len(METRICS)]]
        for line, one in zip(shown, rows[: len(METRICS)], strict=True):
            assert line[:3] == ["alex", one["name"], f"{one['agreement']['spearman']:.3f}"]
            if one["gain"] is not None:
                assert f"{one['gain']:+.3f}" in line
                assert f"{one['p']:.4f}" in line
        assert ("Too early to tell" in blocks[name][-1]) == (name != "over people")
    assert "cy: left out; held-out agreement needs rankings of at least two targets" in out
    assert "for 10 tests (over people: 5)" in out


def test_nobody_to_compare_is_said_and_is_no_failure(capsys, study: Path, tmp_path: Path) -> None:
    table = study / "alone.csv"
    table.write_text("participant,target,image,rank\ncy,t0.png,c00.png,1\ncy,t0.png,c01.png,2")
    status, out, _ = run(capsys, "compare", table)
    assert (status, out[:13]) == (0, "cy: left out;")


def test_another_space_is_refused_before_any_work(capsys, study: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(capsys, "compare", study / "rankings.csv", "--backbone", "alex", "deep")
    assert stopped.value.code == 2
    assert "got 'deep'" in capsys.readouterr().err


def row(name: str, gain: float | None, p: float | None, seed: int) -> Row:
    observations = person("ada", STOCK, seed=seed, noise=1.0)
    ratings = [(one.ranking.ranks, one.vectors @ SPACE.stock) for one in observations]
    return Row(name, "little", over_rankings(ratings), 8, gain, None, p)


def test_the_gain_over_people_is_tested_by_flipping_people() -> None:
    gains = {f"p{n}": 0.1 + 0.01 * n for n in range(5)}
    tables = {
        who: [row("stock", None, None, n), row("personal", gain, 0.04, n)]
        for n, (who, gain) in enumerate(gains.items())
    }
    stock, personal = over_people(tables)
    assert (stock.gain, stock.p) == (None, None)
    assert personal.gain == pytest.approx(np.mean(list(gains.values())))
    assert personal.p == pytest.approx(1 / 2**5)
    low, high = personal.gain_ci
    assert 0 < low < personal.gain < high
    del tables["p4"][1]  # a metric that one person does not have
    assert over_people(tables)[1].n == 4


def test_correction_keeps_the_place_of_each_p_value() -> None:
    tables = {
        "a": [row("stock", None, None, 0), row("layer", 0.1, 0.01, 0)],
        "b": [row("layer", 0.1, 0.04, 1)],
    }
    found = corrected_together(tables)
    assert [one.p_corrected for one in found["a"]] == [None, 0.02]
    assert [one.p_corrected for one in found["b"]] == [0.04]


# --- fit --baseline ------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "pooled"])
def test_a_baseline_is_written_as_each_persons_metric(capsys, study, document, tmp_path, name):
    status, out, err = fitted(capsys, study, tmp_path, "--baseline", name)
    assert (status, err) == (0, "")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["baseline"] == name
    for who in ("ada", "bo"):
        metric = CLPIPS.load(tmp_path / report["participants"][who]["weights"])
        held_out = report["participants"][who]["held_out"]
        (mine,) = [
            one
            for one in document["participants"][who]
            if (one["space"], one["name"]) == ("alex", name)
        ]
        assert held_out["personal"]["spearman"] == mine["agreement"]["spearman"]
        assert held_out["gain"] == mine["gain"]
        assert metric.card_.held_out["baseline"] == name
        assert metric.card_.held_out["spearman"] == held_out["personal"]["spearman"]
        assert metric.card_.participants == (who,)
    assert report["participants"]["cy"]["held_out"] is None
    assert "The personal metric" not in out
    assert run(capsys, "evaluate", study / "rankings.csv", "--weights", tmp_path)[0] == 0


def test_everyones_weights_are_one_file_for_all(capsys, study, document, tmp_path) -> None:
    assert fitted(capsys, study, tmp_path, "--baseline", "pooled")[0] == 0
    assert {one.name for one in tmp_path.iterdir()} == {"pooled.safetensors", "report.json"}
    report = json.loads((tmp_path / "report.json").read_text())["participants"]
    card = CLPIPS.load(tmp_path / "pooled.safetensors").card_
    assert (card.participants, card.n_rankings, card.held_out) == (("ada", "bo", "cy"), 9, None)
    for who in ("ada", "bo"):
        (mine,) = [
            one
            for one in document["participants"][who]
            if (one["space"], one["name"]) == ("alex", "pooled")
        ]
        assert report[who]["held_out"]["gain"] == mine["gain"]
        assert report[who]["n_rankings"] == 4
        assert report[who]["n_comparisons"] == 40


def test_one_baseline_can_be_fitted_to_everybody_together(capsys, study, tmp_path) -> None:
    assert fitted(capsys, study, tmp_path, "--baseline", "layer", "--pooled")[0] == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert list(report["participants"]) == ["pooled"]
    assert report["participants"]["pooled"]["n_rankings"] == 9


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["deep"],
            "--baseline must be one of ('unregularised', 'layer', 'pooled', 'tilt'), got 'deep'",
        ),
        (["layer", "--granularity", "layer"], "--granularity goes with a personal fit"),
        (["pooled", "--pooled"], "--baseline pooled and --pooled exclude each other"),
        (["pooled", "--alone"], "--baseline pooled and --alone exclude each other"),
    ],
)
def test_options_that_contradict_a_baseline_are_refused_before_any_work(
    capsys, study, tmp_path, options, words, monkeypatch
) -> None:
    monkeypatch.setattr(CLPIPS, "observe", None)
    status, out, err = fitted(capsys, study, tmp_path / "w", "--baseline", *options)
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "w").exists()


def test_everyones_weights_need_others(capsys, study: Path, tmp_path: Path) -> None:
    table = study / "only.csv"
    table.write_text("participant,target,image,rank\nada,t0.png,c00.png,1")
    status, _, err = run(capsys, "fit", table, "--baseline", "pooled", "--out", tmp_path / "w")
    assert (status, "needs several participants" in err) == (2, True)


def test_alone_starts_everybody_from_stock(capsys, study: Path, tmp_path: Path) -> None:
    """Also where several people are fitted at once."""
    assert fitted(capsys, study, tmp_path, "--alone")[0] == 0
    report = json.loads((tmp_path / "report.json").read_text())["participants"]
    for who in ("ada", "bo"):
        metric = CLPIPS.load(tmp_path / f"{who}.safetensors")
        assert metric.card_.settings.start == "stock"
        assert report[who]["held_out"]["pooled"] is None
        own = [one for one in read_rankings(study / "rankings.csv") if one.participant == who]
        np.testing.assert_array_equal(metric.weights, CLPIPS("alex").fit(own).weights)


def test_four_targets_are_said_to_be_too_few_to_prove_a_gain() -> None:
    agreement = Agreement(0.5, 0.5, 0.7, 0.5, n_rankings=8)

    def told(targets: int) -> str:
        row = Row("personal", "alex", agreement, targets, 0.2, (0.1, 0.3), 0.0625)
        return "\n".join(_table("ada", [row], "targets"))

    assert "4 targets are too few to prove a gain, which needs 5 or more: p cannot" in told(4)
    assert "too few to prove" not in told(5)
    assert "Too early" in told(2) and "too few to prove" not in told(2)
