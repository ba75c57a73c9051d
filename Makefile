# make run   - from nothing to a verdict: virtual environment, install, one cycle on the embedded default
# make test  - lint, types, import contracts and every test, in random order
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Byte code is kept: without it every start compiles the vendors again (minutes over a run).
unexport PYTHONDONTWRITEBYTECODE
export OMP_NUM_THREADS ?= 1

.PHONY: run test lint install clients constraints docs clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml requirements/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements/constraints.txt -e ".[dev]"
	touch $@

run: install
	$(BIN)/aoi retrain --auto-approve

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyrefly check
	$(BIN)/lint-imports

clients: $(VENV)/clients/helm

$(VENV)/clients/helm: scripts/install_clients.py | install
	$(BIN)/python scripts/install_clients.py $(VENV)/clients

test: lint clients
	$(BIN)/pytest -n 2 --dist loadgroup

docs: install
	$(BIN)/python docs/generate.py

constraints:
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu//' | sort -f \
	  | (echo "# Exact versions that were installed and tested together. Regenerate: make constraints"; cat) \
	  > requirements/constraints.txt

clean:
	rm -rf $(VENV) .aoi
