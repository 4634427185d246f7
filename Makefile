# mqttchat: build it, try it, test it. `make help` lists what there is.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DESTDIR ?=
JOBS ?=
TORTURE_FAULTS ?= 500
TORTURE_SEED ?=

# The tree holds everything that is built, whatever the user's own cargo settings say; `install` relies on it.
export CARGO_TARGET_DIR := $(CURDIR)/target
# Debian keeps brokers in sbin, which is not in everybody's PATH; a shell older than rustup's install lacks cargo.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:$(HOME)/.cargo/bin
# cargo would take make's job server for its own and complain that it cannot reach it.
unexport MAKEFLAGS

binary := target/release/mqttchat
jobs := $(if $(JOBS),--jobs $(JOBS))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
# cargo uses every core by itself; two of it would only wait for each other.
.NOTPARALLEL:
.PHONY: all deps test-deps run test torture fmt lint bench pictures install uninstall clean help

all: ## build the release binary, target/release/mqttchat (the default)
	cargo build --release $(jobs)

deps: ## install the system packages that building and trying it need and that are missing
	@sh scripts/deps.sh

test-deps: ## and those that only the tests need
	@sh scripts/deps.sh test

run: deps all ## try it: a private broker, a server, and a chat with a bot (without a terminal: a scripted conversation)
	@if test -t 0 && test -t 1; then cargo build --release $(jobs) --example parrot; fi
	@sh scripts/run.sh

test: test-deps ## check the formatting, lint, and run every test
	cargo fmt --check
	cargo clippy --all-targets $(jobs) -- -D warnings
	cargo test $(jobs)

torture: deps ## prove the promise: TORTURE_FAULTS=500 faults at random, TORTURE_SEED repeats a seed that was printed
	TORTURE_FAULTS=$(TORTURE_FAULTS) TORTURE_SEED=$(TORTURE_SEED) \
		cargo test --release $(jobs) --test torture -- --exact --nocapture nothing_confirmed_is_lost

fmt: ## format the code
	cargo fmt

lint: ## clippy, warnings being errors
	cargo clippy --all-targets $(jobs) -- -D warnings

bench: deps ## measure and print the figures
	cargo bench $(jobs)

pictures: test-deps all ## draw README's pictures again, of today's client
	@python3 docs/pictures/draw.py $(binary)

install: ## copy what `make` built to $(DESTDIR)$(BINDIR); builds nothing, so sudo is fine
	@test -x $(binary) || { echo "$(binary) is missing: run make first" >&2; exit 1; }
	install -d "$(DESTDIR)$(BINDIR)"
	install -m 755 $(binary) "$(DESTDIR)$(BINDIR)/mqttchat"

uninstall: ## remove it from there
	rm -f "$(DESTDIR)$(BINDIR)/mqttchat"

clean: ## remove everything that was built
	rm -rf target

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  JOBS=1            compile one crate at a time, for a host with little memory'
	@echo '  PREFIX=/usr/local where install puts bin/mqttchat; BINDIR and DESTDIR work too'
