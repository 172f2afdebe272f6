"""Reads a policy for signatures with the files of keys that it names, and makes its judges."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from bundler.core.certificates import Certificate
from bundler.core.limits import CERTIFICATES_BYTES, KEY_BYTES, POLICY_BYTES
from bundler.core.policy import ContainersPolicy, Judge
from bundler.core.policy.document import (
    AcceptAnything,
    Fulcio,
    Named,
    Pki,
    Reject,
    Requirement,
    SigstoreSigned,
    parse_policy,
)
from bundler.core.policy.image_policy import Anything, Nothing
from bundler.core.policy.key_signed import KeySigned
from bundler.core.policy.keyless import BundleVerifier, FulcioTrust, KeylessSigned
from bundler.core.policy.pki_signed import PkiSigned, PkiTrust
from bundler.core.policy.verifying_key import VerifyingKey
from bundler.errors import Misuse, Untrusted
from bundler.keys.keyless import keyless_tools, trusted_bundles
from bundler.system import clock
from bundler.system.given_files import read_given, read_regular
from bundler.system.request_fields import text_of


def read_policy(file: str, *, trusted_root: str | None = None, now_seconds: int | None = None) -> ContainersPolicy:
    """Reads a policy, containers-policy.json(5), and every key that it names.

    Args:
        file: The file of the policy. Relative paths in it start at its folder, so that a policy and its keys can be
            copied together.
        trusted_root: A ``trusted_root.json`` of sigstore, by which keyless sigstore bundles are judged; None to judge
            them by the policy alone.
        now_seconds: The time by which certificates of ``pki`` are judged, in seconds since 1970; None for the time of
            the clock.

    Raises:
        Misuse: The policy or a key cannot be read or is not valid, or the policy needs what bundler does not judge.
    """
    file = text_of(file, "file")
    content = read_given(file, POLICY_BYTES, subject=f"--policy {file}")
    document = parse_policy(content, source=file)
    bundles = None if trusted_root is None else trusted_bundles(trusted_root)
    loader = _Loader(file, bundles, clock.now_seconds() if now_seconds is None else now_seconds)
    default = loader.judges(document.default)
    scopes = {scope: loader.judges(requirements) for scope, requirements in document.docker.items()}
    return ContainersPolicy(
        file,
        hashlib.sha256(content).hexdigest(),
        default,
        scopes,
        files=tuple(loader.files) + ((trusted_root,) if trusted_root else ()),
    )


class _Loader:
    """Makes judges of the requirements of one policy."""

    def __init__(self, file: str, bundles: BundleVerifier | None, now_seconds: int) -> None:
        self._file = file
        self._bundles = bundles
        self._now_seconds = now_seconds
        self.files = [file]

    def judges(self, requirements: Iterable[Requirement]) -> tuple[Judge, ...]:
        """The judges of one scope, in the order of its requirements."""
        return tuple(map(self._judge, requirements))

    def _judge(self, requirement: Requirement) -> Judge:
        match requirement:
            case AcceptAnything():
                return Anything()
            case Reject():
                return Nothing()
            case SigstoreSigned():
                return self._signed(requirement)

    def _signed(self, requirement: SigstoreSigned) -> Judge:
        keys, logs = self._keys(requirement.keys), self._keys(requirement.rekor_keys)
        if requirement.pki is not None:
            trust = self._pki_trust(requirement.pki)
            return PkiSigned(trust, requirement.identity, self._now_seconds, keyless_tools(None))
        if requirement.fulcio is None:
            return KeySigned(keys, requirement.identity, logs)
        return KeylessSigned(self._trust(requirement.fulcio), logs, requirement.identity, keyless_tools(self._bundles))

    def _keys(self, named: Iterable[Named]) -> tuple[VerifyingKey, ...]:
        from bundler.keys.image_keys import load_image_key

        return tuple(load_image_key(self._content(key), origin=self._origin(key)) for key in named)

    def _trust(self, fulcio: Fulcio) -> FulcioTrust:
        roots = self._certificates(fulcio.authority)
        return FulcioTrust(roots, fulcio.oidc_issuer, fulcio.subject_email, fulcio.build_signer_uri)

    def _pki_trust(self, pki: Pki) -> PkiTrust:
        roots = self._certificates(pki.roots)
        intermediates = self._certificates(pki.intermediates) if pki.intermediates else ()
        for named, found in ((pki.roots, roots), (pki.intermediates, intermediates)):
            for each in found:
                if named is not None and each.constrains_names:
                    raise Misuse(
                        "bundler does not judge by an authority with name constraints",
                        subject=f"{self._file}: {named.field}",
                        actual=each.subject,
                        code="bad-policy",
                    )
        return PkiTrust(roots, intermediates, pki.subject_email, pki.subject_hostname)

    def _certificates(self, named: Named) -> tuple[Certificate, ...]:
        from bundler.keys.certificates import load_pem

        try:
            return load_pem(self._content(named, CERTIFICATES_BYTES), what=self._origin(named))
        except Untrusted as error:
            subject = f"{self._file}: {named.field}"
            raise Misuse(
                error.message, subject=subject, expected=error.expected, actual=error.actual, code="bad-policy"
            ) from error

    def _content(self, named: Named, limit_bytes: int = KEY_BYTES) -> bytes:
        if not named.path:
            return named.data
        path = Path(os.path.dirname(self._file), named.path)
        self.files.append(str(path))
        return read_regular(path, limit_bytes, subject=f"{self._file}: {named.field}: {named.path}")

    def _origin(self, named: Named) -> str:
        return named.path or f"{self._file}: {named.field}"
