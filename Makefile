# The two commands a fresh machine needs: `make run` and `make test`. Each sets up what it uses.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8501
CLPIPS_DATA ?= data/local
export PORT CLPIPS_DATA
# Each process would compile torch anew: 22 s of processor time to start the worker, not 7.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run quick quick-tests lint test fuzz check readme docs wheel wheel-check weights chromium clean
.DEFAULT_GOAL := run

run: weights ## start the app and its worker; Ctrl-C stops both
	$(BIN)/python -m app

# Tests that need no browser and no network, and are quick.
QUICK := tests/test_import_graph.py tests/test_docs.py tests/io tests/stats tests/active \
	tests/metric/test_attribution.py tests/metric/test_clpips.py tests/metric/test_comparisons.py \
	tests/metric/test_observations.py tests/metric/test_pooled.py \
	tests/app/study tests/app/store tests/app/charts

# Both at once: without its cache, mypy alone takes more than half a minute.
quick: weights ## lint, types, import contracts and the quick tests, in under a minute
	$(MAKE) --no-print-directory -j2 lint quick-tests

quick-tests:
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --disable-socket --allow-unix-socket $(QUICK)

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Three processes: while browsers wait in two, the third computes. The browser's tests come first.
test: weights chromium ## run every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

fuzz: weights ## 20,000 mutated files a reader: for a nightly run
	CLPIPS_FUZZ=20000 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist load tests/fuzz

check: weights ## lint, types, import contracts, docs
	$(MAKE) --no-print-directory lint
	$(BIN)/cog --check -I . README.md docs/command-line.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

readme: weights ## run the examples of README.md and docs/command-line.md, and show what they print
	$(BIN)/cog -r -I . README.md docs/command-line.md

docs: .venv/installed ## build the documentation with the API reference into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

wheel: .venv/installed ## build dist/clpips-….whl: library, app and data
	$(BIN)/uv build --wheel --no-build-isolation --python $(BIN)/python --out-dir dist

wheel-check: weights chromium ## install the wheel with all it needs into a new environment and try it
	CLPIPS_FULL_INSTALL=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 0 tests/browser/test_wheel.py

weights: .venv/installed ## fetch and verify the networks' weights (once)
	$(BIN)/clpips weights fetch

chromium: .venv/installed ## find or install a Chromium for the browser tests
	$(BIN)/python tests/browser/chromium.py

.venv/installed: requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$(grep ^uv== requirements-dev.txt)
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt -r requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

clean: ## remove the virtual environment; study data in data/local stays
	rm -rf .venv
