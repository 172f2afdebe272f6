#!/bin/sh
# Verifies a bundle and pushes its images, without a terminal. Ends with bundler's own exit code; whatever that is, the
# receipt is kept, and beside it the list of images that failed (*.failed.txt).
#
#   import.sh [--dry-run] [OPTION of bundler import]... BUNDLE...
#
#   TARGET_REGISTRY          where images go: HOST[:PORT][/PREFIX], or whatever else --to takes
#   TRUSTED_KEYS             the public key, or a folder of them; bundler's trust folder if not set
#   RECEIPT                  the receipt's file; if not set, a new one in
#   RECEIPT_FOLDER           receipts, if not set
#   Logins, the first of these that is set:
#   REGISTRY_USER            with REGISTRY_PASSWORD, or with REGISTRY_PASSWORD_FILE
#   REGISTRY_AUTH_FILE       a file as Docker's config.json
#   DOCKER_AUTH_CONFIG       the content of one
set -eu
. "$(dirname "$0")/common.sh"
need TARGET_REGISTRY "where the images go"
write_logins
password=${REGISTRY_PASSWORD:-}
unset REGISTRY_PASSWORD

is_dry_run() { case " $* " in *" --dry-run "*) ;; *) return 1 ;; esac; }
if ! is_dry_run "$@"; then
  if [ -z "${RECEIPT:-}" ]; then
    RECEIPT=${RECEIPT_FOLDER:-receipts}/$(date -u +%Y%m%dT%H%M%SZ)-$$.json
  fi
  set -- --receipt "$RECEIPT" "$@"
fi
set -- --to "$TARGET_REGISTRY" "$@"
[ -z "${TRUSTED_KEYS:-}" ] || set -- --trust "$TRUSTED_KEYS" "$@"

if [ -z "${REGISTRY_USER:-}" ]; then
  bundler import "$@" < /dev/null
elif [ -n "$password" ]; then
  printf '%s\n' "$password" | bundler import --username "$REGISTRY_USER" --password-stdin "$@"
else
  need REGISTRY_PASSWORD_FILE "the file with the password of REGISTRY_USER, or set REGISTRY_PASSWORD"
  bundler import --username "$REGISTRY_USER" --password-stdin "$@" < "$REGISTRY_PASSWORD_FILE"
fi
