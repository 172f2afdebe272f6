"""The cryptography for judging keyless signatures, and the optional judge of sigstore bundles."""

from __future__ import annotations

from bundler.core.certificates import Certificate
from bundler.core.policy.keyless import BundleVerifier, KeylessTools
from bundler.core.policy.verdict import Unfit
from bundler.core.policy.verifying_key import VerifyingKey
from bundler.errors import Misuse


def keyless_tools(bundles: BundleVerifier | None) -> KeylessTools:
    """The functions that judges of keyless signatures need.

    Args:
        bundles: Verifies bundles by a trusted root; None to judge them by the policy alone.
    """
    from bundler.keys import certificates

    return KeylessTools(
        load=lambda der: certificates.load(der, what="certificate"),
        load_pem=lambda pem: certificates.load_pem(pem, what="certificate"),
        key_of=_key_of,
        bundles=bundles,
    )


def trusted_bundles(trusted_root: str) -> BundleVerifier:
    """The verifier of bundles by a trusted root.

    Args:
        trusted_root: The file.

    Raises:
        Misuse: The library is not installed, or the file is not a trusted root.
    """
    from bundler.keys.sigstore_bundles import TrustedBundles

    return TrustedBundles.of_file(trusted_root)


def _key_of(certificate: Certificate) -> VerifyingKey:
    """The key of a certificate, for signatures as cosign makes them.

    Raises:
        Unfit: It is a key of a kind that signs no images.
    """
    from bundler.keys.image_keys import load_image_key

    try:
        return load_image_key(certificate.public_key_pem, origin="certificate")
    except Misuse as error:
        raise Unfit(error.message) from error
