"""The receipt of a prune, a JSON document: proof of what was removed, and all that ``undo`` needs to put it back.

It has the bytes of each removed manifest, because registries before distribution 3 forget a manifest with its tags.
docs/json.md describes the fields. Unknown fields are ignored; an unknown ``document`` is refused.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from bundler import texts
from bundler.core import strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.json_fields import drained, list_of, size, text
from bundler.core.limits import INVENTORY_CONTAINERS, MANIFEST_BYTES
from bundler.core.manifest.blobs import read_descriptor
from bundler.core.manifest.document import lines_of
from bundler.core.oci import Descriptor
from bundler.core.reference import is_registry, is_repository, is_tag
from bundler.errors import BundlerError, Damaged, Refused

DOCUMENT = "bundler.prune-receipt/1"
_DOCUMENTS = "bundler.prune-receipt/"

REMOVED, GONE, SKIPPED, FAILED, LEFT, UNFINISHED = "removed", "gone", "skipped", "failed", "left", "unfinished"
OUTCOMES = frozenset({REMOVED, GONE, SKIPPED, FAILED, LEFT, UNFINISHED})
"""The outcomes: removed by this prune; gone before; left alone, because something changed; failed; left to the next
prune by one that was interrupted; or not known."""


@frozen
class PrunedManifest:
    """A manifest that a prune was to remove, with its tags.

    Attributes:
        repository: Its repository.
        descriptor: The manifest.
        tags: The tags that named it.
        outcome: The result, see `OUTCOMES`.
        content: Its bytes; empty if they could not be read, and then it was not removed.
        reason: The reason, if it was not removed.
        code: The code of the reason, see `bundler.core.advice`.
        bundle: The name of a bundle that brought it; empty if no receipt says.
    """

    repository: str
    descriptor: Descriptor
    tags: tuple[str, ...]
    outcome: str = UNFINISHED
    content: bytes = b""
    reason: str = ""
    code: str = ""
    bundle: str = ""


@frozen
class PrunedTag:
    """A tag that a prune was to remove alone: its manifest stays.

    Attributes:
        repository: Its repository.
        tag: The tag.
        digest: The digest that it named.
        outcome: The result, see `OUTCOMES`.
        reason: The reason, if it was not removed.
        code: The code of the reason.
    """

    repository: str
    tag: str
    digest: Digest
    outcome: str = UNFINISHED
    reason: str = ""
    code: str = ""


@frozen
class PruneReceipt:
    """The receipt of a prune.

    Attributes:
        tool: Name and version of the program.
        registry: The host of the registry.
        prefix: The first parts of the repositories that were read; may be empty.
        rules: The rules in words, as the user gave them.
        operator: The user who pruned.
        host: The machine.
        started: The time at which it was started, UTC, ISO 8601.
        finished: The time at which it ended; empty in the receipt of a prune that runs or was killed.
        exit_code: Its exit code.
        freed_bytes: The estimate of the bytes that a garbage collection frees.
        kept_bundles: The names of the bundles that stayed whole.
        manifests: The manifests, of each repository in the order of their removal.
        tags: The tags that were to be removed alone.
    """

    tool: str
    registry: str
    prefix: str
    rules: tuple[str, ...]
    operator: str
    host: str
    started: str
    finished: str
    exit_code: int
    freed_bytes: int
    kept_bundles: tuple[str, ...]
    manifests: tuple[PrunedManifest, ...]
    tags: tuple[PrunedTag, ...]

    @property
    def is_unfinished(self) -> bool:
        """True if the prune runs, or was killed."""
        return not self.finished

    @property
    def outcomes(self) -> frozenset[str]:
        """The outcomes that there are."""
        return frozenset((*(each.outcome for each in self.manifests), *(each.outcome for each in self.tags)))

    def to_json(self) -> Iterator[bytes]:
        """The bytes of the document, piece by piece, with a line for each manifest and tag."""
        head = {
            "document": DOCUMENT,
            "tool": self.tool,
            "registry": self.registry,
            "prefix": self.prefix,
            "rules": list(self.rules),
            "operator": self.operator,
            "host": self.host,
            "started": self.started,
            "finished": self.finished,
            "exitCode": self.exit_code,
            "freedBytes": self.freed_bytes,
            "keptBundles": list(self.kept_bundles),
        }
        return lines_of(head, {"tags": map(_tag_json, self.tags), "manifests": map(_manifest_json, self.manifests)})


def parse_prune_receipt(content: bytes, *, what: str) -> PruneReceipt:
    """Reads a receipt of a prune. The caller has checked its signature.

    Raises:
        Damaged: The content is not such a receipt, or a manifest in it does not match its digest.
        Refused: The receipt has an unknown version.
    """
    document = strict_json.loads(content, what=what, containers=INVENTORY_CONTAINERS)
    if not isinstance(document, dict) or not isinstance(document.get("document"), str):
        raise Damaged("this is not a receipt of a prune", subject=what)
    if document["document"] != DOCUMENT:
        if document["document"].startswith(_DOCUMENTS):
            raise Refused(
                "a receipt of an unknown version", subject=what, expected=DOCUMENT, actual=document["document"][:60]
            )
        raise Damaged(
            "this is not a receipt of a prune", subject=what, expected=DOCUMENT, actual=document["document"][:60]
        )
    try:
        return _receipt(document)
    except (KeyError, TypeError, ValueError, BundlerError) as error:
        raise Damaged(texts.text("not a receipt of bundler: {error}", error=error), subject=what) from error


def _tag_json(tag: PrunedTag) -> Mapping[str, Any]:
    return {
        "repository": tag.repository,
        "tag": tag.tag,
        "digest": str(tag.digest),
        "outcome": tag.outcome,
        **_reason_json(tag),
    }


def _manifest_json(manifest: PrunedManifest) -> Mapping[str, Any]:
    return {
        "repository": manifest.repository,
        **manifest.descriptor.to_json(),
        "tags": list(manifest.tags),
        "outcome": manifest.outcome,
        **_reason_json(manifest),
        **({"bundle": manifest.bundle} if manifest.bundle else {}),
        "content": base64.b64encode(manifest.content).decode("ascii"),
    }


def _reason_json(each: PrunedTag | PrunedManifest) -> Mapping[str, Any]:
    return {
        **({"reason": each.reason} if each.reason else {}),
        **({"code": each.code} if each.code else {}),
    }


def _receipt(document: dict[str, Any]) -> PruneReceipt:
    registry, prefix = text(document["registry"]), text(document["prefix"])
    if not is_registry(registry):
        raise ValueError("not a registry")
    return PruneReceipt(
        tool=text(document["tool"]),
        registry=registry,
        prefix=prefix,
        rules=tuple(map(text, list_of(document["rules"]))),
        operator=text(document["operator"]),
        host=text(document["host"]),
        started=text(document["started"]),
        finished=text(document["finished"]),
        exit_code=size(document["exitCode"]),
        freed_bytes=size(document["freedBytes"]),
        kept_bundles=tuple(map(text, list_of(document["keptBundles"]))),
        tags=tuple(map(_tag, drained(document["tags"]))),
        manifests=tuple(map(_manifest, drained(document["manifests"]))),
    )


def _tag(entry: dict[str, Any]) -> PrunedTag:
    return PrunedTag(
        repository=_repository(entry["repository"]),
        tag=_tag_name(entry["tag"]),
        digest=Digest.parse(entry["digest"]),
        outcome=_outcome(entry["outcome"]),
        reason=text(entry.get("reason", "")),
        code=text(entry.get("code", "")),
    )


def _manifest(entry: dict[str, Any]) -> PrunedManifest:
    descriptor = read_descriptor(entry)
    try:
        content = base64.b64decode(text(entry["content"]), validate=True)
    except ValueError as error:
        raise ValueError("the bytes of a manifest are not base64") from error
    if len(content) > MANIFEST_BYTES:
        raise ValueError("a manifest that is too large")
    if content and Digest.of(content, algorithm=descriptor.digest.algorithm) != descriptor.digest:
        raise ValueError(texts.text("the bytes of {digest} are other bytes", digest=descriptor.digest))
    return PrunedManifest(
        repository=_repository(entry["repository"]),
        descriptor=descriptor,
        tags=tuple(map(_tag_name, list_of(entry["tags"]))),
        outcome=_outcome(entry["outcome"]),
        content=content,
        reason=text(entry.get("reason", "")),
        code=text(entry.get("code", "")),
        bundle=text(entry.get("bundle", "")),
    )


def _repository(value: object) -> str:
    name = text(value)
    if not is_repository(name):
        raise ValueError(texts.text("not a repository: {repository:.60}", repository=repr(name)))
    return name


def _tag_name(value: object) -> str:
    name = text(value)
    if not is_tag(name):
        raise ValueError("something that is not a tag")
    return name


def _outcome(value: object) -> str:
    if value not in OUTCOMES:
        raise ValueError("an unknown outcome")
    return str(value)
