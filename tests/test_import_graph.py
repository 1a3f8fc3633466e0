"""Who imports whom: no circles, few modules at the top, and contracts that can fail.

The contracts stand in pyproject.toml; `make check` holds them with ``lint-imports``. Here each is
given an import that it must refuse, so that none is kept only because it asks for nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import grimp
import pytest
from importlinter import Contract
from importlinter.application.use_cases import read_user_options
from importlinter.configuration import configure
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

import app
import clpips

ROOT = Path(__file__).parents[1]
MOST_AT_THE_TOP = 10
TYPES: dict[str, type[Contract]] = {
    each.type_name: each for each in (ForbiddenContract, LayersContract, ProtectedContract)
}

LIBRARY = "clpips: each room imports only those below it"
STATS = "clpips.stats imports errors alone"
FEATURES = "clpips.features imports no statistics and no rankings"
IO = "clpips.io imports no network"
EVALUATION = "clpips.evaluation and clpips.active import no generation"
GENERATION = "clpips.generation imports no features and no statistics"
BENCH = "In app, only jobs use clpips.bench"
SCIENCE = "clpips imports no screen and no database"
PLATFORM = "app: each room imports only those below it"
NO_TORCH = "The web process holds no torch"
SCREENS = "Screens know no worker"
SQL = "Only the store speaks SQL"
STREAMLIT = "Only screens and their session use Streamlit"
FACE = "Only the store's face is imported"
STUDY = "The vocabulary of studies knows nothing around it"

REFUSED = [
    (LIBRARY, "clpips.stats.icc", "clpips.io.rankings"),
    (LIBRARY, "clpips.stats.icc", "clpips.metric.solver"),
    (LIBRARY, "clpips.errors", "clpips.types"),
    (LIBRARY, "clpips.text", "clpips.io.images"),
    (LIBRARY, "clpips.types", "clpips.io.rankings"),
    (LIBRARY, "clpips.progress", "clpips.features.names"),
    (LIBRARY, "clpips.io.images", "clpips.features.registry"),
    (LIBRARY, "clpips.io.images", "clpips.stats.icc"),
    (LIBRARY, "clpips.features.lpips", "clpips.metric.clpips"),
    (LIBRARY, "clpips.metric.clpips", "clpips.evaluation.held_out"),
    (LIBRARY, "clpips.metric.clpips", "clpips.generation.names"),
    (LIBRARY, "clpips.metric.clpips", "clpips.active.posterior"),
    (LIBRARY, "clpips.generation.protocol", "clpips.metric.clpips"),
    (LIBRARY, "clpips.generation.protocol", "clpips.evaluation.held_out"),
    (LIBRARY, "clpips.evaluation.held_out", "clpips.active.acquisition"),
    (LIBRARY, "clpips.active.acquisition", "clpips.evaluation.held_out"),
    (LIBRARY, "clpips.evaluation.held_out", "clpips.export.writer"),
    (LIBRARY, "clpips.export.writer", "clpips.cli.output"),
    (LIBRARY, "clpips.selftest.runner", "clpips.cli.output"),
    (LIBRARY, "clpips.cli.output", "clpips.__main__"),
    (STATS, "clpips.stats.icc", "clpips.text"),
    (STATS, "clpips.stats.icc", "clpips.types"),
    (STATS, "clpips.stats.icc", "torch"),
    (FEATURES, "clpips.features.lpips", "clpips.stats.icc"),
    (FEATURES, "clpips.features.lpips", "clpips.types"),
    (IO, "clpips.io.images", "torchvision"),
    (EVALUATION, "clpips.evaluation.held_out", "clpips.generation.names"),
    (EVALUATION, "clpips.active.posterior", "clpips.generation.names"),
    (GENERATION, "clpips.generation.protocol", "clpips.features.lpips"),
    (GENERATION, "clpips.generation.protocol", "clpips.stats.icc"),
    (SCIENCE, "clpips.io.images", "app"),
    (SCIENCE, "clpips.cli.fit", "app.settings"),
    (SCIENCE, "clpips.metric.clpips", "streamlit"),
    (SCIENCE, "clpips.io.rankings", "sqlite_utils"),
    (SCIENCE, "clpips.io.rankings", "starlette"),
    (PLATFORM, "app.settings", "app.study.types"),
    (PLATFORM, "app.study.types", "app.store"),
    (PLATFORM, "app.store.rounds", "app.files.images"),
    (PLATFORM, "app.files.images", "app.http.payloads"),
    (PLATFORM, "app.http.payloads", "app.views.participant.trial"),
    (PLATFORM, "app.jobs.fit", "app.views.participant.trial"),
    (PLATFORM, "app.jobs.fit", "app.worker"),
    (NO_TORCH, "app.views.participant.trial", "torch"),
    (NO_TORCH, "app.http.payloads", "clpips.metric.clpips"),
    (NO_TORCH, "app.files.images", "diffusers"),
    (NO_TORCH, "app.store.rounds", "lpips"),
    (SCREENS, "app.views.participant.trial", "app.worker"),
    (SCREENS, "app.http.payloads", "app.jobs.fit"),
    (SCREENS, "app.session", "app.jobs.slug"),
    (SQL, "app.views.participant.trial", "sqlite_utils"),
    (SQL, "app.jobs.fit", "sqlite3"),
    (STREAMLIT, "app.charts.base", "streamlit"),
    (STREAMLIT, "app.study.types", "streamlit"),
    (STREAMLIT, "app.jobs.fit", "streamlit"),
    (FACE, "app.views.participant.trial", "app.store.rounds"),
    (FACE, "app.jobs.fit", "app.store.fits"),
    (FACE, "app.http.payloads", "app.store.rounds"),
    (FACE, "app.files.bundle", "app.store.studies"),
    (STUDY, "app.study.types", "app.store"),
    (STUDY, "app.study.records", "streamlit"),
]
COMING = [
    (LIBRARY, "clpips.identity.ranking", "clpips.metric.clpips"),
    (LIBRARY, "clpips.identity.ranking", "clpips.generation.names"),
    (LIBRARY, "clpips.personalize.methods", "clpips.evaluation.held_out"),
    (LIBRARY, "clpips.personalize.methods", "clpips.bench.table"),
    (LIBRARY, "clpips.metric.clpips", "clpips.identity.ranking"),
    (LIBRARY, "clpips.generation.names", "clpips.personalize.methods"),
    (LIBRARY, "clpips.selftest.runner", "clpips.bench.table"),
    (BENCH, "app.views.participant.trial", "clpips.bench.table"),
]
ALLOWED = [
    ("clpips.identity.ranking", "clpips.features.lpips"),
    ("clpips.identity.ranking", "clpips.stats.icc"),
    ("clpips.personalize.methods", "clpips.identity.ranking"),
    ("clpips.personalize.methods", "clpips.generation.names"),
    ("clpips.personalize.methods", "clpips.metric.clpips"),
    ("clpips.bench.table", "clpips.personalize.methods"),
    ("clpips.cli.fit", "clpips.bench.table"),
    ("app.jobs.fit", "clpips.bench.table"),
]
"""What rooms that are still to come may import."""


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("app", "clpips", include_external_packages=True)


@cache
def contracts() -> dict[str, Contract]:
    configure()
    options = read_user_options(config_filename=str(ROOT / "pyproject.toml"))
    return {
        each["name"]: TYPES[each["type"]](each["name"], options.session_options, each)
        for each in options.contracts_options
    }


def with_imports(*imports: tuple[str, str]) -> grimp.ImportGraph:
    """The project's imports and some that it does not have, of modules that it may not have."""
    changed = copy.deepcopy(graph())
    for importer, imported in imports:
        for module in (importer, imported):
            room = module.rpartition(".")[0]
            for name in filter(None, (room, module)):
                if name not in changed.modules:
                    changed.add_module(name)
        changed.add_import(importer=importer, imported=imported)
    return changed


