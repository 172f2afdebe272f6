"""``bundler slip``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import hand_over, options
from bundler.cli.program import program


@program.command(
    examples="""
bundler slip out/platform-2026.11 -o slip.pdf --trust builder.pub --sender "Builder, Berlin" --recipient "Plant 3"
bundler slip /media/disc1 /media/disc2 -o slip.html --lang zh
bundler slip need.json -o need.pdf                  a need-list of verify or import, as a QR code
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="BUNDLE...|FILE")
@hand_over.output_option
@hand_over.party_options
@hand_over.language_option
@options.trust_option
@options.unsigned_ok_option
@options.quiet_option
@options.json_option
def slip(
    paths: tuple[str, ...],
    output: str,
    sender: str,
    recipient: str,
    date: str,
    language: str | None,
    trust: tuple[str, ...],
    insecure_no_signature: bool,
    quiet: bool,
    is_json: bool,
) -> int:
    """Write the hand-over sheet of a bundle: its media, id and keys, checks to tick, and lines for signatures.

    It says nothing of the content. Print it in its actual size, on A4.

    A FILE is a need-list: its short form becomes a QR code, for sites that only paper leaves.
    """
    flags = {
        "--sender": bool(sender),
        "--recipient": bool(recipient),
        "--date": bool(date),
        "--trust": bool(trust),
        "--insecure-no-signature": insecure_no_signature,
    }
    need = hand_over.need_list(paths, flags)
    if need is not None:
        wanted = bundler.NeedPaperRequest(path=need, output=Path(output), language=language or "")
        return hand_over.show_need(wanted, quiet=quiet, is_json=is_json)
    request = bundler.SlipRequest(
        hand_over=hand_over.request_of(paths, trust, sender, recipient, date, is_unsigned_ok=insecure_no_signature),
        output=Path(output),
        language=language or "",
    )
    return hand_over.show_paper("slip", lambda run: bundler.slip(request, run), quiet=quiet, is_json=is_json)
