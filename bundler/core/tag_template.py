"""Templates for tags: ``{tag}-{date}`` makes ``1.27-20261123`` of ``1.27``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bundler import texts
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse

FIELDS = ("tag", "date", "bundle", "digest12")
"""The image's own tag; the day when the bundle was made, ``YYYYMMDD``; the bundle's name; 12 hex digits of the image's
digest."""

TAG_CHARACTERS = 128
_FIELD = lazy_pattern(r"\{([^{}]*)\}")


@frozen
class TagTemplate:
    """A template whose fields are valid. `parse` makes one."""

    text: str

    @classmethod
    def parse(cls, text: str) -> TagTemplate:
        """Reads a template.

        Raises:
            Misuse: The template has an unknown field, or a character that is not allowed in tags.
        """
        for field in _FIELD.findall(text):
            if field not in FIELDS:
                known = ", ".join(f"{{{name}}}" for name in FIELDS)
                raise Misuse(
                    texts.text("unknown field {{{field}}} in a tag", field=field[:40]),
                    subject=repr(text[:140]),
                    hint=texts.text("known: {known}", known=known),
                )
        rest = _FIELD.sub("x", text)
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", rest):
            raise Misuse("not a template for tags", subject=repr(text[:140]), hint="a tag has A-Z a-z 0-9 . _ -")
        return cls(text)

    def expand(self, *, tag: str | None, digest: Digest, bundle: str, date: str) -> str | None:
        """The tag of one image; None if the image has no tag and the template uses its tag."""
        if tag is None and "{tag}" in self.text:
            return None
        values: Mapping[str, str] = {"tag": tag or "", "date": date, "bundle": bundle, "digest12": digest.encoded[:12]}
        return _FIELD.sub(lambda match: values[match[1]], self.text)


def digest_tag(digest: Digest) -> str:
    """The tag for an image without one, because garbage collection of a registry removes images without a tag."""
    return f"digest-{digest.encoded[:12]}"


def suffixed(tag: str, digest: Digest) -> str:
    """The second tag for an image whose own tag is taken. It ends with 12 hex digits of the digest: it never varies."""
    ending = f"-{digest.encoded[:12]}"
    return tag[: TAG_CHARACTERS - len(ending)] + ending
