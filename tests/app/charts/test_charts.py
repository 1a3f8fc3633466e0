from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.charts import base, curves
from app.charts.base import Pair
from app.charts.curves import Forecast, MetricRow, Point
from app.charts.retrieval import MethodRow, mean_precision


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
    rows = rows_of(base.dumbbell([Pair("zebra", 0.2, 0.6, 4), Pair("apple", 0.5, None, 1)]))
    assert [(row["name"], row["stock"], row["personal"]) for row in rows] == [
        ("zebra", 0.2, 0.6),
        ("apple", 0.5, None),
    ]
    spec = base.dumbbell([Pair("zebra", 0.2, 0.6, 4), Pair("apple", 0.5, None, 1)]).to_dict()
    assert spec["layer"][0]["encoding"]["y"]["sort"] == ["zebra", "apple"]


def test_a_dumbbell_has_pictures_and_intervals_only_where_there_are_any() -> None:
    plain = base.dumbbell([Pair("a", 0.2, 0.6, 4)]).to_dict()
    assert {layer["mark"]["type"] for layer in plain["layer"]} == {"rule", "point"}
    with_both = base.dumbbell(
        [Pair("a", 0.2, 0.6, 4, stock_ci=(0.1, 0.3), image="/img/x.png")]
    ).to_dict()
    assert [layer["mark"]["type"] for layer in with_both["layer"]].count("rule") == 3
    assert "image" in {layer["mark"]["type"] for layer in with_both["layer"]}


@pytest.mark.parametrize(("value", "floor"), [(0.3, 0.0), (-0.1, -0.2), (-0.95, -1.0)])
def test_the_spearman_axis_ends_at_one_and_begins_where_it_must(value: float, floor: float) -> None:
    found = domains(base.dumbbell([Pair("a", value, 0.6, 4)]))
    assert found
    assert all(domain == [pytest.approx(floor), 1.0] for domain in found)


def test_layer_weights_are_shares_of_each_metric_so_a_constant_factor_changes_nothing() -> None:
    chart = base.layer_weights(["layer 1", "layer 2"], [1.0, 3.0], [10.0, 30.0])
    shares = [(row["series"], row["share"]) for row in rows_of(chart)]
    assert shares == [
        (base.STOCK, 0.25),
        (base.STOCK, 0.75),
        (base.PERSONAL, 0.25),
        (base.PERSONAL, 0.75),
    ]


def test_true_weights_are_a_third_series_only_where_they_are_known() -> None:
    known = base.layer_weights(["a"], [1.0], [1.0], [2.0])
    assert {row["series"] for row in rows_of(known)} == {base.STOCK, base.PERSONAL, base.TRUE}
    assert base.TRUE not in str(base.layer_weights(["a"], [1.0], [1.0]).to_dict())


def test_shares_of_nothing_are_zero() -> None:
    assert base.shares([0.0, 0.0]) == [0.0, 0.0]


def test_rankings_over_time_count_up_in_the_order_of_time() -> None:
    rows = rows_of(
        base.rankings_over_time([("2026-01-01T00:00:00Z", 1), ("2026-01-02T00:00:00Z", 2)])
    )
    assert [(row["at"][:10], row["count"]) for row in rows] == [
        ("2026-01-01", 1),
        ("2026-01-02", 2),
    ]


def test_a_line_over_less_than_a_minute_is_not_worth_drawing() -> None:
    assert not base.is_worth_a_line([])
    assert not base.is_worth_a_line([("2026-01-01T00:00:00Z", 1), ("2026-01-01T00:00:59Z", 2)])
    assert base.is_worth_a_line([("2026-01-01T00:00:00Z", 1), ("2026-01-01T00:01:00Z", 2)])


def test_the_colours_stand_out_on_white_and_on_near_black() -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
        return (bright + 0.05) / (dark + 0.05)

    for colour in (base.COLOURS | curves.SERIES_COLOURS).values():
        assert contrast(colour, "#fcfbf9") > 3
        assert contrast(colour, "#15191b") > 3


# --- the report's charts ------------------------------------------------------------------------

CURVE = [Point(0, 0.2, 0.0, 0.0), Point(6, 0.31, 0.11, 0.04), Point(12, 0.4, 0.2, 0.03)]


def marks(chart: Any) -> list[str]:
    return [layer["mark"]["type"] for layer in chart.to_dict()["layer"]]


def all_rows(chart: Any) -> list[list[dict[str, Any]]]:
    """The rows of every layer that has its own."""
    spec = chart.to_dict()
    return [layer["data"]["values"] for layer in spec["layer"] if "data" in layer]


def test_standings_show_each_metric_with_its_interval_in_the_order_given() -> None:
    chart = curves.metric_rows(
        [
            MetricRow("Stock LPIPS, AlexNet", "stock", 0.4, (0.2, 0.6), 9),
            MetricRow("Personal, AlexNet", "personal", 0.7, None, 9),
        ]
    )
    stock, personal = rows_of(chart)
    assert (stock["series"], stock["value"], stock["low"], stock["high"]) == (
        base.STOCK,
        0.4,
        0.2,
        0.6,
    )
    assert (personal["series"], personal["low"], personal["n"]) == (base.PERSONAL, None, 9)
    spec = chart.to_dict()["layer"][0]
    assert spec["encoding"]["y"]["sort"] == ["Stock LPIPS, AlexNet", "Personal, AlexNet"]
    assert spec["encoding"]["x"]["scale"]["domain"] == [0.0, 1.0]


def test_a_learning_curve_goes_from_stock_to_all_rankings() -> None:
    chart = curves.learning_curve(CURVE)
    assert marks(chart) == ["line", "point"]
    assert [(row["n_rankings"], row["spearman"]) for row in rows_of(chart)] == [
        (0, 0.2),
        (6, 0.31),
        (12, 0.4),
    ]


def test_the_forecast_widens_from_the_last_point_to_its_interval() -> None:
    chart = curves.learning_curve(CURVE, Forecast(24, 0.5, 0.1, 0.8))
    assert marks(chart) == ["area", "line", "line", "point"]
    now, then = all_rows(chart)[0]
    assert (now["n_rankings"], now["low"], now["high"]) == (12, 0.4, 0.4)
    assert (then["n_rankings"], then["low"], then["spearman"], then["high"]) == (24, 0.1, 0.5, 0.8)
    encoding = chart.to_dict()["layer"][0]["encoding"]
    assert encoding["x"]["scale"]["domain"] == [0, 24]
    assert encoding["y"]["scale"]["domain"] == [0.0, 1.0]


def test_repeatability_is_a_level_line_with_its_name() -> None:
    chart = curves.learning_curve(CURVE, None, 0.61)
    assert marks(chart) == ["line", "point", "rule", "text"]
    assert all_rows(chart)[-1] == [{"spearman": 0.61, "words": "repeatability 0.61"}]
    assert chart.to_dict()["layer"][0]["encoding"]["y"]["scale"]["domain"] == [0.0, 0.8]


def test_a_method_lies_between_chance_and_ceiling_on_one_axis() -> None:
    rows = [MethodRow("a", 0.6, 0.5, 0.7, 0.2, 0.9), MethodRow("b", 0.4, None, None, 0.2, 0.9)]
    chart = mean_precision(rows).to_dict()
    assert [layer["encoding"]["x"]["field"] for layer in chart["layer"]] == [
        "low",
        "chance",
        "map",
        "ceiling",
    ]
    without = [replace(one, ceiling=None) for one in rows]
    assert len(mean_precision(without).to_dict()["layer"]) == 3
