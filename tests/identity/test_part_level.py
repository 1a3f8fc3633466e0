"""Part-level sets: margins, oracle, MO and MO_pair."""

from __future__ import annotations

from pathlib import Path

import near_identities as fakes
import numpy as np
import pandas as pd
import pytest

from clpips.errors import InputError
from clpips.identity.part_level import ORIGINALS, SERIES, oracle, part_level
from clpips.identity.part_level_set import is_part_level_set, open_part_level_set


def similarities(seed: int, rows: int = 30) -> tuple[dict[str, np.ndarray], np.ndarray]:
    draw = np.random.default_rng(seed)
    found = {name: draw.uniform(-1, 1, rows) for name in (ORIGINALS, *SERIES)}
    for values in found.values():
        values[draw.random(rows) < 0.1] = np.nan
    return found, draw.uniform(0, 1, (rows, 2))


def test_pandas_gives_the_same(seed: int = 3) -> None:
    """The release works with data frames: pairwise complete, an undefined r counts as 0."""
    series, oracles = similarities(seed)
    series["1_2p"][:] = 0.5  # constant
    frame = pd.DataFrame({**series, "o0": oracles[:, 0], "o1": oracles[:, 1]})
    expected = {name: frame[name].corr(frame[f"o{which}"]) for name, which in SERIES.items()}
    found = part_level(series, oracles, resamples=50)
    assert found.correlations["1_2p"] is None
    assert found.n_undefined == 1
    filled = {name: 0.0 if np.isnan(r) else r for name, r in expected.items()}
    assert {name: r or 0.0 for name, r in found.correlations.items()} == pytest.approx(filled)
    assert found.mo == pytest.approx(np.tanh(np.mean(np.arctanh(list(filled.values())))))
    pair = [filled["1_1p"], filled["2_2p"]]
    assert found.mo_pair == pytest.approx(np.tanh(np.mean(np.arctanh(pair))))
    margins = np.stack([frame["1_2"] - frame["1_1p"], frame["1_2"] - frame["2_2p"]], axis=1)
    held = np.isfinite(margins)
    assert found.margins.pa == pytest.approx((margins > 0).sum() / held.sum())
    assert found.margins.pa_compat == found.margins.pa
    some = held.any(axis=1)
    complete = ((margins > 0) | ~held).all(axis=1)[some]
    assert found.margins.ssr == pytest.approx(complete.mean())


@pytest.mark.parametrize(
    ("object_share", "part_share", "expected"),
    [(0.4, 0.1, 0.75), (0.4, 0.0, 1.0), (0.0, 0.2, 0.0), (0.0, 0.0, 0.0), (0.2, 0.3, -0.5)],
)
def test_the_oracle_is_what_is_left(
    object_share: float, part_share: float, expected: float
) -> None:
    assert oracle(object_share, part_share) == pytest.approx(expected)


def test_perfect_correlation_is_clipped() -> None:
    oracles = np.linspace(0, 1, 10)[:, None].repeat(2, axis=1)
    series = dict.fromkeys((ORIGINALS, *SERIES), oracles[:, 0])
    found = part_level(series, oracles, resamples=50)
    assert (found.mo, found.mo_pair) == (pytest.approx(0.999), pytest.approx(0.999))


def test_a_missing_series_is_refused() -> None:
    with pytest.raises(InputError, match="part-level similarities"):
        part_level({ORIGINALS: np.zeros(3)}, np.zeros((3, 2)))


def test_the_published_form_is_read_row_by_row(tmp_path: Path) -> None:
    masks = [fakes.picture(fakes.disc(radius=0.45))] * 2
    fakes.part_level_set(
        tmp_path,
        2,
        changed={
            "image_1_part_mask": [masks[0], None],
            "image_2_inpainted": [None, fakes.picture(fakes.png(0))],
        },
    )
    assert is_part_level_set(tmp_path)
    first, second = open_part_level_set(tmp_path).pairs()
    assert sorted(first.pictures) == ["1", "1p", "2"]
    assert first.oracles[0] == 0  # the part is the whole object
    assert 0 < first.oracles[1] < 1
    assert second.oracles[0] == 0  # no mask
    assert second.pictures["2p"].key == "mtg/1/image_2_inpainted"
    assert second.pictures["2p"].read_mask() == fakes.disc(radius=0.45)


def test_near_identity_sets_are_no_part_level_sets(tmp_path: Path) -> None:
    assert not is_part_level_set(fakes.parquet_set(tmp_path / "parquet"))
    fakes.csv_set(tmp_path / "folder")
    assert not is_part_level_set(tmp_path / "folder")
    assert not is_part_level_set(tmp_path / "nothing")
