"""Failures that the builder and the courier end: need-lists, channels, SBOMs, damaged and missing bytes."""

from __future__ import annotations

from bundler.core.advice.entry import Advice
from bundler.errors import Damaged, HeldElsewhere, Incomplete, Misuse, NotFound, Untrusted

NEEDS = (
    Advice(
        "need-without-bundle",
        Misuse,
        "the bundle that the need-list asks for was not given",
        "give a folder with a copy of it, or with its SHA256SUMS, .sig file and bundle.json: --from FOLDER",
        "A need-list names one bundle by its id, the SHA-256 of SHA256SUMS. `bundler fulfil` needs the small files of "
        "that bundle: they say what each chunk holds, where that came from, and which SHA-256 it must have. Keep the "
        "small files of each bundle that you send; they are copied in a second.",
    ),
    Advice(
        "need-contradicts",
        Damaged,
        "the need-list does not fit the bundle",
        "ask the receiver for the need-list again",
        "The need-list asks for a chunk, file or blob that the signed bundle does not have, or gives it another size "
        "or digest. It was changed or mistyped. Nothing was made.",
    ),
    Advice(
        "need-copy-only",
        Incomplete,
        "an encrypted chunk can only be copied: encrypted again, it would have other bytes",
        "give a whole copy of the bundle: --from FOLDER",
        "Each encryption uses new random numbers, so a chunk of an encrypted bundle cannot be made a second time with "
        "the same bytes. Keep a copy of encrypted bundles until they have arrived, or export again.",
    ),
    Advice(
        "need-other-bytes",
        Damaged,
        "made again, the chunk has other bytes",
        "another version of bundler made the bundle: give a copy of it with --from FOLDER",
        "All blobs had the right digests, but the chunk does not have the SHA-256 that the signed bundle lists. The "
        "framing of chunks, or the compression of repacked layers, belongs to the version of the program. Use the "
        "version that bundle.json names in `tool`, or a copy of the bundle.",
    ),
)

CHANNELS = (
    Advice(
        "older-bundle",
        Untrusted,
        "an older bundle of this channel than the one that the target has accepted",
        "bring the newest bundle; if the older one is intended: --allow-rollback REASON",
        "Bundles of a channel have numbers, and a target accepts only higher ones: a person who kept an old medium "
        "could otherwise bring back images with known faults. Nothing was sent. Check with the builder which bundle is "
        "the newest. To go back on purpose, give --allow-rollback with a reason: it is written into the receipt.",
    ),
    Advice(
        "forked-channel",
        Untrusted,
        "another bundle of this channel than the one that the target has accepted",
        "ask the builder which of the two is right; to accept this one: --allow-rollback REASON",
        "Two bundles have the same number, or this one follows another bundle than the one that was imported here. So "
        "two builders make bundles of one channel, a builder has lost its state, or a key was stolen. Nothing was "
        "sent. Compare the ids with the builder over another channel. --allow-rollback REASON accepts the bundle, and "
        "the receipt has the reason.",
    ),
    Advice(
        "channel-jump",
        Untrusted,
        "the number of this bundle is far higher than expected",
        "ask the builder for the number; to accept it: --allow-rollback REASON",
        "A bundle of a channel may skip up to 1,000 numbers. A person with a stolen key could sign a number that no "
        "later bundle can exceed, and so stop all updates. Nothing was sent. --allow-rollback REASON accepts the "
        "bundle, and the receipt has the reason.",
    ),
    Advice(
        "channel-memory",
        Untrusted,
        "the memory of this channel is damaged, or not ours",
        "find out who changed it; if this bundle is the newest: --allow-rollback REASON",
        "The file says which bundle of the channel the target has accepted. It was cut or changed, belongs to another "
        "user, or is about another channel. It never counts as empty, because an older bundle would then be accepted "
        "in silence. If receipts of earlier imports are here, bundler makes the memory again from them. If not, check "
        "with the builder that this bundle is the newest, and give --allow-rollback with a reason: it is written into "
        "the receipt, and the memory starts with this bundle. Remove a file of another user first.",
    ),
)

SBOMS = (
    Advice(
        "no-sbom",
        NotFound,
        "the bundle carries no such SBOM",
        "run bundler inspect to see what is attached to the image",
        "SBOMs are attached to images in registries, or are made by BuildKit. An export carries those that it finds, "
        "unless `--attachments` says other. There may be none: bundler makes no SBOMs. Or --platform or --document "
        "leaves them all out.",
    ),
    Advice(
        "sbom-unreadable",
        Damaged,
        "an SBOM in a format that bundler does not read",
        "give --json to see the document",
        "bundler lists the packages of SPDX 2 and CycloneDX, both as JSON. Other formats are carried and pushed "
        "unchanged, and `--json` prints each document that is JSON.",
    ),
)

CONTENT = (
    Advice(
        "layer-bomb",
        Damaged,
        "the layer unpacks to more than any layer does",
        "do not run this image before you know its maker",
        "A small layer can be made to fill a disk when it is unpacked. bundler unpacks no layer: it carries and pushes "
        "each as it is. It counts files until a layer of 512 GiB, or until 1,100 bytes for each byte of the compressed "
        "layer. Ask the maker of the image for the reason of this layer.",
    ),
    Advice(
        "damaged",
        Damaged,
        "bytes differ from what was promised",
        "run bundler verify to see which files to copy again",
        "A file on the medium, or the bytes that were read from it, differ from what was signed. `bundler verify` "
        "names every damaged file, and the images that need it. Copy only these files to the medium again. If the "
        "same file gives other bytes each time, the medium or its reader is failing.",
    ),
    Advice(
        "incomplete",
        Incomplete,
        "parts of the bundle are missing",
        "copy the named files here, or give the other media too",
        "The existing files are good. Images that are complete were imported. For the rest, run the same command "
        "with the other media, or with all of them.",
    ),
    Advice(
        "base-missing",
        HeldElsewhere,
        "the bundle leaves out blobs that are not at the target",
        "copy the named chunks of the named bundles to a medium, and give these bundles too",
        "The bundle was made with export --since: it leaves out what the receiver had. Before anything moves, an "
        "import looks for each such blob at the target and in the other bundles that were given. Registries remove "
        "blobs when they collect garbage. If no bundle has the blob, the builder must export again without --since, or "
        "with a new inventory.",
    ),
)
