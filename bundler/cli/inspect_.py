"""``bundler inspect``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import files, options, run_options, secret_options, trust_options
from bundler.cli.program import program
from bundler.errors import Misuse


@program.command(
    examples="""
bundler inspect /media/stick/platform
bundler inspect /media/stick/platform --trust builder.pub --json
bundler inspect /media/stick/platform --sbom nginx:1.27 --platform linux/amd64
bundler inspect /media/stick/platform --layers nginx:1.27
bundler inspect vendor-image.tar.gz                 an image file of docker save, podman, skopeo
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="BUNDLE|FILE...")
@trust_options.trust_option
@secret_options.bundle_passphrase_file_option
@click.option(
    "--sbom",
    metavar="IMAGE",
    help="Show the packages and licences in the SBOM of this image. With --json: the document itself.",
)
@click.option(
    "--layers",
    metavar="IMAGE",
    help="Show the layers of this image: sizes, commands, shared bytes, files that later layers replace or delete.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Show the parts of an import with --shard I/N: images, bytes and chunks of each.",
)
@click.option("--platform", metavar="OS/ARCH", help="With --sbom or --layers: this platform of the image.")
@click.option("--document", metavar="DIGEST", help="With --sbom: one of several SBOMs; the beginning is enough.")
@run_options.brief_showing_options
def inspect(
    paths: tuple[str, ...],
    signers: trust_options.SignerFlags,
    secrets: secret_options.SecretFlags,
    sbom: str | None,
    layers: str | None,
    shards: int | None,
    platform: str | None,
    document: str | None,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Show the content of a bundle or an image file: images, digests, platforms, sizes, layers."""
    file = files.image_file(
        paths,
        {
            "--trust": bool(signers.trust),
            "--sbom": sbom is not None,
            "--layers": layers is not None,
            "--shards": shards is not None,
        },
    )
    if file is not None:
        return files.show_file("inspect", lambda run: bundler.inspect_file(file, run), showing)
    from bundler.views import documents, report

    request = bundler.InspectRequest(
        paths=options.bundle_paths(paths), trust=signers.keys(), unlocking=secrets.unlocking_if_given()
    )
    if sbom is not None and layers is not None:
        raise Misuse("--sbom and --layers cannot be combined")
    if shards is not None and (sbom is not None or layers is not None):
        raise Misuse("--shards cannot be combined with --sbom or --layers")
    if sbom is not None:
        wanted = bundler.SbomRequest(inspect=request, image=sbom, platform=_platform(platform), digest=document or "")
        return _show_sbom(wanted, running, showing)
    if document is not None:
        raise Misuse("this flag needs --sbom IMAGE", subject="--document")
    if layers is not None:
        asked = bundler.LayersRequest(inspect=request, image=layers, platform=_platform(platform))
        return _show_layers(asked, running, showing)
    if platform is not None:
        raise Misuse("this flag needs --sbom IMAGE or --layers IMAGE", subject="--platform")
    result = running.do(lambda run: bundler.inspect(request, run))
    if isinstance(result, bundler.BundleList):
        return files.show_list("inspect", result, is_json=showing.is_json)
    if shards is not None:
        return _show_shards(result, shards, showing)
    lines = report.names_of(result) if showing.quiet else report.inspect_lines(result)
    showing.lines(lines, lambda: documents.inspect_document(result))
    return result.exit_code


def _show_shards(result: bundler.InspectResult, count: int, showing: run_options.Showing) -> int:
    """Shows the parts of an import by several hosts.

    Raises:
        Misuse: The bundle is encrypted, and its content is not known.
    """
    from bundler.views import shard_report

    manifest = result.bundle.manifest
    if not isinstance(manifest, bundler.BundleManifest):
        raise Misuse(
            "an encrypted bundle: its images are not known", subject="--shards", hint="give --passphrase-file FILE"
        )
    works = bundler.works_of(manifest, count)
    showing.lines(shard_report.works_lines(result, works), lambda: shard_report.works_document(result, works))
    return result.exit_code


def _show_sbom(wanted: bundler.SbomRequest, running: run_options.Running, showing: run_options.Showing) -> int:
    from bundler.views import sbom_report

    result = running.do(lambda run: bundler.inspect_sbom(wanted, run))
    lines = sbom_report.sbom_lines(result, is_quiet=showing.quiet)
    showing.lines(lines, lambda: sbom_report.sbom_document(result))
    return result.exit_code


def _show_layers(wanted: bundler.LayersRequest, running: run_options.Running, showing: run_options.Showing) -> int:
    from bundler.views import layers_report

    result = running.do(lambda run: bundler.inspect_layers(wanted, run))
    lines = layers_report.layers_lines(result, is_quiet=showing.quiet)
    showing.lines(lines, lambda: layers_report.layers_document(result))
    return result.exit_code


def _platform(platform: str | None) -> bundler.Platform | None:
    return bundler.Platform.parse(platform) if platform is not None else None
