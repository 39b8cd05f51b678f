#!/bin/bash
# Installs Debian packages: tools/apt_install.sh PACKAGE...
set -eu
fail() { echo "$1" >&2; exit 1; }
command -v apt-get >/dev/null || fail "Missing: $*. Install it with your system's package manager, then run make again."
as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "Missing: $*. Run as root: apt-get install $*"
    as_root=(sudo)
fi
printf '\033[1m==>\033[0m %s\n' "Installing through apt: $*"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -qq \
    && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    fail "apt could not install $*: see its words above; a network and the right to install are needed."
fi
