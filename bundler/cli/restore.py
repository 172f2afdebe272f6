"""``bundler restore``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

import bundler
from bundler.cli import options, target_options, with_report
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
from bundler.errors import Misuse


@program.command(
    examples="""
bundler restore /srv/backup/full --trust backup.pub --to registry.internal:5000 --dry-run
bundler restore /srv/backup/full --trust backup.pub --to registry.internal:5000
bundler restore /srv/backup/full /srv/backup/monday --trust backup.pub --to registry.internal:5000
bundler restore s3://backups/registry/full --trust backup.pub --to registry.internal:5000 --only '*/team/*'
bundler restore /srv/backup/full --trust backup.pub --to registry.internal:5000 --on-conflict replace
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="BUNDLE...")
@click.option("--to", "target", required=True, metavar="HOST", help="Registry to restore into: HOST[:PORT][/PREFIX].")
@options.trust_option
@options.require_signatures_option
@options.unsigned_ok_option
@options.only_option
@options.except_option
@options.retry_failed_option
@target_options.mapping_option(
    help="Names at the registry: keep gives each repository the path that it had, scoped adds the host of the backup, "
    "flatten joins the path to one part."
)
@target_options.rules_option
@target_options.conflict_option(
    help="Policy for a tag that points to another image at the registry; suffix pushes the image as TAG-DIGEST."
)
@click.option("--all-or-nothing", is_flag=True, help="Move no tag until all images are complete.")
@click.option(
    "--verify-target",
    is_flag=True,
    help="Read all blobs back from the registry and hash them, also of images that it has. Default: ask for each.",
)
@target_options.kind_option
@target_options.base_path_option
@options.allow_upload_host_option
@options.username_option
@options.password_stdin_option
@target_options.project_login_option
@target_options.receipt_option
@options.receipt_key_option
@options.need_option
@options.key_passphrase_file_option
@options.bundle_passphrase_file_option
@options.scratch_option
@options.jobs_option
@options.plain_http_option
@options.cacert_option
@options.dry_run_option
@metrics_option
@with_report.report_options
@options.quiet_option
@options.verbose_option
@options.json_option
def restore(
    paths: tuple[str, ...],
    target: str,
    trust: tuple[str, ...],
    required: int | None,
    insecure_no_signature: bool,
    only: tuple[str, ...],
    except_: tuple[str, ...],
    retry_failed: str | None,
    mapping: str,
    rules: str | None,
    on_conflict: str,
    all_or_nothing: bool,
    verify_target: bool,
    kind: str | None,
    base_path: str,
    upload_hosts: tuple[str, ...],
    username: str | None,
    password_stdin: bool,
    admin_credentials: str | None,
    receipt: str | None,
    receipt_key: str | None,
    need: str | None,
    key_passphrase_file: str | None,
    passphrase_file: str | None,
    scratch: str | None,
    jobs: int | None,
    plain_http: tuple[str, ...],
    cacert: str | None,
    dry_run: bool,
    reporting: with_report.Reporting,
    quiet: bool,
    verbose: bool,
    is_json: bool,
) -> int:
    """Bring the images of a backup back into a registry, under the names that they had. Sends only what is missing.

    BUNDLE is its folder, or its place in S3. Of an incremental backup give the earlier bundles too: the images of the
    newest one are restored. --dry-run compares tag by tag: missing, same, moved, incomplete, extra.

    The restore writes a receipt. bundler undo gives tags their images from before.
    """
    from bundler.views import restore_report

    options.check_stdin(password_stdin, passphrase_file, key_passphrase_file, admin_credentials)
    if receipt_key and dry_run:
        raise Misuse("--dry-run writes no receipt to sign; leave out --receipt-key")
    reporting.check()
    parsed = bundler.parse_target(target)
    key = options.receipt_key(receipt_key, key_passphrase_file)
    registries = options.registries_of((parsed,))

    request = bundler.ImportRequest(
        paths=options.bundle_paths(paths),
        targets=(parsed,),
        trust=options.paths(trust),
        is_without_signature=insecure_no_signature,
        required_signatures=options.required_signatures(required, is_without_signature=insecure_no_signature),
        selection=options.selection(only, except_),
        retry=bundler.read_failed_list(retry_failed) if retry_failed else None,
        mapping=mapping,
        rules=bundler.read_rules(rules) if rules else bundler.NO_RULES,
        on_conflict=on_conflict,
        kind=bundler.REGISTRY_KINDS[kind] if kind else None,
        admin=options.credentials_in(admin_credentials, "--admin-credentials") if admin_credentials else None,
        is_dry_run=dry_run,
        is_all_or_nothing=all_or_nothing,
        unlocking=options.unlocking(passphrase_file, scratch),
        network=options.network(
            plain_http,
            cacert,
            base_path=base_path,
            upload_hosts=upload_hosts,
            login=options.login(username, password_stdin, registries),
        ),
        is_verifying_target=verify_target,
        receipt=bundler.ReceiptRequest(path=Path(receipt) if receipt else None, key=key),
        need=options.need_request(need, key),
    )
    result = options.of_one_bundle(
        lambda chosen: with_run(
            lambda run: bundler.restore(bundler.RestoreRequest(replace(request, paths=chosen)), run),
            jobs=jobs,
            is_quiet=quiet,
        ),
        request.paths,
    )
    lines = [] if quiet and not result.exit_code else restore_report.lines(result, is_verbose=verbose)
    document = restore_report.document(result) if is_json else {}
    lines, document = reporting.add(result.imported, lines, document)
    show(lines, document, is_json=is_json)
    return result.exit_code
