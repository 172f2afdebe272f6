"""``bundler import``."""

from __future__ import annotations

import click

from bundler.cli import options
from bundler.cli.program import program, show, with_run
from bundler.core.mapping import MAPPINGS


@program.command(
    "import",
    examples="""
bundler import /media/stick/platform --trust builder.pub --to registry.internal:5000
bundler import /media/disc1 /media/disc2 --trust keys/ --to registry.internal/mirror --dry-run
bundler import /media/stick/platform --trust builder.pub --to docker-daemon: --to registry.internal:5000
bundler import /media/stick/platform --trust builder.pub --to oci:/srv/layout
""",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--to",
    "targets",
    multiple=True,
    required=True,
    metavar="DEST",
    help="HOST[:PORT][/PREFIX], docker-daemon:, oci:DIR or oci-archive:FILE. May be repeated; the bundle is read once. "
    "docker-daemon:HOST[/PREFIX] loads under the names that images have in that registry.",
)
@options.trust_option
@options.unsigned_ok_option
@click.option(
    "--map",
    "mapping",
    type=click.Choice(MAPPINGS),
    default="keep",
    show_default=True,
    help="Names at the target: keep drops the registry an image came from, scoped keeps it in the path.",
)
@click.option(
    "--on-conflict",
    type=click.Choice(["fail", "skip", "replace"]),
    default="fail",
    show_default=True,
    help="What to do with a tag that stands for another image at the target.",
)
@click.option(
    "--platform", metavar="OS/ARCH", help="What Docker daemons get of images for several. Default: the daemon's own."
)
@click.option(
    "--via-daemon",
    is_flag=True,
    help="Load, tag and push through the Docker daemon, where only it may reach the registry. Digests may change.",
)
@options.bundle_passphrase_file_option
@options.scratch_option
@options.jobs_option
@options.plain_http_option
@options.cacert_option
@options.dry_run_option
@options.quiet_option
@options.json_option
def import_(
    paths: tuple[str, ...],
    targets: tuple[str, ...],
    trust: tuple[str, ...],
    insecure_no_signature: bool,
    mapping: str,
    on_conflict: str,
    platform: str | None,
    via_daemon: bool,
    passphrase_file: str | None,
    scratch: str | None,
    jobs: int | None,
    plain_http: tuple[str, ...],
    cacert: str | None,
    dry_run: bool,
    quiet: bool,
    is_json: bool,
) -> int:
    """Verify a bundle and push its images, digests unchanged. PATHs are its folder, or media with parts of it."""
    from bundler.commands.import_ import ImportRequest
    from bundler.commands.import_ import import_ as bring
    from bundler.core.location import parse_target
    from bundler.core.platform import Platform
    from bundler.views import documents, report

    request = ImportRequest(
        paths=options.paths(paths),
        targets=tuple(map(parse_target, targets)),
        trust=options.paths(trust),
        is_without_signature=insecure_no_signature,
        mapping=mapping,
        on_conflict=on_conflict,
        is_dry_run=dry_run,
        unlocking=options.unlocking(passphrase_file, scratch),
        network=options.network(plain_http, cacert),
        platform=Platform.parse(platform) if platform else None,
        is_via_daemon=via_daemon,
    )
    result = with_run(lambda run: bring(request, run), jobs=jobs, is_quiet=quiet)
    lines = [] if quiet and not result.exit_code else report.import_lines(result)
    show(lines, documents.import_document(result), is_json=is_json)
    return result.exit_code
