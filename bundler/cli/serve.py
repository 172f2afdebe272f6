"""``bundler serve``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

import bundler
from bundler.cli import options, run_options, secret_options, trust_options
from bundler.cli.program import program
from bundler.cli.values import FileName
from bundler.core.frozen import frozen


@frozen
class TlsFlags:
    """The flags for the certificate of the server."""

    tls_self_signed: bool
    tls_cert: str | None
    tls_key: str | None


@program.command(
    examples="""
bundler serve /media/stick/platform --trust builder.pub
bundler serve /media/stick/* --trust builder.pub                several bundles, which may build on each other
bundler serve /media/stick/platform --trust builder.pub --addr 0.0.0.0:5000 --tls-self-signed --htpasswd users
bundler serve /media/stick/platform --trust builder.pub --json  one document when it has started
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@trust_options.signer_options
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
@secret_options.unlocking_options
@run_options.jobs_option
@run_options.quiet_option
@click.option("--verbose", "-v", is_flag=True, help="Print a line for each request on stderr.")
@run_options.json_option
def serve(
    paths: tuple[str, ...],
    signers: trust_options.SignerFlags,
    address: str,
    tls: TlsFlags,
    htpasswd: str | None,
    insecure_plain_http: bool,
    secrets: secret_options.SecretFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Serve bundles as a read-only registry, straight from their chunks. Runs until Ctrl-C.

    Each blob is verified before its last bytes are sent. So a client never gets a whole blob that is damaged. Nothing
    is unpacked, and nothing is written; an encrypted bundle needs scratch space.

    Names of images keep their origin: HOST:PORT/docker.io/library/nginx. They also work without it, as long as
    only one repository has the name; mirrors of Docker and containerd ask in this way.
    """
    from bundler.views import errors, serve_report
    from bundler.views.serve_page import ServePage

    request = bundler.ServeRequest(
        paths=options.bundle_paths(paths),
        trust=signers.keys(),
        is_without_signature=signers.insecure_no_signature,
        required_signatures=signers.least(),
        unlocking=secrets.unlocking(),
        address=address,
        is_self_signed=tls.tls_self_signed,
        certificate=Path(tls.tls_cert) if tls.tls_cert else None,
        key=Path(tls.tls_key) if tls.tls_key else None,
        htpasswd=Path(htpasswd) if htpasswd else None,
        is_insecure_plain_http=insecure_plain_http,
    )

    def log(answered: bundler.ServedAnswer) -> None:
        errors.show([serve_report.request_line(answered)], on_stderr=True)

    served = running.do(lambda run: bundler.serve(request, run, page=ServePage, log=log if showing.verbose else None))
    with served, suppress(KeyboardInterrupt):  # Ctrl-C is the way to end a server
        lines = [] if showing.quiet else serve_report.lines(served, is_verbose=showing.verbose)
        showing.lines(lines, lambda: serve_report.document(served))
        served.wait()
    return 0
