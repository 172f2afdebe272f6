# shellcheck shell=sh
# Sourced by export.sh, verify.sh and import.sh. Secrets come in variables or files and leave in files or on standard
# input: never in arguments, which every user of the machine can read, and never in the environment of what is started.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# need NAME MEANING  ends with 2, as bundler does for usage, when a variable is empty.
need() {
  eval "[ -n \"\${$1:-}\" ]" || { say "set $1: $2"; exit 2; }
}

SECRETS=
remove_secrets() { [ -z "$SECRETS" ] || rm -rf "$SECRETS"; }

# make_secrets  a folder for secrets that nobody else can look into; it goes when the script ends.
make_secrets() {
  [ -z "$SECRETS" ] || return 0
  trap remove_secrets EXIT
  trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM
  SECRETS=$(umask 077; mktemp -d)
}

# write_key  lets SIGNING_KEY name a copy that nobody else may read: GitLab, Jenkins and Kubernetes mount files with modes
# like 0644 or 0666, and bundler refuses such a key, as ssh does.
write_key() {
  [ -f "$SIGNING_KEY" ] || return 0
  make_secrets
  (umask 077; cat "$SIGNING_KEY" > "$SECRETS/signing.key")
  SIGNING_KEY=$SECRETS/signing.key
}

# write_logins  puts DOCKER_AUTH_CONFIG, the content of a Docker config.json, where bundler looks for it.
write_logins() {
  if [ -n "${DOCKER_AUTH_CONFIG:-}" ] && [ -z "${REGISTRY_AUTH_FILE:-}" ]; then
    make_secrets
    (umask 077; printf '%s\n' "$DOCKER_AUTH_CONFIG" > "$SECRETS/auth.json")
    REGISTRY_AUTH_FILE=$SECRETS/auth.json
    export REGISTRY_AUTH_FILE
  fi
  unset DOCKER_AUTH_CONFIG
}
