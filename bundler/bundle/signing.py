"""Ed25519 keys and signatures, and the decision which signers are trusted.

Only this module and `bundler.bundle.signing_key_file` use `cryptography` for them.
Signatures are raw and detached (RFC 8032, 64 bytes) over the exact bytes of SHA256SUMS, so that
``openssl pkeyutl -verify -rawin`` checks them. Keys are PEM: PKCS#8 for the private one, SPKI for the public one.
A key id is the first 16 hex digits of the SHA-256 of the public key's SPKI DER. Everything here is a function of
bytes; reading and writing files is left to the callers.

Each command checks signatures, and `cryptography`'s serialization takes longer to load than all keys to read. So it is
loaded for keys that are made or written, and for public keys that are not written as ours are.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.key_kind import KeyForm, KeyKind, key_kind
from bundler.core.limits import SIGNATURE_BYTES
from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse, Untrusted
from bundler.texts import counted, joined, some, text

_SPKI = bytes.fromhex("302a300506032b6570032100")
"""The SPKI DER of a public key is this and its 32 bytes (RFC 8410, section 4)."""
_PEM = lazy_pattern(rb"-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/]{59}=)\n-----END PUBLIC KEY-----\n?")
"""A public key as ``keygen`` and openssl write it: 44 bytes."""
_FIELD_PRIME = 2**255 - 19
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
        _FIELD_PRIME - 1,
    }
)
"""The y coordinates of the eight points whose order divides 8: keys under which anybody can forge signatures."""


@frozen
class PublicKey:
    """A key that verifies signatures."""

    id: str
    origin: str
    """The file it was read from, for messages."""
    _key: Ed25519PublicKey

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of its SPKI DER, 64 hex digits; the id is its first part."""
        return _fingerprint(self._key)

    @property
    def pem(self) -> bytes:
        """The key in PEM form, without the other content of its file."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """True if the private half of this key made the signature over the message."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class BadSignature(Untrusted):
    """A signature by a trusted key does not match the signed bytes."""


class WrongPassphrase(Misuse):
    """The passphrase does not open a private key."""


@frozen
class PrivateKey:
    """A key that makes signatures."""

    id: str
    _key: Ed25519PrivateKey
    is_weakly_encrypted: bool = False
    """True if its file is encrypted without scrypt: openssl's 2048 rounds do not prevent guessing of passphrases."""

    @property
    def public(self) -> PublicKey:
        """The key that verifies its signatures."""
        return PublicKey(self.id, text("the key that signs"), self._key.public_key())

    def sign(self, message: bytes) -> bytes:
        """The raw signature, 64 bytes; the same for the same message."""
        return self._key.sign(message)


def generate(passphrase: bytes | None) -> tuple[bytes, bytes, str]:
    """Generates a key pair.

    Args:
        passphrase: Encrypts the private key, through scrypt and AES-256, if given.

    Returns:
        The private key's PEM, the public key's PEM, and the key id.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    from bundler.bundle.signing_key_file import encrypted_pem

    key = Ed25519PrivateKey.generate()
    if passphrase is None:
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    else:
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        private = encrypted_pem(der, passphrase)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private, public, key_id(key.public_key())


def key_id(key: Ed25519PublicKey) -> str:
    """The key id, as ``openssl pkey -pubin -outform DER | sha256sum | cut -c1-16`` prints it."""
    return _fingerprint(key)[:16]


def _fingerprint(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(_SPKI + key.public_bytes_raw()).hexdigest()


def is_encrypted(pem: bytes) -> bool:
    """True if a private key needs a passphrase: PKCS#8, or the older form with a header that says so."""
    return b"ENCRYPTED" in pem


