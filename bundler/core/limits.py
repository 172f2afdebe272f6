"""Upper bounds on everything that is read from outside. Each has its unit in its name and its reason beside it."""

PIECE_BYTES = 1 << 20
"""How much is moved at a time: large enough for few system calls, small enough to stay in the processor's cache."""

WRITE_BYTES = 256 << 10
"""How much is written at a time: for more, Linux looks for such large pages of memory that finding them costs as much
as the write."""

MANIFEST_BYTES = 4 << 20
"""Manifests and indexes: the least that distribution-spec asks registries to take, and the most that they do."""

IMAGE_CONFIG_BYTES = 8 << 20
"""Image configs are read for their metadata up to this size; larger ones are carried unread."""

DOCUMENTS_BYTES = 8 << 20
"""Manifests and configs that an export keeps, packed, from resolving to writing: of some 4,000 images. Others are read
twice."""

CREDENTIAL_HELPER_SECONDS = 60.0
"""How long a credential helper may take: people may have to unlock a keyring for it."""

CERTIFICATES_BYTES = 16 << 20
"""A file of certificates or of a certificate's key: a system's whole trust store has some 200 KiB."""

KEPT_BYTES = 256 << 20
"""Manifests and configs that are kept from run to run: of some 100,000 images."""

KEPT_FILES = 200_000
"""The same by their number: each takes a block and an inode."""

KEPT_SECONDS = 60 * 86_400
"""How long they are kept: two of the months after which lists usually come again."""

SUMS_BYTES = 64 << 20
"""SHA256SUMS: some 600,000 lines. Read before any signature is known."""

SIGNATURE_BYTES = 64
"""A raw Ed25519 signature, RFC 8032."""

KEY_BYTES = 16 << 10
"""A PEM key file."""

BUNDLE_MANIFEST_BYTES = 256 << 20
"""bundle.json: some 500,000 blobs. Read only when its signed digest is known, but still bounded."""

CONTENT_BYTES = BUNDLE_MANIFEST_BYTES + (1 << 20)
"""content.7z: the bundle manifest, encrypted but not compressed, and the headers of the archive."""

IMAGE_LIST_BYTES = 16 << 20
"""An image list: some 200,000 references."""

YAML_NODES = 500_000
"""Values in a YAML file that people write: an image list, rules for names."""

YAML_DEPTH = 8
"""Nesting of YAML collections in such a file; four are used."""

JSON_DEPTH = 100
"""Nesting of JSON from a registry or medium; OCI documents use fewer than ten."""

JSON_CONTAINERS = 1_000_000
"""Objects and lists in one JSON document; one of 16 MiB could hold five million, in half a GiB of memory."""

BUNDLE_MANIFEST_CONTAINERS = 8_000_000
"""The same in bundle.json, which is signed."""

ATTACHMENTS = 10_000
"""Attachments of one image, attachments of attachments included; some dozens are usual."""

VERDICTS = 100
"""Verdicts on one image: one for each policy and signature that was looked at."""

BASES = 100
"""Bundles, receipts and inventories that one bundle relies on: of a channel, some years of months."""

BASE_NAME_CHARACTERS = 512
"""The name of a receipt or inventory that is a base: a host and a path of 255 characters."""

RESTORE_SCRIPT_BYTES = 1 << 20
"""restore.py: at most 700 lines."""

RECORD_BYTES = 64 << 20
"""A record: the result of a scan of some thousand images."""

OTHER_FILES_BYTES = 1 << 30
"""One file of parity, of the tool or of an unknown role may have so many bytes more than all chunks together."""

BASE_REPOSITORIES = 16
"""Repositories that one blob can be mounted from; one is enough, others are for those that were removed since."""

MEDIA = 100_000
"""Media of one bundle: 70 TB on CDs."""

JSON_INTEGER_DIGITS = 20
"""Digits of one integer: 2^63 has nineteen."""

SIZE_BYTES = 1 << 53
"""The largest size that every JSON reader keeps exactly."""

INDEX_DEPTH = 8
"""Indexes within indexes that are followed."""

INDEX_CHILDREN = 10_000
"""Manifests in one index."""

ERROR_BODY_BYTES = 64 << 10
"""How much of an error answer is read for its message."""

JSON_ANSWER_BYTES = 1 << 20
"""Answers of token servers and other small JSON bodies."""

