#!/bin/sh
# Installs bundler from the wheels next to this file, without internet: sh install.sh [--prefix DIR] [--python PYTHON]
#
# First check the signature of the list that covers these files; README.txt of the bundle has the commands. This script
# compares the files with that list, and it cannot vouch for itself.
#
# It makes a virtual environment in DIR (as root /opt/bundler, else ~/.local/lib/bundler) and a link to the command
# (/usr/local/bin, else ~/.local/bin; with --prefix DIR/bin). It changes nothing else, and nothing of the system's Python.
set -eu
LC_ALL=C
export LC_ALL
umask 022

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$1" >&2; [ -z "${2-}" ] || printf '  -> %s\n' "$2" >&2; exit "${3:-2}"; }

prefix='' wanted='' caller=$PWD
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) [ -n "${2-}" ] || die "--prefix needs a folder"; prefix=$2; shift 2 ;;
    --python) [ -n "${2-}" ] || die "--python needs the path of a Python"; wanted=$2; shift 2 ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"; exit 0 ;;
    *) die "unknown argument: $1" "sh install.sh --help" ;;
  esac
done
[ "$(uname -s)" = Linux ] || die "these wheels are for Linux, and this is $(uname -s)" \
  "check the bundle here as its README.txt says; python3 restore.py needs no installation"

# 1. The files are those of the list.
here=$(cd -- "$(dirname -- "$0")" && pwd -P)
within=''
sums=$here/SHA256SUMS
# In a bundle the list is that of the bundle, which is signed. A list in its folder tool would be one that nobody checked.
if [ ! -f "$sums" ] || { [ "${here##*/}" = tool ] && [ -f "$here/../SHA256SUMS" ]; }; then
  within=tool/
  sums=$here/../SHA256SUMS
fi
[ -f "$sums" ] || die "SHA256SUMS is missing: neither $here nor the folder above has it" \
  "copy it from the bundle, with its signature, and check that first"
listed=$(sed -n "s|^\([0-9a-f]\{64\}\)  $within\([^/]*\)\$|\1  \2|p" "$sums")
[ -n "$listed" ] || die "$sums lists no file of this folder" "copy the whole folder again"
cd -- "$here"
for file in *.whl; do
  [ -e "$file" ] || die "there are no wheels in $here" "copy the whole folder again"
  case $file in *[!A-Za-z0-9._+-]*) is_listed='' ;; *) is_listed=$(printf '%s\n' "$listed" | cut -c67- | grep -Fx -e "$file" || :) ;; esac
  [ -n "$is_listed" ] || die "$here/$file: SHA256SUMS does not list this file" \
    "remove it, and ask where it comes from" 4
done
bad=$(printf '%s\n' "$listed" | sha256sum -c 2>&1 | grep -v ': OK$' || :)
[ -z "$bad" ] || { printf '%s\n' "$bad" >&2; die "files are not those that SHA256SUMS lists; nothing was installed" \
  "copy the whole folder again" 4; }

# 2. A Python that these wheels are for.
probe='
import glob, os, platform, re, sys
found = "%s %s on %s" % (platform.python_implementation(), platform.python_version(), platform.machine())
tag = "cp%d%d" % sys.version_info[:2]
fits = glob.glob("*-%s-%s-manylinux*_%s.whl" % (tag, tag, platform.machine()))
libc = (os.confstr("CS_GNU_LIBC_VERSION") or "").split() if "CS_GNU_LIBC_VERSION" in os.confstr_names else []
glibc = tuple(map(int, libc[1].split(".")[:2])) if libc[:1] == ["glibc"] else None
least = max([tuple(map(int, re.search(r"manylinux_(\d+)_(\d+)_", name).groups())) for name in fits] or [(0, 0)])
if platform.python_implementation() != "CPython" or not fits:
    sys.exit(found + ": no wheels for it here")
if glibc is None or glibc < least:
    sys.exit("%s: needs glibc %d.%d or newer, and has %s" % ((found,) + least + (" ".join(libc) or "another C library",)))
try:
    import venv, zlib, ssl
except ImportError as error:
    sys.exit("%s: %s; install the package python3-venv" % (found, error))
'
python='' seen=''
case $wanted in
  /* | '') ;;
  */*) wanted=$caller/$wanted ;;
esac
if [ -n "$wanted" ]; then
  set -- "$wanted"
else # the system's own Python first: it is the one that stays
  set -- python3 python3.14 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3 /usr/local/bin/python3
fi
for each in "$@"; do
  path=$(command -v -- "$each" 2> /dev/null) || continue
  if reason=$("$path" -I -c "$probe" 2>&1); then python=$path; break; fi
  seen="$seen
  $path: ${reason##*
}"
done
if [ -z "$python" ]; then
  names=$(for file in cffi-*-cp3*-manylinux*.whl; do say "$file"; done)
  pythons=$(say "$names" | sed 's/.*-cp3\([0-9]*\)-.*/3.\1/' | sort -u -V | tr '\n' ' ')
  machines=$(say "$names" | sed 's/.*manylinux_[0-9]*_[0-9]*_\(.*\)\.whl/\1/' | sort -u | tr '\n' ' ')
  die "no Python here fits these wheels; they are for CPython ${pythons}on $machines
