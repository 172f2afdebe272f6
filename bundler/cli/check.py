"""``bundler check``."""

from __future__ import annotations

from dataclasses import replace

import click

import bundler
from bundler.cli import options, target_options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
from bundler.errors import Misuse


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
@options.trust_option
@options.unsigned_ok_option
@options.only_option
@options.except_option
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
@options.need_option
@target_options.need_key_option
@options.key_passphrase_file_option
@options.bundle_passphrase_file_option
@options.scratch_option
@options.username_option
@options.password_stdin_option
@options.plain_http_option
@options.cacert_option
@options.jobs_option
@metrics_option
@options.quiet_option
@options.verbose_option
@options.json_option
def check(
    paths: tuple[str, ...],
    target: str | None,
    deep: bool,
    trust: tuple[str, ...],
    insecure_no_signature: bool,
    only: tuple[str, ...],
    except_: tuple[str, ...],
    mapping: str,
    rules: str | None,
    no_digest_tags: bool,
    attachments: str,
    need: str | None,
    need_key: str | None,
    key_passphrase_file: str | None,
    passphrase_file: str | None,
    scratch: str | None,
    username: str | None,
    password_stdin: bool,
    plain_http: tuple[str, ...],
    cacert: str | None,
    jobs: int | None,
    quiet: bool,
    verbose: bool,
    is_json: bool,
) -> int:
    """Check that all that an import pushed is still there, whole, under the same digests. Changes nothing.

    It asks for tags, manifests, attachments, configs and layers, and compares digests and lengths. A registry may list
    what it has lost: --deep reads everything.

    A receipt is best: it has the names that the import gave. The small files of a bundle are enough.

    Exit code 0: all is whole. 4: other bytes. 6: a tag names another image. 7: the registry does not give a part.
    9: something is missing.
    """
    from bundler.views import check_report, documents

    options.check_stdin(password_stdin, passphrase_file, key_passphrase_file)
    if need_key and need is None:
        raise Misuse("--need-key signs a need-list", hint="give its file: --need FILE")
    parsed = bundler.parse_target(target) if target else None
    registries = options.registries_of((parsed,)) if parsed else ()
    request = bundler.CheckRequest(
        paths=options.bundle_paths(paths),
        target=parsed,
        is_deep=deep,
        trust=options.paths(trust),
        is_without_signature=insecure_no_signature,
        selection=options.selection(only, except_),
        mapping=mapping,
        rules=bundler.read_rules(rules) if rules else bundler.NO_RULES,
        has_digest_tags=not no_digest_tags,
        has_attachments=attachments == "all",
        unlocking=options.unlocking(passphrase_file, scratch),
        network=options.network(plain_http, cacert, login=options.login(username, password_stdin, registries)),
        need=options.need_request(need, options.receipt_key(need_key, key_passphrase_file)),
    )
    result = options.of_one_bundle(
        lambda chosen: with_run(
            lambda run: bundler.check(replace(request, paths=chosen), run), jobs=jobs, is_quiet=quiet
        ),
        request.paths,
    )
    lines = [] if quiet and not result.exit_code else check_report.lines(result, is_verbose=verbose)
    show(lines, documents.check_document(result) if is_json else {}, is_json=is_json)
    return result.exit_code
