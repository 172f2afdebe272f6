"""Brings the catalogues of bundler/locale up to date: collects texts, keeps translations, drops what is gone, compiles.

The texts come from the source (`scripts/messages.py`). The same .po always gives the same .mo, whatever the time
and the version of Babel. Exits with 1 while a text has no translation.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
LOCALES = ROOT / "bundler/locale"
sys.path.insert(0, str(ROOT / "scripts"))

from messages import Source  # noqa: E402

HEAD = "The texts of bundler in another language. How this file is made: bundler/locale/README"


class PlainCatalog(Catalog):
    """A catalogue whose header has neither times nor the version of Babel, so that equal texts give equal files."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Project-Id-Version", "bundler"),
            ("Language", str(self.locale)),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit\n"),
        ]

    @mime_headers.setter
    def mime_headers(self, headers: object) -> None:
        del headers

    @property
    def header_comment(self) -> str:
        return f"# {HEAD}"

    @header_comment.setter
    def header_comment(self, comment: object) -> None:
        del comment


def updated(old: Catalog, texts: Mapping[str, str]) -> Catalog:
    """All texts of the code in their order, with their translations. The translation of a changed text is fuzzy.

    Args:
        old: The catalogue with the known translations.
        texts: The texts, each with the module that has it.
    """
    template = Catalog(locale=None)
    for text, origin in texts.items():
        template.add(text, auto_comments=[origin])
    old.update(template)
    new = PlainCatalog(locale=old.locale, fuzzy=False)
    for message in template:
        if message.id:
            known = old[message.id]
            kept = known.flags & {"fuzzy"}
            new[message.id] = Message(message.id, known.string, flags=kept, auto_comments=message.auto_comments)
    return new


def parsed(po: bytes, language: str) -> Catalog:
    return read_po(io.BytesIO(po), locale=language)


def po_of(catalog: Catalog) -> bytes:
    written = io.BytesIO()
    write_po(written, catalog, width=100, ignore_obsolete=True)
    return written.getvalue()


def mo_of(po: bytes, language: str) -> bytes:
    """The compiled form of a .po."""
    plain = PlainCatalog(locale=language, fuzzy=False)
    for message in parsed(po, language):
        if message.id:
            plain[message.id] = message
    written = io.BytesIO()
    write_mo(written, plain)
    return written.getvalue()


def main() -> int:
    languages = sorted(path.parent.parent.name for path in LOCALES.glob("*/LC_MESSAGES/bundler.po"))
    missing = 0
    texts = Source().templates
    for language in languages:
        path = LOCALES / language / "LC_MESSAGES/bundler.po"
        catalog = updated(parsed(path.read_bytes(), language), texts)
        po = po_of(catalog)
        path.write_bytes(po)
        path.with_suffix(".mo").write_bytes(mo_of(po, language))
        open_messages = [message for message in catalog if message.id and (not message.string or message.fuzzy)]
        print(f"{language}: {len(catalog)} texts, {len(open_messages)} to translate", file=sys.stderr)
        for message in open_messages:
            print(f"  {message.auto_comments[0]}: {message.id[:80]}", file=sys.stderr)
        missing += len(open_messages)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
