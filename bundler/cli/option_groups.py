"""The headings of long help: which flags belong together. Short help has one list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bundler.texts import text

FEW = 12
"""The largest number of flags that have one heading."""

_GROUPS: Mapping[str, str] = {
    text("Images"): """
        --only --except --platform --attachments --set --list --repository --foreign-layers
        --layer-compression --skip-missing --skip-refused --layers --sbom --image --from
        """,
    text("Bundle and media"): """
        --output --name --chunk-size --medium-size --parity --amount --format --encrypt --since
        --channel --sequence --with-tool --read-back --wait --medium --need --resolve-only --seal
        """,
    text("Target"): """
        --to --map --rules --on-conflict --all-or-nothing --target --base-path --via-daemon
        --no-digest-tags --retry-failed --fail-fast --verify-target --preheat --preheat-pull-login
        --preheat-token-file --preheat-wait --admin-credentials --for --addr --publish --deep
        """,
    text("Trust"): """
        --trust --insecure-no-signature --unsigned --require-signatures --policy --notation-policy
        --trusted-root --require-scan --scan-record --scan-trust --scan-age --max-severity --waivers
        --allow-rollback --with --database --tls-cert --tls-key --tls-self-signed --htpasswd
        --insecure-plain-http
        """,
    text("Keys and passphrases"): """
        --key --key-passphrase-file --passphrase-file --generate-passphrase --since-passphrase-file
        --receipt-key --need-key
        """,
    text("Registries"): "--username --password-stdin --plain-http --cacert --allow-upload-host",
    text("Results"): """
        --receipt --report --report-lang --lang --metrics --sarif --cyclonedx --quiet --verbose --json
        --help
        """,
}
RUN = text("Run")
"""The heading of all other flags; it is the last but one."""
*_FIRST, _LAST = _GROUPS
_TITLES = (*_FIRST, RUN, _LAST)
_TITLE_OF = {flag: title for title, flags in _GROUPS.items() for flag in flags.split()}


def grouped(flags: Iterable[str]) -> dict[str, list[str]]:
    """The flags of a command by their headings, in the order of help.

    Args:
        flags: The long spellings, in the order of the command. A short list has one heading, an empty text.
    """
    every = list(flags)
    if len(every) <= FEW:
        return {"": every}
    found: dict[str, list[str]] = {title: [] for title in _TITLES}
    for flag in every:
        found[_TITLE_OF.get(flag, RUN)].append(flag)
    return {title: flags for title, flags in found.items() if flags}
