"""Opens a bundle for commands that read one: find, trust, load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bundler.bundle.reader import Bundle, find
from bundler.commands.trust import trusted_keys


def open_trusted(paths: Sequence[Path], trust: Sequence[Path], *, is_without_signature: bool = False) -> Bundle:
    """The bundle in some folders, if somebody who is trusted signed it.

    Args:
        paths: Folders of the bundle, or media.
        trust: Public keys or folders of them; empty for the trust folder.
        is_without_signature: The user said that no signature is wanted.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: As the steps of `bundler.bundle.reader`.
    """
    unchecked = find(paths)
    if is_without_signature:
        return unchecked.taken_as_it_is().load()
    return unchecked.trusted_by(trusted_keys(trust)).load()
