# Sourced by the other scripts: sets up this checkout, once. Outside of it, only Debian packages are installed.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=${BUNDLER_VENV:-$ROOT/.venv}
PYTHON=${PYTHON:-python3}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin  # dockerd, nginx and mkfs are there, and not on the PATH of every shell
export PATH

say() { printf '%s\n' "$*" >&2; }

# ensure_packages COMMAND=PACKAGE...  installs Debian packages whose command is missing, when that is possible.
ensure_packages() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" > /dev/null 2>&1 || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null 2>&1; then
    say "missing: ${missing[*]} (install them as root: apt-get install ${missing[*]})"
    return 1
  fi
  say "installing ${missing[*]}"
  { apt-get update -q && without_services apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "${missing[@]}"; } \
    > "$(mktemp -t bundler-apt-XXXXXX.log)" 2>&1 || { say "could not install: ${missing[*]}"; return 1; }
}

# without_services COMMAND...  runs it so that packages do not start their services (policy-rc.d, Debian's own switch): the
# tests start what they need, on ports of their own. A policy that is there already stays.
without_services() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy"
  fi
  DEBIAN_FRONTEND=noninteractive "$@"
)

install_project() { "$VENV/bin/python" -m pip install -q --disable-pip-version-check -e "$ROOT$1"; }

# ensure_venv [EXTRAS]  a virtual environment with the project in it, made again when pyproject.toml has changed. Extras
# are added to the one that is there, so that demo, test and bench can follow each other in any order. pip runs once.
ensure_venv() {
  local extras=${1:-} stamp version
  [ "$PYTHON" != python3 ] || ensure_packages python3=python3 || return 1
  "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
    || { say "bundler needs Python 3.10 or newer; $PYTHON is $("$PYTHON" -V 2>&1). Set PYTHON=/path/to/python3"; return 1; }
  if ! "$PYTHON" -c 'import ensurepip' > /dev/null 2>&1; then
    ensure_packages "no-such-command=python3-venv" || return 1
  fi
  version=$("$PYTHON" -c 'import sys; print(sys.version)')
  stamp=$(printf '%s\n' "$version" | cat - "$ROOT/pyproject.toml" | sha256sum | cut -c1-16)
  if [ "$(cat "$VENV/.bundler-stamp" 2> /dev/null)" != "$stamp" ]; then
    say "setting up $VENV"
    rm -rf "$VENV"
    "$PYTHON" -m venv "$VENV" || return 1
  elif [ -z "$extras" ] || [ -e "$VENV/.bundler-extras-$extras" ]; then
    return 0
  fi
  [ -z "$extras" ] || say "adding what $extras needs"
  install_project "${extras:+[$extras]}" || return 1
  [ -z "$extras" ] || touch "$VENV/.bundler-extras-$extras"
  printf '%s\n' "$stamp" > "$VENV/.bundler-stamp"
}

# ensure_npm FOLDER  the npm packages of FOLDER/package.json in $VENV/npm, installed again when that file has changed. No
# script of a package runs.
ensure_npm() {
  local made=$VENV/npm
  cmp -s "$1/package.json" "$made/.installed" && return 0
  say "adding the npm packages of $1"
  rm -rf "$made" && mkdir -p "$made" && cp "$1/package.json" "$made/" || return 1
  (cd "$made" && npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error > install.log 2>&1) \
    || { say "could not install them: $made/install.log"; return 1; }
  cp "$1/package.json" "$made/.installed"
}
