# Every command a person or a CI system runs here. `make` alone explains itself.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
LOCALCLUSTER := $(BIN)/python -m voicefleet_localcluster
WORKBENCH := $(BIN)/python -m voicefleet_workbench
RESOLVE := --quiet --allow-unsafe --generate-hashes --strip-extras --upgrade \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
GENERATED := crds charts/voicefleet/files/crds docs/api.md docs/api-surgeplan.md docs/reasons.md docs/architecture.md

##@ Start here

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## Live through a hiring surge on a local cluster, beside the cluster's own HPA
	@$(BIN)/python -m voicefleet_localcluster.surge

tour: setup ## Watch one fleet on a local cluster, from apply to deleted, step by step
	@$(BIN)/python -m voicefleet_localcluster.demo

# Fault histories are a command of their own (`make faults`): one busy machine more or less
# decides about them still, and a test that does that must not stand in anybody's way.
test: setup ## Run every test: tidy, unit, contract, chart, and on a real API server
	@$(LOCALCLUSTER) binaries
	@$(PYTEST) --ignore=tests/faults

setup: $(READY) ## Make .venv with the locked versions (every other command does it by itself)

##@ While you work

check: setup ## Everything quick that needs no cluster; run it before you push
	@$(PYTEST) tests/tidy tests/unit tests/sim -m "not slow" --numprocesses=2 --dist=worksteal

fix: setup ## Format, and mend what the linter can mend
	@$(BIN)/ruff check --fix-only --quiet operator tests
	@$(BIN)/ruff format operator tests

format: setup ## Say which files are not formatted
	@$(BIN)/ruff format --check operator tests

lint: setup ## Run the linter
	@$(BIN)/ruff check operator tests

types: setup ## Run the type checker
	@$(BIN)/mypy

imports: setup ## Check that imports only go down the layers
	@$(BIN)/lint-imports

tidy: setup ## Check the rules of this repository that no linter knows
	@$(PYTEST) tests/tidy -m "not toolchain"

unit: setup ## Run the tests of pure code
	@$(PYTEST) tests/unit

stats: setup ## Print the style table: ours beside the best, and whether the bar is met
	@$(WORKBENCH).stats

bench: setup ## Measure what must be fast, against its bar (on a cluster of its own too)
	@$(LOCALCLUSTER) binaries
	@$(WORKBENCH).bench

bench-scale: setup ## 200 fleets of 50 pods, then 1,000 of 2, beside a plain kopf operator: an hour
	@$(LOCALCLUSTER) binaries
	@$(WORKBENCH).scale --fleets 200 --pods 50; code=$$?; \
	$(WORKBENCH).scale --fleets 1000 --pods 2 && exit $$code

bench-policies: setup ## Ours beside HPA, KEDA and Agones at every setting, in virtual time
	@$(WORKBENCH).policies $(if $(QUICK),--quick) $(if $(RESULTS),--results $(RESULTS))

##@ Local cluster (no Docker: a real control plane, nodes by kwok)

up: setup ## Start or heal it; prints its kubeconfig
	@$(LOCALCLUSTER) up

down: setup ## Stop it and remove everything it made
	@$(LOCALCLUSTER) down

cluster: setup ## Run only the tests on a real API server
	@$(LOCALCLUSTER) binaries
	@$(PYTEST) tests/cluster

faults: setup ## Live fleets through crashes, cut connections and lost answers, a fixed choice
	@$(LOCALCLUSTER) binaries
	@$(PYTEST) tests/faults $(if $(VOICEFLEET_FAULT_HISTORY),-k given_by_hand)

mutants: setup ## Break the operator in a dozen ways, and see that the histories notice each
	@$(LOCALCLUSTER) binaries
	@$(BIN)/python tests/faults/mutants.py

soak: setup ## All of the four below, one after the other: two hours; each can be had in pieces
	@$(MAKE) soak-memory
	@$(MAKE) soak-histories
	@$(MAKE) soak-crashes
	@$(MAKE) soak-schema

SOAK := VOICEFLEET_SOAK_FIRST=$(FIRST) VOICEFLEET_SOAK_COUNT=$(SEEDS) VOICEFLEET_SOAK_SECONDS=$(SECONDS_MAX)

soak-memory: setup ## A thousand seeds and a crash after each write of each life, on fakes
	@VOICEFLEET_MEMORY_SEEDS=$(or $(SEEDS),1000) $(PYTEST) tests/unit/faults -s

soak-histories: setup ## A thousand seeds on a real API server; FIRST= SEEDS= SECONDS_MAX= for a piece
	@$(LOCALCLUSTER) binaries
	@$(SOAK) VOICEFLEET_SOAK=histories $(PYTEST) tests/faults/test_soak.py -s

soak-crashes: setup ## A crash after each write of each life there; FIRST= SEEDS= for a piece
	@$(LOCALCLUSTER) binaries
	@$(SOAK) VOICEFLEET_SOAK=crashes $(PYTEST) tests/faults/test_soak.py -s

soak-schema: setup ## 100,000 drawn specs and 100 sequences of them there; FIRST= CASES= for a piece
	@$(LOCALCLUSTER) binaries
	@$(SOAK) VOICEFLEET_SOAK=schema VOICEFLEET_SOAK_CASES=$(CASES) \
	  $(PYTEST) tests/faults/test_schema_soak.py -s
	@VOICEFLEET_FUZZ_CASES=4000 VOICEFLEET_FUZZ_REQUESTS=1000 VOICEFLEET_FUZZ_SEQUENCES=100 \
	  $(PYTEST) --timeout=7200 tests/unit/planning/test_fuzzed_specs.py \
	  tests/cluster/test_fuzzed_schema.py tests/cluster/test_fuzzed_sequences.py

##@ Generated files

generate: setup ## Write what follows from the code: CRDs, API reference, reasons, module map
	@$(WORKBENCH).generate

verify: generate ## Generate, and fail if that changed anything
	@git diff --exit-code --stat -- $(GENERATED) \
	  || { echo "generated files were out of date: commit the ones named above"; exit 1; }

golden: setup ## Rewrite the golden files; read the diff as an SRE would
	@VOICEFLEET_UPDATE_GOLDEN=1 $(PYTEST) tests/unit --quiet || true
	@git --no-pager diff --stat -- tests
	@git ls-files --others --exclude-standard -- tests

lock: setup ## Resolve the dependencies of pyproject.toml anew into requirements/
	@$(BIN)/pip-compile $(RESOLVE) --output-file requirements/operator.lock pyproject.toml
	@$(BIN)/pip-compile $(RESOLVE) --extra dev --constraint requirements/operator.lock \
	  --output-file requirements/dev.lock pyproject.toml

clean: ## Remove caches and the virtual environment
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
	find operator tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up happens once, and again when the lock changes. Python 3.11 or newer is all it needs.
$(READY): requirements/dev.lock
	@python=$$(for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	    command -v $$name > /dev/null || continue; \
	    $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$name && break; \
	  done || true); \
	[ -n "$$python" ] || { echo "setup: no Python 3.11 or newer on PATH; install one"; exit 1; }; \
	echo "setup: $$($$python --version) into $(VENV), about a minute the first time"; \
	[ -x $(BIN)/python ] || $$python -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --require-hashes --requirement requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: help demo tour test setup check fix format lint types imports tidy unit stats bench bench-policies bench-scale up down \
  cluster faults mutants soak soak-memory soak-histories soak-crashes soak-schema generate verify golden lock clean
