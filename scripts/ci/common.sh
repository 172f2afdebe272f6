# shellcheck shell=sh
# Sourced by export.sh, verify.sh and import.sh. Secrets come in variables or files and leave in files or on standard
# input: never in arguments, which every user of the machine can read, and never in the environment of what is started.

{ set +x; } 2> /dev/null # a trace would have every secret

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

# hide NAME FILE TEXT  writes a text to a file that nobody else may read, and lets NAME name it. `printf` is the shell's
# own, so that the text is nobody's argument.
hide() {
  make_secrets
  (umask 077; printf '%s\n' "$3" > "$SECRETS/$2")
  unset "$1" # an exported variable is exported no more
  eval "$1=\$SECRETS/$2"
}

# names_file TEXT  succeeds for the name of a file as CI systems write it: absolute. A password has hardly this form.
names_file() { case $1 in /*) [ -f "$1" ] ;; *) return 1 ;; esac; }

# is_there NAME TEXT  ends with 2 when there is no such file; the text is not repeated, because it may be a secret.
is_there() { [ -e "$2" ] || { say "$1 is neither the content that is wanted nor the name of a file with it"; exit 2; }; }

# take_key  lets SIGNING_KEY, a file or the key itself, name a copy that only this user can read: GitLab, Jenkins
# and Kubernetes mount files with modes like 0644 or 0666, and bundler refuses such a key, as ssh does.
take_key() {
  case $SIGNING_KEY in
    *-----BEGIN*) hide SIGNING_KEY signing.key "$SIGNING_KEY" ;;
    *) is_there SIGNING_KEY "$SIGNING_KEY"; hide SIGNING_KEY signing.key "$(cat "$SIGNING_KEY")" ;;
  esac
}

# take_trust  lets TRUSTED_KEYS name a file or folder, also if it is the key itself.
take_trust() {
  case ${TRUSTED_KEYS:-} in
    '') ;;
    *-----BEGIN*) hide TRUSTED_KEYS trusted.pub "$TRUSTED_KEYS" ;;
    *) is_there TRUSTED_KEYS "$TRUSTED_KEYS" ;;
  esac
}

# take_logins  puts logins where bundler looks for them. They may be the content of a Docker config.json or the name of
# such a file: DOCKER_AUTH_CONFIG, unless REGISTRY_AUTH_FILE is set.
take_logins() {
  : "${REGISTRY_AUTH_FILE:=${DOCKER_AUTH_CONFIG:-}}"
  unset DOCKER_AUTH_CONFIG
  case $REGISTRY_AUTH_FILE in
    '') unset REGISTRY_AUTH_FILE ;;
    *{*) hide REGISTRY_AUTH_FILE auth.json "$REGISTRY_AUTH_FILE"; export REGISTRY_AUTH_FILE ;;
    *) is_there REGISTRY_AUTH_FILE "$REGISTRY_AUTH_FILE"; export REGISTRY_AUTH_FILE ;;
  esac
}

# take_text NAME FILE  lets NAME name a file with a passphrase or a password. It may be that file or the text itself.
take_text() {
  eval "text=\${$1:-}"
  if names_file "$text"; then unset "$1"; eval "$1=\$text"; elif [ -n "$text" ]; then hide "$1" "$2" "$text"; fi
  unset text
}
