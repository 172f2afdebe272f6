"""``bundler check``."""

from __future__ import annotations

from dataclasses import replace

import click

import bundler
from bundler.cli import (
    choice_options,
    network_options,
    options,
    receipt_options,
    run_options,
    secret_options,
    target_options,
    trust_options,
)
from bundler.cli.program import program


@program.command(
    examples="""
bundler check receipt.json --trust importer.pub                   the registry of the receipt
bundler check receipt.json --to registry.internal:5000 --deep     read and hash every byte
bundler check /media/stick/platform --trust builder.pub --to registry.internal:5000/mirror --map scoped
bundler check receipt.json --need need.txt                        what must be carried again
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="RECEIPT|BUNDLE...")
@click.option(
    "--to",
    "target",
    metavar="HOST[/PREFIX]",
    help="The registry. Default: that of the receipt. With a receipt it may be a copy of its registry, or another "
    "name of it.",
)
@click.option("--deep", is_flag=True, help="Read every manifest, config and layer, and hash it.")
@trust_options.trust_option
@trust_options.unsigned_ok_option
@choice_options.only_option
@choice_options.except_option
@target_options.mapping_option(help="Names of the images of a bundle, as for import.")
@click.option("--rules", metavar="FILE", help="Rules for the names of a bundle, as for import; see docs/rules.yaml.")
@click.option("--no-digest-tags", is_flag=True, help="The bundle was imported with this flag.")
@click.option(
    "--attachments",
    type=click.Choice(("all", "none")),
    default="all",
    show_default=True,
    help="Check the signatures, SBOMs and attestations of the images too.",
)
@receipt_options.need_option
@receipt_options.need_key_option
@secret_options.passphrase_options
@network_options.registry_options
@run_options.jobs_option
@run_options.result_options
def check(
    paths: tuple[str, ...],
    target: str | None,
    deep: bool,
    signers: trust_options.SignerFlags,
    choice: choice_options.ChoiceFlags,
    names: target_options.NameFlags,
    attachments: str,
    needs: receipt_options.NeedFlags,
    secrets: secret_options.SecretFlags,
    network: network_options.NetworkFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Check that all that an import pushed is still there, whole, under the same digests. Changes nothing.

    It asks for tags, manifests, attachments, configs and layers, and compares digests and lengths. A registry may list
    what it has lost: --deep reads everything.

    A receipt is best: it has the names that the import gave. The small files of a bundle are enough.

    Exit code 0: all is whole. 4: other bytes. 6: a tag names another image. 7: the registry does not give a part.
    9: something is missing.
    """
    from bundler.views import check_report, documents

    secret_options.check_stdin(network, secrets, needs)
    needs.check()
    parsed = bundler.parse_target(target) if target else None
    request = bundler.CheckRequest(
        paths=options.bundle_paths(paths),
        target=parsed,
        is_deep=deep,
        trust=signers.keys(),
        is_without_signature=signers.insecure_no_signature,
        selection=choice.selection(),
        mapping=names.mapping,
        rules=names.given_rules(),
        has_digest_tags=not names.no_digest_tags,
        has_attachments=attachments == "all",
        unlocking=secrets.unlocking(),
        network=network.options(network_options.registries_of((parsed,) if parsed else ())),
        need=needs.request(),
    )
    result = options.of_one_bundle(
        lambda chosen: running.do(lambda run: bundler.check(replace(request, paths=chosen), run)), request.paths
    )
    return showing.result(result, check_report.lines, documents.check_document)
