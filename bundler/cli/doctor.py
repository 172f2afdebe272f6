"""``bundler doctor``."""

from __future__ import annotations

import os

import click
from click.core import ParameterSource

import bundler
from bundler.cli import network_options, options, run_options, secret_options
from bundler.cli.program import program
from bundler.cli.values import KeyFile
from bundler.errors import Misuse


@program.command(
    examples="""
bundler doctor --to registry.internal:5000/mirror
bundler doctor --to harbor.internal --repository platform/nginx
bundler doctor images.yaml -o /media/stick --key builder.key     before an export: sources, rate limits, room
bundler doctor docker://docker.io/library/nginx:1.27
bundler doctor /media/stick --to docker-daemon:
bundler doctor s3://backups/2026
bundler doctor s3://backups/2026 --clear-uploads 7
"""
)
@click.argument("paths", nargs=-1, metavar="[PATH|LIST|IMAGE]...")
@click.option("--to", "target", metavar="DEST", help="HOST[:PORT][/PREFIX], as in import; or docker-daemon:.")
@click.option("-o", "--output", "outputs", multiple=True, metavar="DIR", help="With LISTs: the output of the export.")
@click.option("--key", type=KeyFile(), metavar="FILE", help="With LISTs: the private key that will sign the bundle.")
@secret_options.key_passphrase_file_option
@options.set_option
@click.option(
    "--repository",
    metavar="NAME",
    help="Check the rights for this repository (without HOST). Default: PREFIX/bundler-doctor, which need not exist.",
)
@network_options.base_path_option
@click.option(
    "--clear-uploads",
    "clear_uploads_days",
    type=click.IntRange(min=1),
    metavar="DAYS",
    help="Abort uploads of bundles to S3 that began at least this many days ago and are not complete.",
)
@network_options.registry_options
@network_options.allow_upload_host_option
@run_options.brief_showing_options
def doctor(
    paths: tuple[str, ...],
    target: str | None,
    outputs: tuple[str, ...],
    signing: secret_options.KeyFlags,
    variables: tuple[str, ...],
    repository: str | None,
    clear_uploads_days: int | None,
    network: network_options.NetworkFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Find problems before an import or export, and say how to solve them.

    doctor checks the connection to the registry of --to (name, port, certificate, clock), the credentials and rights
    there, the address of uploads, the largest body that passes, the free space on PATHs, and the Docker daemon. It
    changes nothing: it opens one upload without bytes and cancels it. PATH is a medium, the folder of a bundle, or a
    place in S3; default: the scratch folder. --quiet shows only problems.

    With LISTs or IMAGEs (a file, or a location with its transport) it checks what their export needs: each source
    registry, by one image of each repository, and the pulls that Docker Hub still allows, without a pull; Docker, the
    key, the trusted keys, par2. With -o it checks the room, and then plans the export as its dry run does, which reads
    manifests.

    In S3 it lists the uploads of bundles that are not complete. They cost space. --clear-uploads aborts old ones.
    """
    from bundler.views import doctor_report, documents

    lists = tuple(path for path in paths if _is_list(path))
    places = tuple(path for path in paths if path not in lists)
    if not lists and any(map(_is_typed, ("outputs", "key", "key_passphrase_file", "variables"))):
        raise Misuse("-o, --key, --key-passphrase-file and --set need a list", hint="give the list of the export")
    parsed = None if target is None else bundler.parse_target(target)
    with_login = network.options(network_options.registries_of((parsed,) if parsed else ()))
    results: list[bundler.DoctorResult] = []
    if lists:
        export = bundler.ExportDoctorRequest(
            lists,
            outputs=options.bundle_paths(outputs),
            key_path=signing.path(),
            key_passphrases=signing.passphrases,
            network=network.options_of_sources(),
            variables=variables,
        )
        results.append(running.do(lambda run: bundler.doctor_export(export, run)))
    if places or parsed or not lists:
        request = bundler.DoctorRequest(
            paths=options.bundle_paths(places),
            clear_uploads_days=clear_uploads_days,
            target=parsed,
            repository=repository,
            network=with_login,
        )
        results.append(bundler.doctor(request))
    result = bundler.DoctorResult(tuple(check for each in results for check in each.checks))
    lines = doctor_report.lines(result, is_brief=showing.quiet)
    showing.lines(lines, lambda: documents.doctor_document(result))
    return result.exit_code


def _is_list(path: str) -> bool:
    """True for an image list or an image: a file, standard input, or a location with its transport."""
    return path == "-" or bundler.names_transport(path) or os.path.isfile(path)


def _is_typed(name: str) -> bool:
    """True if a flag is on the command line. A default of the user may be meant for other commands."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE
