# `make` alone prints the targets. Every target uses .venv/, which `make setup` builds.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PROOF_STEPS ?= 20000
MONEY_STEPS ?= 5000
DELIVERIES ?= 100000
CHAOS_AUCTIONS ?= 10000
FUZZ_TIMES ?= 25
LISTINGS ?= 250000

# The folders with the longest tests come first in the order of collection, so the last tests are short
# and all processes end together.
SIDE_BY_SIDE := --dist loadgroup --no-loadscope-reorder
# Many tests wait for a program or for the clock, so two cores have work for a third process.
PROCESSES ?= 3

# Every program here starts many Python processes. Without cached bytecode each of them compiles all of
# its imports again, which costs more than a second.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-product test-devstack test-js coverage proof soak oracles \
  convergence fuzz chaos mutants canary-faults pg15 deployment rules browser advisors plans types client access snapshot monitoring check \
  fmt up stop status reset psql bench drill migration landed docs hooks

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install uv in .tools/ and the packages in .venv/ (all targets do this first)
	@$(PYTHON) .ci/setup.py

demo: setup ## run the main job, from sign-up to dispute (PORT_BASE=…, DEMO_FLAGS=--keep)
	@$(BIN)/python -m devstack.demo $(if $(PORT_BASE),--port-base $(PORT_BASE)) $(DEMO_FLAGS)

test: setup ## run the test suite, which starts its own embedded stack (PROCESSES=3)
	@$(BIN)/python -m pytest -n $(PROCESSES) $(SIDE_BY_SIDE) $(PYTEST_FLAGS)

test-product: setup ## run the tests of schema, service and workers, a part of `make test`
	@$(BIN)/python -m pytest -n $(PROCESSES) $(SIDE_BY_SIDE) --ignore=tests/devstack $(PYTEST_FLAGS)

test-devstack: setup ## run the tests of devstack, the other part
	@$(BIN)/python -m pytest -n $(PROCESSES) $(SIDE_BY_SIDE) tests/devstack $(PYTEST_FLAGS)

test-js: setup ## run the JavaScript client's tests, a part of `make test` (needs npm)
	@$(BIN)/python -m pytest tests/devstack/js $(PYTEST_FLAGS)

coverage: setup ## measure the lines and branches that unit tests run (95 % at least)
	@$(BIN)/python -m pytest -q -n 2 $(SIDE_BY_SIDE) tests/unit --cov --cov-report=term \
	  --cov-report=json:.coverage.json $(PYTEST_FLAGS)
	@$(BIN)/python .ci/covered.py .coverage.json

