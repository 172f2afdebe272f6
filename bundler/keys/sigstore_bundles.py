"""Verifies sigstore bundles by a trusted root, offline, with the library `sigstore`; this module is its door.

The package is the extra ``image-bundler[sigstore]``. It is imported only for ``--trusted-root``, because it takes half
a second and 65 MB. The trusted root names the certificate authorities, transparency logs and timestamp authorities,
with the times of their keys; the identity comes from the policy.
"""

from __future__ import annotations

from typing import Any

from bundler.core.frozen import frozen
from bundler.core.limits import TRUSTED_ROOT_BYTES
from bundler.core.policy.keyless import FulcioTrust
from bundler.core.policy.verdict import Unfit
from bundler.errors import Misuse
from bundler.system.given_files import check_regular
from bundler.texts import text


@frozen
class TrustedBundles:
    """A verifier of sigstore bundles: a `BundleVerifier` of `bundler.core.policy`."""

    _verifier: Any

    @classmethod
    def of_file(cls, trusted_root: str) -> TrustedBundles:
        """The verifier for a ``trusted_root.json``.

        Raises:
            Misuse: The library is not installed, or the file cannot be read or is not a trusted root.
        """
        check_regular(trusted_root, TRUSTED_ROOT_BYTES)
        try:
            from sigstore.errors import Error
            from sigstore.models import TrustedRoot
            from sigstore.verify import Verifier
        except ImportError as error:
            raise Misuse(
                "a trusted root needs the package sigstore",
                subject=f"--trusted-root {trusted_root}",
                hint="install it with: pip install 'image-bundler[sigstore]'",
                code="package-missing",
            ) from error
        try:
            return cls(Verifier(trusted_root=TrustedRoot.from_file(trusted_root)))
        except (Error, ValueError, KeyError, TypeError, OSError) as error:
            raise Misuse(
                text("not a trusted root of sigstore: {error}", error=str(error)[:200]),
                subject=f"--trusted-root {trusted_root}",
                code="bad-policy",
            ) from error

    def statement_of(self, content: bytes, message: bytes | None, trust: FulcioTrust) -> bytes:
        """Verifies a bundle. Its identity is that of the policy; its authorities are those of the trusted root.

        Raises:
            Unfit: It proves nothing.
        """
        from sigstore.errors import Error
        from sigstore.models import Bundle
        from sigstore.verify import policy

        wanted: list[Any] = [policy.OIDCIssuer(trust.oidc_issuer)]
        if trust.subject_email:
            wanted.append(policy.Identity(identity=trust.subject_email))
        if trust.build_signer_uri:
            wanted.append(policy.OIDCBuildSignerURI(trust.build_signer_uri))
        try:
            bundle = Bundle.from_json(content)
            if message is not None:
                self._verifier.verify_artifact(message, bundle, policy.AllOf(wanted))
                return b""
            _, payload = self._verifier.verify_dsse(bundle, policy.AllOf(wanted))
            return bytes(payload)
        except (Error, ValueError, KeyError, TypeError) as error:
            raise Unfit(
                text("a bundle that sigstore does not accept: {error}", error=" ".join(str(error).split())[:200])
            ) from error
