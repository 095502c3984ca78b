# Every command that people and CI give. `make` alone lists them.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-dev run test check format figures screenshots bench bench-quick soak clean environment

SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
JAVASCRIPT := tests/javascript
# The Python that .venv is made with; left alone, the first of these that is new enough and can make one.
PYTHON3 ?= python3 python3.11 python3.12 python3.13 python3.14

# Nothing where .venv has a Python and a pip that work; otherwise it is made or mended, whatever its stamps say.
WORKS := $(PYTHON) -c 'import sys, pip._internal.cli.main; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
ENVIRONMENT := $(shell $(WORKS) || echo environment)

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.serving ## Install into .venv what the app needs (6 GB, most of it PyTorch)
	@echo "$(VENV) is ready. Start the app: make run"

setup-dev: $(VENV)/.development ## Install what training and tests need as well
	@echo "$(VENV) is ready. Run the tests: make test"

run: $(VENV)/.serving ## Start the app and print its address
	@$(PYTHON) app.py

test: check $(JAVASCRIPT)/node_modules/.installed ## Check the code and run all tests
	$(PYTHON) -m pytest

check: $(VENV)/.development ## Check format, lint and types
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy

format: $(VENV)/.development ## Format the code and put imports in order
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

figures: $(VENV)/.development ## Write the figures of weights/manifest.json into README.md
	$(PYTHON) -m training.card

screenshots: $(VENV)/.development ## Take the README's pictures of the page, with Debian's chromium
	$(PYTHON) docs/screenshots.py

bench: $(VENV)/.benchmarks ## Measure speed and memory beside the stack of 2018, in 15 quiet minutes
	$(PYTHON) -m benchmarks

bench-quick: $(VENV)/.benchmarks ## The most of that in two minutes, only printed
	$(PYTHON) -m benchmarks --quick

soak: $(VENV)/.development ## Show on the real program what it withstands, in 35 quiet minutes
	$(PYTHON) -m reliability

clean: ## Remove caches and installed JavaScript; .venv, cache and runs stay
	rm -rf .mypy_cache .pytest_cache .ruff_cache build $(JAVASCRIPT)/node_modules
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

# A stamp is newer than its requirements once they are all installed, so that a second call has nothing to do.
$(VENV)/.serving: requirements.txt $(ENVIRONMENT)
	@echo "Installing what the app needs. This happens once and takes a few minutes."
	$(PYTHON) -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.development: requirements.txt requirements-mcp.txt requirements-training.txt requirements-bench.txt requirements-dev.txt $(ENVIRONMENT)
	@echo "Installing what training and tests need. This happens once and takes a few minutes."
	$(PYTHON) -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $(VENV)/.serving $@

$(VENV)/.benchmarks: requirements.txt requirements-training.txt requirements-bench.txt $(ENVIRONMENT)
	@echo "Installing what benchmarks need. This happens once and takes a few minutes."
	$(PYTHON) -m pip install --disable-pip-version-check -r requirements-bench.txt
	@touch $(VENV)/.serving $@

environment:
	@for candidate in $(PYTHON3); do \
		if $$candidate -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$candidate"; \
			rm -f $(VENV)/bin/python*; \
			$$candidate -m venv $(VENV) && $(WORKS) && exit; \
			exec $$candidate -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "HashStagram needs Python 3.11 or newer with its venv module, and none of these is one: $(PYTHON3)." >&2; \
	echo "Install it (Debian and Ubuntu: apt install python3 python3-venv), or name yours: make $(MAKECMDGOALS) PYTHON3=/path/to/python3.11" >&2; \
	exit 1

$(JAVASCRIPT)/node_modules/.installed: $(wildcard $(JAVASCRIPT)/package-lock.json)
	@if command -v npm >/dev/null; then \
		npm ci --prefix $(JAVASCRIPT) --no-audit --no-fund && touch $@; \
	else \
		echo "npm is not installed: the tests of the JavaScript client and of accessibility will be skipped."; \
	fi
