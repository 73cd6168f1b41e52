# `make` alone prints what there is. Everything runs from .venv/, which `make setup` makes.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PROOF_STEPS ?= 20000

.PHONY: help setup demo test test-js proof soak mutants pg15 check fmt up bench migration

help: ## print this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## uv in .tools/, packages in .venv/ (every other target does this first)
	@$(PYTHON) .ci/setup.py

demo: setup ## the whole system, from sign-up to a paid order, in half a minute (PORT_BASE=… to choose ports)
	@$(BIN)/python -m devstack.demo $(if $(PORT_BASE),--port-base $(PORT_BASE)) $(DEMO_FLAGS)

test: setup ## the test suite, on an embedded stack that it starts itself
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(PYTEST_FLAGS)

test-js: setup ## of these, the official JavaScript client against the stack (`make test` runs it too)
	@$(BIN)/python -m pytest tests/integration/js $(PYTEST_FLAGS)

check: setup ## format, lint, types, import rules, SQL, links
	@$(BIN)/ruff format --check --quiet . && echo "format: ok"
	@$(BIN)/ruff check --quiet . && echo "lint: ok"
	@$(BIN)/mypy --no-error-summary && echo "types: ok"
	@$(BIN)/lint-imports --no-logo > .import_linter.log || (cat .import_linter.log; exit 1); rm -f .import_linter.log; echo "imports: ok"
	@$(BIN)/sqlfluff lint --disable-progress-bar sql > .sqlfluff.log || (cat .sqlfluff.log; rm -f .sqlfluff.log; exit 1); rm -f .sqlfluff.log; echo "sql: ok"
	@$(BIN)/squawk supabase/migrations/*.sql
	@$(BIN)/python .ci/dead_links.py && echo "links: ok"

proof: soak mutants pg15 ## what takes longer: the soak of bidding, the mutants, the suite's SQL on PG 15

soak: setup ## bidding against its oracle, PROOF_STEPS=20000 steps
	@BIDDING_STEPS=$(PROOF_STEPS) $(BIN)/python -m pytest tests/sql/bidding/test_bidding_oracle.py

mutants: setup ## small faults in the SQL one by one, and which test catches each (NAMES="…" to choose)
	@$(BIN)/python -m tests.proof.mutants $(NAMES)

pg15: setup ## the schema and the SQL tests on PostgreSQL 15
	@EMBEDDED_PG_BINDIR=$$(.ci/postgres15) $(BIN)/python -m pytest -n 2 tests/schema tests/sql

up: setup ## keep the stack running until Ctrl-C (.devstack/env has its addresses and keys)
	@$(BIN)/python -m devstack up $(UP_FLAGS)

bench: setup ## the figures of the design, as JSON, a table and a plot in bench/out/
	@$(BIN)/python -m bench $(BENCH_FLAGS)

fmt: setup ## format Python and SQL
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix . && $(BIN)/sqlfluff fix --disable-progress-bar sql

migration: setup ## name=<domain>_<change>: a new migration, and the difference it has to cover
	@$(BIN)/python -m devstack.migration "$(name)"