def load_private(pem: bytes, *, origin: str, passphrase: Callable[[], bytes]) -> PrivateKey:
    """Reads a private key.

    Args:
        pem: The file's content.
        origin: The file's name, for messages.
        passphrase: Called only if the key is encrypted.

    Raises:
        WrongPassphrase: It does not open the key, or the key is damaged.
        Misuse: It is not an Ed25519 private key.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    refuse_no_private_key(pem, origin)
    try:
        key = load_pem_private_key(pem, passphrase() if is_encrypted(pem) else None)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
        if is_encrypted(pem):
            raise WrongPassphrase(
                text("the passphrase is wrong, or the key file is damaged"), subject=origin
            ) from error
        raise Misuse("not a private key in PEM form", subject=origin, hint=_MAKE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misuse("not an Ed25519 key", subject=origin, expected="Ed25519", actual=_kind(key), hint=_MAKE)
    return PrivateKey(key_id(key.public_key()), key, _is_weakly_encrypted(pem))


def _is_weakly_encrypted(pem: bytes) -> bool:
    if not is_encrypted(pem):
        return False
    from bundler.bundle.signing_key_file import is_scrypt

    return not is_scrypt(pem)


def load_public(pem: bytes, *, origin: str) -> PublicKey:
    """Reads a public key.

    Raises:
        Misuse: It is not an Ed25519 public key in PEM form, or anybody can forge its signatures.
    """
    refuse_no_public_key(pem, origin)
    try:
        key = _public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
        raise Misuse("not a public key in PEM form", subject=origin, hint=_GIVE) from error
    if not isinstance(key, Ed25519PublicKey):
        raise Misuse("not an Ed25519 key", subject=origin, expected="Ed25519", actual=_kind(key), hint=_GIVE)
    if is_weak(key):
        raise Misuse("a weak key: anyone can forge its signatures", subject=origin)
    return PublicKey(key_id(key), origin, key)


def _public_key(pem: bytes) -> object:
    """The key in a file; not always an Ed25519 key.

    Raises:
        ValueError, TypeError, UnsupportedAlgorithm, InternalError: There is none.
    """
    written = _PEM.fullmatch(pem)
    der = base64.b64decode(written[1]) if written else b""
    if written and der.startswith(_SPKI) and base64.b64encode(der) == written[1]:
        return Ed25519PublicKey.from_public_bytes(der.removeprefix(_SPKI))
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(pem)


def is_weak(key: Ed25519PublicKey) -> bool:
    """True for a key of small order, or one whose encoding is not canonical: anybody can forge its signatures."""
    y = int.from_bytes(key.public_bytes_raw(), "little") & ((1 << 255) - 1)
    return y >= _FIELD_PRIME or y in _SMALL_ORDER_Y


def refuse_no_private_key(content: bytes, origin: str) -> None:
    """Refuses a file that cannot be a private key, and names what it is.

    Call this before anything else uses the content.

    Args:
        content: The content of the file.
        origin: The file's name, for messages.

    Raises:
        Misuse: It is another kind of file, or has several keys.
    """
    kind = key_kind(content)
    _refuse_several(kind, origin)
    if kind.form in (KeyForm.PRIVATE, KeyForm.UNKNOWN):
        return
    name = origin.removesuffix(".pub").removesuffix(".pem")
    if kind.form is KeyForm.PUBLIC:
        raise Misuse(
            "this is a public key; signing needs the private key",
            subject=origin,
            hint=text("give {name}.key", name=name),
        )
    raise _other_kind(kind, origin, text("a private key"), _MAKE, openssl="openssl pkey -inform DER")


def refuse_no_public_key(content: bytes, origin: str) -> None:
    """Refuses a file that cannot be a public key, and names what it is.

    Raises:
        Misuse: It is another kind of file, or has several keys.
    """
    kind = key_kind(content)
    if any("PRIVATE KEY" in label for label in kind.labels) and kind.form in (KeyForm.PRIVATE, KeyForm.PUBLIC):
        name = origin.removesuffix(".key").removesuffix(".pem")
        raise Misuse(
            "this is a private key; it must stay with its owner",
            subject=origin,
            hint=text("give {name}.pub, and keep this file on the machine that signs", name=name),
        )
    _refuse_several(kind, origin)
    if kind.form in (KeyForm.PUBLIC, KeyForm.UNKNOWN):
        return
    raise _other_kind(kind, origin, text("a public key"), _GIVE, openssl="openssl pkey -pubin -inform DER")


_MAKE = "make one with: bundler keygen NAME"
_GIVE = "give the .pub file that bundler keygen made"


def _other_kind(kind: KeyKind, origin: str, wanted: str, hint: str, *, openssl: str) -> Misuse:
    if kind.form in (KeyForm.DER_PRIVATE, KeyForm.DER_PUBLIC):
        file = shlex.quote(origin)
        hint = text(
            "if it is the right one, turn it into PEM: {openssl} -in {file} -out {file}.pem", openssl=openssl, file=file
        )
    found = _said(kind.labels[0]) if kind.form is KeyForm.OTHER_PEM else kind.form.value
    return Misuse(
        text("this is {found}, not {wanted} of bundler keygen", found=found, wanted=wanted),
        subject=origin,
        hint=hint,
    )


def _refuse_several(kind: KeyKind, origin: str) -> None:
    """Refuses a file with several keys: a reader would take one of them, and not say which.

    Raises:
        Misuse: There are several.
    """
    if len(kind.labels) > 1:
        raise Misuse(
            "several keys in one file",
            subject=origin,
            expected="one",
            actual=some(map(_said, kind.labels), most=4),
            hint="put each key into its own file",
        )


def _said(label: str) -> str:
    return label.lower()


def _kind(key: object) -> str:
    """The kind of a key in one word: RSA, EC, X25519."""
    return type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey").strip("_")


def signers(
    message: bytes,
    signatures: Mapping[str, bytes],
    trusted: Iterable[PublicKey],
    *,
    claimed: Sequence[str] = (),
    required: int = 1,
    where: str | None = None,
) -> tuple[PublicKey, ...]:
    """The trusted keys that signed a message.

    Args:
        message: The exact bytes.
        signatures: The signatures by the key ids of their file names. Each trusted key tries only the one under its own
            id, so a renamed file verifies nothing.
        trusted: The keys that the importer accepts. A key that appears twice counts once.
        claimed: The key ids of other signature files, which were not read; for messages only.
        required: The number of keys that must have signed.
        where: The folder of the bundle, for messages.

    Returns:
        At least as many keys as are required, each once.

    Raises:
        Untrusted: Too few of the trusted keys signed these bytes.
    """
    by_id = {key.id: key for key in trusted}
    if not by_id:
        hint = "give the builder's public key: --trust NAME.pub, or add it for all commands: bundler trust add NAME.pub"
        raise Untrusted("there is no trusted key", subject=where, hint=hint, code="unknown-signer")
    known = [key for key in by_id.values() if key.id in signatures]
    good = tuple(key for key in known if _is_signed(key, signatures[key.id], message))
    if len(good) >= required:
        return good
    bad = [key.id for key in known if key not in good]
    others = sorted({*claimed, *signatures})
    if required > 1 and others:
        strangers = [each for each in others if each not in by_id]
        raise _too_few(good, bad, by_id, required, strangers=strangers).but(subject=where)
    if bad:
        raise BadSignature(
            text("the signature by key {bad} does not match SHA256SUMS", bad=bad[0]),
            subject=f"{where}/{roles.signature_file(bad[0])}" if where else roles.signature_file(bad[0]),
            hint="SHA256SUMS or the signature was changed after signing: copy the bundle from its builder again",
            code="bad-signature",
        )
    if not others:
        if required > 1:
            wanted = text("the bundle is not signed; {count} signatures are required", count=required)
            raise unsigned(wanted, where=where)
        raise unsigned(where=where)
    raise Untrusted(
        text(
            "signed by {others}; trusted here: {trusted}",
            others=some(others, most=3),
            trusted=", ".join(sorted(by_id)),
        ),
        subject=where,
        hint="check that this is the right .pub file: compare the key id with the builder over another channel",
        code="unknown-signer",
    )


def unsigned(message: str = "the bundle is not signed", *, where: str | None = None) -> Untrusted:
    """The error for a bundle without a signature: it may have none, or was copied without it."""
    hint = "copy its SHA256SUMS.*.sig files too; if it never had any, ask the builder for a signed bundle"
    return Untrusted(message, subject=where, hint=hint, code="unsigned")


def _too_few(
    good: Sequence[PublicKey],
    bad: Sequence[str],
    trusted: Mapping[str, PublicKey],
    required: int,
    *,
    strangers: Sequence[str],
) -> Untrusted:
    """The error for a bundle with too few signatures."""
    missing = sorted(set(trusted) - {key.id for key in good} - set(bad))
    numbers = {"count": len(good), "required": required}
    parts = [text("{count} of {required} required signatures by trusted keys", **numbers)]
    if good:
        parts = [
            text(
                "{count} of {required} required signatures by trusted keys: {keys}",
                **numbers,
                keys=some([key.id for key in good], most=3),
            )
        ]
    parts += [text("the signature by {keys} does not match", keys=", ".join(bad))] if bad else []
    parts += [text("not signed by {keys}", keys=some(missing, most=3))] if missing else []
    parts += [text("signed by {keys}, not trusted here", keys=some(strangers, most=3))] if strangers else []
    hint = "ask one of them to sign it: bundler sign BUNDLE --key KEY"
    if len(trusted) < required:
        parts.append(counted(len(trusted), "only {count} key is trusted here", "only {count} keys are trusted here"))
        hint = "give the public keys of the other signers, too: --trust NAME.pub"
    return Untrusted(joined(parts), hint=hint, code="too-few-signatures")


def _is_signed(key: PublicKey, signature: bytes, message: bytes) -> bool:
    return len(signature) == SIGNATURE_BYTES and key.verifies(signature, message)