found:${seen:- no python3}" \
    "install one from the system's own packages (RHEL 8 and 9: python3.11), name another with --python, or use python3 restore.py of the bundle, which needs Python 3.6 only" 9
fi

# 3. A virtual environment of its own, which gets its name only when the command in it has run.
if [ -n "$prefix" ]; then
  bin=$prefix/bin
elif [ "$(id -u)" = 0 ]; then
  prefix=/opt/bundler bin=/usr/local/bin
else
  [ -n "${HOME-}" ] || die "there is no HOME" "give --prefix DIR"
  prefix=$HOME/.local/lib/bundler bin=$HOME/.local/bin
fi
case $prefix in /*) ;; *) prefix=$caller/$prefix bin=$caller/$bin ;; esac
wheel=$(for file in image_bundler-*-py3-none-any.whl; do say "$file"; done | tail -n 1)
pip=$(for file in pip-*-py3-none-any.whl; do say "$file"; done | tail -n 1)
[ -f "$wheel" ] && [ -f "$pip" ] || die "the wheel of bundler or that of pip is missing in $here" "copy the whole folder again" 9
version=${wheel#image_bundler-}
version=${version%%-*}
id=$(printf '%s\n%s\n' "$listed" "$("$python" -I -c 'import sys; print(sys.version, sys.base_prefix)')" | sha256sum | cut -c1-8)
made=$prefix/bundler-$version-$id
if [ -e "$prefix" ] && [ -n "$(ls -A "$prefix" 2> /dev/null)" ] && ! ls -d "$prefix"/bundler-*/ > /dev/null 2>&1; then
  die "$prefix has files that are not of an installation of bundler" "choose another --prefix"
fi
if [ -e "$bin/bundler" ] || [ -L "$bin/bundler" ]; then
  case $(readlink "$bin/bundler" || :) in
    "$prefix"/bundler-*) ;;
    *) die "$bin/bundler exists, and is no link to an installation in $prefix" "remove it, or choose another --prefix" ;;
  esac
fi
if [ -e "$made/complete" ]; then
  say "$version is installed already"
else
  rm -rf "$made" # an installation that was interrupted
  mkdir -p "$made" 2> /dev/null || die "cannot write $prefix" "give --prefix DIR, or run it as root" 8
  trap 'code=$?; [ -e "$made/complete" ] || rm -rf "$made"; exit $code' EXIT
  trap 'exit 130' INT TERM HUP
  say "installing bundler $version into $made, for $("$python" -I -c 'import platform; print("Python", platform.python_version())')"
  # pip gets copies of the listed wheels alone: next to others it would follow the links of an HTML file.
  mkdir "$made/wheels" || die "cannot write $made" "give --prefix DIR, or run it as root" 8
  wheels=$(printf '%s\n' "$listed" | grep '\.whl$')
  printf '%s\n' "$wheels" | cut -c67- | while IFS= read -r file; do cp -- "$file" "$made/wheels/" || exit 1; done \
    || die "cannot copy the wheels to $made" "free some space, or give --prefix DIR" 8
  printf '%s\n' "$wheels" | (cd -- "$made/wheels" && sha256sum -c > /dev/null) \
    || die "files are not those that SHA256SUMS lists; nothing was installed" "copy the whole folder again" 4
  "$python" -I -m venv --without-pip "$made" || die "cannot make a virtual environment in $made" "install the package python3-venv" 8
  env -i PATH="$PATH" HOME=/nonexistent TMPDIR="${TMPDIR:-/tmp}" PIP_CONFIG_FILE=/dev/null \
    "$made/bin/python" -I "$made/wheels/$pip/pip" --isolated install --quiet --no-index --find-links "$made/wheels" --only-binary :all: \
    --no-cache-dir --disable-pip-version-check "image-bundler==$version" \
    || die "pip could not install the wheels; nothing is left of it" "the lines above say why" 8
  "$made/bin/bundler" --version > /dev/null || die "the installed command does not run; nothing is left of it" "the lines above say why" 8
  rm -rf "$made/wheels"
  : > "$made/complete"
fi
mkdir -p "$bin" 2> /dev/null && ln -sf "$made/bin/bundler" "$bin/.bundler-$$" && mv -f "$bin/.bundler-$$" "$bin/bundler" \
  || die "cannot write $bin" "give --prefix DIR, or run it as root; the command is $made/bin/bundler" 8
"$bin/bundler" --version
say "the command: $bin/bundler"
case :$PATH: in *:"$bin":*) ;; *) say "it is not on the PATH: export PATH=\"$bin:\$PATH\"" ;; esac
for old in "$prefix"/bundler-*/; do
  [ "${old%/}" = "$made" ] || say "an older installation is left: rm -r ${old%/}"
done
say "to uninstall: rm -r $prefix$([ "$bin" = "$prefix/bin" ] || printf ' %s' "$bin/bundler")"
say "next: bundler trust add KEY.pub, with the key that came another way than this medium"
