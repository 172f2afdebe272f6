"""``bundler serve``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

import bundler
from bundler.cli import options
from bundler.cli.program import program, show, with_run
from bundler.cli.values import FileName


@program.command(
    examples="""
bundler serve /media/stick/platform --trust builder.pub
bundler serve /media/stick/* --trust builder.pub                several bundles, which may build on each other
bundler serve /media/stick/platform --trust builder.pub --addr 0.0.0.0:5000 --tls-self-signed --htpasswd users
bundler serve /media/stick/platform --trust builder.pub --json  one document when it has started
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@options.trust_option
@options.require_signatures_option
@options.unsigned_ok_option
@click.option(
    "--addr",
    "address",
    default="127.0.0.1:5000",
    show_default=True,
    metavar="HOST:PORT",
    help="Listen at this address. Port 0 is any free one.",
)
@click.option(
    "--tls-self-signed", is_flag=True, help="Speak TLS, with a certificate and an authority that are made now."
)
@click.option("--tls-cert", type=FileName(), metavar="FILE", help="Speak TLS with this certificate and its chain, PEM.")
@click.option("--tls-key", type=FileName(), metavar="FILE", help="The private key of the certificate, PEM.")
@click.option(
    "--htpasswd",
    metavar="FILE",
    help="Demand a password of the users in this file, which htpasswd -B makes (bcrypt only).",
)
@click.option(
    "--insecure-plain-http", is_flag=True, help="With --htpasswd: take passwords without TLS from other machines too."
)
@options.bundle_passphrase_file_option
@options.scratch_option
@options.jobs_option
@options.quiet_option
@click.option("--verbose", "-v", is_flag=True, help="Print a line for each request on stderr.")
@options.json_option
def serve(
    paths: tuple[str, ...],
    trust: tuple[str, ...],
    required: int | None,
    insecure_no_signature: bool,
    address: str,
    tls_self_signed: bool,
    tls_cert: str | None,
    tls_key: str | None,
    htpasswd: str | None,
    insecure_plain_http: bool,
    passphrase_file: str | None,
    scratch: str | None,
    jobs: int | None,
    quiet: bool,
    verbose: bool,
    is_json: bool,
) -> int:
    """Serve bundles as a read-only registry, straight from their chunks. Runs until Ctrl-C.

    Each blob is verified before its last bytes are sent. So a client never gets a whole blob that is damaged. Nothing
    is unpacked, and nothing is written; an encrypted bundle needs scratch space.

    Names of images keep their origin: HOST:PORT/docker.io/library/nginx. They also work without it, as long as
    only one repository has the name; mirrors of Docker and containerd ask in this way.
    """
    from bundler.views import errors, serve_report
    from bundler.views.serve_page import ServePage

    options.check_stdin(False, passphrase_file)
    request = bundler.ServeRequest(
        paths=options.bundle_paths(paths),
        trust=options.paths(trust),
        is_without_signature=insecure_no_signature,
        required_signatures=options.required_signatures(required, is_without_signature=insecure_no_signature),
        unlocking=options.unlocking(passphrase_file, scratch),
        address=address,
        is_self_signed=tls_self_signed,
        certificate=Path(tls_cert) if tls_cert else None,
        key=Path(tls_key) if tls_key else None,
        htpasswd=Path(htpasswd) if htpasswd else None,
        is_insecure_plain_http=insecure_plain_http,
    )

    def log(answered: bundler.ServedAnswer) -> None:
        errors.show([serve_report.request_line(answered)], on_stderr=True)

    served = with_run(
        lambda run: bundler.serve(request, run, page=ServePage, log=log if verbose else None), jobs=jobs, is_quiet=quiet
    )
    with served, suppress(KeyboardInterrupt):  # Ctrl-C is the way to end a server
        lines = [] if quiet else serve_report.lines(served, is_verbose=verbose)
        show(lines, serve_report.document(served) if is_json else {}, is_json=is_json)
        served.wait()
    return 0
