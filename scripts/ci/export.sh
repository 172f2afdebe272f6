#!/bin/sh
# Exports an image list into a signed bundle, without a terminal. Ends with bundler's own exit code.
#
#   export.sh [OPTION of bundler export]...
#
#   IMAGE_LIST               the list; images.yaml if not set
#   OUTPUT_FOLDER            where the bundle's folder is made; bundles if not set
#   SIGNING_KEY              the private key, or its file
#   SIGNING_KEY_PASSPHRASE   its passphrase, if it has one, or the file that has it
#   DOCKER_AUTH_CONFIG       logins for the registries that images come from, as in Docker's config.json, or its file
#   REGISTRY_AUTH_FILE       the same; it comes first
set -eu
. "$(dirname "$0")/common.sh"
need SIGNING_KEY "the private key, or its file"
take_key
take_logins
take_text SIGNING_KEY_PASSPHRASE passphrase
set -- "${IMAGE_LIST:-images.yaml}" -o "${OUTPUT_FOLDER:-bundles}" --key "$SIGNING_KEY" "$@"
[ -z "${SIGNING_KEY_PASSPHRASE:-}" ] || set -- "$@" --key-passphrase-file "$SIGNING_KEY_PASSPHRASE"
bundler export "$@" < /dev/null
