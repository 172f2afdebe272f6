"""``bundler inspect``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import files, options
from bundler.cli.program import program, show, with_run
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
@options.trust_option
@options.bundle_passphrase_file_option
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
@options.quiet_option
@options.json_option
def inspect(
    paths: tuple[str, ...],
    trust: tuple[str, ...],
    passphrase_file: str | None,
    sbom: str | None,
    layers: str | None,
    shards: int | None,
    platform: str | None,
    document: str | None,
    quiet: bool,
    is_json: bool,
) -> int:
    """Show the content of a bundle or an image file: images, digests, platforms, sizes, layers."""
    file = files.image_file(
        paths,
        {
            "--trust": bool(trust),
            "--sbom": sbom is not None,
            "--layers": layers is not None,
            "--shards": shards is not None,
        },
    )
    if file is not None:
        return files.show_file("inspect", lambda run: bundler.inspect_file(file, run), quiet=quiet, is_json=is_json)
    from bundler.views import documents, report

    request = bundler.InspectRequest(
        paths=options.bundle_paths(paths),
        trust=options.paths(trust),
        unlocking=options.unlocking(passphrase_file, None) if passphrase_file else None,
    )
    if sbom is not None and layers is not None:
        raise Misuse("--sbom and --layers cannot be combined")
    if shards is not None and (sbom is not None or layers is not None):
        raise Misuse("--shards cannot be combined with --sbom or --layers")
    if sbom is not None:
        return _show_sbom(request, sbom, platform, document, is_json=is_json, is_quiet=quiet)
    if document is not None:
        raise Misuse("this flag needs --sbom IMAGE", subject="--document")
    if layers is not None:
        return _show_layers(request, layers, platform, is_json=is_json, is_quiet=quiet)
    if platform is not None:
        raise Misuse("this flag needs --sbom IMAGE or --layers IMAGE", subject="--platform")
    result = with_run(lambda run: bundler.inspect(request, run), jobs=None, is_quiet=quiet)
    if isinstance(result, bundler.BundleList):
        return files.show_list("inspect", result, is_json=is_json)
    if shards is not None:
        return _show_shards(result, shards, is_json=is_json)
    lines = report.names_of(result) if quiet else report.inspect_lines(result)
    show(lines, documents.inspect_document(result) if is_json else {}, is_json=is_json)
    return result.exit_code


def _show_shards(result: bundler.InspectResult, count: int, *, is_json: bool) -> int:
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
    show(shard_report.works_lines(result, works), shard_report.works_document(result, works), is_json=is_json)
    return result.exit_code


def _show_sbom(
    request: bundler.InspectRequest,
    image: str,
    platform: str | None,
    document: str | None,
    *,
    is_json: bool,
    is_quiet: bool,
) -> int:
    from bundler.views import sbom_report

    wanted = bundler.SbomRequest(
        inspect=request,
        image=image,
        platform=_platform(platform),
        digest=document or "",
    )
    result = with_run(lambda run: bundler.inspect_sbom(wanted, run), jobs=None, is_quiet=is_quiet)
    show(sbom_report.sbom_lines(result, is_quiet=is_quiet), sbom_report.sbom_document(result), is_json=is_json)
    return result.exit_code


def _show_layers(
    request: bundler.InspectRequest, image: str, platform: str | None, *, is_json: bool, is_quiet: bool
) -> int:
    from bundler.views import layers_report

    wanted = bundler.LayersRequest(inspect=request, image=image, platform=_platform(platform))
    result = with_run(lambda run: bundler.inspect_layers(wanted, run), jobs=None, is_quiet=is_quiet)
    lines = layers_report.layers_lines(result, is_quiet=is_quiet)
    show(lines, layers_report.layers_document(result), is_json=is_json)
    return result.exit_code


def _platform(platform: str | None) -> bundler.Platform | None:
    return bundler.Platform.parse(platform) if platform is not None else None
