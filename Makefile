# Every target sets up what it needs by itself: Python 3.10 or newer, make and a package
# index are enough. `make` alone lists the targets.
#
#   PYTHON=/path/to/python3   the interpreter for a new .venv (default: the first that runs)
#   ARGS="..."                further arguments for pytest in `test` and `test-all`

VERSIONS := 3.10 3.11 3.12 3.13 3.14
# Django and a Python that it supports.
DJANGOS := 4.2-3.10 5.2-3.11 6.0-3.12 6.1-3.13
DJANGO_TESTS := tests/frameworks/test_django.py tests/frameworks/test_bridges.py
BIN := .venv/bin
UV := .venvs/pins/bin/uv
INSTALL := python -m pip install --quiet --disable-pip-version-check
RESOLVE := $(UV) pip compile --quiet --no-config --universal --python-version 3.10 \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --upgrade pyproject.toml
COMPILE := $(RESOLVE) --all-extras
TESTED := --group build --group servers --group test

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup browser demo test test-compiled test-all test-django test-lowest check format bench build build-compiled pins clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.stamp ## Make .venv and install the package and its tools

browser: ## Install Debian's Chromium, which the browser tests drive (without it they are skipped)
	scripts/install-browser.sh

demo: .venv/.stamp ## Show one application under both protocols (KEEP=1 leaves it running)
	$(BIN)/python -m examples.demo $(if $(KEEP),--keep)

test: .venv/.stamp .venvs/bare/.stamp ## Run the tests; every line and branch must be covered
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	@echo 'Once more without any extra'
	.venvs/bare/bin/coverage run -m pytest tests/compression
	@echo 'Once more compiled'
	@MAKE="$(MAKE)" scripts/test-compiled.sh --ignore=tests/browser $(ARGS)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=100

test-compiled: .venv/.stamp ## Run the tests of the compiled build
	@MAKE="$(MAKE)" scripts/test-compiled.sh $(ARGS)

test-all: ## Run the tests on every Python from 3.10 to 3.14 found here
	@MAKE="$(MAKE)" scripts/test-all.sh "$(VERSIONS)" $(ARGS)

test-django: $(DJANGOS:%=.venvs/django-%/.stamp) ## Run the tests of Django on every version of it that is supported
	@for each in $(DJANGOS); do \
		echo "Django $$each"; .venvs/django-$$each/bin/python -m pytest --quiet $(DJANGO_TESTS) $(ARGS) || exit; \
	done

test-lowest: .venvs/lowest/.stamp ## Run the tests on the oldest Python with the oldest dependencies allowed
	.venvs/lowest/bin/python -m pytest $(ARGS)

check: .venv/.stamp ## Lint, check formats and types, check that generated files are fresh
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/python -m dualware._generate --check

format: .venv/.stamp ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: .venvs/bench/.stamp ## Measure the cost per request, against its peers, in process and in servers
	@scripts/install-wrk.sh || echo 'WITHOUT wrk, SERVERS ARE NOT MEASURED; everything else is' >&2
	.venvs/bench/bin/python -m pytest --quiet tests/test_limit.py tests/test_peers.py
	@if .venvs/bench/bin/python scripts/can_compile.py; \
		then $(MAKE) --no-print-directory .venvs/compiled/.stamp; \
		else echo 'THE COMPILED BUILD IS NOT MEASURED' >&2; fi
	.venvs/bench/bin/python -m tests.benchmarks $$(ls -d .venvs/compiled 2>/dev/null)

