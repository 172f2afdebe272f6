#!/bin/sh
# Runs a command, and runs it again while it ends with 7: network or server. Ends with its last exit code.
#
#   again.sh COMMAND [ARGUMENT]...
#
#   ATTEMPTS         how often in all; 3 if not set
#   PAUSE_SECONDS    the time between two attempts; 60 if not set
set -u
attempt=1
while :; do
  code=0
  "$@" || code=$?
  { [ "$code" = 7 ] && [ "$attempt" -lt "${ATTEMPTS:-3}" ]; } || exit "$code"
  attempt=$((attempt + 1))
  printf '%s: exit code 7, attempt %s follows in %s s\n' "${0##*/}" "$attempt" "${PAUSE_SECONDS:-60}" >&2
  sleep "${PAUSE_SECONDS:-60}"
done
