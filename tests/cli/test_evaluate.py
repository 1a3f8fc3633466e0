"""What ``clpips evaluate`` says beside the numbers: which rankings were fitted on or left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import safetensors.numpy
from pictures import scene

from clpips.__main__ import main
from clpips.metric.fingerprints import card_digests, digests
from clpips.types import Ranking

PEOPLE = ("ada", "bo")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people who ranked three targets each; the fourth stands in ``more.csv`` alone."""
    folder = tmp_path_factory.mktemp("study")
    tables: dict[str, list[str]] = {"rankings.csv": [], "more.csv": []}
    for target in range(4):
        scene(target, 64).save(folder / f"t{target}.png")
        for index in range(4):
            image = f"c{target}{index}.png"
            scene(50 + 4 * target + index, 64).save(folder / image)
            for name, rank in zip(PEOPLE, (index + 1, 4 - index), strict=True):
                row = f"{name},t{target}.png,{image},{rank}"
                tables["more.csv"].append(row)
                if target < 3:
                    tables["rankings.csv"].append(row)
    for name, rows in tables.items():
        (folder / name).write_text("\n".join(["participant,target,image,rank", *rows]))
    return folder


@pytest.fixture(scope="module")
def own(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the metric of each."""
    return fitted(study, tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def pooled(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one metric for everybody."""
    return fitted(study, tmp_path_factory.mktemp("pooled"), "--baseline", "pooled")


def fitted(study: Path, out: Path, *more: str) -> Path:
    assert main(["fit", str(study / "rankings.csv"), "--out", str(out), *more]) == 0
    return out


def evaluated(capsys, *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main(["evaluate", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_evaluate_says_how_many_of_the_rankings_were_fitted_on(capsys, study, own) -> None:
    _, told, _ = evaluated(capsys, study / "rankings.csv", "--weights", own)
    assert "6 of the 6 rankings were fitted on" in told
    _, told, _ = evaluated(capsys, study / "more.csv", "--weights", own)
    assert "6 of the 8 rankings were fitted on" in told
    status, told, err = evaluated(capsys, study / "more.csv", "--weights", own, "--json")
    document = json.loads(told)
    assert (status, err) == (0, "")
    assert [one["n_fitted_on"] for one in document["participants"].values()] == [3, 3]
    assert document["overall"]["n_fitted_on"] == 6
    assert document["stock"]["overall"]["n_fitted_on"] == 0


def test_nothing_is_said_of_stock_or_of_rankings_that_are_new(
    capsys, study: Path, own: Path, tmp_path: Path
) -> None:
    assert "fitted on" not in evaluated(capsys, study / "rankings.csv")[1]
    lines = (study / "more.csv").read_text().splitlines()
    (tmp_path / "new.csv").write_text("\n".join([lines[0], *lines[-8:]]))
    where = ("--images", study, "--weights", own)
    assert "fitted on" not in evaluated(capsys, tmp_path / "new.csv", *where)[1]


def test_rankings_are_known_again_wherever_their_images_lie(
    capsys, study: Path, own: Path, tmp_path: Path
) -> None:
    shutil.copytree(study, tmp_path / "moved")
    told = evaluated(capsys, tmp_path / "moved" / "rankings.csv", "--weights", own)[1]
    assert "6 of the 6 rankings were fitted on" in told


@pytest.mark.parametrize("how", ["--baseline pooled", "--pooled"])
def test_everybodys_one_file_in_a_folder_is_used_for_all(
    capsys, study: Path, pooled: Path, tmp_path: Path, how: str
) -> None:
    folder = pooled if "baseline" in how else fitted(study, tmp_path, how)
    status, by_folder, err = evaluated(capsys, study / "more.csv", "--weights", folder)
    assert (status, err) == (0, "")
    assert by_folder == evaluated(
        capsys, study / "more.csv", "--weights", folder / "pooled.safetensors"
    )[1]  # fmt: skip
    assert "6 of the 8 rankings were fitted on" in by_folder


def test_the_own_metric_of_somebody_called_pooled_is_nobody_elses(
    capsys, study: Path, own: Path, tmp_path: Path
) -> None:
    shutil.copy(own / "ada.safetensors", tmp_path / "pooled.safetensors")
    status, _, err = evaluated(capsys, study / "more.csv", "--weights", tmp_path)
    assert (status, err.count("\n")) == (2, 1)
    assert "participant 'ada' has rankings but no personal metric" in err


def test_a_board_of_two_images_is_left_out_with_its_reason(capsys, study: Path) -> None:
    lines = (study / "rankings.csv").read_text().splitlines()
    table = study / "little.csv"
    table.write_text("\n".join([*lines, "bo,t3.png,c30.png,1", "bo,t3.png,c31.png,2"]))
    told = evaluated(capsys, table)[1]
    assert "left out: 1 ranking, fewer than 3 images" in told
    document = json.loads(evaluated(capsys, table, "--json")[1])
    bo = document["participants"]["bo"]
    assert (bo["n_rankings"], bo["n_left_out"]) == (3, 1)
    assert bo["left_out"] == {"fewer than 3 images": 1}


def test_a_metric_of_before_there_was_a_record_is_scored_and_says_so(
    capsys, study: Path, own: Path, tmp_path: Path
) -> None:
    for name in PEOPLE:
        as_before(own / f"{name}.safetensors", tmp_path / f"{name}.safetensors")
    status, told, _ = evaluated(capsys, study / "rankings.csv", "--weights", tmp_path)
    assert status == 0
    assert "Which rankings were fitted on is not known" in told
    told = evaluated(capsys, study / "rankings.csv", "--weights", tmp_path, "--json")[1]
    assert json.loads(told)["overall"]["n_fitted_on"] is None


def as_before(source: Path, target: Path) -> None:
    """A metric's file as it was written without digests and checksum."""
    with safetensors.safe_open(source, "numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    card = json.loads(metadata["card"])
    del card["learnt_from"], metadata["sha256"]
    metadata["card"] = json.dumps(card)
    target.write_bytes(safetensors.numpy.save(tensors, metadata=metadata))


def test_a_fit_with_a_pooled_prior_counts_as_learnt_from_the_others_too(
    capsys, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clpips import CLPIPS
    from clpips.io.rankings import read_rankings
    from clpips.metric.pooled import PooledPrior

    metric = CLPIPS("alex", start="pooled")
    observations = metric.observe(read_rankings(study / "rankings.csv"))
    ada = [one for one in observations if one.ranking.participant == "ada"]
    metric.fit(ada, prior=PooledPrior(observations, "alex"))
    assert metric.card_.n_rankings == 3
    assert metric.card_.count_learnt_from([one.ranking for one in observations]) == 6
    alone = CLPIPS("alex").fit(ada)
    assert alone.card_.count_learnt_from([one.ranking for one in observations]) == 3


def test_a_digest_knows_the_order_and_not_how_it_is_written() -> None:
    one = Ranking("ada", "t", ("a", "b", "c"), (1, 2, 2))
    same = Ranking("ada", "t", ("c", "a", "b"), (4, 1, 4), trial="2", round="1", confidence=0.5)
    others = [
        Ranking("bo", "t", ("a", "b", "c"), (1, 2, 2)),
        Ranking("ada", "u", ("a", "b", "c"), (1, 2, 2)),
        Ranking("ada", "t", ("a", "b", "d"), (1, 2, 2)),
        Ranking("ada", "t", ("a", "b", "c"), (1, 2, 3)),
    ]
    assert digests([one]) == digests([same])
    assert len(set(digests([one, *others]))) == 5


def test_a_file_counts_as_the_hash_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"one")
    name = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"  # sha256sum
    ranks = (1, 2)
    by_path = Ranking("ada", "t", (str(tmp_path / "a.png"), "b"), ranks)
    assert digests([by_path]) == digests([Ranking("ada", "t", (name, "b"), ranks)])


def test_a_card_holds_no_more_digests_than_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clpips.metric.fingerprints.MOST", 5)
    many = [Ranking("ada", f"t{n}", ("a", "b"), (1, 2)) for n in range(9)]
    assert list(card_digests(many)) == sorted(digests(many))[:5]
