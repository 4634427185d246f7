#!/bin/sh
# Installs the system packages that building and trying it need; with the word "test" those of the tests too. Those that
# are missing and no others. Called by make. Says what it runs before it runs it; asks for root only where it must.
set -eu
cd "$(dirname "$0")/.."

purpose=${1-}

complain() {
    printf 'deps: %s\n' "$*" >&2
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# Prints a command, then runs it as root.
as_root() {
    if [ "$(id -u)" -ne 0 ]; then
        if ! have sudo; then
            complain "there is no sudo: run this as root, then try again: $*"
            exit 1
        fi
        set -- sudo "$@"
    fi
    printf '+ %s\n' "$*"
    "$@"
}

# version_at_least HAVE WANT: compares dotted numbers, 1.95.0 with 1.89.
version_at_least() {
    awk -v have="$1" -v want="$2" 'BEGIN {
        split(have, h, "."); n = split(want, w, ".")
        for (i = 1; i <= n; i++) {
            if (h[i] + 0 > w[i] + 0) exit 0
            if (h[i] + 0 < w[i] + 0) exit 1
        }
    }'
}

# Rust comes first and is not ours to install: no package manager's is sure to be recent enough, and how to
# keep it up to date is its user's choice.
check_rust() {
    wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' Cargo.toml)
    found=$(cargo --version 2>/dev/null | awk '{ print $2 }') || found=
    if [ -z "$found" ]; then
        complain "Rust $wanted or newer is needed and there is none: install it from https://rustup.rs, then try again"
        exit 1
    elif ! version_at_least "$found" "$wanted"; then
        complain "Rust $wanted or newer is needed, this is $found: \`rustup update\`, or install it from https://rustup.rs"
        exit 1
    fi
}

openssl_headers() {
    [ -n "${OPENSSL_DIR-}" ] || [ -e /usr/include/openssl/ssl.h ] ||
        { have pkg-config && pkg-config --exists openssl; }
}

# Lists what is missing, in words of no package manager's.
missing() {
    { have cc && have make; } || echo compiler
    have cmake || echo cmake
    have pkg-config || echo pkg-config
    openssl_headers || echo openssl
    have mosquitto || echo mosquitto
    { have mosquitto_pub && have mosquitto_sub; } || echo mosquitto-clients
    [ "$purpose" != test ] || missing_for_tests
}

# What the terminal is looked at with, the languages of the example bots, the shells of the completions, the manual.
missing_for_tests() {
    for program in tmux jq python3 zsh fish; do
        have "$program" || echo "$program"
    done
    have node || echo nodejs
    have groff || echo groff
}

# package MANAGER THING: what the manager calls it.
package() {
    case $1/$2 in
    apt-get/compiler) echo build-essential ;;
    dnf/compiler) echo gcc make ;;
    apk/compiler) echo build-base ;;
    pacman/compiler) echo base-devel ;;
    apt-get/pkg-config) echo pkg-config ;;
    dnf/pkg-config) echo pkgconf-pkg-config ;;
    apk/pkg-config | pacman/pkg-config) echo pkgconf ;;
    apt-get/openssl) echo libssl-dev ;;
    dnf/openssl) echo openssl-devel ;;
    # rustup's Rust links statically on musl.
    apk/openssl) echo openssl-dev openssl-libs-static ;;
    pacman/openssl) echo openssl ;;
    # One package holds the broker and its clients.
    dnf/mosquitto-clients | pacman/mosquitto-clients) echo mosquitto ;;
    pacman/python3) echo python ;;
    *) echo "$2" ;;
    esac
}

# The one package manager that this system is run by; nothing if it is none that we know.
manager() {
    for name in apt-get dnf apk pacman; do
        if have "$name"; then
            echo "$name"
            return
        fi
    done
}

# packages MANAGER THING...: their packages, each once, on one line.
packages() {
    with=$1
    shift
    for thing in "$@"; do
        package "$with" "$thing"
    done | tr ' ' '\n' | awk '!seen[$0]++' | paste -s -d ' ' -
}

any_file() {
    for file in "$@"; do
        [ -e "$file" ] && return 0
    done
    return 1
}

install_with_apt() {
    apt="env DEBIAN_FRONTEND=noninteractive apt-get"
    # shellcheck disable=SC2086 # $apt is words
    if any_file /var/lib/apt/lists/*_Packages*; then
        as_root $apt install -y --no-install-recommends "$@" && return
        complain "trying again with fresh package lists"
    fi
    # shellcheck disable=SC2086
    as_root $apt update && as_root $apt install -y --no-install-recommends "$@"
}

install_with() {
    with=$1
    shift
    case $with in
    apt-get) install_with_apt "$@" ;;
    dnf) as_root dnf install -y "$@" ;;
    # --no-cache: always today's index, and none is left behind.
    apk) as_root apk add --no-cache "$@" ;;
    pacman)
        if any_file /var/lib/pacman/sync/*.db; then
            as_root pacman -S --needed --noconfirm "$@"
        else
            as_root pacman -Sy --needed --noconfirm "$@"
        fi
        ;;
    esac
}

# A package may start a broker on port 1883 and at every boot. Nobody asked for that one: tests and `make run`
# start their own. Hosts without a service manager (containers) have nothing to stop.
stop_mosquitto_service() {
    echo "mosquitto is newly installed: making sure that its own service does not run"
    if [ -d /run/systemd/system ] && have systemctl; then
        as_root systemctl disable --now mosquitto.service || true
    elif have rc-service; then
        # Neither started nor in a runlevel is as good.
        if rc-service --exists mosquitto; then
            as_root rc-service --ifstarted mosquitto stop || true
            as_root rc-update --all delete mosquitto || true
        fi
    elif [ -x /etc/init.d/mosquitto ]; then
        as_root /etc/init.d/mosquitto stop || true
        if have update-rc.d; then
            as_root update-rc.d mosquitto disable || true
        fi
    fi
}

check_rust
lacking=$(missing)
if [ -z "$lacking" ]; then
    echo "every package that is needed is here"
    exit 0
fi

with=$(manager)
if [ -z "$with" ]; then
    # shellcheck disable=SC2086
    complain "no apt-get, dnf, apk or pacman is here: install these yourself, then try again:" $lacking
    exit 1
fi
had_mosquitto=yes
have mosquitto || had_mosquitto=no

installed=yes
# shellcheck disable=SC2046,SC2086 # a list of words
install_with "$with" $(packages "$with" $lacking) || installed=no
# Also where the rest failed: it may run already.
if [ "$had_mosquitto" = no ] && have mosquitto; then
    stop_mosquitto_service
fi
if [ "$installed" = no ]; then
    complain "$with could not install them: see its message above"
    [ "$with" != dnf ] || complain "on RHEL and its kin mosquitto is in EPEL: dnf install epel-release"
    exit 1
fi

lacking=$(missing)
if [ -n "$lacking" ]; then
    # shellcheck disable=SC2086
    complain "still missing after the installation:" $lacking
    exit 1
fi
