"""The file of a need-list: written by ``verify`` and ``import`` if something must come again, and never overwritten."""

from __future__ import annotations

from pathlib import Path

from bundler.bundle.locked import LockedBundle
from bundler.bundle.needed import Lacking, need_list
from bundler.bundle.reader import Bundle
from bundler.bundle.signing import PrivateKey
from bundler.core.events import Listener
from bundler.core.frozen import frozen
from bundler.core.need_line import Wanted
from bundler.core.need_list import NeedList
from bundler.errors import Misuse
from bundler.importing.receipt_key import NO_KEY, ReceiptKey
from bundler.keys.signed_files import refuse_taken, write_signed
from bundler.system.clock import now
from bundler.system.request_fields import Request


@frozen
class NeedRequest(Request):
    """The request for a need-list.

    Attributes:
        path: Its file, which must not exist.
        key: The key that signs it; an unsigned one is still a request that `fulfil` reads.
    """

    path: Path
    key: ReceiptKey = NO_KEY


@frozen
class NeedResult:
    """The outcome of a request for a need-list.

    Attributes:
        path: Its file; None if nothing must come again, so that nothing was written.
        need: Its content, of a receipt only the short form; None in the same case.
        key_id: The id of the key that signed it.
    """

    path: Path | None = None
    need: NeedList | Wanted | None = None
    key_id: str | None = None


def check_need(request: NeedRequest | None, listener: Listener) -> PrivateKey | None:
    """Checks, before the long work, that the need-list can be written; returns the key that signs it.

    Raises:
        Misuse: The file exists, or the key cannot be used.
    """
    if request is None:
        return None
    refuse_taken(request.path)
    if not request.path.absolute().parent.is_dir():
        raise Misuse(
            "there is no such folder",
            subject=str(request.path.absolute().parent),
            hint="make the folder first, or choose another one",
        )
    return request.key.load(listener)


def write_need(
    request: NeedRequest | None, bundle: Bundle | LockedBundle, lacking: Lacking, key: PrivateKey | None
) -> NeedResult | None:
    """Writes the need-list, if one was asked for and something must come again.

    Raises:
        LocalStorage: It cannot be written.
    """
    if request is None:
        return None
    if not lacking:
        return NeedResult()
    need = need_list(bundle, lacking, created=now())
    write_signed(request.path, need.to_json(), key)
    return NeedResult(request.path, need, key.id if key else None)
