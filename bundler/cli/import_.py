"""``bundler import``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

import bundler
from bundler.cli import (
    choice_options,
    network_options,
    options,
    preheat_options,
    receipt_options,
    run_options,
    scan_options,
    secret_options,
    target_options,
    trust_options,
    with_report,
)
from bundler.cli.program import program
from bundler.core.frozen import frozen
from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler import ImportResult


@frozen
class SendingFlags:
    """The flags for how an import sends images, and when tags move."""

    all_or_nothing: bool
    publish: bool
    verify_target: bool
    via_daemon: bool
    dask: str
    dry_run: bool
    wait: bool

    def check(self) -> None:
        """Refuses flags that contradict each other.

        Raises:
            Misuse: They do.
        """
        if self.wait and self.dask:
            raise Misuse("workers wait for no medium; leave out --wait or --dask")
        if self.wait and self.dry_run:
            raise Misuse("--dry-run waits for no medium; leave out --wait")


@program.command(
    "import",
    examples="""
bundler import /media/stick/platform --trust builder.pub --to registry.internal:5000
bundler import /media/disc1 /media/disc2 --trust keys/ --to registry.internal/mirror --dry-run
bundler import /media/cdrom --wait --trust builder.pub --to registry.internal:5000
bundler import /media/stick/platform --trust builder.pub --to docker-daemon: --to registry.internal:5000
bundler import /media/stick/platform --trust builder.pub --to registry.internal --map flatten --on-conflict suffix
bundler import /media/stick/platform --trust builder.pub --to registry.internal --policy policy.json --all-or-nothing
bundler import /media/stick/platform --trust builder.pub --to registry.internal --require-scan clamav --scan-age 7d
bundler import /media/disc1/platform-2026.10 /media/disc2/platform-2026.11 --trust builder.pub --to registry.internal
bundler import /media/stick/platform --trust builder.pub --to harbor.internal --rules rules.yaml --dry-run
bundler import /media/stick/platform --trust builder.pub --to agent-images:/var/lib/rancher/k3s/agent/images
bundler import /media/stick/platform --trust builder.pub --to harbor.internal --preheat harbor=https://harbor.internal
bundler import /media/stick/platform --trust builder.pub --to oci:/srv/layout --only 'quay.io/*' --platform linux/amd64
bundler import /mnt/platform --trust builder.pub --to registry.internal --shard 2/8 --receipt shard-2.json
bundler import /srv/platform --trust /srv/builder.pub --to registry.internal --dask tls://jump1.internal:8786
""",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--to",
    "targets",
    multiple=True,
    required=True,
    metavar="DEST",
    help="HOST[:PORT][/PREFIX], docker-daemon:, oci:DIR, oci-archive:FILE or agent-images:DIR. May be repeated; the "
    "bundle is read once. docker-daemon:HOST[/PREFIX] loads images under their names in that registry. "
    "agent-images:DIR writes what k3s and RKE2 load.",
)
@trust_options.signer_options
@scan_options.demand_options
@target_options.mapping_option(
    help="Names at the target: keep drops the source registry, scoped keeps it in the path, flatten joins the path "
    "to one part."
)
@click.option(
    "--allow-rollback",
    metavar="REASON",
    help="Accept a bundle whose channel would refuse it: an older one, another one of the same number, or one with a "
    "number that is far too high. The receipt has the reason.",
)
@target_options.rules_option
@choice_options.choice_options
@choice_options.shard_option
@click.option(
    "--platform",
    multiple=True,
    metavar="OS/ARCH[:OSVERSION]",
    help="Import only this platform of multi-platform images. May be repeated. Default: all; for Docker daemons the "
    "daemon's own.",
)
@target_options.conflict_option(
    help="Policy for a tag that points to another image at the target; suffix pushes the image as TAG-DIGEST."
)
@click.option(
    "--attachments",
    type=click.Choice(("all", "none")),
    default="all",
    show_default=True,
    help="Import the signatures, SBOMs and attestations of the images too. An image fails if the registry refuses one; "
    "none imports the images alone.",
)
@click.option(
    "--no-digest-tags",
    is_flag=True,
    help="Do not tag images that have only a digest. Default: tag them digest-<12 hex>, because garbage collections "
    "of registries remove untagged images.",
)
@target_options.push_options
@click.option(
    "--fail-fast", is_flag=True, help="Stop after the first failed image. Default: continue with the other images."
)
@click.option(
    "--all-or-nothing",
    is_flag=True,
    help="Move no tag until all images are complete. With --shard no tag moves: --publish moves those of all shards.",
)
@click.option(
    "--publish",
    is_flag=True,
    help="After shards with --all-or-nothing: send nothing, and move the tags of all images, if every image is there.",
)
@click.option(
    "--verify-target",
    is_flag=True,
    help="Before a tag moves, read all blobs of the images back from the target and hash them, also for existing "
    "images; send missing blobs again.",
)
@click.option(
    "--via-daemon",
    is_flag=True,
    help="Load, tag and push through the Docker daemon, if only the daemon can reach the registry. Digests may change.",
)
@receipt_options.receipt_option
@receipt_options.receipt_key_option
@preheat_options.preheat_options
@click.option(
    "--dask",
    metavar="ADDRESS",
    default="",
    help="Let the workers of this Dask scheduler send the images, tls://HOST:PORT or tcp://HOST:PORT. They see the "
    "bundle under the same name. See docs/scale.md.",
)
@receipt_options.need_option
@run_options.wait_option
@secret_options.passphrase_options
@run_options.pace_options
@network_options.connection_options
@with_report.reported_plan_options
def import_(
    paths: tuple[str, ...],
    targets: tuple[str, ...],
    demands: scan_options.DemandFlags,
    names: target_options.NameFlags,
    choice: choice_options.ChoiceFlags,
    attachments: str,
    sending: SendingFlags,
    receipts: receipt_options.ReceiptFlags,
    preheat: preheat_options.PreheatFlags,
    secrets: secret_options.SecretFlags,
    network: network_options.NetworkFlags,
    running: run_options.Running,
    reporting: with_report.Reporting,
    showing: run_options.Showing,
) -> int:
    """Verify a bundle and push its images, digests unchanged. PATHs are its folder, or media with parts of it.

    Of several bundles that follow each other, the newest is imported; the others give the blobs that it leaves out.

    The import writes a receipt. bundler undo restores tags; bundler explain explains errors.
    """
    secret_options.check_stdin(network, secrets, receipts, preheat)
    receipts.check()
    sending.check()
    running.check()
    reporting.check()
    parsed = tuple(map(bundler.parse_target, targets))
    key = receipts.key()
    request = bundler.ImportRequest(
        paths=options.bundle_paths(paths),
        targets=parsed,
        trust=demands.signers.keys(),
        is_without_signature=demands.signers.insecure_no_signature,
        required_signatures=demands.signers.least(),
        selection=choice.selection(),
        retry=choice.retry(),
        shard=choice.shard(),
        platforms=choice.platforms(),
        mapping=names.mapping,
        rules=names.given_rules(),
        allow_rollback=demands.reason(),
        on_conflict=names.on_conflict,
        has_attachments=attachments == "all",
        has_digest_tags=not names.no_digest_tags,
        kind=names.registry_kind(),
        admin=network.admin(),
        is_dry_run=sending.dry_run,
        is_all_or_nothing=sending.all_or_nothing,
        is_publishing=sending.publish,
        unlocking=secrets.unlocking(),
        network=network.options(network_options.registries_of(parsed)),
        is_via_daemon=sending.via_daemon,
        is_verifying_target=sending.verify_target,
        receipt=receipts.request(key),
        need=receipts.need_request(key),
        policies=demands.policy.read(),
        scans=demands.scans.gate(),
        dask=sending.dask,
        preheat=preheat.request(),
    )
    import_bundle = bundler.import_bundle  # loads its modules before `with_run` sets aside what is loaded
    result = options.of_one_bundle(
        lambda chosen: running.do(lambda run: import_bundle(replace(request, paths=chosen), run)), request.paths
    )
    return showing.result(result, _lines, _document, added=partial(reporting.add, result))


def _lines(result: ImportResult, *, is_verbose: bool) -> list[str]:
    from bundler.views import import_report

    return import_report.import_lines(result, is_verbose=is_verbose)


def _document(result: ImportResult) -> dict[str, Any]:
    from bundler.views import documents

    return documents.import_document(result)
