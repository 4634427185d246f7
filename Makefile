# mqttchat: build it, try it, test it. `make help` lists what there is.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
DESTDIR ?=
JOBS ?=
TORTURE_FAULTS ?= 500
TORTURE_SEED ?=
MINUTES ?= 1
SEED ?=
TRACE ?=

# The tree holds everything that is built, whatever the user's own cargo settings say; `install` relies on it.
export CARGO_TARGET_DIR := $(CURDIR)/target
# Debian keeps brokers in sbin, which is not in everybody's PATH; a shell older than rustup's install lacks cargo.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:$(HOME)/.cargo/bin
# cargo would take make's job server for its own and complain that it cannot reach it.
unexport MAKEFLAGS

binary := target/release/mqttchat
jobs := $(if $(JOBS),--jobs $(JOBS))
# What the program prints about itself, and where install puts it.
manual := target/release/mqttchat.1
completions := target/release/completion
manual_dir = $(DESTDIR)$(DATADIR)/man/man1
bash_dir = $(DESTDIR)$(DATADIR)/bash-completion/completions
zsh_dir = $(DESTDIR)$(DATADIR)/zsh/site-functions
fish_dir = $(DESTDIR)$(DATADIR)/fish/vendor_completions.d

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
# cargo uses every core by itself; two of it would only wait for each other.
.NOTPARALLEL:
.PHONY: all deps test-deps run test torture simulate simulate-proof fmt lint bench pictures install uninstall clean help

all: ## build the release binary, target/release/mqttchat (the default), its manual page and completions
	cargo build --release $(jobs)
	@$(binary) manual > $(manual)
	@mkdir -p $(completions)
	@for shell in bash zsh fish; do $(binary) completion $$shell > $(completions)/$$shell || exit 1; done

deps: ## install the system packages that building and trying it need and that are missing
	@sh scripts/deps.sh

test-deps: ## and those that only the tests need
	@sh scripts/deps.sh test

run: deps all ## try it: a private broker, a server, and a chat with a bot (without a terminal: a scripted conversation)
	@sh scripts/run.sh

test: test-deps ## check the formatting, lint, and run every test
	cargo fmt --check
	cargo clippy --all-targets --features simulation $(jobs) -- -D warnings
	cargo test --features simulation $(jobs)

torture: deps ## prove the promise: TORTURE_FAULTS=500 faults at random, TORTURE_SEED repeats a seed that was printed
	TORTURE_FAULTS=$(TORTURE_FAULTS) TORTURE_SEED=$(TORTURE_SEED) \
		cargo test --release $(jobs) --test torture -- --exact --nocapture nothing_confirmed_is_lost

simulate: deps ## play the whole chat and its faults in virtual time: MINUTES=1 of new seeds, or SEED=7; TRACE=1 prints all
	@SEED=$(SEED) MINUTES=$(MINUTES) TRACE=$(TRACE) \
		cargo run --quiet --profile simulation --features simulation $(jobs) --bin simulate

simulate-proof: deps ## prove that the simulation finds bugs: it hunts each one of tests/mutants
	cargo run --quiet --profile simulation --features simulation $(jobs) --bin simulate -- prove

fmt: ## format the code
	cargo fmt

lint: ## clippy, warnings being errors
	cargo clippy --all-targets --features simulation $(jobs) -- -D warnings

bench: deps ## measure and print the figures
	cargo bench $(jobs)

pictures: test-deps all ## draw README's pictures again, of today's client
	@python3 docs/pictures/draw.py $(binary)

install: ## copy what `make` built to $(DESTDIR)$(PREFIX); builds nothing, so sudo is fine
	@test -x $(binary) && test -s $(manual) && test -s $(completions)/fish || \
		{ echo "$(binary) or what belongs to it is missing: run make first" >&2; exit 1; }
	install -d "$(DESTDIR)$(BINDIR)" "$(manual_dir)" "$(bash_dir)" "$(zsh_dir)" "$(fish_dir)"
	install -m 755 $(binary) "$(DESTDIR)$(BINDIR)/mqttchat"
	install -m 644 $(manual) "$(manual_dir)/mqttchat.1"
	install -m 644 $(completions)/bash "$(bash_dir)/mqttchat"
	install -m 644 $(completions)/zsh "$(zsh_dir)/_mqttchat"
	install -m 644 $(completions)/fish "$(fish_dir)/mqttchat.fish"

uninstall: ## remove it from there
	rm -f "$(DESTDIR)$(BINDIR)/mqttchat" "$(manual_dir)/mqttchat.1" "$(bash_dir)/mqttchat" \
		"$(zsh_dir)/_mqttchat" "$(fish_dir)/mqttchat.fish"

clean: ## remove everything that was built
	rm -rf target

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  JOBS=1            compile one crate at a time, for a host with little memory'
	@echo '  PREFIX=/usr/local where install puts bin and share; BINDIR, DATADIR and DESTDIR work too'
