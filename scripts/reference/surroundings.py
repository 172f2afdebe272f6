"""The files and variables that bundler reads, besides those in its arguments, for the manual page and the reference."""

from __future__ import annotations

FILES = (
    ("bundler.toml", "Defaults of flags, in the working folder. It describes lists and bundles, and nothing else."),
    ("~/.config/bundler/config.toml", "Defaults of flags of this user; below $XDG_CONFIG_HOME if it is set."),
    ("~/.config/bundler/trust", "Public keys that are trusted without --trust; below $XDG_CONFIG_HOME if it is set."),
    (
        "~/.local/state/bundler/receipts",
        "Receipts of imports, unless --receipt names another file; below $XDG_STATE_HOME if it is set.",
    ),
    ("~/.docker/config.json", "Credentials of registries; in $DOCKER_CONFIG if it is set."),
    ("$XDG_RUNTIME_DIR/containers/auth.json", "The same, as podman and skopeo write it."),
    (
        "/etc/docker/certs.d, /etc/containers/certs.d, ~/.config/containers/certs.d",
        "Certificate authorities and client certificates, in a folder HOST:PORT for each registry.",
    ),
)

ENVIRONMENT = (
    ("BUNDLER_CONFIG", "Another file than ~/.config/bundler/config.toml."),
    ("BUNDLER_<FLAG>", "The default of a flag: BUNDLER_CHUNK_SIZE for --chunk-size."),
    ("DOCKER_HOST, DOCKER_CONTEXT, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH", "The Docker daemon, as for docker itself."),
    ("REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, DOCKER_CONFIG", "The places of credentials, see FILES."),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "Additional certificate authorities for registries, PEM."),
    ("HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "Proxies, and what is asked without one. In small letters, too."),
    (
        "HOME, XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME",
        "The places of the folders in FILES. Relative paths are ignored.",
    ),
    ("TMPDIR", "The folder for temporary data, unless --scratch names one. Default: /var/tmp."),
    ("SOURCE_DATE_EPOCH", "The time that bundles are made at, in seconds, for the same bytes from the same input."),
    ("LANGUAGE, LC_ALL, LC_MESSAGES, LANG", "The language of all messages: English, or Chinese (zh)."),
    ("TRIVY_CACHE_DIR, GRYPE_DB_CACHE_DIR", "The databases of these scanners, unless --database names a folder."),
    ("NO_COLOR", "No colours, if it is set."),
    ("SUDO_USER", "Is recorded in receipts, in addition to the user who runs the command."),
    ("SUDO_UID", "Run by root: whose folders of keys may be trusted, besides root's."),
    ("COLUMNS", "The width of explanations, at most 100."),
)
