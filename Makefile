.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
# Set, as it is in many containers, it has each of thousands of processes that tests start compile what it imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup system-tools test lint lint-rust lint-python format rust-test python-test demo bench clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: system-tools $(VENV)/.extension ## Install tools into .venv and build the extension; quick when nothing changed

# Two at a time, in this order, since each leaves a second CPU idle: compilation with all optimizations has one thread at
# its end, as have mypy and the download of packages, and clippy and the Rust tests need no more of Python than its path.
test: system-tools $(BIN)/python ## Check everything and run all tests, those in the kernel too
	$(MAKE) --no-print-directory -j 2 lint-rust setup rust-test lint-python python-test

lint: lint-python lint-rust ## Check formatting, style and types of Python and Rust

lint-rust: $(BIN)/python
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings

lint-python: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

rust-test: $(BIN)/python ## Run the tests of the Rust crates
	cargo test --workspace --locked --quiet

python-test: setup ## Run the Python tests
	$(BIN)/python -m pytest -n 4 --dist worksteal

format: setup ## Format Python and Rust
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	cargo fmt --all

demo: setup ## Compile the example manifests and show traffic reaching endpoints
	$(BIN)/python examples/demo.py

bench: setup ## Run the benchmarks, with the extension as it is shipped
	$(BIN)/maturin develop --release --locked --quiet
	$(BIN)/python -m pytest bench --benchmark-enable --benchmark-only --benchmark-sort=fullname -p no:xdist -s $(BENCH)

clean: ## Remove everything that is built or cached
	rm -rf $(VENV) target build dist .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f python/svcc/_native*.so
	find python tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Without nft or ip the tests in the kernel are skipped with a reason, and without named or knotd those of name servers,
# so their absence is said and does not stop. Tests start the name servers themselves: policy-rc.d keeps their packages
# from doing so, which would fail where port 53 is taken or there is no init.
system-tools:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("svcc needs Python 3.11 or newer, this is " + sys.version)'
	@command -v cargo > /dev/null || { echo 'svcc needs Rust: there is no cargo in PATH' >&2; exit 1; }
	@missing=''; \
	for pair in nft:nftables ip:iproute2 conntrack:conntrack named:bind9 knotd:knot; do \
	  PATH="$$PATH:/usr/sbin" command -v "$${pair%%:*}" > /dev/null || missing="$$missing $${pair##*:}"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  policy=/usr/sbin/policy-rc.d; \
	  if [ -e "$$policy" ]; then policy=''; else printf '#!/bin/sh\nexit 101\n' > "$$policy"; chmod +x "$$policy"; fi; \
	  trap '[ -z "$$policy" ] || rm -f "$$policy"' EXIT; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing && exit 0; \
	fi; \
	echo "missing, install by hand:$$missing (without them tests in the kernel and of name servers are skipped)" >&2

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.tools: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group test
	touch $@

$(VENV)/.extension: pyproject.toml $(RUST_SOURCES) $(VENV)/.tools
	$(BIN)/maturin develop --profile development --locked --quiet
	touch $@
