# Every target sets up what it needs by itself: Python 3.10 or newer, make and a package
# index are enough. `make` alone lists the targets.
#
#   PYTHON=/path/to/python3   the interpreter for a new .venv (default: the first that runs)
#   ARGS="..."                further arguments for pytest in `test` and `test-all`

PYTHON ?= $(shell scripts/find-python.sh)
VERSIONS := 3.10 3.11 3.12 3.13 3.14
BIN := .venv/bin
UV := .venvs/pins/bin/uv
INSTALL := python -m pip install --quiet --disable-pip-version-check
COMPILE := $(UV) pip compile --quiet --no-config --universal --python-version 3.10 \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --upgrade

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-all check format bench build pins clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.stamp ## Make .venv and install the package and its tools

demo: .venv/.stamp ## Show one application under both protocols (KEEP=1 leaves it running)
	$(BIN)/python -m examples.demo $(if $(KEEP),--keep)

test: .venv/.stamp ## Run the tests; every line and branch must be covered
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=100

test-all: ## Run the tests on every Python from 3.10 to 3.14 found here
	@MAKE="$(MAKE)" scripts/test-all.sh "$(VERSIONS)" $(ARGS)

check: .venv/.stamp ## Lint, check formats and types, check that generated files are fresh
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/python -m dualware._generate --check

format: .venv/.stamp ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: .venv/.stamp ## Measure the cost per request
	$(BIN)/python -m tests.benchmarks

build: .venv/.stamp ## Build the wheel and the source archive, and check the wheel
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(BIN)/python scripts/check_dist.py dist/*.whl

pins: $(UV) ## Pin the newest versions of every dependency
	$(COMPILE) --all-extras --group dev --output-file requirements/dev.txt pyproject.toml
	$(COMPILE) --all-extras --group build --group servers --group test \
		--constraints requirements/dev.txt --output-file requirements/test.txt pyproject.toml

clean: ## Remove everything that the targets made
	rm -rf .venv .venvs dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.stamp: pyproject.toml requirements/dev.txt
	@test -n "$(PYTHON)" || { echo 'No Python 3.10 or newer found; name one: make PYTHON=...' >&2; exit 1; }
	@echo 'Setting up .venv'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/$(INSTALL) --requirement requirements/dev.txt
	@$(BIN)/$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venvs/%/.stamp: pyproject.toml requirements/test.txt
	@echo 'Setting up .venvs/$*'
	@test -x .venvs/$*/bin/python || "$$(scripts/find-python.sh $*)" -m venv .venvs/$*
	@.venvs/$*/bin/$(INSTALL) --requirement requirements/test.txt
	@.venvs/$*/bin/$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(UV):
	@"$$(scripts/find-python.sh)" -m venv .venvs/pins
	@.venvs/pins/bin/$(INSTALL) uv
