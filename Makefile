# make run   - from nothing to a verdict: virtual environment, install, one cycle on the embedded default
# make test  - lint, types, import contracts and every test, in random order
# make test-kubeworld - the distribution kubeworld, installed without AOI, and its tests
# make serve-cpu - vLLM's CPU build in an environment of its own, serving the champion's base on loopback
# make test-serve - what is claimed of vLLM, shown with it
# make test-environments - the environments for other people's trainers, each installed with its trainer, and their tests
# make test-ray - rewards measured by the actors of a local Ray, which it installs beside the rest
# make test-qlora - adapters trained on a base of 4 and 8 bits, with bitsandbytes, which it installs beside the rest
# make mutants - what the tests of the modules in scripts/mutants.toml would not notice; MODULES="path ..." for some
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
KUBEWORLD_VENV ?= .venv-kubeworld
SERVE_VENV := .venv-serve
KUBEWORLD_BIN := $(CURDIR)/$(KUBEWORLD_VENV)/bin
PIP_INSTALL := pip install --quiet --disable-pip-version-check -c requirements/constraints.txt
# Byte code is kept: without it every start compiles the vendors again (minutes over a run).
unexport PYTHONDONTWRITEBYTECODE
export OMP_NUM_THREADS ?= 1

MODULES ?=


.PHONY: run test test-kubeworld test-environments test-ray test-qlora serve-cpu test-serve environments-constraints mutants lint install clients constraints docs clean

install: $(VENV)/.installed

# One command for both distributions: AOI needs kubeworld, and finds it here.
$(VENV)/.installed: pyproject.toml kubeworld/pyproject.toml requirements/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP_INSTALL) -e ./kubeworld -e ".[dev]"
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

$(KUBEWORLD_VENV)/.installed: kubeworld/pyproject.toml requirements/constraints.txt
	$(PYTHON) -m venv $(KUBEWORLD_VENV)
	$(KUBEWORLD_BIN)/$(PIP_INSTALL) "./kubeworld[test]"
	touch $@

# Installed as its users install it, not editable, and tested from a folder where nothing of AOI can be imported.
test-kubeworld: $(KUBEWORLD_VENV)/.installed clients
	$(KUBEWORLD_BIN)/$(PIP_INSTALL) --no-deps --force-reinstall ./kubeworld
	rm -rf build/kubeworld
	mkdir -p build/kubeworld/tests build/kubeworld/docs build/kubeworld/kubeworld
	cp -R tests/__init__.py tests/kubeworld build/kubeworld/tests/
	cp docs/cluster.md build/kubeworld/docs/
	cp kubeworld/README.md build/kubeworld/kubeworld/
	cd build/kubeworld && env -u PYTHONPATH $(KUBEWORLD_BIN)/python -c \
	  "from importlib.util import find_spec; assert not find_spec('aoi'), 'AOI can be imported here'"
	cd build/kubeworld && env -u PYTHONPATH KUBEWORLD_TEST_CLIENTS=$(CURDIR)/$(VENV)/clients \
	  $(KUBEWORLD_BIN)/pytest -c ../../pyproject.toml --rootdir . -n 2 --dist loadgroup tests/kubeworld

TRAINERS := openenv verifiers inspect

.venv-%/.installed: pyproject.toml kubeworld/pyproject.toml requirements/%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --disable-pip-version-check --no-compile -c requirements/$*.txt \
	  -e ./kubeworld -e ".[$*]" pytest pytest-timeout pytest-randomly hypothesis
	touch $@

# Their versions exclude one another, and some of what the loop needs.
test-environments: $(TRAINERS:%=.venv-%/.installed)
	for name in $(TRAINERS); do .venv-$$name/bin/pytest tests/environments/test_$$name.py || exit 1; done

test-ray: install
	$(BIN)/$(PIP_INSTALL) -e ./kubeworld -e ".[ray]"
	$(BIN)/pytest tests/models/test_ray.py

test-qlora: install
	$(BIN)/$(PIP_INSTALL) -e ./kubeworld -e ".[qlora]"
	$(BIN)/pytest tests/models/test_quantization.py

$(SERVE_VENV)/.installed: requirements/serve-cpu.lock
	$(PYTHON) -m venv $(SERVE_VENV)
	$(SERVE_VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r requirements/serve-cpu.lock
	touch $@

serve-cpu: install $(SERVE_VENV)/.installed
	$(BIN)/python -m scripts.serve_cpu

test-serve: install $(SERVE_VENV)/.installed
	TEST_VLLM_PYTHON=$(CURDIR)/$(SERVE_VENV)/bin/python $(BIN)/pytest tests/serve

mutants: install
	$(BIN)/python scripts/mutants.py $(MODULES)

docs: install
	$(BIN)/python docs/generate.py

environments-constraints: $(TRAINERS:%=.venv-%/.installed)
	for name in $(TRAINERS); do .venv-$$name/bin/pip freeze --exclude-editable | sed 's/+cpu//' | sort -f \
	  | (echo "# Exact versions that were installed and tested together for the extra \`$$name\`. Regenerate:" \
	    "make environments-constraints"; cat) > requirements/$$name.txt; done

constraints:
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu//' | sort -f \
	  | (echo "# Exact versions that were installed and tested together. Regenerate: make constraints"; cat) \
	  > requirements/constraints.txt

clean:
	rm -rf $(VENV) $(KUBEWORLD_VENV) $(SERVE_VENV) $(TRAINERS:%=.venv-%) build .aoi .mutants
