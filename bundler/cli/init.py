"""``bundler init``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

import bundler
from bundler.cli import run_options
from bundler.cli.program import program, show
from bundler.cli.values import KeyFile
from bundler.errors import BundlerError


@program.command(
    examples="""
bundler init                      in a terminal: asks for the name, the images, the key and the folder
bundler init airgap --image docker.io/library/nginx:1.27 --image redis:7.4 --key builder.key
"""
)
@click.argument("folder", metavar="[DIR]", default=".")
@click.option("--name", metavar="NAME", help="Name of the bundles. Default: that of the folder.")
@click.option("--image", "images", multiple=True, metavar="IMAGE", help="An image of the list. May be repeated.")
@click.option(
    "--platform",
    multiple=True,
    metavar="OS/ARCH",
    help="Platform of the images in the list. May be repeated. Default: all.",
)
@click.option("--key", type=KeyFile(), metavar="FILE", help="Private key that signs the bundles.")
@click.option("-o", "--output", metavar="DIR", help="The folder or medium of the bundles.")
@run_options.json_option
def init(
    folder: str,
    name: str | None,
    images: tuple[str, ...],
    platform: tuple[str, ...],
    key: str | None,
    output: str | None,
    is_json: bool,
) -> int:
    """Write a first image list, images.yaml, and the defaults of its exports, bundler.toml.

    In a terminal it asks for what is not given. No file is replaced.
    """
    from bundler.views import documents, init_report
    from bundler.views.languages import translated

    path = Path(folder)
    usual = _usual_name(path)
    if not is_json and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        name = name or _asked(init_report.name_question(), default=usual)
        images = images or _asked_images()
        key = key or _asked(init_report.key_question())
        output = output or _asked(init_report.output_question())
    request = bundler.InitRequest(
        path,
        name or usual,
        images,
        tuple(map(bundler.Platform.parse, platform)),
        key=key or "",
        output=output or "",
        translated=translated,
    )
    result = bundler.init(request)
    show(init_report.lines(result), documents.init_document(result), is_json=is_json)
    return 0


def _usual_name(folder: Path) -> str:
    """The name of the folder as the name of a bundle."""
    return re.sub(r"[^a-z0-9._-]+", "-", folder.absolute().name.lower()).strip("._-")[:64] or "images"


def _asked(question: str, default: str = "") -> str:
    from bundler.workers import in_front

    return str(in_front(lambda: click.prompt(question, default=default, show_default=bool(default), err=True))).strip()


def _asked_images() -> tuple[str, ...]:
    from bundler.views import errors, init_report

    found: list[str] = []
    while answer := _asked(init_report.image_question(len(found))):
        try:
            bundler.check_image(answer)
        except BundlerError as error:
            errors.show(errors.error_lines(error), on_stderr=True)
        else:
            found.append(answer)
    return tuple(found)
