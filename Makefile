# `make demo` and `make test` do all their own set-up: they need Python 3.11 or newer (with venv) and nothing else.
# Another interpreter: make PYTHON=/path/to/python3.12. Another package index or wheel folder: pip's own settings
# (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS …) are honoured, e.g. to get a CPU-only PyTorch.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check
TORCH := $(shell grep '^torch==' constraints.txt)
TESTS ?=

.PHONY: help setup lint format types contracts test demo benchmark bench docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## virtual environment with everything that demo and tests need

$(BIN)/python:
	@python="$(PYTHON)"; \
	for name in python3.13 python3.12 python3.11 python3 python; do \
	  [ -n "$$python" ] && break; \
	  if command -v $$name >/dev/null && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then python=$$name; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "error: no Python 3.11 or newer found" >&2; \
	  echo "hint: install one (Debian/Ubuntu: apt install python3 python3-venv; macOS: brew install python)," \
	    "or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "error: $$python has no venv module" >&2; \
	  echo "hint: Debian/Ubuntu: apt install python3-venv" >&2; exit 1; fi; \
	echo "virtual environment in $(VENV), made with $$("$$python" --version)"; \
	rm -rf $(VENV); "$$python" -m venv $(VENV)

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	@if ! command -v nvidia-smi >/dev/null && ! $(BIN)/python -c 'import torch' 2>/dev/null; then \
	  echo "no NVIDIA GPU found: installing $(TORCH) for the CPU, as far as your package index offers one"; \
	  $(PIP) install --quiet -c constraints.txt $(TORCH); fi
	@echo "installing the pinned dependencies (a few minutes the first time)"
	@$(PIP) install --quiet -c constraints.txt -e ".[train,dev]"
	@touch $@

lint: $(READY) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## ruff: mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY) ## mypy, strict
	$(BIN)/mypy

contracts: $(READY) ## import-linter: the floors of the house
	$(BIN)/lint-imports --no-cache

test: $(READY) ## lint, types, contracts and all quick tests (TESTS="-k word" passes more to pytest)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest $(TESTS)

demo: $(READY) ## from documents to a better model with a verdict, in minutes on a CPU
	$(BIN)/ocrtune synth --config recipes/demo-documents.yaml --runs demo --into demo/documents
	$(BIN)/ocrtune tune --config recipes/demo.yaml --runs demo --into demo/loop

benchmark: $(READY) ## base and fine-tuned model on a local benchmark, with the verdict; after `make demo`
	$(BIN)/python recipes/benchmark/lines.py demo/lines
	$(BIN)/ocrtune benchmark --config recipes/benchmark.yaml --runs demo --into demo/benchmark

bench: $(READY) ## how fast the parts are on this machine, the training step next to TRL's
	@$(PIP) install --quiet -c constraints.txt -e ".[bench]"
	@for name in startup train_step rendering serve_client scoring; do $(BIN)/python benchmarks/$$name.py || exit 1; done

docs: $(READY) ## regenerate docs/reference from the options of the verbs
	$(BIN)/python -m ocrtune.cli.reference docs/reference

clean: ## remove the environment and all caches; runs and the demo stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
