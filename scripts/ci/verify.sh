#!/bin/sh
# Checks bundles with openssl (3.0 or newer) and sha256sum only, for security officers without bundler.
#
#   verify.sh BUNDLE...
#
#   TRUSTED_KEYS   the public key, its file, or a folder of them (*.pub)
#
# Ends with 5 if no trusted key has signed a bundle, with 4 if a file is damaged or missing.
set -eu
. "$(dirname "$0")/common.sh"
need TRUSTED_KEYS "the public key, its file, or a folder of them"
take_trust
[ $# -gt 0 ] || { say "name a bundle"; exit 2; }

# is_signed BUNDLE  succeeds if one of its signatures is by one of the keys.
is_signed() {
  for key in "$TRUSTED_KEYS" "$TRUSTED_KEYS"/*.pub; do
    [ -f "$key" ] || continue
    for signature in "$1"/SHA256SUMS.*.sig; do
      openssl pkeyutl -verify -rawin -pubin -inkey "$key" -in "$1/SHA256SUMS" -sigfile "$signature" && return 0
    done
  done
  return 1
}

for bundle in "$@"; do
  [ -f "$bundle/SHA256SUMS" ] || { say "$bundle is no sealed bundle"; exit 2; }
  is_signed "$bundle" || { say "$bundle: no signature by a trusted key"; exit 5; }
  (cd "$bundle" && sha256sum --strict -c SHA256SUMS) || { say "$bundle: damaged"; exit 4; }
done
