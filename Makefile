# Two commands: `make run` and `make test`. Both set up what they need, and are fast the second time.

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/installed

.DEFAULT_GOAL := help
.PHONY: help run test setup data serve lint format clean

help: ## these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: data ## the main job: data, retrain, and served predictions for real flights
	$(BIN)/mtl retrain
	$(BIN)/mtl demo

test: data format ## lint, types, tests with coverage
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses 2 --no-loadscope-reorder --cov --cov-report=term --cov-fail-under=95

setup: $(STAMP) ## the virtual environment, from requirements.lock

data: $(STAMP) ## data/ as data.dvc pins it
	$(BIN)/mtl data

serve: $(STAMP) ## the service on the champion, until Ctrl-C
	$(BIN)/mtl serve

lint: format ## ruff and mypy
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean: ## removes the environment and everything generated; data/ and DVC's cache stay
	rm -rf $(VENV) .trunkline artifacts .mypy_cache .pytest_cache .ruff_cache .coverage *.egg-info build

$(STAMP): requirements.lock pyproject.toml
	@for python in python3.11 python3 python3.12 python3.13; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Python: 3.11 or newer is needed, found $$(python3 --version 2>&1); install it as python3.11 or python3" >&2; \
	    exit 1; \
	fi; \
	echo "setting up $(VENV) with $$found; the first time takes some minutes"; \
	$$found -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@
