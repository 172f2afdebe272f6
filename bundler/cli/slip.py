"""``bundler slip``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import hand_over, run_options, trust_options
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
@hand_over.paper_options
def slip(
    paths: tuple[str, ...],
    output: str,
    parties: hand_over.PartyFlags,
    language: str | None,
    signers: trust_options.SignerFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Write the hand-over sheet of a bundle: its media, id and keys, checks to tick, and lines for signatures.

    It says nothing of the content. Print it in its actual size, on A4.

    A FILE is a need-list: its short form becomes a QR code, for sites that only paper leaves.
    """
    need = hand_over.need_list(paths, parties, signers)
    if need is not None:
        wanted = bundler.NeedPaperRequest(path=need, output=Path(output), language=language or "")
        return hand_over.show_need(wanted, showing)
    request = bundler.SlipRequest(
        hand_over=parties.request(paths, signers), output=Path(output), language=language or ""
    )
    return hand_over.show_paper("slip", running.do(lambda run: bundler.slip(request, run)), showing)
