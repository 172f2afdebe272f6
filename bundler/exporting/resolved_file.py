"""The file of ``export --resolve-only``: everything that decides the bytes of a bundle, so that many hosts make them.

It names each image with its digest, the options, the time and the plan, as a journal of an export does. A host that
gets it makes the same plan, or refuses. It is signed with the key of the bundle, because the host that seals signs the
images that it names. docs/json.md describes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundler import texts
from bundler.bundle.signing import PrivateKey
from bundler.core import strict_json
from bundler.core.attachment_choice import AttachmentChoice
from bundler.core.bundle_name import check_bundle_name
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry
from bundler.core.journal import ExportStart, PinnedAttachments, attachments_json, pinned_attachments
from bundler.core.json_fields import list_of, mapping, text
from bundler.core.limits import RECEIPT_CONTAINERS
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged, Refused, Untrusted
from bundler.exporting.image_words import words_of
from bundler.keys.signed_files import signature_path
from bundler.system.files import holds
from bundler.transports.parsing import parse_image

DOCUMENT = "bundler.resolved/1"
_BEGIN = b'{"document":"bundler.resolved/'
"""The first bytes of every version. The document is canonical JSON, whose keys are sorted."""


@frozen
class ResolvedExport:
    """An export whose images are resolved, on any host.

    Attributes:
        name: The name of the bundle.
        entries: All images, in the order of the list: those that the bundle has, and those that it lacks.
        start: The start of the export, as its journal records it.
    """

    name: str
    entries: tuple[Entry, ...]
    start: ExportStart

    @property
    def key_id(self) -> str | None:
        """The id of the key that will sign the bundle; None for an unsigned one."""
        signer = self.start.options.get("--key", "none")
        return None if signer == "none" else signer

    def to_json(self) -> bytes:
        """The bytes of the document."""
        return strict_json.canonical(
            {
                "document": DOCUMENT,
                "name": self.name,
                "created": self.start.created,
                "tool": self.start.tool,
                "plan": self.start.plan,
                "options": dict(self.start.options),
                "images": [self._image_json(entry) for entry in self.entries],
            }
        )

    def _image_json(self, entry: Entry) -> dict[str, Any]:
        words, start = words_of(entry), self.start
        found: dict[str, Any] = {
            "reference": str(entry.reference),
            "source": str(entry.source),
            "pin": str(entry.pin) if entry.pin else None,
            "platforms": list(map(str, entry.platforms)),
            "attachments": str(entry.attachments) if entry.attachments else None,
        }
        if words in start.missing:
            return {**found, "missing": list(start.missing[words])}
        pinned = start.attachments.get(words, PinnedAttachments())
        return {**found, "digest": str(start.images[words]), "attached": attachments_json(pinned)}


@frozen
class ResolvedFile:
    """A resolved file that was read.

    Attributes:
        path: The file.
        content: Its bytes.
        export: Its content.
    """

    path: Path
    content: bytes
    export: ResolvedExport

    def refuse_other_signer(self, key: PrivateKey | None) -> None:
        """Makes sure that the key which seals has signed the file, so that nobody changed what it will sign.

        Raises:
            Untrusted: The key has not signed it.
        """
        if key is not None and not holds(signature_path(self.path, key.id), key.sign(self.content)):
            raise Untrusted(
                "the key that seals has not signed this file",
                subject=str(self.path),
                expected=key.id,
                hint=texts.text(
                    "copy {file} into the same folder; export --resolve-only --key KEY writes it",
                    file=signature_path(self.path, key.id).name,
                ),
            )


def is_resolved_export(begin: bytes) -> bool:
    """True if a file begins as this document does, of any version."""
    return begin.startswith(_BEGIN)


def parse_resolved_export(content: bytes, *, what: str) -> ResolvedExport:
    """Reads the document.

    Raises:
        Damaged: It is not valid.
        Refused: It has an unknown version.
    """
    document = strict_json.loads(content, what=what, containers=RECEIPT_CONTAINERS)
    try:
        found = mapping(document)
        if found["document"] != DOCUMENT:
            raise Refused("a resolved export of an unknown version", subject=what, expected=DOCUMENT)
        return _resolved(found)
    except Refused:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, BundlerError) as error:
        raise Damaged(texts.text("not a resolved export of bundler: {error}", error=error), subject=what) from error


def _resolved(document: Mapping[str, Any]) -> ResolvedExport:
    entries: list[Entry] = []
    images: dict[str, Digest] = {}
    missing: dict[str, tuple[str, str]] = {}
    attachments: dict[str, PinnedAttachments] = {}
    for each in map(mapping, list_of(document["images"])):
        entry = _entry(each)
        words = words_of(entry)
        if words in images or words in missing:
            raise ValueError(texts.text("duplicate image {words}", words=words[:200]))
        entries.append(entry)
        if "missing" in each:
            code, reason = map(text, list_of(each["missing"]))
            missing[words] = (code, reason)
            continue
        images[words] = Digest.parse(text(each["digest"]))
        pinned = pinned_attachments(mapping(each["attached"]))
        if pinned != PinnedAttachments():
            attachments[words] = pinned
    name = text(document["name"])
    check_bundle_name(name)
    start = ExportStart(
        options={option: text(value) for option, value in mapping(document["options"]).items()},
        images=images,
        created=text(document["created"]),
        tool=text(document["tool"]),
        plan=text(document["plan"]),
        missing=missing,
        attachments=attachments,
    )
    return ResolvedExport(name, tuple(entries), start)


def _entry(image: Mapping[str, Any]) -> Entry:
    pin, attachments = image["pin"], image["attachments"]
    return Entry(
        Reference.parse(text(image["reference"])),
        parse_image(text(image["source"])),
        pin=None if pin is None else Digest.parse(text(pin)),
        platforms=tuple(Platform.parse(text(each)) for each in list_of(image["platforms"])),
        attachments=None if attachments is None else AttachmentChoice.parse([text(attachments)]),
    )
