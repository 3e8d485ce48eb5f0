# The commands of this project. CI runs the same ones.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
# Where the virtual environments of the engine and the SAM CLI live.
SLUICE_VENVS ?= $(CURDIR)/.sluice/venv
export SLUICE_VENVS
# Where files of public tools lie that tests read.
SLUICE_PUBLISHED ?= $(CURDIR)/.sluice/published
export SLUICE_PUBLISHED
# Where the embedded PostgreSQL lies.
SLUICE_POSTGRES ?= $(CURDIR)/.sluice/postgres
export SLUICE_POSTGRES
# Where the migration tools lie that tests use in turns with Sluice.
SLUICE_MIGRATION_TOOLS ?= $(CURDIR)/.sluice/migration-tools
export SLUICE_MIGRATION_TOOLS

# Where what drives a browser lies.
SLUICE_BROWSER ?= $(CURDIR)/.sluice/browser
export SLUICE_BROWSER

# cargo-lambda always names its target. Naming the same one here puts tests,
# functions and tools into one folder, so that nothing is compiled twice.
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
export CARGO_BUILD_TARGET := $(HOST)
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
# cargo-lambda moves every binary that it finds to its own folder, the tools'
# too: they run from links of their own.
BIN := .sluice/bin
LOCAL := $(BIN)/sluice-local

SAM := SAM_CLI_TELEMETRY=0 PATH="$(SLUICE_VENVS)/sam/bin:$$PATH" $(SLUICE_VENVS)/sam/bin/sam
TEMPLATES := template.yaml template-migrate.yaml examples/storefront/template.yaml

.PHONY: help
help: ## List the commands
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) \
		| awk -F'\t' '{ printf "  make %-15s %s\n", $$1, $$2 }'

.PHONY: demo
demo: local postgres ## Release the storefront twice on the embedded engine: promoted, then rolled back
	@$(LOCAL) demo

.PHONY: up
up: local ## Start the embedded engine with Sluice on it, and leave it running
	@$(LOCAL) up

.PHONY: down
down: ## Stop the embedded engine and leave nothing behind
	@if [ -x $(LOCAL) ]; then $(LOCAL) down; \
	elif [ -e .sluice/run/state.json ]; then $(MAKE) local && $(LOCAL) down; \
	else echo "no engine was running"; fi

.PHONY: test
test: local moto postgres published migration-tools browser ## Run all tests, those on the embedded engine included
	@$(LOCAL) with -- cargo test --workspace --no-fail-fast -- --include-ignored --skip matrix:: --skip latency::
	@$(FAULTS)

.PHONY: check
check: ## Check formatting, lints, documentation, and the functions as they ship
	cargo fmt --all --check
	@# What `make deploy` compiles: no feature that only tools or tests ask for.
	cargo check --quiet
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

.PHONY: e2e
e2e: local moto postgres browser ## Run only the end-to-end tests, with every fault
	@$(LOCAL) with -- cargo test -p sluice-tests -- --include-ignored --skip matrix:: --skip latency::
	@SLUICE_FAULTS=all $(FAULTS)

# On an engine that skips waits: what is tried again is tried again at once.
FAULTS = $(LOCAL) with --wait-scale 0 -- \
	cargo test --workspace --test faults -- --include-ignored --nocapture matrix::

.PHONY: faults
faults: local ## Put every fault into every state and print what comes of it (target/faults.json)
	@SLUICE_FAULTS=all $(FAULTS)

# Each target's time, in seconds.
FUZZ_SECONDS ?= 20
.PHONY: fuzz
fuzz: ## Fuzz all that reads what comes from outside, guided by coverage (FUZZ_SECONDS=…)
	@fuzz/run $(FUZZ_SECONDS)

