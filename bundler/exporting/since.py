"""``--since``: reads the statements about the receiver, after their signatures were checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bundler.core.at_receiver import NOTHING_THERE, AtReceiver, by_statement, together
from bundler.core.events import Noticed
from bundler.core.inventory import Inventory
from bundler.core.location import DAEMON
from bundler.core.statement import Statement
from bundler.errors import BundlerError, Misuse
from bundler.exporting.session import Session
from bundler.keys.signed_files import Demand
from bundler.keys.statements import read_statement
from bundler.system.bundle_paths import BundlePath


def read_since(session: Session) -> AtReceiver:
    """Returns the blobs that the receiver has, by the statements of a request.

    Raises:
        Misuse: There is no such bundle or file, or the passphrase of an encrypted bundle is missing or wrong.
        Untrusted: A statement is unsigned, or no trusted key has signed it; the error names it.
        Damaged, Incomplete, Refused, Unavailable, LocalStorage: A statement cannot be read, or is none.
    """
    request = session.request
    if not request.since:
        return NOTHING_THERE
    there = together(list(_statements(session)))
    if request.carried:
        blobs = {digest: places for digest, places in there.blobs.items() if digest not in request.carried}
        there = replace(there, blobs=blobs)
    if request.is_since_without_signature:
        session.run.listener(Noticed("--since is not checked: the receiver may lack blobs that are left out"))
    return there


def _statements(session: Session) -> Iterator[AtReceiver]:
    request = session.request
    demand = Demand.IGNORED if request.is_since_without_signature else Demand.REQUIRED
    unlocking = replace(request.since_unlocking, scratch=request.since_unlocking.scratch or request.scratch)
    for path in request.since:
        try:
            statement = read_statement(path, request.trust, demand=demand, unlocking=unlocking, run=session.run)
            _refuse_daemon(statement, path)
            yield by_statement(statement)
        except BundlerError as error:
            if error.subject and str(path) in error.subject:
                raise
            subject = f"{path} ({error.subject})" if error.subject else str(path)
            raise error.but(subject=subject) from error.__cause__


def _refuse_daemon(statement: Statement, path: BundlePath) -> None:
    """Refuses the inventory of a daemon: it unpacks layers and keeps no blobs, so nothing could be left out.

    Raises:
        Misuse: It is one.
    """
    if isinstance(statement.document, Inventory) and statement.document.kind == DAEMON:
        raise Misuse(
            "the inventory of a Docker daemon names no blobs, so it is no base",
            subject=str(path),
            hint="give the inventory of a registry, a receipt, or an earlier bundle",
        )
