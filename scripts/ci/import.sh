#!/bin/sh
# Verifies a bundle and pushes its images, without a terminal. Ends with bundler's own exit code. In every case the
# receipt is kept, and next to it the list of images that failed (*.failed.txt).
#
#   import.sh [--dry-run] [OPTION of bundler import]... BUNDLE...
#
#   TARGET_REGISTRY          where images go: HOST[:PORT][/PREFIX], or whatever else --to takes
#   TRUSTED_KEYS             the public key, its file, or a folder of them; bundler's trust folder if not set
#   RECEIPT                  the receipt's file; if not set, a new one in
#   RECEIPT_FOLDER           receipts, if not set
#   Logins, the first of these that is set:
#   REGISTRY_USER            with REGISTRY_PASSWORD, which is the password or the file that has it (REGISTRY_PASSWORD_FILE
#                            is the same)
#   REGISTRY_AUTH_FILE       a file as Docker's config.json, or the content of one
#   DOCKER_AUTH_CONFIG       the same
set -eu
. "$(dirname "$0")/common.sh"
need TARGET_REGISTRY "where the images go"
take_trust
take_logins
if [ -z "${REGISTRY_PASSWORD:-}" ]; then
  REGISTRY_PASSWORD=${REGISTRY_PASSWORD_FILE:-}
  [ ! -f "$PWD/$REGISTRY_PASSWORD" ] || REGISTRY_PASSWORD=$PWD/$REGISTRY_PASSWORD
fi
unset REGISTRY_PASSWORD_FILE
take_text REGISTRY_PASSWORD password

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
else
  need REGISTRY_PASSWORD "the password of REGISTRY_USER, or the file that has it"
  bundler import --username "$REGISTRY_USER" --password-stdin "$@" < "$REGISTRY_PASSWORD"
fi
