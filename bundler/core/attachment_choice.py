"""The choice of attachments to carry: all, none, some kinds, or some artifact types."""

from __future__ import annotations

from collections.abc import Iterable

from bundler import texts
from bundler.core import oci
from bundler.core.attachments import ATTESTATION, SBOM, SIGNATURE
from bundler.core.frozen import frozen
from bundler.errors import Misuse

_ALL, _NONE = "all", "none"
_KINDS = {"signatures": SIGNATURE, "sboms": SBOM, "attestations": ATTESTATION}
_FORM = "write all, none, signatures, sboms, attestations, or an artifact type such as application/spdx+json"


@frozen
class AttachmentChoice:
    """A choice of attachments.

    Attributes:
        words: The parts of the choice, sorted, as people write them: ``all``, ``none``, kinds in the plural, types.
    """

    words: tuple[str, ...]

    @classmethod
    def parse(cls, parts: Iterable[str]) -> AttachmentChoice:
        """Reads a choice. Each part may hold several, with commas between them.

        Raises:
            Misuse: A part is not a kind or a type, there is none, or ``all`` or ``none`` is not alone.
        """
        words = sorted({word.strip().lower() for part in parts for word in part.split(",")})
        for word in words:
            if word not in (_ALL, _NONE, *_KINDS) and not ("/" in word and oci.is_media_type(word)):
                raise Misuse("not a choice of attachments", subject=repr(word[:100]), hint=_FORM)
        if not words:
            raise Misuse("not a choice of attachments", subject="''", hint=_FORM)
        alone = {_ALL, _NONE}.intersection(words)
        if alone and len(words) > 1:
            raise Misuse(
                texts.text("{word} cannot be combined with other attachments", word=min(alone)),
                subject=repr(", ".join(words)),
                hint=_FORM,
            )
        return cls(tuple(words))

    @property
    def is_none(self) -> bool:
        """True if no attachment is wanted."""
        return self.words == (_NONE,)

    def matches(self, kind: str, artifact_type: str) -> bool:
        """True if an attachment is wanted."""
        if self.words == (_ALL,):
            return True
        return artifact_type.lower() in self.words or any(_KINDS.get(word) == kind for word in self.words)

    def __str__(self) -> str:
        return ",".join(self.words)


ALL_ATTACHMENTS = AttachmentChoice((_ALL,))
"""The default."""
NO_ATTACHMENTS = AttachmentChoice((_NONE,))
"""Images alone."""
