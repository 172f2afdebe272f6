"""``bundler images``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import choice_options, options, run_options
from bundler.cli.program import program


@program.command(
    examples="""
bundler images deployment.yaml                    which images would export carry?
bundler images -                                  of what another command prints
bundler images shop.yaml rancher-images.txt -q    a plain list, to keep in a file
bundler images compose.yaml --set TAG=1.4 --json
"""
)
@click.argument("lists", nargs=-1, required=True, metavar="LIST...")
@options.set_option
@click.option(
    "--platform",
    multiple=True,
    metavar="OS/ARCH[:OSVERSION]",
    help="Platform of the images whose list chooses none, as for export. May be repeated. Default: all.",
)
@run_options.showing_options
def images(
    lists: tuple[str, ...],
    variables: tuple[str, ...],
    choice: choice_options.ChoiceFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> None:
    """Print the images of LISTs as a plain image list, with the file and line where each name was found.

    A LIST is a file of any kind that export reads; - is stdin: helm template NAME CHART | bundler images -. The kind
    is known by the content, see docs/lists.md. Parts that are no images, or whose images are not known, are named on
    stderr: nothing is carried for them.

    It reads files only and asks no registry. -q prints the names alone, -v all places.
    """
    from bundler.views import documents, images_report

    request = bundler.ImagesRequest(lists=lists, platforms=choice.platforms(), variables=variables)
    result = running.do(lambda run: bundler.images(request, run))
    lines = images_report.lines(result, is_quiet=showing.quiet, is_verbose=showing.verbose)
    showing.lines(lines, lambda: documents.images_document(result))
