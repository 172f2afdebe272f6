"""``bundler export``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

import bundler
from bundler.cli import export_hosts, options, with_report
from bundler.cli.bundle_options import BundleFlags, bundle_options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
from bundler.errors import Misuse

_MOST_BUNDLES = 1 << 53
"""The largest number that every JSON reader keeps exactly."""


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
@options.policy_options
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
@options.shard_option
@click.option(
    "--seal",
    "seals",
    multiple=True,
    metavar="DIR",
    help="With a file of --resolve-only: fetch nothing, take the chunks that shards have made from DIR, read all of "
    "them, and seal the bundle. May be repeated.",
)
@options.jobs_option
@options.rate_option
@metrics_option
@with_report.report_options
@options.quiet_option
@options.verbose_option
@options.json_option
def export(
    lists: tuple[str, ...],
    flags: BundleFlags,
    name: str | None,
    platform: tuple[str, ...],
    attachments: tuple[str, ...],
    variables: tuple[str, ...],
    layer_compression: str,
    skip_missing: bool,
    policies: options.PolicyFlags,
    skip_refused: bool,
    channel: str | None,
    sequence: int | None,
    resolve_only: bool,
    shard_text: str | None,
    seals: tuple[str, ...],
    jobs: int | None,
    rate_text: str | None,
    reporting: with_report.Reporting,
    quiet: bool,
    verbose: bool,
    is_json: bool,
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
    if not flags.since and (flags.trust or flags.insecure_no_signature or flags.since_passphrase_file):
        raise Misuse("--trust, --insecure-no-signature and --since-passphrase-file need --since")
    reporting.check()
    made = flags.made_passphrase()
    request = flags.request(
        made,
        lists=lists,
        name=name,
        platforms=tuple(map(bundler.Platform.parse, platform)),
        attachments=bundler.AttachmentChoice.parse(attachments) if attachments else bundler.ALL_ATTACHMENTS,
        skips_missing=skip_missing,
        policies=policies.read(),
        skips_refused=skip_refused,
        channel=channel,
        sequence=sequence,
        variables=variables,
        layer_compression=layer_compression,
    )
    rate = options.rate(rate_text, shard_text)
    shard, given = options.shard(shard_text), export_hosts.resolved_in(lists)
    if resolve_only or shard or seals or given:
        export_hosts.check(flags, given, is_resolving=resolve_only, shard=shard, seals=seals, report=reporting.report)
    if given is not None:
        request = replace(bundler.with_resolved(request, given), seals=options.paths(seals))
    if resolve_only:
        path = Path(flags.outputs[0])
        resolution = with_run(
            lambda run: bundler.resolve_export(request, path, run), jobs=jobs, is_quiet=quiet, rate=rate
        )
        return export_hosts.show_resolution(resolution, is_json=is_json, is_quiet=quiet)
    if shard is not None:
        part = shard
        made_shard = with_run(
            lambda run: bundler.export_shard(request, part, run), jobs=jobs, is_quiet=quiet, rate=rate
        )
        return export_hosts.show_shard(made_shard, is_json=is_json, is_quiet=quiet)
    result = with_run(lambda run: bundler.export(request, run), jobs=jobs, is_quiet=quiet, rate=rate)
    lines = (
        [*map(str, result.folders), *([made] if made else [])]
        if quiet
        else reports.export_lines(result, made, is_verbose=verbose)
    )
    lines, document = reporting.add(result, lines, documents.export_document(result, made) if is_json else {})
    show(lines, document, is_json=is_json)
    return result.exit_code
