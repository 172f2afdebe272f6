"""``bundler import``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import bundler
from bundler.cli import options, scan_options, target_options, with_report
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
from bundler.cli.values import SecretFile
from bundler.errors import Misuse
from bundler.texts import text

if TYPE_CHECKING:
    from bundler import ImportResult

_REASON_CHARACTERS = 500
"""The longest reason that a receipt gets."""


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
@options.trust_option
@options.require_signatures_option
@options.unsigned_ok_option
@options.policy_options
@scan_options.gate_options
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
@options.only_option
@options.except_option
@options.retry_failed_option
@options.shard_option
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
@target_options.kind_option
@target_options.base_path_option
@options.allow_upload_host_option
@options.username_option
@options.password_stdin_option
@target_options.project_login_option
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
@target_options.receipt_option
@options.receipt_key_option
@click.option(
    "--preheat",
    "preheats",
    multiple=True,
    metavar="SERVICE=URL",
    help="After the tags moved, ask this service to distribute the images to the nodes: harbor=URL runs the preheat "
    "policies of the projects, dragonfly=URL starts a job for each image. May be repeated. A failure is reported, and "
    "the exit code does not change.",
)
@click.option(
    "--preheat-token-file",
    type=SecretFile(),
    metavar="FILE",
    help="Read the personal access token of Dragonfly from the first line; - is stdin.",
)
@click.option(
    "--preheat-pull-login",
    type=SecretFile(),
    metavar="FILE",
    help="USER:PASSWORD with which Dragonfly pulls from the registry; it is sent to Dragonfly.",
)
@click.option(
    "--preheat-wait",
    type=click.IntRange(0, 86_400),
    metavar="SECONDS",
    default=600,
    show_default=True,
    help="Wait so long for the jobs of a preheat; they continue without bundler.",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    default="",
    help="Let the workers of this Dask scheduler send the images, tls://HOST:PORT or tcp://HOST:PORT. They see the "
    "bundle under the same name. See docs/scale.md.",
)
@options.need_option
@options.wait_option
@options.key_passphrase_file_option
@options.bundle_passphrase_file_option
@options.scratch_option
@options.jobs_option
@options.rate_option
@options.plain_http_option
@options.cacert_option
@options.dry_run_option
@metrics_option
@with_report.report_options
@options.quiet_option
@options.verbose_option
@options.json_option
def import_(
    paths: tuple[str, ...],
    targets: tuple[str, ...],
    trust: tuple[str, ...],
    required: int | None,
    insecure_no_signature: bool,
    policies: options.PolicyFlags,
    scans: scan_options.GateFlags,
    mapping: str,
    allow_rollback: str | None,
    rules: str | None,
    only: tuple[str, ...],
    except_: tuple[str, ...],
    retry_failed: str | None,
    shard_text: str | None,
    platform: tuple[str, ...],
    on_conflict: str,
    attachments: str,
    no_digest_tags: bool,
    kind: str | None,
    base_path: str,
    upload_hosts: tuple[str, ...],
    username: str | None,
    password_stdin: bool,
    admin_credentials: str | None,
    fail_fast: bool,
    all_or_nothing: bool,
    publish: bool,
    verify_target: bool,
    via_daemon: bool,
    receipt: str | None,
    receipt_key: str | None,
    preheats: tuple[str, ...],
    preheat_token_file: str | None,
    preheat_pull_login: str | None,
    preheat_wait: int,
    dask: str,
    need: str | None,
    wait: bool,
    key_passphrase_file: str | None,
    passphrase_file: str | None,
    scratch: str | None,
    jobs: int | None,
    rate_text: str | None,
    plain_http: tuple[str, ...],
    cacert: str | None,
    dry_run: bool,
    reporting: with_report.Reporting,
    quiet: bool,
    verbose: bool,
    is_json: bool,
) -> int:
    """Verify a bundle and push its images, digests unchanged. PATHs are its folder, or media with parts of it.

    Of several bundles that follow each other, the newest is imported; the others give the blobs that it leaves out.

    The import writes a receipt. bundler undo restores tags; bundler explain explains errors.
    """
    options.check_stdin(
        password_stdin, passphrase_file, key_passphrase_file, preheat_token_file, preheat_pull_login, admin_credentials
    )
    if receipt_key and dry_run:
        raise Misuse("--dry-run writes no receipt to sign; leave out --receipt-key")
    if wait and dask:
        raise Misuse("workers wait for no medium; leave out --wait or --dask")
    if wait and dry_run:
        raise Misuse("--dry-run waits for no medium; leave out --wait")
    rate = options.rate(rate_text, shard_text)
    reporting.check()
    parsed = tuple(map(bundler.parse_target, targets))
    key = options.receipt_key(receipt_key, key_passphrase_file)
    request = bundler.ImportRequest(
        paths=options.bundle_paths(paths),
        targets=parsed,
        trust=options.paths(trust),
        is_without_signature=insecure_no_signature,
        required_signatures=options.required_signatures(required, is_without_signature=insecure_no_signature),
        selection=options.selection(only, except_),
        retry=bundler.read_failed_list(retry_failed) if retry_failed else None,
        shard=options.shard(shard_text),
        platforms=tuple(map(bundler.Platform.parse, platform)),
        mapping=mapping,
        rules=bundler.read_rules(rules) if rules else bundler.NO_RULES,
        allow_rollback=_reason(allow_rollback),
        on_conflict=on_conflict,
        has_attachments=attachments == "all",
        has_digest_tags=not no_digest_tags,
        kind=bundler.REGISTRY_KINDS[kind] if kind else None,
        admin=options.credentials_in(admin_credentials, "--admin-credentials") if admin_credentials else None,
        is_dry_run=dry_run,
        is_all_or_nothing=all_or_nothing,
        is_publishing=publish,
        unlocking=options.unlocking(passphrase_file, scratch),
        network=options.network(
            plain_http,
            cacert,
            base_path=base_path,
            upload_hosts=upload_hosts,
            login=options.login(username, password_stdin, options.registries_of(parsed)),
        ),
        is_via_daemon=via_daemon,
        is_verifying_target=verify_target,
        receipt=bundler.ReceiptRequest(path=Path(receipt) if receipt else None, key=key),
        need=options.need_request(need, key),
        policies=policies.read(),
        scans=scans.gate(),
        dask=dask,
        preheat=options.preheat_request(preheats, preheat_token_file, preheat_pull_login, preheat_wait),
    )
    import_bundle = bundler.import_bundle  # loads its modules before `with_run` sets aside what is loaded
    result = options.of_one_bundle(
        lambda chosen: with_run(
            lambda run: import_bundle(replace(request, paths=chosen), run),
            jobs=jobs,
            is_quiet=quiet,
            is_fail_fast=fail_fast,
            is_waiting=wait,
            rate=rate,
        ),
        request.paths,
    )
    lines = [] if quiet and not result.exit_code else _lines(result, is_verbose=verbose)
    lines, document = reporting.add(result, lines, _document(result) if is_json else {})
    show(lines, document, is_json=is_json)
    return result.exit_code


def _lines(result: ImportResult, *, is_verbose: bool) -> list[str]:
    from bundler.views import import_report

    return import_report.import_lines(result, is_verbose=is_verbose)


def _document(result: ImportResult) -> dict[str, Any]:
    from bundler.views import documents

    return documents.import_document(result)


def _reason(given: str | None) -> str:
    """The reason of ``--allow-rollback``.

    Raises:
        Misuse: It is empty, or too long.
    """
    if given is None:
        return ""
    if not given.strip() or len(given) > _REASON_CHARACTERS:
        raise Misuse(
            "--allow-rollback needs a reason",
            expected=text("1 to {most} characters", most=_REASON_CHARACTERS),
            actual=str(len(given)),
        )
    return given.strip()