def is_kept(name: str, imports: grimp.ImportGraph) -> bool:
    return contracts()[name].check(imports, verbose=False).kept


def circle(packages: Sequence[str], imports: grimp.ImportGraph) -> list[str]:
    """The modules of one circle of imports, of whatever length; empty where there is none."""
    own = {each for each in imports.modules if each.partition(".")[0] in packages}
    edges = {each: imports.find_modules_directly_imported_by(each) & own for each in own}
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_code_of_this_checkout_is_looked_at() -> None:
    assert Path(app.__file__).parents[1] == Path(clpips.__file__).parents[1] == ROOT
    assert len([each for each in graph().modules if each.startswith("clpips.")]) > 100


def test_no_module_imports_itself_on_any_way() -> None:
    assert circle(["clpips", "app"], graph()) == []


def test_a_circle_of_three_is_found() -> None:
    chain = ("clpips.stats.icc", "clpips.errors", "clpips.stats.correlation", "clpips.stats.icc")
    closed = with_imports(*pairwise(chain))
    assert set(circle(["clpips", "app"], closed)) <= set(chain)
    assert len(set(circle(["clpips", "app"], closed))) > 1


def test_few_modules_stand_at_the_top_of_the_library() -> None:
    modules = [path.name for path in (ROOT / "clpips").glob("*.py")]
    assert 0 < len(modules) <= MOST_AT_THE_TOP


@pytest.mark.parametrize("name", contracts())
def test_a_contract_is_kept(name: str) -> None:
    assert is_kept(name, copy.deepcopy(graph()))


def test_every_contract_is_seen_to_fail_below() -> None:
    assert {name for name, _, _ in REFUSED + COMING} == set(contracts())


@pytest.mark.parametrize(("name", "importer", "imported"), REFUSED)
def test_a_contract_refuses_an_import(name: str, importer: str, imported: str) -> None:
    own = {each for each in (importer, imported) if each.startswith(("app.", "clpips."))}
    assert own <= graph().modules, "a module was renamed"
    assert not is_kept(name, with_imports((importer, imported)))


@pytest.mark.parametrize(("name", "importer", "imported"), COMING)
def test_a_contract_waits_for_rooms_to_come(name: str, importer: str, imported: str) -> None:
    assert not is_kept(name, with_imports((importer, imported)))


@pytest.mark.parametrize(("importer", "imported"), ALLOWED)
def test_rooms_to_come_may_import_what_they_need(importer: str, imported: str) -> None:
    changed = with_imports((importer, imported))
    assert [name for name in contracts() if not is_kept(name, changed)] == []
