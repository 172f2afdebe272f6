"""Entries of transparency logs (Rekor 1), proved by the log's signature alone: the signed entry timestamp, SET.

Such a proof needs no network: the log has signed that it took the entry, and when. The SET is over the canonical JSON
(RFC 8785) of four fields. An entry counts only for the signature, the certificate or key, and the content in its body:
kind ``hashedrekord`` 0.0.1 for signatures of bytes, kind ``dsse`` 0.0.1 for envelopes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bundler.core import strict_json
from bundler.core.frozen import frozen
from bundler.core.limits import SIGNATURE_CONTAINERS
from bundler.core.patterns import lazy_pattern
from bundler.core.policy.base64_text import exact_base64
from bundler.core.policy.verdict import Unfit
from bundler.core.policy.verifying_key import VerifyingKey
from bundler.errors import Damaged
from bundler.texts import text

ANNOTATION = "dev.sigstore.cosign/bundle"
"""The annotation of a layer in which cosign 1 and 2 keep the entry of its signature."""

_SECONDS = range(1 << 40)
_INDEXES = range(1 << 63)
_PEM = lazy_pattern(
    r"-----BEGIN (?:CERTIFICATE|PUBLIC KEY)-----\n([A-Za-z0-9+/=\n]+)\n-----END [A-Z ]+-----\n*", re.ASCII
)


@frozen
class LoggedEntry:
    """An entry that a trusted log has signed.

    Attributes:
        body: Its body.
        logged_seconds: The time when the log took it, since 1970.
    """

    body: Mapping[str, Any]
    logged_seconds: int


def entry_of_annotation(annotations: Mapping[str, str], logs: Iterable[VerifyingKey]) -> LoggedEntry:
    """The entry in the annotations of a layer.

    Raises:
        Unfit: There is none, or no trusted log has signed it.
    """
    if ANNOTATION not in annotations:
        raise Unfit(text("a signature without an entry of a transparency log"))
    document = _fields(_json(annotations[ANNOTATION].encode()), {"SignedEntryTimestamp", "Payload"})
    payload = _fields(document["Payload"], {"body", "integratedTime", "logIndex", "logID"})
    return _entry(document["SignedEntryTimestamp"], payload, logs)


def entry_of_bundle(material: Mapping[str, Any], logs: Iterable[VerifyingKey]) -> LoggedEntry:
    """The entry in the verification material of a sigstore bundle.

    Raises:
        Unfit: There is not exactly one, it has no SET, or no trusted log has signed it.
    """
    entries = material.get("tlogEntries")
    if not isinstance(entries, list) or len(entries) != 1 or not isinstance(entries[0], dict):
        raise Unfit(text("a signature without an entry of a transparency log"))
    entry = entries[0]
    promise = entry.get("inclusionPromise")
    log = entry.get("logId")
    if not isinstance(promise, dict) or not isinstance(log, dict):
        raise Unfit(text("an entry without a signed timestamp of its log, which needs --trusted-root"))
    payload = {
        "body": entry.get("canonicalizedBody"),
        "integratedTime": _number(entry.get("integratedTime")),
        "logIndex": _number(entry.get("logIndex")),
        "logID": exact_base64(log.get("keyId"), what="keyId").hex(),
    }
    return _entry(promise.get("signedEntryTimestamp"), payload, logs)


def check_hashed(entry: LoggedEntry, signers: Collection[str], signature: bytes, message: bytes) -> None:
    """Checks that an entry is that of a signature of some bytes.

    Args:
        entry: The entry.
        signers: The SHA-256 of the certificate or key that verifies the signature, in hex; any of several.
        signature: The signature.
        message: The signed bytes.

    Raises:
        Unfit: It is another entry.
    """
    spec = _spec(entry, "hashedrekord")
    data = _fields(_fields(spec, {"data", "signature"})["data"], {"hash"})["hash"]
    logged = _fields(spec["signature"], {"content", "publicKey"})
    hashed = _fields(data, {"algorithm", "value"})
    key = _fields(logged["publicKey"], {"content"})["content"]
    _check_same(hashed["algorithm"], "sha256")
    _check_same(hashed["value"], hashlib.sha256(message).hexdigest())
    _check_signer(key, signers)
    _check_same(exact_base64(logged["content"], what="content"), signature)


def check_envelope(entry: LoggedEntry, signers: Collection[str], signature: bytes, payload: bytes) -> None:
    """Checks that an entry is that of a DSSE envelope with one signature.

    Raises:
        Unfit: It is another entry.
    """
    spec = _fields(_spec(entry, "dsse"), {"envelopeHash", "payloadHash", "signatures"})
    hashed = _fields(spec["payloadHash"], {"algorithm", "value"})
    signatures = spec["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise _another()
    logged = _fields(signatures[0], {"signature", "verifier"})
    _check_same(hashed["algorithm"], "sha256")
    _check_same(hashed["value"], hashlib.sha256(payload).hexdigest())
    _check_signer(logged["verifier"], signers)
    _check_same(exact_base64(logged["signature"], what="signature"), signature)


def _entry(stamp: Any, payload: Mapping[str, Any], logs: Iterable[VerifyingKey]) -> LoggedEntry:
    body, seconds, index, log = (payload[name] for name in ("body", "integratedTime", "logIndex", "logID"))
    content = exact_base64(body, what="body")
    is_hex = isinstance(log, str) and re.fullmatch(r"[0-9a-f]{1,128}", log) is not None
    if not (_is_in(seconds, _SECONDS) and _is_in(index, _INDEXES) and is_hex):
        raise Unfit(text("an entry of a transparency log that is malformed"))
    # Base64, hexadecimal digits and integers: for these, sorted names without spaces are the canonical JSON.
    signed = json.dumps(dict(payload), sort_keys=True, separators=(",", ":")).encode()
    signature = exact_base64(stamp, what="SignedEntryTimestamp")
    if not any(key.verifies(signature, signed) for key in logs):
        raise Unfit(text("an entry that none of the policy's transparency logs has signed"))
    return LoggedEntry(_json(content), seconds)


def _spec(entry: LoggedEntry, kind: str) -> Mapping[str, Any]:
    body = _fields(entry.body, {"apiVersion", "kind", "spec"})
    if (body["kind"], body["apiVersion"]) != (kind, "0.0.1"):
        found = f"{body['kind']} {body['apiVersion']}"
        raise Unfit(text("an entry of the kind {found:.80}, not {kind}", found=found, kind=kind))
    spec: Mapping[str, Any] = body["spec"]
    return spec


def _check_signer(pem: Any, signers: Collection[str]) -> None:
    """Checks that a PEM text in base64 is one of the certificates or keys."""
    decoded = exact_base64(pem, what="publicKey").decode("ascii", errors="replace")
    found = _PEM.fullmatch(decoded)
    try:
        der = base64.b64decode(found[1].replace("\n", ""), validate=True) if found else None
    except ValueError:
        der = None
    if der is None or hashlib.sha256(der).hexdigest() not in signers:
        raise _another()


def _check_same(found: object, wanted: object) -> None:
    if found != wanted:
        raise _another()


def _another() -> Unfit:
    return Unfit(text("an entry of a transparency log for another signature"))


def _number(value: Any) -> int | None:
    """A number as protobuf writes it in JSON: digits in a text. Some writers use a number."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) else None


def _is_in(value: Any, numbers: range) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in numbers


def _json(content: bytes) -> Any:
    try:
        return strict_json.loads(content, what="entry", containers=SIGNATURE_CONTAINERS)
    except Damaged as error:
        raise Unfit(text("an entry of a transparency log that is malformed")) from error


def _fields(value: Any, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or set(value) != names:
        raise Unfit(text("an entry of a transparency log that is malformed"))
    return value
