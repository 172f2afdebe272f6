"""``bundler label``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import hand_over, run_options, trust_options
from bundler.cli.program import program


@program.command(
    examples="""
bundler label out/platform-2026.11 -o labels.pdf --trust builder.pub --sender "Builder, Berlin" --recipient "Plant 3"
bundler label out/platform-2026.11.medium-01 -o labels.pdf --sheet L7160 --used 4
bundler label /media/disc1 /media/disc2 -o labels.html --lang zh
bundler label out/platform-2026.11 -o label.svg --medium 3
"""
)
@hand_over.paths_argument
@hand_over.output_option
@click.option(
    "--sheet",
    default="A4",
    metavar="SHEET",
    help="Sheet of labels: A4 (plain paper, to cut), L7160, L7163, L7651 or L4732 (Avery Zweckform). Default: A4.",
)
@click.option(
    "--used",
    type=click.IntRange(0, 79),
    metavar="N",
    default=0,
    help="Number of labels that the first sheet lacks already.",
)
@click.option(
    "--medium",
    "media",
    type=click.IntRange(1),
    metavar="N",
    multiple=True,
    help="Only the label of this medium. May be repeated.",
)
@hand_over.paper_options
def label(
    paths: tuple[str, ...],
    output: str,
    sheet: str,
    used: int,
    media: tuple[int, ...],
    parties: hand_over.PartyFlags,
    language: str | None,
    signers: trust_options.SignerFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Write labels for the media of a bundle: number, bundle, id, keys, date, sender, recipient, and a QR code.

    A label says nothing of the content. The QR code has the name of the bundle, the number of the medium, and the
    SHA-256 of SHA256SUMS. Print PDF and HTML in their actual size (100 %).
    """
    request = bundler.LabelRequest(
        hand_over=parties.request(paths, signers),
        output=Path(output),
        sheet=sheet,
        used=used,
        media=media,
        language=language or "",
    )
    return hand_over.show_paper("label", running.do(lambda run: bundler.label(request, run)), showing)
