"""The request to fulfil a need-list, and the result."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.core.manifest import Chunk
from bundler.exporting.result import ExportResult
from bundler.keys.private_key import Passphrases, no_passphrases
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.system.places import scratch_folder
from bundler.system.request_fields import Request

COPY, SOURCES, THERE = "copy", "sources", "there"


@frozen
class FulfilRequest(Request):
    """A request to `bundler.fulfilling.fulfil.fulfil`.

    Attributes:
        need: The file of a need-list, or its short form.
        output: The folder that the folder of the bundle is made in.
        sources: Folders with copies of the bundle, or with its small files only; image lists; single images.
        trust: The public keys that the bundle must be signed by, or folders of them; empty for the trust folder.
        is_without_signature: True to accept the bundle without any trusted signature.
        required_signatures: The number of different trusted keys that must have signed it.
        is_dry_run: True to plan only, and write nothing.
        network: How to reach registries.
        scratch: The folder for temporary data.
        key_path: The private key that signs a supplement, if the need-list asks for blobs that bases lacked.
        key_passphrases: Gives passphrases to try on the key; called only if the key is encrypted.
    """

    need: str
    output: Path
    sources: tuple[str, ...] = ()
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    required_signatures: int = 1
    is_dry_run: bool = False
    network: NetworkOptions = DEFAULT_NETWORK
    scratch: Path = field(default_factory=scratch_folder)
    key_path: Path | None = None
    key_passphrases: Passphrases = no_passphrases


@frozen
class FulfilledChunk:
    """A chunk that was made again, or would be.

    Attributes:
        number: Its number, from 1.
        chunk: Its file and size.
        sha256: Its SHA-256 in hex, as the signed bundle has it.
        way: ``copy``: from a copy of the bundle; ``sources``: from the sources of its images; ``there``: an earlier run
            has made it.
        places: The file that it is copied from, or the places that give its blobs.
        fetched_bytes: The bytes that sources must give for it: a blob that is cut must be read as a whole.
    """

    number: int
    chunk: Chunk
    sha256: str
    way: str
    places: tuple[str, ...] = ()
    fetched_bytes: int = 0


@frozen
class FulfilResult:
    """The result of ``fulfil``.

    Attributes:
        path: The folder with the chunks and files; None if only blobs were asked for.
        bundle_id: The id of the bundle.
        name: The name of the bundle.
        chunks: The chunks that the need-list asks for.
        files: The names of the other files in the folder.
        need_signers: The ids of the trusted keys that signed the need-list.
        is_dry_run: True if nothing was written.
        is_old: True if an earlier run had finished the folder.
        supplement: The bundle with the blobs that bases lacked; None if none were asked for.
    """

    path: Path | None
    bundle_id: str
    name: str
    chunks: tuple[FulfilledChunk, ...]
    files: tuple[str, ...]
    need_signers: tuple[str, ...] = ()
    is_dry_run: bool = False
    is_old: bool = False
    supplement: ExportResult | None = None

    @property
    def size_bytes(self) -> int:
        """The size of the chunks."""
        return sum(each.chunk.size_bytes for each in self.chunks)

    @property
    def exit_code(self) -> int:
        """0: an error is raised if a part cannot be made."""
        return 0
