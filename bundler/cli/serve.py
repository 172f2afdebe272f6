"""``bundler serve``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import options
from bundler.cli.program import program, show, with_run


@program.command(
    examples="""
bundler serve /media/stick/platform --trust builder.pub
bundler serve /media/stick/* --trust builder.pub                several bundles, also such that follow each other
bundler serve /media/stick/platform --trust builder.pub --addr 0.0.0.0:5000
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

    options.check_stdin(False, passphrase_file)
    request = bundler.ServeRequest(
        paths=options.bundle_paths(paths),
        trust=options.paths(trust),
        is_without_signature=insecure_no_signature,
        required_signatures=options.required_signatures(required, is_without_signature=insecure_no_signature),
        unlocking=options.unlocking(passphrase_file, scratch),
        address=address,
    )

    def log(answered: bundler.ServedAnswer) -> None:
        errors.show([serve_report.request_line(answered)], on_stderr=True)

    served = with_run(lambda run: bundler.serve(request, run, log=log if verbose else None), jobs=jobs, is_quiet=quiet)
    with served:
        show(
            [] if quiet else serve_report.lines(served, is_verbose=verbose),
            serve_report.document(served) if is_json else {},
            is_json=is_json,
        )
        _wait(served)
    return 0


def _wait(served: bundler.Served) -> None:
    """Waits for Ctrl-C, which is the way to end a server."""
    try:
        served.wait()
    except KeyboardInterrupt:
        return