check: setup ## check format, lint, types, import rules, SQL, workflows, image, English, links
	@$(BIN)/ruff format --check --quiet . && echo "format: ok"
	@$(BIN)/ruff check --quiet . && echo "lint: ok"
	@$(BIN)/mypy --no-error-summary && echo "types: ok"
	@$(BIN)/lint-imports --no-logo > .import_linter.log || { cat .import_linter.log; rm -f .import_linter.log; exit 1; }; rm -f .import_linter.log; echo "imports: ok"
	@$(BIN)/sqlfluff lint --disable-progress-bar sql > .sqlfluff.log || { cat .sqlfluff.log; rm -f .sqlfluff.log; exit 1; }; rm -f .sqlfluff.log; echo "sql: ok"
	@$(BIN)/squawk supabase/migrations/*.sql
	@$(BIN)/python .ci/landed.py && echo "landed migrations: ok"
	@$(BIN)/actionlint -shellcheck $(BIN)/shellcheck && $(BIN)/zizmor --offline --quiet .github && echo "workflows: ok"
	@$(BIN)/hadolint Dockerfile && $(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml \
	  && $(BIN)/shellcheck .ci/run .ci/debian .ci/postgres15 .ci/nginx .ci/promtool && echo "image: ok"
	@$(BIN)/python .ci/headless.py && echo "English: ok"
	@$(BIN)/python .ci/dead_links.py && echo "links: ok"
	@$(BIN)/python .ci/api_docs.py --check && echo "docs/api.md, docs/database.md: ok"
	@$(BIN)/python .ci/monitoring.py --check && echo "monitoring: ok"

proof: soak fuzz mutants pg15 deployment canary-faults rules browser advisors plans client access ## run the full form of every proof, but a short `chaos`
	@$(MAKE) chaos CHAOS_AUCTIONS=200 CHAOS_SEED=1

soak: oracles convergence ## run `oracles` and `convergence`, in less than 20 minutes on 2 cores

oracles: setup ## compare bidding and money with oracles (PROOF_STEPS=20000, MONEY_STEPS=5000)
	@BIDDING_STEPS=$(PROOF_STEPS) MONEY_STEPS=$(MONEY_STEPS) $(BIN)/python -m pytest -n 2 \
	  tests/sql/bidding/test_bidding_oracle.py tests/sql/money

convergence: setup ## deliver Stripe's events badly while processes are killed (DELIVERIES=100000)
	@SOAK_DELIVERIES=$(DELIVERIES) $(BIN)/python -m pytest -q -s tests/proof/convergence.py

chaos: setup ## kill everything while auctions end (CHAOS_AUCTIONS=10000, CHAOS_SEED=…)
	@$(BIN)/python -m tests.proof.chaos --auctions $(CHAOS_AUCTIONS) $(if $(CHAOS_SEED),--seed $(CHAOS_SEED)) $(CHAOS_FLAGS)

fuzz: setup ## send random input to each API (FUZZ_TIMES=25 times what `make test` sends)
	@FUZZ_TIMES=$(FUZZ_TIMES) $(BIN)/python -m pytest -n 2 $(SIDE_BY_SIDE) -m fuzz tests/devstack tests/integration \
	  tests/sql/filter tests/sql/hostile tests/integration/service/openapi_fuzz.py tests/integration/service/route_fuzz.py $(PYTEST_FLAGS)

mutants: setup ## plant small faults one by one; a test must catch each (NAMES="…" to choose)
	@$(BIN)/python -m tests.proof.mutants $(NAMES)

canary-faults: setup ## plant faults in a deployment; the canary must turn red (less than 4 minutes)
	@$(BIN)/python -m pytest -q tests/proof/canary_faults.py $(PYTEST_FLAGS)

pg15: setup ## run the schema and SQL tests on PostgreSQL 15
	@EMBEDDED_PG_BINDIR=$$(.ci/postgres15) $(BIN)/python -m pytest -n 2 $(SIDE_BY_SIDE) tests/schema tests/sql

deployment: setup ## run the proxy on a real nginx, and the image's files on a read-only disk
	@NGINX=$$(.ci/nginx) $(BIN)/python -m pytest tests/proof/proxy.py tests/proof/image.py

rules: setup ## check and test the alert rules and the names of our metrics by promtool
	@cd deploy/monitoring && promtool=$$(../../.ci/promtool) && $$promtool check config --syntax-only prometheus.yml \
	  && $$promtool check rules alert_rules.yml && $$promtool test rules *_test.yml
	@$(BIN)/python -c "from market import metrics; print(metrics.as_text().decode())" \
	  | $$(.ci/promtool) check metrics && echo "names of metrics: ok"

browser: setup ## use the pages as people do, in a real Chromium (from npm, 70 MB)
	@$(BIN)/python -m pytest -q -n 2 $(SIDE_BY_SIDE) $(filter-out %/conftest.py,$(wildcard tests/proof/browser/*.py)) $(PYTEST_FLAGS)

advisors: setup ## run Supabase's own linter on the schema; a reviewed list explains each finding
	@$(BIN)/python -m pytest -q tests/proof/advisors.py

plans: setup ## assert and time the plans of the web app's queries (LISTINGS=250000)
	@PLANS_LISTINGS=$(LISTINGS) $(BIN)/python -m pytest -q -s tests/proof/plans/plans.py

types: setup ## write clients/database.types.ts anew, from sql/ and clients/answers.py
	@WRITE_TYPES=1 $(BIN)/python -m pytest -q tests/proof/client_types.py

client: setup ## check the TypeScript types, and run the examples of docs/api.md
	@$(BIN)/python -m pytest -q tests/proof/client_types.py tests/proof/api_snippets.py

access: setup ## try every cell of the access matrix through SQL, and a sample through REST
	@ACCESS_MATRIX=full $(BIN)/python -m pytest -q tests/sql/access tests/proof/access_by_rest.py

snapshot: setup ## write the snapshot of everything that the API reaches anew
	@$(BIN)/python -m tests.sql.access.snapshot

up: setup ## run the system until Ctrl-C; see .devstack/env (PORT_BASE=…, UP_FLAGS=…)
	@$(BIN)/python -m devstack up $(if $(filter --bare --only%,$(UP_FLAGS)),,--saleroom) $(if $(PORT_BASE),--port-base $(PORT_BASE)) $(UP_FLAGS)

stop: setup ## end the running system
	@$(BIN)/python -m devstack stop

status: setup ## print whether a system runs, and its addresses
	@$(BIN)/python -m devstack status

reset: setup ## delete the database and the fake Stripe's state of a stopped system
	@$(BIN)/python -m devstack reset

psql: setup ## open psql on the running system's database
	@$(BIN)/python -m devstack psql

drill: setup ## restore a database to an hour ago, and bring it back in line with Stripe
	@$(BIN)/python -m tests.proof.restore_drill

bench: setup ## measure the performance figures into bench/out/ (BENCH_FLAGS=--help)
	@$(BIN)/python -m bench $(BENCH_FLAGS)

fmt: setup ## format Python and SQL
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix . && $(BIN)/sqlfluff fix --disable-progress-bar sql

migration: setup ## create a migration (name=<domain>_<change>), and print what it must cover
	@$(BIN)/python -m devstack.postgres.migration "$(name)"

landed: setup ## record the hash of each new migration, after which nobody edits it
	@$(BIN)/python .ci/landed.py --add

docs: setup ## write the generated parts of docs/api.md and docs/database.md anew
	@$(BIN)/python .ci/api_docs.py

monitoring: setup ## write the alert rules and the dashboard anew, from monitoring.yml
	@$(BIN)/python .ci/monitoring.py

hooks: setup ## install the git hooks: `make check` before a commit, `make test` before a push
	@$(BIN)/pre-commit install
