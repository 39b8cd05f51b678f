# `make help` lists what can be asked for.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:

# The interpreter of the backend (3.10 or later) and the one that QGIS uses.
PYTHON ?= python3
QGIS_PYTHON ?= /usr/bin/python3
# Installed before all else, so that no other package chooses the build; TORCH=... takes another one.
TORCH ?= torch==2.13.0
# Real images for the tests that want them; they are skipped without.
UNCLOUDED_DATA ?= $(abspath $(wildcard ../shared/data))
export UNCLOUDED_DATA
# The QGIS profile that `make install-plugin` links into.
ifeq ($(shell uname),Darwin)
PROFILE ?= $(HOME)/Library/Application Support/QGIS/QGIS3/profiles/default
else
PROFILE ?= $(HOME)/.local/share/QGIS/QGIS3/profiles/default
endif

PIP := -m pip install --quiet --disable-pip-version-check --no-input
SAY := @printf '\033[1m==>\033[0m %s\n'

.DEFAULT_GOAL := help
.PHONY: help demo test test-backend test-plugin check format package install-plugin bench bench-gpu bench-scene bench-cluster clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-16s %s\n", $$1, $$2}'

demo: .venv/.backend ## Remove clouds from a synthetic scene, or from OPTICAL=file [SAR=file], into demo/
	@tools/demo.sh "$(OPTICAL)" "$(SAR)"

test: test-backend test-plugin ## Run all tests, in the backend's environment and in QGIS

test-backend: .venv/.dev
	$(SAY) "Tests of the backend and of the packages"
	@.venv/bin/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile tests/backend tests/packaging

test-plugin: .venv-qgis/.plugin .venv/.dev
	$(SAY) "Tests of the plugin in QGIS"
	@rm -rf .qgis-settings # of the last run
	@QT_QPA_PLATFORM=offscreen .venv-qgis/bin/python -m pytest tests/plugin tests/desktop

check: .venv/.dev ## Style, types, import rules, security, metadata
	@tools/check.sh

format: .venv/.dev ## Format the sources and mend what ruff can mend
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format --quiet .

package: ## Build dist/unclouded-VERSION.zip for plugins.qgis.org from the last commit
	@$(PYTHON) tools/package.py

install-plugin: .venv/.backend ## Link this checkout into a QGIS profile, PROFILE=folder
	@tools/install_plugin.sh "$(PROFILE)"

bench: .venv/.backend ## Measure speed and memory
	@.venv/bin/python bench/run.py

bench-gpu: .venv/.backend ## Measure what a GPU does with the networks
	@.venv/bin/python bench/gpu.py

bench-scene: .venv/.backend ## Measure a full Sentinel-2 tile; SIDE=2040 for a quick look
	@.venv/bin/python bench/scene.py --side "$(or $(SIDE),10980)" --small-side "$(or $(SMALL_SIDE),$(if $(SIDE),1020,4092))" $(if $(SIDE),--json .cache/bench_scene.json)

bench-cluster: .venv/.dev ## Measure workers of a cluster on this machine; SIDE=2040 for a quick look
	@.venv/bin/python bench/cluster.py --side "$(or $(SIDE),4092)" $(if $(SIDE),--json .cache/bench_cluster.json)

clean: ## Remove what make has made: environments, packages, caches, demo
	@rm -rf .venv .venv-qgis .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .qgis-settings build dist demo unclouded.egg-info .import_linter_cache

.venv/bin/python:
	@tools/create_venv.sh "$(PYTHON)" .venv

.venv/.backend: pyproject.toml setup.py | .venv/bin/python
	$(SAY) "Installing PyTorch into .venv (about 200 MB to download, a minute or more)"
	@.venv/bin/python $(PIP) "$(TORCH)" || { echo "PyTorch could not be installed: see pip's message above; a network is needed once." >&2; exit 1; }
	$(SAY) "Installing the backend into .venv"
	@.venv/bin/python $(PIP) --editable . || { echo "The backend could not be installed: see pip's message above." >&2; exit 1; }
	@.venv/bin/python -c 'import lightgbm' 2>/dev/null || tools/apt_install.sh libgomp1
	@touch $@

.venv/.dev: .venv/.backend
	$(SAY) "Installing the tools for training, tests and checks into .venv"
	@.venv/bin/python $(PIP) --editable '.[dev,train]' || { echo "The tools could not be installed: see pip's message above." >&2; exit 1; }
	@touch $@

.venv-qgis/.plugin: tools/create_qgis_venv.sh
	@tools/create_qgis_venv.sh "$(QGIS_PYTHON)" .venv-qgis
	@touch $@
