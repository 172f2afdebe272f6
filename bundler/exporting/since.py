"""``--since``: reads the statements about the receiver, after their signatures were checked.

A statement is the folder of a sealed bundle, whole or only with its small files, or a file that an import wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bundler.commands.receipts import Demand, read_receipt
from bundler.core import roles
from bundler.core.at_receiver import NOTHING_THERE, AtReceiver, by_bundle, by_receipt, together
from bundler.core.events import Noticed
from bundler.errors import BundlerError
from bundler.exporting.session import Session
from bundler.keys.open_bundle import open_bundle

_SMALL_FILES = (roles.MANIFEST.file, roles.SUMS.file)


def read_since(session: Session) -> AtReceiver:
    """Returns the blobs that the receiver has, by the statements of a request.

    Raises:
        Misuse: There is no such bundle or file, or the passphrase of an encrypted bundle is missing or wrong.
        Untrusted: A statement is unsigned, or no trusted key has signed it; the error names it.
        Damaged, Incomplete, Refused, LocalStorage: A statement cannot be read, or is none.
    """
    request, run = session.request, session.run
    if not request.since:
        return NOTHING_THERE
    statements = list(_statements(session))
    if request.is_since_without_signature:
        run.listener(Noticed("--since is not checked: the receiver may lack blobs that are left out"))
    return together(statements)


def _statements(session: Session) -> Iterator[AtReceiver]:
    for path in session.request.since:
        try:
            yield _by_file(path, session) if path.is_file() else _by_folder(path, session)
        except BundlerError as error:
            if error.subject and str(path) in error.subject:
                raise
            subject = f"{path} ({error.subject})" if error.subject else str(path)
            raise error.but(subject=subject) from error.__cause__


def _by_file(path: Path, session: Session) -> AtReceiver:
    if path.name in _SMALL_FILES:
        return _by_folder(path.parent, session)
    request = session.request
    demand = Demand.NOT_EVEN_LOOKED_AT if request.is_since_without_signature else Demand.ALWAYS
    file = read_receipt(path, request.trust, demand=demand)
    return by_receipt(file.receipt, file.id)


def _by_folder(path: Path, session: Session) -> AtReceiver:
    request, run = session.request, session.run
    unlocking = replace(request.since_unlocking, scratch=request.since_unlocking.scratch or request.scratch)
    opened = open_bundle(
        [path],
        request.trust,
        is_without_signature=request.is_since_without_signature,
        unlocking=unlocking,
        run=run,
    )
    with closing(opened) as bundle:
        return by_bundle(bundle.manifest, bundle.id)
