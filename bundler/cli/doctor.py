"""``bundler doctor``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import options, target_options
from bundler.cli.program import program, show


@program.command(
    examples="""
bundler doctor --to registry.internal:5000/mirror
bundler doctor --to harbor.internal --repository platform/nginx
bundler doctor /media/stick --to docker-daemon:
bundler doctor s3://backups/2026
bundler doctor s3://backups/2026 --clear-uploads 7
"""
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--to", "target", metavar="DEST", help="HOST[:PORT][/PREFIX], as in import; or docker-daemon:.")
@click.option(
    "--repository",
    metavar="NAME",
    help="Check the rights for this repository (without HOST). Default: PREFIX/bundler-doctor, which need not exist.",
)
@target_options.base_path_option
@click.option(
    "--clear-uploads",
    "clear_uploads_days",
    type=click.IntRange(min=1),
    metavar="DAYS",
    help="Abort uploads of bundles to S3 that began at least this many days ago and are not complete.",
)
@options.username_option
@options.password_stdin_option
@options.plain_http_option
@options.cacert_option
@options.allow_upload_host_option
@options.quiet_option
@options.json_option
def doctor(
    paths: tuple[str, ...],
    target: str | None,
    repository: str | None,
    base_path: str,
    clear_uploads_days: int | None,
    username: str | None,
    password_stdin: bool,
    plain_http: tuple[str, ...],
    cacert: str | None,
    upload_hosts: tuple[str, ...],
    quiet: bool,
    is_json: bool,
) -> int:
    """Find problems before an import or export, and say how to solve them.

    doctor checks the connection to a registry (name, port, certificate, clock), the credentials and rights there, the
    address of uploads, the largest body that passes, the free space on media, and the Docker daemon. It changes
    nothing: it opens one upload without bytes and cancels it. PATHs are media, bundle folders or places in S3; default:
    the scratch folder. --quiet shows only problems.

    In S3 it lists the uploads of bundles that are not complete. They cost space. --clear-uploads aborts old ones.
    """
    from bundler.views import doctor_report, documents

    parsed = None if target is None else bundler.parse_target(target)
    login = options.login(username, password_stdin, options.registries_of((parsed,) if parsed else ()))
    result = bundler.doctor(
        bundler.DoctorRequest(
            paths=options.bundle_paths(paths),
            clear_uploads_days=clear_uploads_days,
            target=parsed,
            repository=repository,
            network=options.network(plain_http, cacert, base_path=base_path, login=login, upload_hosts=upload_hosts),
        )
    )
    show(doctor_report.lines(result, is_brief=quiet), documents.doctor_document(result), is_json=is_json)
    return result.exit_code
