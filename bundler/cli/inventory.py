"""``bundler inventory``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

import bundler
from bundler.cli import options, target_options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
from bundler.cli.values import KeyFile


@program.command(
    examples="""
bundler inventory registry.internal:5000 -o inventory.json --key importer.key
bundler inventory registry.internal:5000/team -o team.json --key importer.key
bundler inventory registry.internal:5000 -o part.json --repository team/app --repository team/tool
bundler inventory oci:images -o images.json
"""
)
@click.argument("place", metavar="PLACE")
@click.option("-o", "--output", required=True, metavar="FILE", help="Write the inventory to this file.")
@click.option("--key", type=KeyFile(), metavar="FILE", help="Private key to sign the inventory with.")
@options.passphrase_file_option
@target_options.repositories_option
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="LIST",
    help="Read the repositories that an import of this image list would use. May be repeated.",
)
@options.username_option
@options.password_stdin_option
@options.plain_http_option
@options.cacert_option
@options.rate_option
@metrics_option
@options.quiet_option
@options.verbose_option
@options.json_option
def inventory(
    place: str,
    output: str,
    key: str | None,
    passphrase_file: str | None,
    repositories: tuple[str, ...],
    lists: tuple[str, ...],
    username: str | None,
    password_stdin: bool,
    plain_http: tuple[str, ...],
    cacert: str | None,
    rate_text: str | None,
    quiet: bool,
    verbose: bool,
    is_json: bool,
) -> int:
    """Write down what a registry, a layout or a Docker daemon holds: names, digests, sizes. Reads no layer.

    PLACE is HOST[/PREFIX], oci:DIR or docker-daemon:. Carry the file to the builder: export leaves out what the
    receiver has. Sign it, so that the builder knows that it is yours.

    A registry is asked for its repositories, their tags, and the manifests of these. An interrupted run continues:
    run the same command again. An existing file is never replaced.
    """
    from bundler.views import documents, inventory_report

    options.check_stdin(password_stdin, passphrase_file)
    registries = options.registries_of((bundler.parse_target(place),))
    request = bundler.InventoryRequest(
        place=place,
        output=Path(output),
        key_path=Path(key) if key else None,
        key_passphrases=partial(options.passphrases_of_key, passphrase_file),
        repositories=repositories,
        lists=lists,
        network=options.network(plain_http, cacert, login=options.login(username, password_stdin, registries)),
    )
    result = with_run(
        lambda run: bundler.inventory(request, run), jobs=None, is_quiet=quiet, rate=options.rate(rate_text)
    )
    lines = [] if quiet and not result.exit_code else inventory_report.lines(result, is_verbose=verbose)
    show(lines, documents.inventory_document(result), is_json=is_json)
    return result.exit_code
