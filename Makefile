# Two commands: `make demo` runs one round of the loop, `make test` runs lint, types and tests.
# Both first make .venv from the pinned versions of constraints.txt; that takes a few minutes, once.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
TORCH := $(shell grep '^torch==' constraints.txt)
# One more place where pip looks for torch: `make demo TORCH_INDEX=<url>` takes the build that is offered there.
TORCH_INDEX ?=

export MUJOCO_GL ?= egl

.PHONY: help demo test lint types pytest clean

help:
	@echo "make demo    run one full round of the loop on pick_fruit; the report is runs/demo/report.html"
	@echo "make test    lint, types and tests"
	@echo "make clean   remove .venv and caches; recordings under runs/ stay"

demo: $(STAMP)
	$(BIN)/retake demo

test: lint types pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# One thread a worker: two workers on two cores gain nothing from more, and sums stay the same.
pytest: export OMP_NUM_THREADS := 1
pytest: export LP_NUM_THREADS := 1
pytest: $(STAMP)
	$(BIN)/python -m pytest -n 2

# The stamp comes last. Without it nobody knows how far an install got, and pip takes a half-copied package for a whole
# one: so start afresh. Where it is only older than the pins, the venv is brought up to date in place.
$(STAMP): constraints.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there; install Python 3.11, or say make PYTHON=/path/to/python3.11"; exit 2; }
	@test -f $(STAMP) || { echo "making $(VENV) (a few minutes, once)"; $(PYTHON) -m venv --clear $(VENV); }
	@rm -f $(STAMP)
	$(PIP) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) $(TORCH)
	$(PIP) --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
