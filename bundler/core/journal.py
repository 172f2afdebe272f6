"""The journal of an export: its start and its finished chunks, so that the same command can continue after a kill.

The journal is a text file; an export only appends lines to it. Each line has a code (HMAC-SHA-256) over itself and the
code of the previous line. The secret key is made for this export and is never on the medium. So a reader refuses a
journal that another user wrote, or that belongs to an earlier export. A line that was changed, moved or removed makes
itself and all later lines invalid. FORMAT.md, section 10.1.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from bundler.core import json_fields, strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen, slotted
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged
from bundler.texts import text

FORMAT = "bundler-journal/3"

_SHA256 = lazy_pattern(r"[0-9a-f]{64}")


@frozen
class PinnedAttachment:
    """An attachment that a bundle carries.

    Attributes:
        subject: The digest that it is attached to.
        root: The digest of its manifest.
        found: The place where it was found.
        tag: The tag that attaches it; empty if its ``subject`` does.
    """

    subject: Digest
    root: Digest
    found: str
    tag: str = ""


@frozen
class PinnedAttachments:
    """The attachments of one image when an export started.

    Attributes:
        carried: Those that the bundle carries, in its order.
        left: How many of each kind it leaves out: reason, kind and number.
    """

    carried: tuple[PinnedAttachment, ...] = ()
    left: tuple[tuple[str, str, int], ...] = ()


@frozen
class ExportStart:
    """The start of an export: its request, and the digests that its sources had then.

    Attributes:
        options: The options that change the bundle: option and value.
        images: The request for each image in words, in the list's order, and the digest that it had at its source.
        created: The time of the start: ISO 8601, UTC. bundle.json has the same.
        tool: The tool that started it. bundle.json has the same.
        plan: The SHA-256 of the plan, in hex.
        missing: The images that the bundle will lack: code and words of the reason.
        attachments: The attachments of the images, by the same words.
    """

    options: Mapping[str, str]
    images: Mapping[str, Digest]
    created: str
    tool: str
    plan: str
    missing: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    attachments: Mapping[str, PinnedAttachments] = field(default_factory=dict)

    def differences(self, options: Mapping[str, str], images: Mapping[str, object]) -> list[str]:
        """The differences between another request and the request of this start, in words; empty if there are none."""
        found: list[str] = [
            text(
                "{option}: {then} before, {now} now",
                option=option,
                then=self.options.get(option, text("nothing")),
                now=options.get(option, text("nothing")),
            )
            for option in {**self.options, **options}
            if self.options.get(option) != options.get(option)
        ]
        asked = {**self.images, **self.missing}
        found += [text("no longer in the list: {image}", image=image) for image in asked if image not in images]
        found += [text("new in the list: {image}", image=image) for image in images if image not in asked]
        if not found and list(self.images) != [image for image in images if image in self.images]:
            found.append("the order of the images has changed")
        return found


@frozen
class DoneChunk:
    """A chunk that is complete and on the device."""

    size_bytes: int
    sha256: str


@frozen
class Chain:
    """Computes the codes of a journal's lines, one after the other.

    Attributes:
        key: The secret key of the export.
        last: The code of the previous line; empty before the first line.
    """

    key: bytes = field(repr=False)
    last: bytes = b""

    def code_of(self, content: bytes) -> bytes:
        """The code of the next line, in hex."""
        return hmac.new(self.key, self.last + b" " + content, hashlib.sha256).hexdigest().encode()

    def after(self, line: bytes) -> Chain:
        """The chain after a line."""
        return Chain(self.key, line.partition(b" ")[0])

    def line(self, document: Mapping[str, object]) -> bytes:
        """The next line, with this document."""
        content = strict_json.canonical(document)
        return self.code_of(content[:-1]) + b" " + content


@slotted
class Journal:
    """The content of a journal.

    Attributes:
        start: The start of the export.
        chain: Computes the codes of further lines.
        done: The chunks that are done, by number.
        whole_bytes: The length of the valid part of the file. Further lines follow it.
    """

    start: ExportStart
    chain: Chain
    done: dict[int, DoneChunk] = field(default_factory=dict)
    whole_bytes: int = 0


def start_line(chain: Chain, start: ExportStart) -> bytes:
    """The first line of a journal."""
    return chain.line(
        {
            "format": FORMAT,
            "created": start.created,
            "tool": start.tool,
            "plan": start.plan,
            "options": dict(start.options),
            "images": {image: str(digest) for image, digest in start.images.items()},
            "missing": {image: list(why) for image, why in start.missing.items()},
            "attachments": {image: attachments_json(pinned) for image, pinned in start.attachments.items()},
        }
    )


def attachments_json(pinned: PinnedAttachments) -> dict[str, Any]:
    """The attachments of one image in a journal, and in a resolved file."""
    return {
        "carried": [[str(each.subject), str(each.root), each.found, each.tag] for each in pinned.carried],
        "left": [list(each) for each in pinned.left],
    }


def done_line(chain: Chain, number: int, chunk: DoneChunk) -> bytes:
    """A line that records that a chunk is complete and on the device."""
    return chain.line({"chunk": number, "size": chunk.size_bytes, "sha256": chunk.sha256})


def again_line(chain: Chain, number: int) -> bytes:
    """A line that revokes a `done_line`: the chunk is about to be written again."""
    return chain.line({"chunk": number})


def parse_journal(content: bytes, key: bytes) -> Journal:
    """Reads a journal. If a line after the first one is invalid, no chunk counts as done.

    Args:
        content: The bytes of the journal.
        key: The secret key of the export that it must belong to.

    Raises:
        Damaged: The first line is incomplete, or belongs to another export.
    """
    first, newline, rest = content.partition(b"\n")
    chain = Chain(key)
    try:
        start = _start(_document(chain, first))
        if not newline:
            raise ValueError("the line is incomplete")
    except (Damaged, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged("the journal cannot be read, or belongs to another export", subject=FORMAT) from error
    journal = Journal(start, chain.after(first), whole_bytes=len(first) + 1)
    chain, done = journal.chain, journal.done
    *lines, cut = rest.split(b"\n")
    try:
        for line in lines:
            number, chunk = _noted(_document(chain, line))
            if chunk is None:
                done.pop(number, None)
            else:
                done[number] = chunk
            chain = chain.after(line)
        if cut:
            raise ValueError("the line is incomplete")
    except (Damaged, KeyError, TypeError, ValueError):
        done.clear()  # one of the lost lines may have revoked a chunk
    else:
        journal.chain, journal.whole_bytes = chain, len(content)
    return journal


def _start(document: dict[str, object]) -> ExportStart:
    if document["format"] != FORMAT:
        raise ValueError(document["format"])
    options, images, missing, attachments = (
        json_fields.mapping(document[name]) for name in ("options", "images", "missing", "attachments")
    )
    return ExportStart(
        options={option: json_fields.text(value) for option, value in options.items()},
        images={image: Digest.parse(digest) for image, digest in images.items()},
        created=json_fields.text(document["created"]),
        tool=json_fields.text(document["tool"]),
        plan=json_fields.text(document["plan"]),
        missing={image: (json_fields.text(code), json_fields.text(why)) for image, (code, why) in missing.items()},
        attachments={image: pinned_attachments(each) for image, each in attachments.items()},
    )


def pinned_attachments(entry: Mapping[str, Any]) -> PinnedAttachments:
    """The attachments that `attachments_json` describes.

    Raises:
        KeyError, TypeError, ValueError, BundlerError: The entry is not valid.
    """
    return PinnedAttachments(
        tuple(
            PinnedAttachment(Digest.parse(subject), Digest.parse(root), json_fields.text(found), json_fields.text(tag))
            for subject, root, found, tag in entry["carried"]
        ),
        tuple(
            (json_fields.text(reason), json_fields.text(kind), json_fields.size(number))
            for reason, kind, number in entry["left"]
        ),
    )


def _noted(document: dict[str, object]) -> tuple[int, DoneChunk | None]:
    """The number of a chunk, and the chunk; None if it is not done any more."""
    number = json_fields.size(document["chunk"])
    if "sha256" not in document:
        return number, None
    sha256 = json_fields.text(document["sha256"])
    if not _SHA256.fullmatch(sha256):
        raise ValueError(sha256)
    return number, DoneChunk(json_fields.size(document["size"]), sha256)


def _document(chain: Chain, line: bytes) -> dict[str, object]:
    code, _, content = line.partition(b" ")
    if not hmac.compare_digest(code, chain.code_of(content)):
        raise ValueError("the line was changed, moved or truncated, or belongs to another export")
    document = strict_json.loads(content, what=FORMAT)
    if not isinstance(document, dict):
        raise TypeError
    return document
