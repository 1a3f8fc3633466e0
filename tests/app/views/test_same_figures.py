"""One name for one thing and one figure in every place: screen, LaTeX, methods text and JSON."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import pytest
from signed_in import signed_in_store, study_page
from staged import add_vectors, job, ranked_study
from streamlit.testing.v1 import AppTest

from app.jobs import compare, export, fit
from app.jobs.paper_numbers import paper_text
from app.store import Store
from app.study.types import Study
from app.views.researcher.formatting import number, p_value, signed
from app.views.researcher.report import metric_table
from clpips import CLPIPS
from clpips.evaluation.metric_names import METRICS, SPACES, metric_name, space_name
from clpips.export.decimals import column_digits
from clpips.export.methods_text import StudyNumbers, methods_paragraph
from clpips.features.names import SPACES as FEATURE_SPACES
from clpips.progress import Watch

Table = list[list[tuple[str, str]]]
"""Rows of cells: the figure, and the small one under it."""
POOLED = "Pooled: all participants in one metric"


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Study]]:
    """Three people and the pooled metric, fitted and compared as the worker does."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        store = signed_in_store(tmp_path_factory.mktemp("study"), monkeypatch)
        study = ranked_study(store, people=3, targets=6)
        add_vectors(store, study)
        for scope in ("pooled", "each"):
            running = job(store, "fit", study, scope=scope, participant_id=None)
            store.jobs.finish(running.id, "test", fit.run(store, running, Watch()))
        for asked in store.jobs.latest(study.id, kinds=["compare"]):
            claimed = store.jobs.claim("test", ["compare"])
            assert claimed is not None and claimed.id == asked.id
            store.jobs.finish(asked.id, "test", compare.run(store, claimed, Watch()))
        yield store, study


def opened(study: Study, whose: str, tab: str = "Fit & report") -> AppTest:
    screen = AppTest.from_function(study_page, default_timeout=120)
    screen.query_params["study"] = str(study.id)
    screen.query_params["whose-fit"] = whose
    screen.session_state["tab"] = tab
    screen.run()
    assert not screen.exception, screen.exception[0].message
    return screen


def tables_of(screen: AppTest) -> dict[tuple[str, ...], Table]:
    """Every table of a screen, those in expanders included, by its head."""
    found: dict[tuple[str, ...], Table] = {}
    for each in screen.get("html"):
        for body in re.findall(r"<table.*?</table>", each.proto.body, re.S):
            head, *rows = re.findall(r"<tr>(.*?)</tr>", body, re.S)
            titles = tuple(bare(cell) for cell in CELL.findall(head))
            shown = [[split(cell) for cell in CELL.findall(row)] for row in rows]
            found.setdefault(titles, []).extend(shown)
    return found


CELL = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>", re.S)
SMALL = re.compile(r"<span class=['\"]cl-ci['\"]>(.*?)</span>", re.S)


def bare(markup: str) -> str:
    return plain(html.unescape(re.sub(r"<[^>]+>", "", markup)))


def split(cell: str) -> tuple[str, str]:
    return bare(SMALL.sub("", cell)), bare("".join(SMALL.findall(cell)))


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("−", "-").strip()


def latex_tables(text: str) -> list[list[list[str]]]:
    """The cells of each LaTeX table as the screen would write them."""
    found = []
    for body in re.findall(r"\\toprule(.*?)\\bottomrule", text, re.S):
        lines = body.replace("\\midrule", "").strip().split(r" \\")
        cells = [line.strip().split(" & ") for line in lines if line.strip()]
        found.append([[latex_cell(cell) for cell in line] for line in cells])
    return found


def latex_cell(cell: str) -> str:
    return cell.replace("$", "").replace(r"\,\%", " %").replace("--", "–")


def people_of(tables: dict[tuple[str, ...], Table]) -> tuple[tuple[str, ...], Table]:
    return next((head, rows) for head, rows in tables.items() if head[0] == "Participant")


def metrics_of(tables: dict[tuple[str, ...], Table]) -> tuple[tuple[str, ...], Table]:
    return next((head, rows) for head, rows in tables.items() if head[0] == "Metric")


def test_latex_and_screen_show_each_participant_s_figures_alike(compared) -> None:
    store, study = compared
    head, shown = people_of(tables_of(opened(study, "Each participant")))
    _, (columns, *printed) = latex_tables(paper_text(store, study, "latex"))
    assert len(printed) == 3
    for row, line in zip(shown, printed, strict=False):
        figures = dict(zip(head, row, strict=True))
        paper = dict(zip(columns, line, strict=True))
        assert paper["Participant"] == figures["Participant"][0]
        assert paper["Rankings"] == figures["Rankings"][0]
        for name in ("Stock LPIPS", "Personal"):
            assert paper[name] == figures[name][0], name
        assert paper["Gain"] == figures["Difference"][0]
        assert paper["95 % interval"] == figures["Difference"][1]
        assert paper["p"] == figures["p, corrected"][0]


def test_latex_and_screen_show_the_means_alike(compared) -> None:
    store, study = compared
    head, shown = metrics_of(tables_of(opened(study, "Each participant")))
    (columns, *printed), _ = latex_tables(paper_text(store, study, "latex"))
    own = {row[0][0]: row for row in shown if row[0][1] == "AlexNet"}
    names = ["Stock LPIPS", "Pooled weights", "Personal"]
    assert [line[0] for line in printed] == list(own)[:3] == names  # then the baselines
    for line in printed:
        figures = dict(zip(head, own[line[0]], strict=True))
        paper = dict(zip(columns, line, strict=True))
        assert (paper["Spearman"], paper["95 % interval"]) == figures["Spearman"]
        assert paper["ICC(A,1)"] == figures["ICC(A,1)"][0]
        assert paper["Pairwise accuracy"] == figures["Pairwise accuracy"][0]


