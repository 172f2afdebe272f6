"""``bundler export``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

import bundler
from bundler.cli import choice_options, export_hosts, options, run_options, trust_options, with_report
from bundler.cli.bundle_options import BundleFlags, brief_lines, bundle_options
from bundler.cli.program import program
from bundler.core.frozen import frozen
from bundler.errors import Misuse

_MOST_BUNDLES = 1 << 53
"""The largest number that every JSON reader keeps exactly."""


@frozen
class ContentFlags:
    """The flags for what the bundle carries, and for its place in a series."""

    name: str | None
    attachments: tuple[str, ...]
    variables: tuple[str, ...]
    layer_compression: str
    skip_missing: bool
    skip_refused: bool
    channel: str | None
    sequence: int | None

    def choice_of_attachments(self) -> bundler.AttachmentChoice:
        """The attachments to carry.

        Raises:
            Misuse: A kind is not valid.
        """
        return bundler.AttachmentChoice.parse(self.attachments) if self.attachments else bundler.ALL_ATTACHMENTS


@program.command(
    examples="""
bundler export images.yaml -o /media/stick --key builder.key
bundler export rancher-images.txt -o out --key builder.key --name rancher-2.9 --chunk-size dvd
bundler export docker://quay.io/prometheus/prometheus:v3.0.1 -o out --key builder.key
bundler export docker-daemon:app:dev docker-archive:vendor.tar.xz -o out --key builder.key --name apps
bundler export images.yaml -o out --key builder.key --encrypt --generate-passphrase
bundler export images.yaml -o /media/one -o /media/two --key builder.key
bundler export images.yaml -o out --key builder.key --medium-size bd25
bundler export images.yaml -o out --key builder.key --dry-run --report plan.html
bundler export images.yaml -o out --key builder.key --parity 1chunk
bundler export images.yaml -o out --key builder.key --since out/platform-2026.10 --trust builder.pub
bundler export images.yaml -o out --key builder.key --since receipt.json --trust importer.pub
bundler export images.yaml -o /media/stick --key builder.key --with-tool dist/wheels
bundler export images.yaml -o resolved.json --key builder.key --resolve-only
bundler export resolved.json -o /mnt/work --shard 2/8
bundler export resolved.json -o /mnt/work --key builder.key --seal /mnt/work
"""
)
@click.argument("lists", nargs=-1, required=True, metavar="LIST...")
@bundle_options
@click.option(
    "--name",
    help="Name of the bundle. Default: name: of the list, the list's file name, or the single image's.",
)
@click.option(
    "--platform",
    multiple=True,
    metavar="OS/ARCH",
    help="Carry only this platform. May be repeated. Default: the platforms in the list, or all.",
)
@click.option(
    "--attachments",
    multiple=True,
    metavar="KIND",
    help=(
        "Attachments of the images to carry: all, none, signatures, sboms, attestations, or an artifact type. May be "
        "repeated. Default: attachments: in the list, or all."
    ),
)
@options.set_option
@click.option(
    "--layer-compression",
    type=click.Choice(bundler.LAYER_COMPRESSIONS),
    default="gzip",
    show_default=True,
    help="Compression of layers that the source has uncompressed (Docker daemons, docker save).",
)
@click.option(
    "--skip-missing",
    is_flag=True,
    help=(
        "Leave out images that their source does not have or refuses; exit 3, and write a list of them next to the "
        "bundle."
    ),
)
@trust_options.policy_options
@click.option(
    "--skip-refused",
    is_flag=True,
    help="Leave out images that a policy refuses; exit 3, and write a list of them next to the bundle.",
)
@click.option(
    "--channel",
    metavar="NAME",
    help="Give the bundle the next number of this series; importers refuse older ones. The number comes from --since, "
    "or from the state of this user.",
)
@click.option(
    "--sequence",
    type=click.IntRange(1, _MOST_BUNDLES),
    metavar="N",
    help="Number of the bundle in its channel, for a new channel (1) or if the state was lost.",
)
@click.option(
    "--resolve-only",
    is_flag=True,
    help="Fetch no layer: write the digests, options and plan to the new file -o FILE, signed. Several hosts make the "
    "bundle from it; see docs/scale.md.",
)
@choice_options.shard_option
@click.option(
    "--seal",
    "seals",
    multiple=True,
    metavar="DIR",
    help="With a file of --resolve-only: fetch nothing, take the chunks that shards have made from DIR, read all of "
    "them, and seal the bundle. May be repeated.",
)
@run_options.pace_options
@with_report.reported_result_options
def export(
    lists: tuple[str, ...],
    flags: BundleFlags,
    content: ContentFlags,
    policy: trust_options.PolicyFlags,
    hosts: export_hosts.HostFlags,
    running: run_options.Running,
    reporting: with_report.Reporting,
    showing: run_options.Showing,
) -> int:
    """Collect the images of LISTs into a signed bundle, DIR/NAME.

    A LIST is a file (YAML, or one reference per line; - is stdin), or images of one source: docker://NAME,
    docker-daemon:NAME, docker-archive:FILE[:NAME], oci-archive:FILE[:NAME], oci:DIR[:NAME]. Without NAME, all images
    of a file or folder. Files may be compressed (.gz, .xz, .zst, .bz2, .7z). Lists of other tools, such as Kubernetes
    manifests and Compose files, are read too: bundler images LIST shows their images.

    If it is interrupted, run the same command again: it resumes, checks what it has, and does not fetch it again.

    With several -o, or --medium-size, each folder has all small files and some of the chunks, and can be checked alone.

    With --since the bundle leaves out blobs. An import proves first that the target or other bundles have them.
    """
    from bundler.views import documents, report as reports

    flags.check(*lists)
    signers = flags.signers
    if not flags.since and (signers.trust or signers.insecure_no_signature or flags.since_passphrase_file):
        raise Misuse("--trust, --insecure-no-signature and --since-passphrase-file need --since")
    reporting.check()
    made = flags.made_passphrase()
    request = flags.request(
        made,
        lists=lists,
        name=content.name,
        platforms=flags.choice.platforms(),
        attachments=content.choice_of_attachments(),
        skips_missing=content.skip_missing,
        policies=policy.read(),
        skips_refused=content.skip_refused,
        channel=content.channel,
        sequence=content.sequence,
        variables=content.variables,
        layer_compression=content.layer_compression,
    )
    running.check()
    shard, given = hosts.shard(), export_hosts.resolved_in(lists)
    hosts.check(flags, given, report=reporting.report)
    if given is not None:
        request = replace(bundler.with_resolved(request, given), seals=options.paths(hosts.seals))
    if hosts.resolve_only:
        path = Path(flags.outputs[0])
        resolution = running.do(lambda run: bundler.resolve_export(request, path, run))
        return export_hosts.show_resolution(resolution, showing)
    if shard is not None:
        return export_hosts.show_shard(running.do(lambda run: bundler.export_shard(request, shard, run)), showing)
    result = running.do(lambda run: bundler.export(request, run))
    brief = brief_lines(result, made)
    lines = brief if showing.quiet else reports.export_lines(result, made, is_verbose=showing.verbose)
    lines, document = reporting.add(result, lines, documents.export_document(result, made) if showing.is_json else {})
    showing.lines(lines, lambda: document)
    return result.exit_code
