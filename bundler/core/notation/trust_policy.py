"""The trust policy of Notation, version 1.0: which statement applies to an image, and what it wants.

Specification ``trust-store-trust-policy.md``. Fields that it does not have are refused: a misspelt one would weaken the
policy.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bundler.core import strict_json
from bundler.core.frozen import frozen
from bundler.core.limits import TRUST_POLICY_STATEMENTS
from bundler.core.notation import distinguished_name
from bundler.core.patterns import lazy_pattern
from bundler.core.policy.scopes import folded
from bundler.errors import Damaged, Misuse
from bundler.texts import as_text, text

AUTHENTICITY = "authenticity"
AUTHENTIC_TIMESTAMP = "authenticTimestamp"
AUTHENTIC_EXPIRY = "expiry"
REVOCATION = "revocation"
ENFORCE, LOG, SKIP = "enforce", "log", "skip"

CA, SIGNING_AUTHORITY, TSA = "ca", "signingAuthority", "tsa"
STORE_KINDS = (CA, SIGNING_AUTHORITY, TSA)

_CHECKS = (AUTHENTICITY, AUTHENTIC_TIMESTAMP, AUTHENTIC_EXPIRY, REVOCATION)
_LEVELS = {
    "strict": dict.fromkeys(_CHECKS, ENFORCE),
    "permissive": {**dict.fromkeys(_CHECKS, LOG), AUTHENTICITY: ENFORCE},
    "audit": dict.fromkeys(_CHECKS, LOG),
    "skip": dict.fromkeys(_CHECKS, SKIP),
}
_STORE = lazy_pattern(r"(ca|signingAuthority|tsa):([A-Za-z0-9_.-]{1,255})")
_DOMAIN = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?"
_SCOPE = lazy_pattern(_DOMAIN + r"(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)+")
_ANY = "*"
_SUBJECT = "x509.subject"


@frozen
class StoreName:
    """The name of a trust store, written ``ca:acme``."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@frozen
class Statement:
    """One statement of the policy.

    Attributes:
        name: Its name.
        scopes: The repositories that it is for, their hosts in one spelling; or ``*``.
        level: ``strict``, ``permissive``, ``audit`` or ``skip``, as written.
        actions: For each check `ENFORCE`, `LOG` or `SKIP`, after the override.
        stores: The trust stores that have its roots.
        identities: The subjects that may sign, as values by their types; None for all that
            have a certificate of a root.
        is_timestamp_always_checked: False if a timestamp is needed only for certificates that are expired.
    """

    name: str
    scopes: tuple[str, ...]
    level: str
    actions: Mapping[str, str]
    stores: tuple[StoreName, ...]
    identities: tuple[Mapping[str, str], ...] | None
    is_timestamp_always_checked: bool

    @property
    def is_skipped(self) -> bool:
        """True if no signature is looked at."""
        return self.level == "skip"


@frozen
class TrustPolicy:
    """The whole policy."""

    statements: tuple[Statement, ...]

    def applies_to(self, repository: str) -> Statement | None:
        """The statement for a repository, with its registry: the one that names it, else the one for all."""
        name = folded(repository)
        named = (each for each in self.statements if name in each.scopes)
        general = (each for each in self.statements if _ANY in each.scopes)
        return next(named, None) or next(general, None)

    @property
    def stores(self) -> tuple[StoreName, ...]:
        """All trust stores that it names, each once."""
        return tuple(dict.fromkeys(store for statement in self.statements for store in statement.stores))


def parse(content: bytes, *, origin: str) -> TrustPolicy:
    """Reads a policy.

    Args:
        content: The file; the caller has bounded its length.
        origin: Its name, for messages.

    Raises:
        Misuse: It is not a trust policy of version 1.0.
    """
    try:
        document = strict_json.loads(content, what=origin, containers=TRUST_POLICY_STATEMENTS * 10)
        document = _fields(document, {"version", "trustPolicies"})
        if document.get("version") != "1.0":
            raise ValueError(text("the version is {found}, not 1.0", found=str(document.get("version"))[:60]))
        statements = tuple(map(_statement, _objects(document.get("trustPolicies"), "trustPolicies")))
        _check_together(statements)
    except (ValueError, Damaged) as error:
        why = error.message if isinstance(error, Damaged) else as_text(error.args[0])
        raise Misuse(
            text("not a Notation trust policy: {why}", why=why), subject=origin, code="notation-policy"
        ) from error
    return TrustPolicy(statements)


def _statement(entry: Mapping[str, Any]) -> Statement:
    name = entry.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= 255 or not name.isprintable():
        raise ValueError("a statement has no name")
    try:
        return _named_statement(entry, name)
    except ValueError as error:
        raise ValueError(text("statement {name}: {why}", name=repr(name), why=as_text(error.args[0]))) from error


