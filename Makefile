# Everything a person or CI runs. `make help` tells.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
PROFILE ?= release
BINARY := target/$(if $(filter release,$(PROFILE)),release,debug)/keyway
CACHE := tests/.cache
# What `make prepare` found or fetched: a newer Node, Chromium, PostgreSQL.
LOAD := set -a; source $(CACHE)/env; set +a;

.PHONY: help
help: ## Tell what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

.PHONY: page
page: web/dist/index.html ## Build the settings page

web/node_modules: web/package.json web/package-lock.json
	@echo "fetching the page's packages (npm ci)"
	npm --prefix web ci --no-audit --no-fund --loglevel=error
	@touch web/node_modules

web/dist/index.html: web/node_modules $(shell find web/src web/scripts -type f 2>/dev/null) web/index.html web/vite.config.ts
	@echo "building the page"
	npm --prefix web run build

.PHONY: build
build: page ## Build the page and the binary
	@echo "building the binary ($(PROFILE)); the first time takes some minutes"
	$(CARGO) build --bin keyway $(if $(filter release,$(PROFILE)),--release)

.PHONY: run
run: build ## Build the page and the binary, and serve on http://localhost:8420
	$(BINARY) serve

.PHONY: demo
demo: ## A protected MCP server with its own sign-in page on loopback, to try Keyway with
	$(CARGO) run --package keyway-tests --bin keyway-demo -- $(ARGS)

.PHONY: prepare
prepare: ## Fetch what the tests need besides Rust, Node, npm and Python
	node tests/tools/prepare.mjs

.PHONY: test
test: prepare page ## All tests
	npm --prefix web test
	$(CARGO) build --workspace --bins
	$(LOAD) $(CARGO) test --workspace
	$(LOAD) $$KEYWAY_TEST_NODE --test --test-concurrency=1 tests/browser/*.test.mjs
	$(LOAD) $$KEYWAY_TEST_NODE tests/interop/run.mjs --only oidc-provider,better-auth,sdk-example
	$(LOAD) $$KEYWAY_TEST_NODE tests/interop/clients.mjs --only inspector,sdk-1,sdk-2,ai-sdk
	$(LOAD) $$KEYWAY_TEST_NODE tests/interop/older.mjs --only older-typescript --client sdk-1,sdk-2
	$(LOAD) $$KEYWAY_TEST_NODE tests/conformance/run.mjs
	$(LOAD) $$KEYWAY_TEST_NODE tests/conformance/servers.mjs
	$(LOAD) $$KEYWAY_TEST_NODE tests/conformance/eras.mjs --same

.PHONY: interop
interop: page ## Real servers and real clients from the registries, each with its table
	node tests/tools/prepare.mjs interop
	$(CARGO) build --workspace --bins
	$(LOAD) $$KEYWAY_TEST_NODE tests/interop/run.mjs
	$(LOAD) $$KEYWAY_TEST_NODE tests/interop/clients.mjs
	$(LOAD) $$KEYWAY_TEST_NODE tests/interop/older.mjs

.PHONY: conformance
conformance: page ## The official MCP conformance suite against Keyway as a client, with the table
	node tests/tools/prepare.mjs
	$(CARGO) build --workspace --bins
	$(LOAD) $$KEYWAY_TEST_NODE tests/conformance/run.mjs

.PHONY: conformance-server
conformance-server: page ## The suite's server scenarios, direct and through the transparent proxy, with the table
	node tests/tools/prepare.mjs
	$(CARGO) build --workspace --bins
	$(LOAD) $$KEYWAY_TEST_NODE tests/conformance/servers.mjs

.PHONY: conformance-eras
conformance-eras: page ## The server scenarios through /mcp, of each wire in front of each other wire, with the table
	node tests/tools/prepare.mjs
	$(CARGO) build --workspace --bins
	$(LOAD) $$KEYWAY_TEST_NODE tests/conformance/eras.mjs

# Seconds for each target, and the targets.
TIME ?= 600
FUZZ_TARGETS := challenge metadata token_answer callback state

.PHONY: fuzz
fuzz: ## Fuzz each parser for TIME seconds (needs cargo-fuzz)
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is missing: cargo install cargo-fuzz"; exit 1; }
	@for target in $(FUZZ_TARGETS); do \
		echo "fuzzing $$target for $(TIME) s"; \
		mkdir -p fuzz/corpus/$$target; \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none $$target \
			fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=$(TIME) -max_len=16384; \
	done

.PHONY: bench
bench: page $(if $(POSTGRES),prepare) ## What Keyway costs beside a pass-through on the same stack, with the table; QUICK=1 is short, PEERS=1 adds others, POSTGRES=1 replicas
	$(CARGO) build --release --bins --package keyway-server --package keyway-bench
	$(if $(POSTGRES),$(LOAD)) target/release/keyway-bench run $(if $(QUICK),--quick) $(if $(POSTGRES),--postgres) $(if $(PEERS),--peers $(if $(PYTHON),--python $(PYTHON)))

.PHONY: order
order: page ## Write anew which functions a call and the start run through, for the linker (needs valgrind)
	$(CARGO) build --release --bins --package keyway-server --package keyway-bench
	target/release/keyway-bench order

.PHONY: openapi
openapi: ## Write openapi.json anew, and the page's API types from it
	$(CARGO) run --quiet --bin keyway -- openapi > openapi.json.new
	mv openapi.json.new openapi.json
	npm --prefix web run generate

.PHONY: lint
lint: page ## Formatting, lints, documentation, types
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --quiet
	npm --prefix web run typecheck
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check bans licenses sources; \
	else echo "cargo-deny is not installed; the dependency tree is not checked (cargo install cargo-deny)"; fi

.PHONY: audit
audit: ## Known vulnerabilities in the dependency tree (needs the network)
	$(CARGO) deny check advisories

.PHONY: check
check: lint test ## Exactly what CI runs
