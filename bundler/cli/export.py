"""``bundler export``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import options, with_report
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
from bundler.cli.values import KeyFile, SecretFile
from bundler.errors import Misuse
from bundler.system.bundle_paths import bundle_path

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
"""
)
@click.argument("lists", nargs=-1, required=True, metavar="LIST...")
@click.option(
    "-o",
    "--output",
    "outputs",
    required=True,
    multiple=True,
    metavar="DIR",
    help="Create the bundle's folder in DIR. With more than one, a folder on each of several media: the chunks are "
    "spread over them by their free space.",
)
@options.medium_size_option
@click.option("--key", type=KeyFile(), metavar="FILE", help="Private key to sign with; see bundler keygen.")
@click.option(
    "--passphrase-file",
    type=SecretFile(),
    metavar="FILE",
    help=(
        "Read the passphrase from the first line; - is stdin. With --encrypt the bundle's passphrase, else the "
        "private key's."
    ),
)
@click.option(
    "--key-passphrase-file", type=SecretFile(), metavar="FILE", help="The private key's passphrase, with --encrypt."
)
@click.option("--unsigned", is_flag=True, help="Make a bundle without a signature. All reports show this.")
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
@options.only_option
@options.except_option
@click.option(
    "--chunk-size",
    metavar="SIZE",
    help="Largest chunk file: bytes, 1900MiB, 4GB, or cd, dvd, dvd-dl, bd25, bd50, bd100, fat32. Default: 2000000000, "
    "or less on a smaller medium.",
)
@click.option(
    "--layer-compression",
    type=click.Choice(bundler.LAYER_COMPRESSIONS),
    default="gzip",
    show_default=True,
    help="Compression of layers that the source has uncompressed (Docker daemons, docker save).",
)
@click.option(
    "--parity",
    metavar="AMOUNT",
    help="Add recovery data, with which lost and damaged chunks can be repaired: a part of the data (10%), or as much "
    "as any one chunk of each group needs (1chunk), or any one medium (1medium), also of a given size (1medium:bd25). "
    "Default: none.",
)
@options.scratch_option
@click.option(
    "--format",
    "archive",
    type=click.Choice(["tar", "7z"]),
    help="Format of the chunk files: plain tar, or 7z without compression. Default: tar.",
)
@click.option("--encrypt", is_flag=True, help="Encrypt content and names with a passphrase: 7z with AES-256.")
@click.option(
    "--generate-passphrase", is_flag=True, help="Make a strong passphrase, and print it once. With --encrypt."
)
@click.option(
    "--skip-missing",
    is_flag=True,
    help=(
        "Leave out images that their source does not have or refuses; exit 3, and write a list of them next to the "
        "bundle."
    ),
)
@options.policy_option
@options.notation_policy_option
@options.trusted_root_option
@click.option(
    "--skip-refused",
    is_flag=True,
    help="Leave out images that a policy refuses; exit 3, and write a list of them next to the bundle.",
)
@click.option(
    "--since",
    multiple=True,
    metavar="PATH",
    help="Leave out what the receiver has by PATH: the folder of a bundle (its small files are enough), its "
    "place in S3, a signed receipt, or a signed inventory. May be repeated.",
)
@options.since_trust_option
@options.since_unsigned_option
@click.option(
    "--since-passphrase-file",
    type=SecretFile(),
    metavar="FILE",
    help="Read the passphrase of encrypted bundles in --since from the first line; - is stdin.",
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
    "--with-tool",
    metavar="DIR",
    help="Carry the files of DIR in the bundle's folder tool, for receivers who do not have bundler; scripts/dist "
    "makes such a folder.",
)
@click.option("--restart", is_flag=True, help="Delete the partial state of an earlier run. Default: resume it.")
@click.option(
    "--read-back/--no-read-back",
    default=None,
    help="Read everything back from the medium before the bundle is sealed. Default: if DIR is on a stick, a card "
    "or a disc.",
)
@options.jobs_option
@options.username_option
@options.password_stdin_option
@options.plain_http_option
@options.cacert_option
@options.foreign_layers_option
@options.dry_run_option
@metrics_option
@with_report.report_options
@options.quiet_option
@options.verbose_option
@options.json_option
def export(
    lists: tuple[str, ...],
    outputs: tuple[str, ...],
    medium_size: str | None,
    key: str | None,
    passphrase_file: str | None,
    key_passphrase_file: str | None,
    unsigned: bool,
    name: str | None,
    platform: tuple[str, ...],
    attachments: tuple[str, ...],
    variables: tuple[str, ...],
    only: tuple[str, ...],
    except_: tuple[str, ...],
    chunk_size: str | None,
    layer_compression: str,
    parity: str | None,
    scratch: str | None,
    archive: str | None,
    encrypt: bool,
    generate_passphrase: bool,
    skip_missing: bool,
    policies: tuple[str, ...],
    notation_policies: tuple[str, ...],
    trusted_root: str | None,
    skip_refused: bool,
    since: tuple[str, ...],
    trust: tuple[str, ...],
    insecure_no_signature: bool,
    since_passphrase_file: str | None,
    channel: str | None,
    sequence: int | None,
    with_tool: str | None,
    restart: bool,
    read_back: bool | None,
    jobs: int | None,
    username: str | None,
    password_stdin: bool,
    plain_http: tuple[str, ...],
    cacert: str | None,
    foreign_layers: tuple[str, ...],
    dry_run: bool,
    report: str | None,
    report_language: str | None,
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

    if password_stdin and "-" in (*lists, passphrase_file, key_passphrase_file, since_passphrase_file):
        raise Misuse("--password-stdin reads all of standard input", hint="give the other one as a file")
    if not since and (trust or insecure_no_signature or since_passphrase_file):
        raise Misuse("--trust, --insecure-no-signature and --since-passphrase-file need --since")
    reporting = with_report.Reporting.of(report, report_language)
    _check_passphrases(encrypt, generate_passphrase, passphrase_file, key_passphrase_file)
    if [passphrase_file, key_passphrase_file, since_passphrase_file].count("-") > 1:
        raise Misuse("only one passphrase can come from standard input")
    key_file = key_passphrase_file if encrypt else passphrase_file or key_passphrase_file
    medium_bytes = bundler.parse_medium_size(medium_size) if medium_size else None
    made = bundler.generate_passphrase() if generate_passphrase and not dry_run else None
    request = bundler.ExportRequest(
        lists=lists,
        output=bundle_path(outputs[0]),
        further_outputs=options.paths(outputs[1:]),
        medium_size_bytes=medium_bytes,
        chunk_size_bytes=(bundler.parse_chunk_size(chunk_size) if chunk_size else bundler.chunk_size_for(medium_bytes)),
        key_path=Path(key) if key else None,
        key_passphrases=lambda: options.passphrases_of_key(
            key_file, option="--key-passphrase-file" if encrypt else None
        ),
        archive=bundler.ARCHIVE_KINDS[archive] if archive else None,
        is_encrypted=encrypt,
        bundle_passphrase=lambda: made or options.passphrase_of_bundle(passphrase_file, is_new=True),
        is_unsigned=unsigned,
        name=name,
        platforms=tuple(map(bundler.Platform.parse, platform)),
        attachments=bundler.AttachmentChoice.parse(attachments) if attachments else bundler.ALL_ATTACHMENTS,
        selection=options.selection(only, except_),
        is_dry_run=dry_run,
        skips_missing=skip_missing,
        policies=options.image_policies(policies, notation_policies, trusted_root),
        skips_refused=skip_refused,
        since=options.bundle_paths(since),
        trust=options.paths(trust),
        is_since_without_signature=insecure_no_signature,
        since_unlocking=options.unlocking_since(since_passphrase_file, scratch),
        channel=channel,
        sequence=sequence,
        tool=Path(with_tool) if with_tool is not None else None,
        variables=variables,
        is_restarted=restart,
        is_passphrase_new=made is not None,
        is_read_back=read_back,
        network=options.network(plain_http, cacert, foreign_layers=foreign_layers),
        login=options.credentials(username, password_stdin),
        layer_compression=layer_compression,
        scratch=options.scratch_folder(scratch),
        parity=bundler.parse_parity(parity) if parity else None,
    )
    result = with_run(lambda run: bundler.export(request, run), jobs=jobs, is_quiet=quiet)
    lines = (
        [*map(str, result.folders), *([made] if made else [])]
        if quiet
        else reports.export_lines(result, made, is_verbose=verbose)
    )
    lines, document = reporting.add(result, lines, documents.export_document(result, made) if is_json else {})
    show(lines, document, is_json=is_json)
    return result.exit_code


def _check_passphrases(
    encrypt: bool, generate: bool, passphrase_file: str | None, key_passphrase_file: str | None
) -> None:
    """Refuses flags of ``export`` that contradict each other. The request does not know the sources of passphrases."""
    if generate and not encrypt:
        raise Misuse("--generate-passphrase needs --encrypt")
    if generate and passphrase_file:
        raise Misuse("--generate-passphrase and --passphrase-file cannot be used together")
    if not encrypt and passphrase_file and key_passphrase_file:
        raise Misuse("--passphrase-file and --key-passphrase-file both give the key's passphrase; give one of them")