.PHONY: lint
lint: venvs ## Check templates, state machines and the action with AWS's and the community's validators
	@for template in $(TEMPLATES); do \
		AWS_DEFAULT_REGION=us-east-1 $(SAM) validate --lint --template $$template; \
	done
	@$(SLUICE_VENVS)/sam/bin/cfn-lint $(TEMPLATES)
	@if command -v npx >/dev/null; then \
		npx --yes asl-validator@4.0.0 $(foreach machine,$(wildcard statemachines/*.asl.json),--json-path $(machine)); \
		for file in action.yml $(wildcard examples/github/*.yml); do \
			npx --yes -p @action-validator/core@0.6.0 -p @action-validator/cli@0.6.0 action-validator $$file; \
		done; \
	else echo "no Node: state machines and the action for GitHub were not checked with their validators"; fi

# A linter to be as fast as, and the migrations that both are given.
SQUAWK := $(TARGET_DIR)/bench/squawk
LINTED := $(SLUICE_PUBLISHED)/migrations/lemmy_db_schema-1.0.0-test-fix-publish-3/migrations
.PHONY: bench
bench: local venvs published ## Build the functions as AWS gets them, show their sizes, and time the desk, verification and linting
	@PATH="$(SLUICE_VENVS)/sam/bin:$$PATH" CARGO_LAMBDA_COMPILER=cargo \
		cargo lambda build --release --quiet --lambda-dir $(TARGET_DIR)/bench
	@for function in $(TARGET_DIR)/bench/*/bootstrap; do \
		printf '%-12s %5.1f MB, %4.1f MB zipped\n' "$$(basename "$$(dirname "$$function")")" \
			"$$(stat -c %s "$$function" | awk '{ print $$1 / 1e6 }')" \
			"$$(gzip -c "$$function" | wc -c | awk '{ print $$1 / 1e6 }')"; \
	done
	@$(LOCAL) with -- cargo test --quiet -p sluice-tests --test flow -- --include-ignored --nocapture --test-threads 1 latency::
	@cargo build --release --quiet -p sluice-cli
	@cargo build --release --quiet -p verify --example streamed
	@bench/verification $(TARGET_DIR)/$(HOST)/release/sluice $(TARGET_DIR)/$(HOST)/release/examples/streamed
	@[ -x $(SQUAWK)/bin/squawk ] || cargo install --quiet --locked --root $(SQUAWK) squawk@2.68.0
	@bench/linting $(TARGET_DIR)/$(HOST)/release/sluice $(SQUAWK)/bin/squawk diesel $(LINTED)

# The same seed gives the same calls, and so the same report.
SEED ?= 42
RUNS ?= 100
.PHONY: bench-judge
bench-judge: ## Simulate rollouts by Sluice's judge and its peers (SEED=…, RUNS=…)
	@cargo run --profile bench --quiet -p sluice-bench -- \
		--seed $(SEED) --runs $(RUNS) --out $(TARGET_DIR)/bench

.PHONY: deploy
deploy: export CARGO_BUILD_TARGET :=
deploy: venvs ## Build for arm64 and deploy to AWS with your credentials
	@$(SLUICE_VENVS)/sam/bin/python statemachines/validate
	PATH="$(SLUICE_VENVS)/sam/bin:$$PATH" cargo lambda build --release --arm64
	$(SAM) build
	$(SAM) deploy $(if $(wildcard samconfig.toml),,--guided)

# Of its own section of samconfig.toml, and asked for where there is none.
.PHONY: deploy-migrate
deploy-migrate: export CARGO_BUILD_TARGET :=
deploy-migrate: venvs ## Deploy the function that migrates apart, next to a database, likewise
	PATH="$(SLUICE_VENVS)/sam/bin:$$PATH" cargo lambda build --release --arm64 --bin migrate
	$(SAM) build --template template-migrate.yaml --build-dir .aws-sam/migrate
	$(SAM) deploy --template .aws-sam/migrate/template.yaml --config-env migrate \
		$(if $(shell grep -s '^\[migrate\.' samconfig.toml),,--guided)

.PHONY: clean
clean: down ## Delete everything that was built or installed here
	cargo clean
	rm -rf .aws-sam .sluice

# Everything at once, with the features that the tests have as well: built one
# by one, most packages would be compiled three times.
.PHONY: local
local: venvs
	@cargo build --workspace
	@mkdir -p $(BIN)
	@for tool in sluice sluice-local; do ln -f $(TARGET_DIR)/$(HOST)/debug/$$tool $(BIN)/$$tool 2>/dev/null \
		|| cp -f $(TARGET_DIR)/$(HOST)/debug/$$tool $(BIN)/$$tool; done

.PHONY: venvs
venvs:
	@local/requirements/install "$(PYTHON)" "$(SLUICE_VENVS)" engine sam

.PHONY: published
published: venvs ## Get the files of public tools that tests read
	@evidence/tests/published/fetch $(SLUICE_VENVS)/engine/bin/python "$(SLUICE_PUBLISHED)"
	@migration/tests/published/fetch "$(SLUICE_PUBLISHED)"

.PHONY: postgres
postgres: ## Get the PostgreSQL that tests and the demo migrate
	@local/postgres/fetch "$(SLUICE_POSTGRES)"

.PHONY: migration-tools
migration-tools: ## Install the migration tools that tests use in turns with Sluice
	@migrator/tests/tools/install "$(SLUICE_MIGRATION_TOOLS)"

# Only tests need them.
.PHONY: browser
browser:
	@tests/browser/install "$(SLUICE_BROWSER)"

.PHONY: moto
moto:
	@local/requirements/install "$(PYTHON)" "$(SLUICE_VENVS)" moto