def test_the_methods_text_says_the_figures_and_names_of_latex(compared) -> None:
    store, study = compared
    (columns, *printed), _ = latex_tables(paper_text(store, study, "latex"))
    text = plain(paper_text(store, study, "methods"))
    phrases = {"Stock LPIPS": "stock LPIPS", "Personal": "the personal metric"}
    for line in printed:
        paper = dict(zip(columns, line, strict=True))
        name = phrases.get(paper["Metric"], f"the {paper['Metric'].lower()}")
        assert f"{paper['Spearman']} (95 % interval {paper['95 % interval']}) for {name}" in text
        assert f"{paper['ICC(A,1)']} for {name}" in text
    gain = people_of(tables_of(opened(study, "Each participant")))[1][-1]
    assert f"differed from stock LPIPS by {gain[4][0]}" in text
    assert "human" not in text


def test_screen_and_exported_metric_say_the_same(compared) -> None:
    """The JSON in a metric's card, number for number."""
    store, study = compared
    head, shown = people_of(tables_of(opened(study, "Each participant")))
    fits = [one for one in reversed(store.fits.of_study(study.id)) if one.participant_id]
    cards = []
    for one in fits:
        running = job(store, "export", study, what="metric", fit_id=one.id)
        made = export.run(store, running, Watch())
        card = CLPIPS.load(store.exports.get(made["export_id"]).path).card_
        assert card.held_out is not None
        cards.append(card)
    sides = [
        (
            card.held_out["stock"]["spearman"],
            card.held_out["personal"]["spearman"],
            card.held_out["gain"],
        )
        for card in cards
    ]
    stock, personal = (sum(side) / len(side) for side in list(zip(*sides, strict=True))[:2])
    digits = column_digits([*sides, (stock, personal, personal - stock)])
    for row, card in zip(shown, cards, strict=False):
        figures, own = dict(zip(head, row, strict=True)), card.held_out
        assert figures["Participant"][0] == card.participants[0]
        assert figures["Rankings"][0] == str(card.n_rankings)
        assert figures["Stock LPIPS"][0] == plain(number(own["stock"]["spearman"], digits))
        assert figures["Personal"][0] == plain(number(own["personal"]["spearman"], digits))
        assert figures["Difference"][0] == plain(signed(own["gain"]))
        assert figures["p, corrected"][0] == plain(p_value(own["p_corrected"]))
        assert figures["In use"][0].lower() == own["in_use"]


# --- decimals -------------------------------------------------------------------------------------


def decimals(text: str) -> set[int]:
    """How many decimals the numbers of a cell have."""
    return {len(found.rpartition(".")[2]) if "." in found else 0 for found in NUMBER.findall(text)}


NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")


def uneven(rows: list[list[str]]) -> list[int]:
    """The columns whose numbers do not all have the same decimals."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for row in rows:
        for place, cell in enumerate(row[1:], 1):
            found[place] |= decimals(cell)
    return [place for place, kinds in found.items() if len(kinds) > 1]


@pytest.mark.parametrize("tab", ["Fit & report", "Why", "Progress", "Rankings", "Export"])
@pytest.mark.parametrize(
    "whose", ["Each participant", "Ada 1", "Pooled: all participants in one metric"]
)
def test_decimals_are_the_same_down_every_column_on_screen(compared, whose: str, tab: str) -> None:
    _, study = compared
    tables = tables_of(opened(study, whose, tab))
    if tab == "Fit & report":
        assert tables
    for head, rows in tables.items():
        for part in (0, 1):
            found = uneven([[cell[part] for cell in row] for row in rows])
            assert [head[place] for place in found] == [], (head, rows)


def test_decimals_are_the_same_down_every_column_of_latex(compared) -> None:
    store, study = compared
    for columns, *rows in latex_tables(paper_text(store, study, "latex")):
        assert [columns[place] for place in uneven(rows)] == []


def test_the_check_of_decimals_can_fail() -> None:
    assert uneven([["a", "0.41", "3"], ["b", "0.412", "12"]]) == [1]
    assert uneven([["a", "< 0.001"], ["b", "0.25"]]) == [1]


# --- names ----------------------------------------------------------------------------------------


def test_every_feature_space_and_metric_has_a_name_of_its_own() -> None:
    assert set(SPACES) == set(FEATURE_SPACES)
    names = [space_name(space) for space in FEATURE_SPACES]
    assert len(set(names)) == len(names)
    assert not set(names) & set(FEATURE_SPACES)
    assert space_name("timm:resnet18") == "timm:resnet18"
    assert len(set(METRICS.values())) == len(METRICS)


@pytest.mark.parametrize("space", FEATURE_SPACES)
def test_a_report_names_its_features(compared, space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen and the paper alike, whichever space the study uses."""
    store, study = compared
    one = replace(store.fits.of_study(study.id)[0], backbone=space)
    row = {"name": "personal", "space": space, "agreement": one.report["held_out"]["personal"]}
    assert space_name(space) in metric_table.cells(row, one)[0]
    text = methods_paragraph(StudyNumbers(backbone=space))
    assert f"on {space_name(space).removesuffix(' features')} features" in text
    unfitted = metric_name("stock", space)
    assert ("stock LPIPS was scored" in text) == (unfitted == "Stock LPIPS")
