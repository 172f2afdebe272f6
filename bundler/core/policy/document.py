"""Reads a policy for signatures, containers-policy.json(5), into requirements.

Strict, as that page demands: unknown and duplicate fields, an empty list, and everything that bundler does not judge
are errors of the whole file. So no requirement is ever skipped, and none passes because it was not understood.
Requirements name files of keys; reading them is left to `bundler.keys.image_policy`.
"""

from __future__ import annotations

from collections.abc import Mapping

from bundler.core.frozen import frozen
from bundler.core.policy import scopes
from bundler.core.policy.fields import Field, parse_document
from bundler.core.policy.identity import (
    DEFAULT_IDENTITY,
    ExactReference,
    ExactRepository,
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    RemapIdentity,
    SignedIdentity,
    SignedName,
    is_identity_prefix,
)
from bundler.errors import Misuse
from bundler.texts import text


@frozen
class AcceptAnything:
    """``insecureAcceptAnything``: no signature is needed."""


@frozen
class Reject:
    """``reject``: no image is accepted."""


@frozen
class Named:
    """A file that the policy names, or the data that it holds instead; with the field, for messages."""

    field: str
    path: str = ""
    data: bytes = b""


@frozen
class Fulcio:
    """The certificate authority and the identity of keyless signatures. At least one identity is there."""

    authority: Named
    oidc_issuer: str
    subject_email: str = ""
    build_signer_uri: str = ""


@frozen
class Pki:
    """The certificates of a public key infrastructure of one's own, and the subject of its signers.

    At least one name of the subject is there.
    """

    roots: Named
    intermediates: Named | None
    subject_email: str = ""
    subject_hostname: str = ""


@frozen
class SigstoreSigned:
    """``sigstoreSigned``: a signature by one of the keys, keyless by an identity, or by a certificate.

    Attributes:
        field: The path of the requirement in the policy, for messages.
        keys: The public keys, any of which may have signed; empty for signatures with certificates.
        fulcio: The authority and identity of keyless signatures; None for others.
        pki: The authority and subject of certificates of one's own; None for others.
        rekor_keys: The public keys of transparency logs, one of which must have an entry of the signature; empty if
            none is needed.
        identity: The name that the signature must state.
    """

    field: str
    keys: tuple[Named, ...]
    fulcio: Fulcio | None
    pki: Pki | None
    rekor_keys: tuple[Named, ...]
    identity: SignedIdentity


Requirement = AcceptAnything | Reject | SigstoreSigned


@frozen
class PolicyDocument:
    """The content of a policy.

    Attributes:
        default: The requirements of images for which no scope is given.
        docker: The requirements by scope of the transport ``docker``, with hosts in one spelling. Policies have other
            transports too; no image of a bundle has one of them.
    """

    default: tuple[Requirement, ...]
    docker: Mapping[str, tuple[Requirement, ...]]


def parse_policy(content: bytes, *, source: str) -> PolicyDocument:
    """Reads a policy.

    Args:
        content: The whole file.
        source: Its name, for messages.

    Raises:
        Misuse: It is not valid, or has a requirement that bundler does not judge. The error names the field.
    """
    top = parse_document(content, source=source).object(("default", "transports"), required=("default",))
    transports = {}
    if "transports" in top:
        transports = {name: _scopes(name, field) for name, field in top["transports"].mapping().items()}
    return PolicyDocument(_requirements(top["default"]), transports.get(scopes.DOCKER, {}))


def _scopes(transport: str, field: Field) -> dict[str, tuple[Requirement, ...]]:
    if transport not in scopes.TRANSPORTS:
        raise field.invalid("unknown transport", hint=text("one of: {names}", names=", ".join(scopes.TRANSPORTS)))
    found = {}
    for scope, requirements in field.mapping().items():
        fault = scopes.fault_in(transport, scope)
        if fault is not None:
            raise requirements.invalid(text("not a valid scope: {fault}", fault=fault))
        key = scopes.folded(scope) if transport == scopes.DOCKER else scope
        if key in found:
            raise requirements.invalid("two scopes differ only in the spelling of their hosts")
        found[key] = _requirements(requirements)
    return found


def _requirements(field: Field) -> tuple[Requirement, ...]:
    return tuple(map(_requirement, field.items()))


def _requirement(field: Field) -> Requirement:
    kind = _kind_of(field)
    match kind.text():
        case "insecureAcceptAnything":
            field.object(("type",))
            return AcceptAnything()
        case "reject":
            field.object(("type",))
            return Reject()
        case "sigstoreSigned":
            return _sigstore_signed(field)
        case "signedBy":
            raise _unjudged(kind, text("signatures of GPG keys"))
        case "signedBaseLayer":
            raise _unjudged(kind, text("signatures of base layers"))
        case _:
            raise kind.invalid(
                "unknown kind of requirement", expected=text("sigstoreSigned, insecureAcceptAnything or reject")
            )


def _kind_of(field: Field) -> Field:
    fields = field.mapping()
    if "type" not in fields:
        raise field.invalid(text("the field {name} is missing", name="type"))
    return fields["type"]


def _unjudged(field: Field, what: str) -> Misuse:
    return field.invalid(
        text("bundler does not judge {what}", what=what),
        hint="remove this requirement, or check these images with another tool",
    )