build: .venv/.stamp ## Build the wheel and the source archive, and check the wheel
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(BIN)/python scripts/check_dist.py dist/*.whl

build-compiled: .venvs/compiled/.stamp ## Build a compiled wheel for this platform, and check it
	mkdir -p dist
	cp .venvs/compiled/dist/*.whl dist
	.venvs/compiler/bin/python scripts/check_dist.py .venvs/compiled/dist/*.whl

pins: $(UV) ## Pin the newest versions of every dependency, and the oldest allowed
	$(COMPILE) --group dev --output-file requirements/dev.txt
	$(COMPILE) $(TESTED) --constraints requirements/dev.txt --output-file requirements/test.txt
	$(RESOLVE) --group bare --constraints requirements/dev.txt --output-file requirements/bare.txt
	$(RESOLVE) --group compile --constraints requirements/dev.txt \
		--output-file requirements/compile.txt
	$(RESOLVE) --extra fast --extra zstd --group bench --constraints requirements/dev.txt \
		--output-file requirements/bench.txt
	$(UV) pip compile --quiet --no-config --no-deps --no-annotate --no-header --no-emit-index-url \
		--resolution lowest-direct --python-version 3.10 --output-file .venvs/pins/lowest.txt pyproject.toml
	$(COMPILE) $(TESTED) --constraints .venvs/pins/lowest.txt --output-file requirements/lowest.txt

clean: ## Remove everything that the targets made
	rm -rf .venv .venvs dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call environment,folder,requirements,interpreter): make it if it is not there, then fill it.
define environment
@echo 'Setting up $(1)'
@test -x $(1)/bin/python || { python="$(3)" && "$$python" -m venv $(1); }
@$(1)/bin/$(INSTALL) --requirement $(2)
@$(1)/bin/$(INSTALL) --no-deps --no-build-isolation --editable .
@touch $@
endef

.venv/.stamp: pyproject.toml requirements/dev.txt
	$(call environment,.venv,requirements/dev.txt,$(or $(PYTHON),$$(scripts/find-python.sh)))

.venvs/lowest/.stamp: pyproject.toml requirements/lowest.txt
	$(call environment,.venvs/lowest,requirements/lowest.txt,$$(scripts/find-python.sh 3.10))

.venvs/bench/.stamp: pyproject.toml requirements/bench.txt
	$(call environment,.venvs/bench,requirements/bench.txt,$(or $(PYTHON),$$(scripts/find-python.sh)))

.venvs/bare/.stamp: pyproject.toml requirements/bare.txt
	$(call environment,.venvs/bare,requirements/bare.txt,$(or $(PYTHON),$$(scripts/find-python.sh)))

.venvs/compiler/.stamp: pyproject.toml requirements/compile.txt
	$(call environment,.venvs/compiler,requirements/compile.txt,$(or $(PYTHON),$$(scripts/find-python.sh)))

# A copy of the tree, by way of the source archive, with the extension in place; and the wheel.
.venvs/compiled/.stamp: .venvs/compiler/.stamp $(shell git ls-files dualware tests examples 2>/dev/null)
	@echo 'Compiling into .venvs/compiled'
	@rm -rf .venvs/compiled
	@.venvs/compiler/bin/python -m hatchling build --target sdist --directory .venvs/compiled >/dev/null
	@cd .venvs/compiled && tar -xzf *.tar.gz --strip-components=1 && rm *.tar.gz
	@cd .venvs/compiled && HATCH_BUILD_HOOK_ENABLE_MYPYC=1 \
		../compiler/bin/python -m hatchling build --target wheel >/dev/null
	@touch $@

.venvs/django-%/.stamp: pyproject.toml requirements/test.txt
	$(call environment,.venvs/django-$*,requirements/test.txt,$$(scripts/find-python.sh $(lastword $(subst -, ,$*))))
	@.venvs/django-$*/bin/$(INSTALL) 'django~=$(firstword $(subst -, ,$*)).0'

.venvs/%/.stamp: pyproject.toml requirements/test.txt
	$(call environment,.venvs/$*,requirements/test.txt,$$(scripts/find-python.sh $*))

$(UV):
	@python="$$(scripts/find-python.sh)" && "$$python" -m venv .venvs/pins
	@.venvs/pins/bin/$(INSTALL) uv
