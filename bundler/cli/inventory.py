"""``bundler inventory``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import network_options, run_options, secret_options, target_options
from bundler.cli.program import program
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
@secret_options.passphrase_file_option
@target_options.repositories_option
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="LIST",
    help="Read the repositories that an import of this image list would use. May be repeated.",
)
@network_options.registry_options
@run_options.rate_option
@run_options.result_options
def inventory(
    place: str,
    output: str,
    signing: secret_options.OnlyKeyFlags,
    repositories: tuple[str, ...],
    lists: tuple[str, ...],
    network: network_options.NetworkFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Write down what a registry, a layout or a Docker daemon holds: names, digests, sizes. Reads no layer.

    PLACE is HOST[/PREFIX], oci:DIR or docker-daemon:. Carry the file to the builder: export leaves out what the
    receiver has. Sign it, so that the builder knows that it is yours.

    A registry is asked for its repositories, their tags, and the manifests of these. An interrupted run continues:
    run the same command again. An existing file is never replaced.
    """
    from bundler.views import documents, inventory_report

    secret_options.check_stdin(network, signing)
    registries = network_options.registries_of((bundler.parse_target(place),))
    request = bundler.InventoryRequest(
        place=place,
        output=Path(output),
        key_path=signing.path(),
        key_passphrases=signing.passphrases,
        repositories=repositories,
        lists=lists,
        network=network.options(registries),
    )
    result = running.do(lambda run: bundler.inventory(request, run))
    return showing.result(result, inventory_report.lines, documents.inventory_document)