_KEYS = ("keyPath", "keyPaths", "keyData", "keyDatas")
_REKOR_KEYS = ("rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas")


def _sigstore_signed(field: Field) -> SigstoreSigned:
    fields = field.object(("type", *_KEYS, "fulcio", "pki", *_REKOR_KEYS, "signedIdentity"))
    if len([name for name in (*_KEYS, "fulcio", "pki") if name in fields]) != 1:
        raise field.invalid("exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki must be there")
    logs = [name for name in _REKOR_KEYS if name in fields]
    if len(logs) > 1:
        raise field.invalid(text("only one of {names} may be there", names=", ".join(logs)))
    fulcio = _fulcio(fields["fulcio"]) if "fulcio" in fields else None
    if fulcio is not None and not logs:
        raise field.invalid("fulcio needs one of the fields rekorPublicKey…")
    pki = _pki(fields["pki"]) if "pki" in fields else None
    if pki is not None and logs:
        raise field.invalid("pki cannot be with the fields rekorPublicKey…")
    identity = _identity(fields["signedIdentity"]) if "signedIdentity" in fields else DEFAULT_IDENTITY
    return SigstoreSigned(field.path, _named(fields, _KEYS), fulcio, pki, _named(fields, _REKOR_KEYS), identity)


def _named(fields: Mapping[str, Field], names: tuple[str, str, str, str]) -> tuple[Named, ...]:
    """The files and data of the one field that is there: a path, paths, data, or several data."""
    path, paths, data, datas = (fields.get(name) for name in names)
    if path:
        return (_file(path),)
    if paths:
        return tuple(map(_file, paths.items()))
    if data:
        return (_data(data),)
    return tuple(map(_data, datas.items())) if datas else ()


def _file(field: Field) -> Named:
    return Named(field.path, path=field.text())


def _data(field: Field) -> Named:
    return Named(field.path, data=field.data())


def _one(fields: Mapping[str, Field], path: str, data: str) -> Named:
    """The file or the data, one of which is there."""
    return _file(fields[path]) if path in fields else _data(fields[data])


def _fulcio(field: Field) -> Fulcio:
    fields = field.object(
        ("caPath", "caData", "oidcIssuer", "subjectEmail", "buildSignerURI"), required=("oidcIssuer",)
    )
    if ("caPath" in fields) == ("caData" in fields):
        raise field.invalid("exactly one of caPath and caData must be there")
    if "subjectEmail" not in fields and "buildSignerURI" not in fields:
        raise field.invalid(text("the field {name} is missing", name="subjectEmail"))
    return Fulcio(
        _one(fields, "caPath", "caData"),
        fields["oidcIssuer"].text(),
        fields["subjectEmail"].text() if "subjectEmail" in fields else "",
        fields["buildSignerURI"].text() if "buildSignerURI" in fields else "",
    )


def _pki(field: Field) -> Pki:
    between = ("caIntermediatesPath", "caIntermediatesData")
    fields = field.object(("caRootsPath", "caRootsData", *between, "subjectEmail", "subjectHostname"))
    if ("caRootsPath" in fields) == ("caRootsData" in fields):
        raise field.invalid("exactly one of caRootsPath and caRootsData must be there")
    if all(name in fields for name in between):
        raise field.invalid(text("only one of {names} may be there", names=", ".join(between)))
    if "subjectEmail" not in fields and "subjectHostname" not in fields:
        raise field.invalid("one of subjectEmail and subjectHostname must be there")
    return Pki(
        _one(fields, "caRootsPath", "caRootsData"),
        _one(fields, *between) if any(name in fields for name in between) else None,
        fields["subjectEmail"].text() if "subjectEmail" in fields else "",
        fields["subjectHostname"].text() if "subjectHostname" in fields else "",
    )


def _identity(field: Field) -> SignedIdentity:
    kind = _kind_of(field)
    match kind.text():
        case "matchExact":
            field.object(("type",))
            return MatchExact()
        case "matchRepoDigestOrExact":
            field.object(("type",))
            return MatchRepoDigestOrExact()
        case "matchRepository":
            field.object(("type",))
            return MatchRepository()
        case "exactReference":
            stated = _only(field, "dockerReference").read(SignedName.parse, expected=text("a reference"))
            if stated.is_name_only:
                raise field.invalid("the reference has neither a tag nor a digest")
            return ExactReference(stated)
        case "exactRepository":
            stated = _only(field, "dockerRepository").read(SignedName.parse, expected=text("a repository"))
            return ExactRepository(stated.name)
        case "remapIdentity":
            fields = field.object(("type", "prefix", "signedPrefix"), required=("prefix", "signedPrefix"))
            return RemapIdentity(_prefix(fields["prefix"]), _prefix(fields["signedPrefix"]))
        case _:
            raise kind.invalid("unknown kind of signedIdentity", expected=text("a kind of containers-policy.json(5)"))


def _only(field: Field, name: str) -> Field:
    return field.object(("type", name), required=(name,))[name]


def _prefix(field: Field) -> str:
    return field.read(
        lambda value: value if is_identity_prefix(value) else None,
        expected=text("a registry, or a registry and a path"),
    )