def _named_statement(entry: Mapping[str, Any], name: str) -> Statement:
    _fields(entry, {"name", "registryScopes", "signatureVerification", "trustStores", "trustedIdentities"})
    verification = _fields(entry.get("signatureVerification"), {"level", "override", "verifyTimestamp"})
    level = verification.get("level")
    if level not in _LEVELS:
        raise ValueError(text("level is {found}, not one of {known}", found=str(level)[:60], known=", ".join(_LEVELS)))
    always = verification.get("verifyTimestamp", "always")
    if always not in ("always", "afterCertExpiry"):
        raise ValueError(text("verifyTimestamp is {found}", found=str(always)[:60]))
    stores, identities = entry.get("trustStores", []), entry.get("trustedIdentities", [])
    if level == "skip" and (stores or identities or verification.get("override")):
        raise ValueError("it skips signatures, and has trustStores, trustedIdentities or override")
    if level != "skip" and not (stores and identities):
        raise ValueError("it needs trustStores and trustedIdentities")
    return Statement(
        name,
        _scopes(entry.get("registryScopes"), level),
        level,
        _overridden(_LEVELS[level], verification.get("override", {})),
        tuple(map(_store, _texts(stores, "trustStores"))),
        _identities(_texts(identities, "trustedIdentities")),
        always == "always",
    )


def _overridden(actions: Mapping[str, str], override: object) -> Mapping[str, str]:
    if not isinstance(override, dict):
        raise ValueError(text("{field} is not an object", field="override"))
    for check, action in override.items():
        possible = (ENFORCE, LOG, SKIP) if check == REVOCATION else (ENFORCE, LOG)
        if check not in _CHECKS or action not in possible:
            raise ValueError(text("override has {check}: {action}", check=repr(check)[:60], action=repr(action)[:60]))
    return {**actions, **override}


def _scopes(value: object, level: str) -> tuple[str, ...]:
    scopes = _texts(value, "registryScopes")
    if not scopes:
        raise ValueError("it has no registryScopes")
    if _ANY in scopes:
        if len(scopes) > 1:
            raise ValueError("the scope * permits no other scope")
        if level == "skip":
            raise ValueError("the scope * does not permit the level skip")
        return scopes
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise ValueError(text("the scope {scope} is not REGISTRY/REPOSITORY", scope=repr(scope[:100])))
    return tuple(map(folded, scopes))


def _store(value: str) -> StoreName:
    found = _STORE.fullmatch(value)
    if found is None or found[2] in (".", ".."):
        raise ValueError(
            text("the trust store {store} is not KIND:NAME, with one of {known}", store=repr(value[:60]), known=_KINDS)
        )
    return StoreName(found[1], found[2])


_KINDS = ", ".join(STORE_KINDS)


def _identities(values: tuple[str, ...]) -> tuple[Mapping[str, str], ...] | None:
    if _ANY in values:
        if len(values) > 1:
            raise ValueError("the identity * permits no other identity")
        return None
    found = []
    for value in values:
        kind, _, name = value.partition(":")
        if kind != _SUBJECT:
            # Notation leaves other kinds to its plugins. Here nobody would check them.
            raise ValueError(text("the identity {identity} is not one of x509.subject", identity=repr(value[:60])))
        try:
            found.append(distinguished_name.parse(name))
        except ValueError as error:
            raise ValueError(
                text("the identity {identity}: {why}", identity=repr(value[:60]), why=as_text(error.args[0]))
            ) from error
    for number, one in enumerate(found):
        if any(distinguished_name.overlap(one, other) for other in found[:number]):
            raise ValueError("two identities overlap")
    return tuple(found)


def _check_together(statements: tuple[Statement, ...]) -> None:
    if not statements:
        raise ValueError("it has no statement")
    _check_once([statement.name for statement in statements], "name")
    _check_once([scope for statement in statements for scope in statement.scopes], "registryScopes")


def _check_once(values: list[str], field: str) -> None:
    seen: set[str] = set()
    twice = next((each for each in values if each in seen or seen.add(each)), None)  # type: ignore[func-returns-value]
    if twice is not None:
        raise ValueError(text("{value} appears twice in {field}", value=repr(twice[:60]), field=field))


def _fields(value: Any, known: Collection[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a part is not an object")
    unknown = [name for name in value if name not in known]
    if unknown:
        raise ValueError(text("unknown field {name}", name=repr(unknown[0][:60])))
    return value


def _objects(value: object, field: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > TRUST_POLICY_STATEMENTS:
        raise ValueError(text("{field} is not a list, or is too long", field=field))
    for each in value:
        if not isinstance(each, dict):
            raise ValueError(text("{field} is not an object", field=field))
    return value


def _texts(value: object, field: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > TRUST_POLICY_STATEMENTS:
        raise ValueError(text("{field} is not a list, or is too long", field=field))
    if not all(isinstance(each, str) for each in value):
        raise ValueError(text("{field} has a value that is not a text", field=field))
    return tuple(value)
