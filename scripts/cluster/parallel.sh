#!/bin/sh
# Imports a bundle with GNU parallel, here or on several hosts. The same command again runs only the shards that failed:
#
#   TARGET_REGISTRY=registry.internal TRUSTED_KEYS=/srv/keys/builder.pub RECEIPT_FOLDER=/srv/receipts/platform-2026.11 \
#     scripts/cluster/parallel.sh [OPTION of bundler import]... /srv/bundles/platform-2026.11
#
#   SHARDS                   the number of shards, 8 if not set; the same each time
#   JOBS                     shards at a time on each host, 2 if not set
#   HOSTS                    host1,host2: hosts with ssh where this folder, the bundle and RECEIPT_FOLDER have the same names;
#                            if not set, this one. Secrets as files, not as texts: the environment goes over ssh
set -eu
: "${RECEIPT_FOLDER:?a folder that all hosts share}"
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$RECEIPT_FOLDER"
sent=''
for name in TARGET_REGISTRY TRUSTED_KEYS RECEIPT_FOLDER REGISTRY_AUTH_FILE REGISTRY_USER REGISTRY_PASSWORD_FILE ATTEMPTS PAUSE; do
  eval "[ -z \"\${$name:-}\" ]" || sent="$sent --env $name"
done
# shellcheck disable=SC2086
seq "${SHARDS:-8}" | parallel -q --jobs "${JOBS:-2}" --tag --line-buffer --joblog "$RECEIPT_FOLDER/parallel.log" --resume-failed \
  $sent ${HOSTS:+--sshlogin "$HOSTS"} "$here/import-shard" "{}/${SHARDS:-8}" "$@"
