"""Makes signatures of images as cosign and skopeo do, and the evidence on an image, from keys of the tests' own."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bundler.bundle.partial import PartialFolder
from bundler.bundle.writer import BundleWriter
from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.journal import ExportStart
from bundler.core.manifest import Verdict, plan_digest
from bundler.core.oci import Descriptor, Manifest
from bundler.core.plan import ResolvedAttachment, ResolvedImage
from bundler.core.policy import Attached, SignedImage
from bundler.core.policy.simple_signing import MEDIA_TYPE as SIMPLE_SIGNING
from bundler.core.reference import Reference
from bundler.errors import Damaged
from bundler.keys.image_keys import ImageKey, load_image_key
from tests.unit.values import plan_with

DATA = Path(__file__).parent.parent / "vectors" / "signatures"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
EMPTY = "application/vnd.oci.empty.v1+json"
SIGN = "https://sigstore.dev/cosign/sign/v1"
SIGNATURE = "dev.cosignproject.cosign/signature"


@dataclass(frozen=True)
class Signer:
    """A private key, with the hash that it signs with."""

    key: Any
    hash: type[HashAlgorithm] = SHA256

    @property
    def pem(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def der(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def public(self) -> ImageKey:
        return load_image_key(self.pem, origin="signer.pub")

    def sign(self, message: bytes) -> bytes:
        match self.key:
            case ec.EllipticCurvePrivateKey():
                return self.key.sign(message, ec.ECDSA(self.hash()))
            case rsa.RSAPrivateKey():
                return self.key.sign(message, padding.PKCS1v15(), self.hash())
            case _:
                return self.key.sign(message)


@cache
def signer(kind: str = "P-256", number: int = 0) -> Signer:
    """A key of a kind, the same for the same number."""
    curves = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
    if kind in curves:
        return Signer(ec.generate_private_key(curves[kind]()))
    if kind == "RSA":
        return Signer(rsa.generate_private_key(65537, 2048))
    return Signer(ed25519.Ed25519PrivateKey.generate())


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def simple_payload(digest: Digest | str, reference: str, **changes: Any) -> bytes:
    """A payload of simple signing."""
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": str(digest)},
        "type": "cosign container image signature",
        **changes,
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def statement(digest: Digest, **changes: Any) -> bytes:
    """An in-toto statement as cosign 3 makes it."""
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {digest.algorithm: digest.encoded}, "annotations": {}}],
            "predicateType": SIGN,
            "predicate": {},
            **changes,
        }
    ).encode()


def pae(kind: str, body: bytes) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def envelope(by: Signer, payload: bytes, kind: str = "application/vnd.in-toto+json") -> dict[str, Any]:
    return {
        "payload": base64_of(payload),
        "payloadType": kind,
        "signatures": [{"sig": base64_of(by.sign(pae(kind, payload)))}],
    }


def bundle_document(by: Signer, **content: Any) -> dict[str, Any]:
    """A sigstore bundle with a key."""
    hint = base64_of(hashlib.sha256(by.der).digest())
    return {"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": hint}}, **content}


def dsse_bundle(by: Signer, digest: Digest) -> dict[str, Any]:
    return bundle_document(by, dsseEnvelope=envelope(by, statement(digest)))


def message_bundle(by: Signer, manifest: bytes) -> dict[str, Any]:
    digest = {"algorithm": "SHA2_256", "digest": base64_of(hashlib.sha256(manifest).digest())}
    return bundle_document(by, messageSignature={"messageDigest": digest, "signature": base64_of(by.sign(manifest))})


@dataclass
class Evidence:
    """The signatures of one image: add some, then take `image`."""

    reference: str = "registry.example.com/team/app:1.0"
    root: Descriptor | None = None
    made_from: Digest | None = None
    attached: list[Attached] = field(default_factory=list)
    documents: dict[Digest, bytes] = field(default_factory=dict)
    asked: list[Descriptor] = field(default_factory=list)
    """The documents that were read, in order."""
    strays: list[Descriptor] = field(default_factory=list)
    """Manifests that a bundle lists as its own, although they are not below the root."""

    def __post_init__(self) -> None:
        if self.root is None:
            config = self.put(b"{}", oci.OCI_CONFIG)
            self.root = self.put_json(manifest_of(config), oci.OCI_MANIFEST)

    @property
    def manifest(self) -> bytes:
        assert self.root
        return self.documents[self.root.digest]

    @property
    def digest(self) -> Digest:
        assert self.root
        return self.root.digest

    def put(self, content: bytes, media_type: str) -> Descriptor:
        descriptor = Descriptor(media_type, Digest.of(content), len(content))
        self.documents[descriptor.digest] = content
        return descriptor

    def put_json(self, document: object, media_type: str) -> Descriptor:
        return self.put(json.dumps(document).encode(), media_type)

    def read(self, descriptor: Descriptor) -> bytes:
        self.asked.append(descriptor)
        content = self.documents.get(descriptor.digest)
        if content is None or len(content) != descriptor.size_bytes or Digest.of(content) != descriptor.digest:
            raise Damaged("the bytes do not match the digest", subject=str(descriptor.digest))
        return content

    def attach(self, manifest: object, *, subject: Digest | None = None, tag: str = "") -> Descriptor:
        content = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        descriptor = self.put(content, oci.OCI_MANIFEST)
        self.attached.append(Attached(subject or self.digest, descriptor, tag))
        return descriptor

    def simple(self, *layers: tuple[bytes, Mapping[str, str]], subject: Digest | None = None) -> Evidence:
        """Attaches payloads of simple signing, each with its annotations, under the tag of cosign."""
        listed = [{**self.put(payload, SIMPLE_SIGNING).to_json(), "annotations": notes} for payload, notes in layers]
        about = subject or self.digest
        config = self.put(b'{"architecture":"","os":""}', oci.OCI_CONFIG)
        self.attach(manifest_of(config, *listed), subject=about, tag=f"sha256-{about.encoded}.sig")
        return self

    def signed_simply(self, by: Signer, reference: str | None = None, subject: Digest | None = None) -> Evidence:
        """Attaches a good signature of simple signing."""
        payload = simple_payload(subject or self.digest, reference or self.reference)
        return self.simple((payload, {SIGNATURE: base64_of(by.sign(payload))}), subject=subject)

    def bundle(self, document: object, *, subject: Digest | None = None, stated: Digest | None = None) -> Evidence:
        """Attaches a sigstore bundle by the field ``subject``, which may state another digest."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        about = stated or subject or self.digest
        self.attach(
            {
                **manifest_of(self.put(b"{}", EMPTY), self.put(content, BUNDLE).to_json()),
                "artifactType": BUNDLE,
                "subject": Descriptor(oci.OCI_MANIFEST, about, 1).to_json(),
            },
            subject=subject,
        )
        return self

    @property
    def image(self) -> SignedImage:
        assert self.root
        return SignedImage(Reference.parse(self.reference), self.root, tuple(self.attached), self, self.made_from)