JOURNAL_BYTES = 256 << 20
"""The journal of an export: some 500,000 images and chunks."""

RECEIPT_BYTES = 256 << 20
"""A receipt: some 200,000 images at several targets."""

EARLIER_RECEIPTS = 20
"""Receipts that an import looks into for layers that the target has: the newest ones."""

EARLIER_RECEIPT_BYTES = 4 << 20
"""One of them; larger ones would cost more memory than an import may take."""

RECEIPT_CONTAINERS = 2_000_000
"""Objects and lists in one."""

UNREADABLE_READS = 32
"""Reads of one file that may fail before the rest of it is given up: a failing medium takes up to a minute for each."""

STUB_BYTES = 64 << 10
"""What virus scanners put in the place of a file is smaller."""

LAYER_URLS = 16
"""Addresses of one layer that are looked at; one or two are usual."""

REDIRECTS = 5
"""Hops that one download may take."""

UPLOAD_PIECE_BYTES = 8 << 20
"""The first try of a piece of a blob, where whole ones are refused: few requests, and held in memory by each worker."""

UPLOAD_PIECE_MOST_BYTES = 32 << 20
"""What a registry may ask for in a piece; storage of the S3 kind asks for 5 MiB."""

UPLOAD_PIECE_LEAST_BYTES = 64 << 10
"""Where no body of this size passes, nothing useful does."""

WARNINGS = 20
"""Different warnings of one registry that are shown."""

STALL_BYTES = 64 << 10
"""What must move on a connection in the time after which one that stands still is given up: about 1 KiB a second, less
than the slowest line that images are carried over, and more than whoever only wants to keep us waiting sends."""

ANSWER_HEAD_BYTES = 256 << 10
"""Status and headers of one answer, interim ones included; servers and proxies send some KiB."""

FIRST_FILES_SHARE = 0.5
"""Part of the first chunk that oci-layout, index.json and manifest.json may fill at the most."""

MINIMUM_CHUNK_BYTES = 1 << 20
"""Below this the tar framing weighs more than what it frames."""

LAYOUT_JSON_BYTES = 16 << 20
"""index.json of an OCI layout: some 50,000 images."""

MARKER_BYTES = 4 << 10
"""The file ``oci-layout``, which says a version and no more."""

ARCHIVE_MEMBERS = 100_000
"""Members of one tar archive that somebody gives us, extended headers included: ``docker save`` of 25,000 layers."""

ARCHIVE_NAMES_CHARACTERS = 32 << 20
"""All names in such an archive together."""

ARCHIVE_PADDING_BYTES = 1 << 20
"""Zeros behind the end of such an archive; the largest tape block."""

EMPTY_FRAMES = 1000
"""Frames of a compressed stream, one after the other, that hold nothing."""

FOLDER_ENTRIES = 200_000
"""Files in one folder of a bundle: 9,999 chunks are usual at the most, and names of strangers are held in memory."""

LITTER_ENTRIES = 10_000
"""What operating systems left in one folder, as far as it is counted."""

LITTER_SHOWN = 20
"""How many names of it are shown."""

MEDIUM_FOLDERS = 1000
"""Folders on a medium that are looked into for a bundle."""

BUNDLES_SHOWN = 100
"""Bundles on one medium that are listed."""

FINDINGS = 1000
"""How many things are told of one file that is wrong, or of one folder; the rest would tell nothing more."""

MEMBER_NAME_CHARACTERS = 4096
"""The name of a member of such an archive: the longest path of a file system."""

PAX_HEADER_BYTES = 1 << 20
"""One extended header of a tar archive that somebody gives us."""

DECOMPRESSOR_BYTES = 128 << 20
"""What an xz decoder may take: its strongest preset needs 65 MiB."""

ZSTD_WINDOW_LOG = 27
"""A window of 128 MiB, what ``zstd --long`` writes; ``--long=31`` would take 2 GiB."""

ARCHIVE_DOCUMENT_BYTES = 64 << 20
"""JSON files of one image archive together: some thousand images. They are held in memory."""

SEVEN_ZIP_MEMORY_BYTES = 272 << 20
"""Data of the process that decodes a 7z archive, which py7zr cuts its pieces after. Enough for usual dictionaries."""

SEVEN_ZIP_MEMORY_AT_MOST_BYTES = 640 << 20
"""The same for an archive that cannot be decoded with less: a dictionary of 256 MiB, as ``7z -mx=9`` makes it."""
