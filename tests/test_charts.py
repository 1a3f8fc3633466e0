from __future__ import annotations

from typing import Any

import pytest

from app import charts
from app.charts import Pair


def rows_of(chart: Any) -> list[dict[str, Any]]:
    """The rows a chart shows, whichever layer holds them."""
    spec = chart.to_dict()
    values: list[dict[str, Any]] = (spec.get("data") or spec["layer"][0]["data"])["values"]
    return values


def domains(spec: Any) -> list[list[float]]:
    """Every x domain in a chart's specification."""
    layers = spec.to_dict()["layer"]
    scales = [layer["encoding"]["x"].get("scale", {}) for layer in layers]
    return [scale["domain"] for scale in scales if "domain" in scale]


def test_a_dumbbell_shows_both_values_of_each_row_in_the_order_given() -> None:
    rows = rows_of(charts.dumbbell([Pair("zebra", 0.2, 0.6, 4), Pair("apple", 0.5, None, 1)]))
    assert [(row["name"], row["stock"], row["personal"]) for row in rows] == [
        ("zebra", 0.2, 0.6),
        ("apple", 0.5, None),
    ]
    spec = charts.dumbbell([Pair("zebra", 0.2, 0.6, 4), Pair("apple", 0.5, None, 1)]).to_dict()
    assert spec["layer"][0]["encoding"]["y"]["sort"] == ["zebra", "apple"]


def test_a_dumbbell_has_pictures_and_intervals_only_where_there_are_any() -> None:
    plain = charts.dumbbell([Pair("a", 0.2, 0.6, 4)]).to_dict()
    assert {layer["mark"]["type"] for layer in plain["layer"]} == {"rule", "point"}
    with_both = charts.dumbbell(
        [Pair("a", 0.2, 0.6, 4, stock_ci=(0.1, 0.3), image="/img/x.png")]
    ).to_dict()
    assert [layer["mark"]["type"] for layer in with_both["layer"]].count("rule") == 3
    assert "image" in {layer["mark"]["type"] for layer in with_both["layer"]}


@pytest.mark.parametrize(("value", "floor"), [(0.3, 0.0), (-0.1, -0.2), (-0.95, -1.0)])
def test_the_spearman_axis_ends_at_one_and_begins_where_it_must(value: float, floor: float) -> None:
    found = domains(charts.dumbbell([Pair("a", value, 0.6, 4)]))
    assert found
    assert all(domain == [pytest.approx(floor), 1.0] for domain in found)


def test_the_overall_chart_carries_both_intervals() -> None:
    chart = charts.overall(
        Pair("", 0.4, None, 0, stock_ci=(0.2, 0.6)), Pair("", None, 0.7, 0, personal_ci=(0.5, 0.8))
    )
    assert rows_of(chart) == [
        {"series": charts.STOCK, "value": 0.4, "low": 0.2, "high": 0.6},
        {"series": charts.PERSONAL, "value": 0.7, "low": 0.5, "high": 0.8},
    ]


def test_layer_weights_are_shares_of_each_metric_so_a_constant_factor_changes_nothing() -> None:
    chart = charts.layer_weights(["layer 1", "layer 2"], [1.0, 3.0], [10.0, 30.0])
    shares = [(row["series"], row["share"]) for row in rows_of(chart)]
    assert shares == [
        (charts.STOCK, 0.25),
        (charts.STOCK, 0.75),
        (charts.PERSONAL, 0.25),
        (charts.PERSONAL, 0.75),
    ]


def test_true_weights_are_a_third_series_only_where_they_are_known() -> None:
    known = charts.layer_weights(["a"], [1.0], [1.0], [2.0])
    assert {row["series"] for row in rows_of(known)} == {charts.STOCK, charts.PERSONAL, charts.TRUE}
    assert charts.TRUE not in str(charts.layer_weights(["a"], [1.0], [1.0]).to_dict())


def test_shares_of_nothing_are_zero() -> None:
    assert charts.shares([0.0, 0.0]) == [0.0, 0.0]


def test_rankings_over_time_count_up_in_the_order_of_time() -> None:
    rows = rows_of(charts.rankings_over_time(["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]))
    assert [(row["at"][:10], row["count"]) for row in rows] == [
        ("2026-01-01", 1),
        ("2026-01-02", 2),
    ]


def test_a_line_over_less_than_a_minute_is_not_worth_drawing() -> None:
    assert not charts.is_worth_a_line([])
    assert not charts.is_worth_a_line(["2026-01-01T00:00:00Z", "2026-01-01T00:00:59Z"])
    assert charts.is_worth_a_line(["2026-01-01T00:01:00Z", "2026-01-01T00:00:00Z"])


def test_the_colours_stand_out_on_white_and_on_near_black() -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
        return (bright + 0.05) / (dark + 0.05)

    for colour in charts.COLOURS.values():
        assert contrast(colour, "#fcfbf9") > 3
        assert contrast(colour, "#15191b") > 3
