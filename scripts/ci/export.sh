#!/bin/sh
# Exports an image list into a signed bundle, without a terminal. Ends with bundler's own exit code.
#
#   export.sh [OPTION of bundler export]...
#
#   IMAGE_LIST               the list; images.yaml if not set
#   OUTPUT_FOLDER            where the bundle's folder is made; bundles if not set
#   SIGNING_KEY              the file with the private key
#   SIGNING_KEY_PASSPHRASE   its passphrase, if it has one
#   DOCKER_AUTH_CONFIG       logins for the registries that images come from, as in Docker's config.json; or
#   REGISTRY_AUTH_FILE       the file that has them
set -eu
. "$(dirname "$0")/common.sh"
need SIGNING_KEY "the file with the private key"
write_key
write_logins
passphrase=${SIGNING_KEY_PASSPHRASE:-}
unset SIGNING_KEY_PASSPHRASE
set -- "${IMAGE_LIST:-images.yaml}" -o "${OUTPUT_FOLDER:-bundles}" --key "$SIGNING_KEY" "$@"
if [ -n "$passphrase" ]; then
  printf '%s\n' "$passphrase" | bundler export "$@" --key-passphrase-file -
else
  bundler export "$@" < /dev/null
fi
