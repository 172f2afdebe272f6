"""``bundler mirrors``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import network_options, run_options, secret_options, target_options, trust_options
from bundler.cli.program import program
from bundler.system.bundle_paths import bundle_path


@program.command(
    examples="""
bundler mirrors receipt.json --for containerd -o mirrors
bundler mirrors receipt.json --to registry.internal:5000 --for k3s --for podman -o mirrors --trust importer.pub
bundler mirrors /media/stick/platform --to registry.internal/mirror --for openshift -o mirrors --trust builder.pub
bundler mirrors receipt.json --for containerd --cacert registry-ca.pem -o mirrors
bundler mirrors receipt.json --for kustomize -o overlays
"""
)
@click.argument("path", metavar="RECEIPT|BUNDLE")
@click.option(
    "--to",
    "target",
    metavar="HOST[/PREFIX]",
    help="The registry that clusters pull from. A receipt of one registry needs no --to.",
)
@click.option(
    "--for",
    "kinds",
    multiple=True,
    required=True,
    type=click.Choice(bundler.MIRROR_KINDS),
    help="Kind of the files to write. May be repeated. podman is also for CRI-O, Buildah and skopeo.",
)
@click.option(
    "-o", "--output", required=True, metavar="DIR", help="Write the files below this folder, one folder for each kind."
)
@target_options.mapping_option(help="For a bundle: names at the registry, as for import. A receipt knows the names.")
@click.option("--rules", metavar="FILE", help="For a bundle: rules for names, as for import; see docs/rules.yaml.")
@trust_options.receipt_trust_option
@click.option("--insecure-no-signature", is_flag=True, help="Accept the receipt or bundle without a trusted signature.")
@secret_options.unlocking_options
@click.option(
    "--plain-http",
    multiple=True,
    metavar="HOST[:PORT]",
    help="This registry speaks plain HTTP, without TLS. May be repeated.",
)
@click.option(
    "--cacert",
    metavar="FILE",
    help="Certificate authority of the registry, PEM. It is written with the files, for the nodes.",
)
@run_options.showing_options
def mirrors(
    path: str,
    target: str | None,
    kinds: tuple[str, ...],
    output: str,
    names: target_options.NameFlags,
    signers: trust_options.SignerFlags,
    secrets: secret_options.SecretFlags,
    network: network_options.NetworkFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Write the files with which clusters go on using the original names of images.

    Containerd, Docker, podman, k3s, RKE2 and OpenShift get files that lead from the original registries to yours. Each
    file says where it goes, and what to restart. If the names at the registry follow no rule that such a file can
    express, the images are named, and Kustomize gets their new names instead.

    A receipt knows the names that an import gave. For a bundle, give the options of the import: --to, --map, --rules.
    Existing files are never replaced. If this machine trusts any key, a trusted key must have signed the receipt; a
    bundle always needs a trusted signature.
    """
    from bundler.views import documents, mirrors_report

    reached = network.options_of_sources()
    request = bundler.MirrorsRequest(
        path=bundle_path(path),
        output=Path(output),
        kinds=kinds,
        target=bundler.parse_target(target) if target else None,
        trust=signers.keys(),
        is_without_signature=signers.insecure_no_signature,
        unlocking=secrets.unlocking(),
        mapping=names.mapping,
        rules=names.given_rules(),
        plain_http=reached.plain_http,
        ca_certificate=reached.ca_certificate,
    )
    result = running.do(lambda run: bundler.mirrors(request, run))
    return showing.result(result, mirrors_report.lines, documents.mirrors_document)