def manifest_of(config: Descriptor, *layers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": oci.OCI_MANIFEST,
        "config": config.to_json(),
        "layers": list(layers),
    }


def changed_bits(content: bytes) -> Iterable[bytes]:
    """The content with one bit changed: every byte once, another bit in each."""
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        yield bytes(changed)


def resolved(evidence: Evidence, *, verdicts: Sequence[Verdict] = ()) -> ResolvedImage:
    """The image with all that is attached to it, as an export would plan it."""
    assert evidence.root

    def parsed(descriptor: Descriptor) -> Manifest:
        return oci.parse_manifest(evidence.documents[descriptor.digest], descriptor.media_type, what="test")

    root = parsed(evidence.root)
    attached = tuple(
        ResolvedAttachment(
            each.subject, "signature", "tag" if each.tag else "referrers", (parsed(each.descriptor),), tag=each.tag
        )
        for each in evidence.attached
    )
    children = tuple(parsed(child) for child in (*evidence.strays, *root.children))
    return ResolvedImage(
        Reference.parse(evidence.reference),
        f"docker://{evidence.reference}",
        (*children, root),
        (),
        made_from=evidence.made_from,
        attachments=attached,
        verdicts=tuple(verdicts),
    )


def signed_bundle(to: Path, *images: Evidence, name: str = "signed", chunk_size_bytes: int = 2 << 20) -> Path:
    """Writes a bundle of images with what is attached to them; it has no signature itself.

    An image whose root is `made_from` another index keeps that mark.
    """
    made = plan_with(
        [resolved(image) for image in images],
        name=name,
        created="2026-11-23T12:00:00Z",
        tool="bundler test",
        signed=False,
        chunk_size_bytes=chunk_size_bytes,
    )
    data = {digest: content for image in images for digest, content in image.documents.items()} | made.contents
    to.mkdir(parents=True, exist_ok=True)
    start = ExportStart({}, {}, "", made.manifest.tool, plan_digest(made.manifest))
    partial = PartialFolder(to, name).start(made.manifest.chunks, start, None)
    writer = BundleWriter.resuming(partial, made.manifest, lambda _: None)
    try:
        for stored in made.manifest.stored():
            pieces = iter([memoryview(data[stored.digest])])
            writer.put_blob(Descriptor("x/y", stored.digest, stored.size_bytes), pieces)
        writer.seal(None)
    finally:
        writer.close()
        partial.close()
    for rest in (to / f"{name}.partial.journal", to / f"{name}.partial.lock"):
        rest.unlink(missing_ok=True)
    return to / name


def policy_file(folder: Path, by: Signer, *, name: str = "policy.json", **fields: Any) -> Path:
    """Writes a policy that wants a signature by a key for every image of registry.example.com, and the key."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "signer.pub").write_bytes(by.pem)
    requirement = {"type": "sigstoreSigned", "keyPath": "signer.pub", **fields}
    document = {
        "default": [{"type": "reject"}],
        "transports": {"docker": {"registry.example.com": [requirement]}},
    }
    (folder / name).write_text(json.dumps(document))
    return folder / name
