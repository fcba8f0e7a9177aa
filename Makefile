# Two commands are enough: `make demo` and `make test`.
VENV := .venv
BIN := $(VENV)/bin
# The first Python here that is new enough; `make demo PYTHON=…` names another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check install

WORKERS := 2

.PHONY: demo test bench lint format lock audit clean

# ARGS=--keep leaves the servers running, ARGS=--stop stops them.
demo: $(VENV)/.installed
	@$(BIN)/elt demo $(ARGS)

# Tests that need Docker are skipped where there is none; with CI=true that is a failure. See tests/conftest.py.
# Two files at a time, since most of a test's time is waiting; WORKERS=0 runs all in one process.
test: lint
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# Everything at full size takes hours; docs/benchmarks.md says how to measure less.
bench: $(VENV)/.bench
	@$(BIN)/python -m benchmarks $(ARGS)

$(VENV)/.bench: $(VENV)/.installed benchmarks/requirements/bench.txt
	@$(PIP) --require-hashes --requirement benchmarks/requirements/bench.txt
	@touch $@

lint: $(VENV)/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: $(VENV)/.installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

$(VENV)/.installed: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed: install it, or name it by PYTHON=…' >&2; exit 1; }
	@echo "Setting up $(VENV) from requirements.txt: a minute or two, this once"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes --requirement requirements.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q elt_script source_db_init
	@touch $@

lock: $(VENV)/.installed
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra demo --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --output-file requirements.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --constraint requirements.txt --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --output-file containers/requirements.txt pyproject.toml

# Needs the network: for pip-audit, which is no dependency of ours, and for the advisories. Fails where it has neither.
audit: $(VENV)/.installed
	@for locked in requirements.txt containers/requirements.txt; do \
	  echo "$$locked:"; \
	  $(BIN)/uv tool run --quiet pip-audit --requirement $$locked --require-hashes --disable-pip --strict \
	    --progress-spinner off || { \
	    status=$$?; echo "make audit: $$locked has known holes, or the advisories could not be reached: see above" >&2; \
	    exit $$status; }; \
	done

clean:
	rm -rf $(VENV) build dist *.egg-info
