# `make run` and `make test` set up the environment first; the second run is fast.

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/installed
PYTHON ?= python3.11 python3 python3.12 python3.13
LOG   := $(VENV)/pip.log

# pip with one line per package; its warnings are shown only on failure.
define pip
set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --no-color $(1) 2> $(LOG) \
| awk '/^(Collecting|Processing) / { sub(".*/", "", $$2); printf "  %3d %s\n", ++count, $$2; fflush() } \
       /^Installing collected/ && count { print "  unpacking, which takes about as long again"; fflush() }' \
|| { tail -n 15 $(LOG) >&2; \
     echo "make: pip could not install the packages; its last lines are above, the full log is $(LOG). If it could not" \
          "reach the package index, check the network or set PIP_INDEX_URL to a reachable index, and run the same" \
          "command again" >&2; exit 1; }
endef

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run test setup data serve docs lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: data ## fetch the data, retrain, and serve predictions for real flights
	$(BIN)/mtl retrain
	$(BIN)/mtl demo

test: data format ## lint, types, and all tests with coverage: about 20 minutes on two cores
	@echo "all tests take about 20 minutes on two cores"
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses 2 --no-loadscope-reorder --cov --cov-report=term --cov-fail-under=95

setup: $(STAMP) ## create the virtual environment from requirements.lock

data: $(STAMP) ## fetch data/ as pinned by data.dvc
	$(BIN)/mtl data

serve: $(STAMP) ## serve the champion until Ctrl-C
	$(BIN)/mtl serve

docs: $(STAMP) ## build the documentation in build/docs; a broken link is an error
	$(BIN)/sphinx-build -W --keep-going --quiet -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

lint: format ## ruff and mypy
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean: ## remove the environment and all generated files; data/ and DVC's cache stay
	rm -rf $(VENV) .trunkline artifacts .mypy_cache .pytest_cache .ruff_cache .coverage *.egg-info build docs/_generated

$(STAMP): requirements.lock pyproject.toml
	@for python in $(PYTHON); do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Python 3.11 or newer is required, found $$(python3 --version 2>&1); install it as python3.11 or python3" >&2; \
	    exit 1; \
	fi; \
	echo "setting up $(VENV) with $$found: $$(grep -c == requirements.lock) packages, 2.5 GB, a few minutes"; \
	$$found -m venv $(VENV)
	@$(call pip,--no-deps --requirement requirements.lock)
	@$(call pip,--no-deps --no-build-isolation --editable .)
	@touch $@
