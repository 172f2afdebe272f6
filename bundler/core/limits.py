"""Upper bounds on all input from outside. Each has its unit in its name, and its reason below it."""

PIECE_BYTES = 1 << 20
"""The size of one read or transfer: large enough for few system calls, small enough for the processor's cache."""

LARGE_PIECE_BYTES = 2 << 20
"""The same for a large blob of a registry: one large page of memory, and half as many steps. Two of them, at most, are
on their way to each chunk, which bounds the memory."""

LARGE_BLOB_BYTES = 32 << 20
"""The least size of a blob that is received in large pieces."""

WRITE_BYTES = 256 << 10
"""The size of one write. For larger writes Linux searches for such large pages of memory that the search costs as much
as the write."""

MANIFEST_BYTES = 4 << 20
"""A manifest or index. distribution-spec asks registries to accept at least this size, and they accept no more."""

IMAGE_CONFIG_BYTES = 8 << 20
"""An image config whose metadata are read; larger ones are carried unread."""

IMAGE_DOCUMENTS_BYTES = 128 << 20
"""The manifests and configs of one image or attachment, which are in memory while its graph is followed. An index could
list 30,000 manifests of 4 MiB; one of 100 platforms has some 2 MiB."""

REMEMBERED_BYTES = 4 << 20
"""The manifests of a bundle that are kept in memory while media are changed: those of some 3,000 images. Further ones
go to scratch: the memory for 20,000 images is nearly used up without them."""

DOCUMENTS_BYTES = 8 << 20
"""Manifests and configs that an export keeps, compressed, from resolving to writing: those of some 4,000 images. Others
are read twice."""

CREDENTIAL_HELPER_SECONDS = 60.0
"""The time for a credential helper: a user may have to unlock a keyring."""

CERTIFICATES_BYTES = 16 << 20
"""A file of certificates, or the key of a certificate. The whole trust store of a system has some 200 KiB."""

KEPT_BYTES = 256 << 20
"""Manifests and configs that are kept between runs: those of some 100,000 images."""

KEPT_FILES = 200_000
"""The number of these files: each needs a block and an inode."""

KEPT_SECONDS = 60 * 86_400
"""The time for which they are kept: two months, because most lists are exported again every month."""

SUMS_BYTES = 64 << 20
"""SHA256SUMS: some 600,000 lines. It is read before its signatures are checked."""

SIGNATURE_BYTES = 64
"""A raw Ed25519 signature, RFC 8032."""

KEY_BYTES = 16 << 10
"""A PEM key file."""

BUNDLE_MANIFEST_BYTES = 256 << 20
"""bundle.json: some 500,000 blobs. It is read only after its digest was found in the signed list, but still bounded."""

CONTENT_BYTES = BUNDLE_MANIFEST_BYTES + (1 << 20)
"""content.7z: the bundle manifest, encrypted but not compressed, and the headers of the archive."""

IMAGE_LIST_BYTES = 16 << 20
"""An image list: some 200,000 references."""

YAML_NODES = 500_000
"""Values in a YAML file that people write: an image list, or rules for names."""

YAML_DEPTH = 8
"""Nesting of YAML collections in such a file; four levels are used."""

YAML_DOCUMENT_DEPTH = 100
"""Nesting of YAML that other programs write: the schema in a CRD has some 50 levels."""

YAML_STREAM_NODES = 4_000_000
"""Values of all documents of such a stream together, aliases as often as they are used. 16 MiB of manifests have some
2.5 million."""

MANY_IMAGES = 100_000
"""Images that one entry with patterns may mean: five times as many as a bundle is tested with."""

LIST_NO_IMAGES = 1000
"""Parts of a list that are no images, which are named. Further ones are only counted."""

LIST_PLACES = 100
"""Places of one image in lists that are named. Further ones are only counted."""

LIST_ERRORS = 1000
"""Errors of one list that are reported."""

LIST_FILES = 100
"""Files that one list includes."""

LIST_FILES_CHARACTERS = 4 << 20
"""These files together: some ten thousand services. All of them are held in memory."""

VARIABLE_CHARACTERS = 4096
"""A text of a list after its variables were replaced: some names may have a kilobyte."""

JSON_DEPTH = 100
"""Nesting of JSON from a registry or medium; OCI documents use fewer than ten."""

JSON_CONTAINERS = 1_000_000
"""Objects and lists in one JSON document; a document of 16 MiB could hold five million, which need half a GiB."""

BUNDLE_MANIFEST_CONTAINERS = 8_000_000
"""The same in bundle.json, which is signed."""

JSON_COMMAS = 16_000_000
"""Commas in one JSON document, so about its values; bundle.json has one in 29 bytes, 9 million in its largest size."""

ATTACHMENTS = 10_000
"""Attachments of one image, attachments of attachments included; some dozens are usual."""

ATTACHMENT_DEPTH = 5
"""Levels of attachments of attachments: a signature of an SBOM is the second one."""

ATTACHMENT_MANIFESTS_BYTES = 64 << 20
"""The manifests of all attachments of one image together; they are held in memory. Most have less than 2 KiB."""

REFERRERS_BYTES = 8 << 20
"""One page of a list of referrers. Registries send at most 4 MiB, as of any manifest; some send all on one page."""

REFERRER_PAGES = 1000
"""Pages of one list of referrers; a page may be empty."""

TAG_LIST_BYTES = 8 << 20
"""One page of a repository's tags: some 100,000 tags. distribution before 3.0 sends all of them on one page."""

TAG_PAGE = 1000
"""Tags on one page that are asked for. Registries may send fewer."""

TAG_PAGES = 10
"""Pages of a repository's tags that are read to find attachments; above that, a HEAD asks for each possible tag."""

ATTACHMENT_TAGS = 20_000
"""Tags of attachments of one repository that are kept in memory; above that, as above `TAG_PAGES`."""

FALLBACK_WRITES = 5
"""Writes of one fallback index, if other clients replace it each time."""

UNDO_TAGS = 2000
"""Tags of one repository that an undo asks for, to see if another one has the image; above that, attachments stay."""

VERDICTS = 100
"""Verdicts on one image: one for each policy and signature that was checked."""

TRUST_POLICY_STATEMENTS = 1000
"""Statements of a Notation trust policy, and the values of each of their lists."""

TRUSTED_ROOT_BYTES = 1 << 20
"""A trusted root of sigstore: the public one has 7 KiB."""

TRUST_STORE_FILES = 1000
"""Files of one named store of a Notation trust store, and certificates in it."""

CERTIFICATE_BYTES = 64 << 10
"""One certificate; those with many names have some KiB."""

CERTIFICATE_CHAIN = 16
"""Certificates from a leaf to its root; three are usual."""

SBOM_BYTES = 32 << 20
"""An SBOM that is shown: one of some 10,000 packages with their files."""

SBOM_DEPTH = 50
"""Nesting of components in an SBOM; most have one level."""

SBOMS = 1000
"""SBOMs of one image: some for each platform are usual."""

CBOR_DEPTH = 8
"""Nesting of CBOR in a COSE envelope; four levels are used."""

CBOR_ITEMS = 1000
"""Items of CBOR in a COSE envelope; some thirty are usual."""

BASES = 100
"""Bundles, receipts and inventories that one bundle relies on: some years of a monthly channel."""

CARRIED_ATTACHED_BYTES = 1 << 20
"""A blob of an attachment up to this size is always carried: a signature must be judged where no base is at hand."""

BASE_NAME_CHARACTERS = 512
"""The name of a base that is a receipt or an inventory: a host and a path of 255 characters."""

RESTORE_SCRIPT_BYTES = 1 << 20
"""restore.py: at most 700 lines."""

RECORD_BYTES = 64 << 20
"""A record: the result of a scan of some thousand images."""

TOOL_FILES = 1_000
"""Files of the tool that a bundle carries: a wheel for each library, Python version and platform is some 100."""

OTHER_FILES_BYTES = 1 << 30
"""One file of parity, of the tool or of an unknown role may be larger than all chunks together, by this many bytes."""

BASE_REPOSITORIES = 16
"""Repositories that one blob can be mounted from. One is enough; the others replace one that was removed since then."""

MEDIA = 100_000
"""Media of one bundle: 70 TB on CDs."""

JSON_INTEGER_DIGITS = 20
"""Digits of one integer: 2^63 has nineteen."""

SIZE_BYTES = 1 << 53
"""The largest size that every JSON reader keeps exactly."""

INDEX_DEPTH = 8
"""Levels of indexes within indexes that are followed."""

INDEX_CHILDREN = 10_000
"""Manifests in one index."""

ERROR_BODY_BYTES = 64 << 10
"""The part of an error answer that is read for its message."""

JSON_ANSWER_BYTES = 1 << 20
"""Answers of token servers and other small JSON bodies."""

PREHEAT_SECONDS = 600
"""The longest wait for jobs of a preheat after an import: they go on without us."""

PREHEAT_FAILURES = 1000
"""Failures of a preheat that a receipt lists; the others are counted."""

JOURNAL_BYTES = 256 << 20
"""The journal of an export: some 500,000 images and chunks."""

RECEIPT_BYTES = 256 << 20
"""A receipt: some 200,000 images at several targets."""

EARLIER_RECEIPTS = 20
"""The newest receipts, which an import searches for layers that the target has."""

EARLIER_RECEIPT_BYTES = 4 << 20
"""One of these receipts; larger ones need more memory than an import may use."""

STATUS_RECEIPTS = 1_000
"""The newest receipts of a folder that a status reads: many years of them."""

SEARCH_CHARACTERS = 500
"""The text of a search: longer than any name of an image."""

SEARCHED_CHARACTERS = 1024
"""The longest name or label that is compared with a pattern; the longest reference of an image has as many."""

SEARCH_IMAGES = 20_000
"""The images that a search names, in all receipts and bundles together; further ones are counted."""

UNNEEDED_BLOBS = 10_000
"""The blobs that no tag needs and that a status asks the registry for, the largest ones: each is one request."""

RECEIPT_CONTAINERS = 2_000_000
"""Objects and lists in one receipt."""

INVENTORY_BYTES = 256 << 20
"""An inventory: some 300,000 images."""

INVENTORY_CONTAINERS = 4_000_000
"""Objects and lists in one inventory."""

HARBOR_PAGE_BYTES = 8 << 20
"""A page of a list of Harbor: 100 robots, each with some hundred permissions."""

HARBOR_SETTINGS_BYTES = 32 << 20
"""All answers together from which a backup keeps settings of a Harbor: some 5,000 projects with their robots."""

HARBOR_ENTRIES = 20_000
"""Entries of one list of Harbor: projects, or artifacts without a tag in one repository."""

SCAN_RECORD_BYTES = 256 << 20
"""The record of a scan: some 500,000 objects, with 500,000 findings."""

SCAN_RECORD_CONTAINERS = 3_000_000
"""Objects and lists in one record of a scan."""

SCAN_RECORDS = 100
"""Records of scans that an import reads."""

SCAN_SCANNERS = 32
"""Scanners in one record."""

SCAN_WAIVERS = 10_000
"""Waivers in one file, and in one record."""

SCAN_WAIVERS_BYTES = 4 << 20
"""A file of waivers."""

SCAN_TEXT_CHARACTERS = 1024
"""One text of a scanner, such as the place of a finding."""

SCAN_KEPT_BYTES = 64 << 20
"""The verdicts that are kept of one scanner with one database: some 300,000 objects without findings."""

SCAN_KEPT_FILES = 100
"""Files with such verdicts; each update of a database begins another one."""

SCAN_FUTURE_SECONDS = 86_400
"""The time that the clock of a scanning machine may be ahead of ours."""

SCANNED_BYTES = (2 << 30) - 1
"""An object that is given to ClamAV, decompressed: its limit for one file. It calls larger ones clean."""

SCAN_UNPACKED_BYTES = 64 << 30
"""An object that is given to another scanner, decompressed."""

SCAN_RATIO = 200
"""A layer that grows by more than this is not decompressed to its end: gzip reaches 1,032 and zstd any number. Layers
of programs grow by 2 to 10."""

SCAN_RATIO_FROM_BYTES = 256 << 20
"""Layers that are smaller when decompressed may grow by any number: a sparse file of zeros is no bomb."""

SCAN_REPORT_BYTES = 64 << 20
"""The report of a scanner on one image: some 50,000 vulnerabilities."""

SCAN_REPORT_CONTAINERS = 2_000_000
"""Objects and lists in such a report; each vulnerability has some ten."""

SCAN_FINDINGS = 20_000
"""Findings of one object. A scanner that reports more of them is not believed."""

SCAN_LINE_BYTES = 4 << 10
"""A line that a scanner answers, such as the one of clamd."""

SCAN_OUTPUT_BYTES = 1 << 20
"""The output of a command that scans. Its lines are the findings."""

SCAN_SECONDS = 3600.0
"""The time of a scanner for one object: ClamAV looks at some 5 to 20 MB in a second."""

SCANNER_SECONDS = 120.0
"""The time of a scanner to say its version. ClamAV reads its whole database first."""

DATABASE_FILES = 1000
"""Files in the folder of a scanner's database."""

SIGNATURES_BYTES = 1 << 30
"""A file of signatures that is hashed because it has no version. Those of other makers have some MiB."""

NAME_LIST_BYTES = 64 << 20
"""One answer with names of repositories or tags; distribution 2.8 sends all tags of a repository in one answer."""

NAME_PAGE = 1000
"""The names on one page of such a list; the maximum of distribution, unless its configuration has another one."""

NAMES = 1_000_000
"""The repositories of a registry, or the tags of a repository or of all of them."""

NEED_LIST_BYTES = 64 << 20
"""A need-list: some 250,000 blobs that a base lacked."""

NEED_LIST_LINE_BYTES = 16 << 20
"""The short form of a need-list in a file: a million numbers."""

NEED_LIST_CONTAINERS = 1_000_000
"""Objects and lists in one need-list."""

NEED_LIST_PIECES = 20_000
"""Pieces of blobs that a need-list describes. Further ones are only counted: bundle.json lists them."""

NEED_LIST_NUMBERS = 1_000_000
"""Chunks or blobs that a need-list may ask for."""

PLACES_OF_BLOB = 16
"""Places that are asked for one blob, one after the other: all images of a bundle may share a layer."""

PARTY_CHARACTERS = 100
"""The name of a sender or recipient on a label: two lines of the widest one."""

NEED_LINE_CHARACTERS = 2953
"""The short form of a need-list that fits into a QR code: the largest symbol with the weakest correction, in bytes."""

PRUNE_RECEIPTS = 1000
"""The receipts in one folder that a prune reads: twenty years of an import each week."""

CHANNEL_JUMP = 1000
"""Numbers that a channel may skip. A stolen key could sign a number that no later bundle can exceed."""

CHANNEL_MEMORY_BYTES = 16 << 10
"""The file that remembers one channel at one target."""

CHANNEL_STATE_BYTES = 4 << 20
"""The file in which a builder keeps the bundles of one channel."""

CHANNEL_BUNDLES = 1000
"""The newest bundles of a channel that a builder remembers."""

CHANNEL_RECEIPTS = 200
"""The newest receipts from which the memory of a channel is made again."""

CHANNEL_RECEIPT_BYTES = 32 << 20
"""One of these receipts, some 80,000 images: without the newest one, an older bundle would be accepted."""

UNREADABLE_READS = 32
"""Failed reads of one file, after which the rest of it is not read: each one may take a failing medium a minute."""

STUB_BYTES = 64 << 10
"""A file that may be a stub: virus scanners replace a file with a smaller one than this."""

LAYER_URLS = 16
"""Addresses of one layer that are read; one or two are usual."""

REDIRECTS = 5
"""Redirects that one download may follow."""

UPLOAD_PIECE_BYTES = 8 << 20
"""The first size of a piece of a blob, if the registry refuses whole blobs: large enough for few requests, small enough
to be held in memory by each worker."""

UPLOAD_PIECE_MOST_BYTES = 32 << 20
"""The largest piece that a registry may ask for; S3 storage asks for 5 MiB."""

UPLOAD_PIECE_LEAST_BYTES = 64 << 10
"""The smallest piece: if a proxy refuses a body of this size, smaller ones would not help."""

WARNINGS = 20
"""Different warnings of one registry that are reported."""

STALL_BYTES = 64 << 10
"""The bytes that must move in a minute of waiting for a connection, or it is given up: about 1 KiB a second. The
slowest useful line moves more, and a server that only wants to keep us waiting sends less."""

ANSWER_HEAD_BYTES = 256 << 10
"""Status and headers of one answer, interim answers included; servers and proxies send some KiB."""

FIRST_FILES_SHARE = 0.5
"""The part of the first chunk that oci-layout, index.json and manifest.json may fill at most."""

MINIMUM_CHUNK_BYTES = 1 << 20
"""The smallest chunk size: in smaller chunks the tar framing takes more space than the data."""

LAYOUT_JSON_BYTES = 16 << 20
"""index.json of an OCI layout: some 50,000 images."""

MARKER_BYTES = 4 << 10
"""The file ``oci-layout``, which has only a version."""

ARCHIVE_MEMBERS = 100_000
"""Members of one tar archive from outside, extended headers included: ``docker save`` of 25,000 layers."""

ARCHIVE_NAMES_CHARACTERS = 32 << 20
"""All names in such an archive together."""

ARCHIVE_PADDING_BYTES = 1 << 20
"""Zeros after the end of such an archive; the largest tape block."""

LAYER_UNPACKED_BYTES = 512 << 30
"""The tar of one layer that is looked into. Layers with models have some 100 GiB."""

LAYER_RATIO = 1100
"""The bytes that one compressed byte of a layer may become. gzip makes at most 1,032 of one, zstd a million."""

LAYER_RATIO_SLACK_BYTES = 64 << 20
"""The same for small layers: a file of zeros may be all that a layer has."""

LAYER_MEMBERS = 10_000_000
"""Headers of one layer that are counted, in some minutes. A Linux distribution with all its packages has a million."""

LAYER_EXTENDED_BYTES = 2 << 30
"""All extended headers of one layer together: ten million of 200 bytes."""

COVERED_PATHS = 1_000_000
"""Paths of an image's upper layers that are compared with those below, in some 100 MiB. Most images have less than
100,000 files."""

HIDDEN_FILES_NAMED = 20
"""Files that later layers replace or delete which are named, the largest first."""

EMPTY_FRAMES = 1000
"""Consecutive empty frames of a compressed stream."""

FOLDER_ENTRIES = 200_000
"""Files in one folder of a bundle: bundles rarely have more than 9,999 chunks, and all names are held in memory."""

LITTER_ENTRIES = 10_000
"""Files of operating systems in one folder that are counted."""

LITTER_SHOWN = 20
"""The names of such files that are shown."""

MEDIUM_FOLDERS = 1000
"""Folders on a medium that are searched for a bundle."""

BUNDLES_SHOWN = 100
"""Bundles on one medium that are listed."""

FINDINGS = 1000
"""Findings that are reported about one damaged file or one folder; more of them would not help."""

MEMBER_NAME_CHARACTERS = 4096
"""The name of a member of a tar archive from outside: the longest path of a file system."""

PAX_HEADER_BYTES = 1 << 20
"""One extended header of such an archive."""

DECOMPRESSOR_BYTES = 128 << 20
"""The memory of an xz decoder: the strongest preset needs 65 MiB."""

ZSTD_WINDOW_LOG = 27
"""A window of 128 MiB, as ``zstd --long`` writes; ``--long=31`` would need 2 GiB."""

ARCHIVE_DOCUMENT_BYTES = 64 << 20
"""All JSON files of one image archive together: some thousand images. They are held in memory."""

SEVEN_ZIP_MEMORY_BYTES = 272 << 20
"""The data of the process that decodes a 7z archive; py7zr chooses the size of its pieces by this. Enough for usual
dictionaries."""

SEVEN_ZIP_MEMORY_AT_MOST_BYTES = 640 << 20
"""The same for an archive that cannot be decoded with less: a dictionary of 256 MiB, as ``7z -mx=9`` makes it."""

POLICY_BYTES = 4 << 20
"""A policy for signatures: some 10,000 scopes."""

POLICY_CONTAINERS = 100_000
"""Objects and lists in a policy."""

POLICY_REQUIREMENTS = 100
"""Requirements of one scope of a policy, and keys of one requirement; one or two are usual."""

SIGNATURE_DOCUMENT_BYTES = 1 << 20
"""The document of a signature: a payload of simple signing has some 300 bytes, a sigstore bundle of a signature some
KiB. Larger ones are not signatures of images: attestations have the same media type."""

SIGNATURE_CONTAINERS = 10_000
"""Objects and lists in such a document."""

SIGNATURES_TRIED = 1000
"""Signatures of one manifest that are checked; one or two are usual. Each check takes a part of a millisecond."""

PARITY_BLOCKS = 1000
"""Blocks of one group of parity. The cost of recovery data grows with the bytes and with the number of its blocks."""

PARITY_GROUP_CHUNKS = 32
"""Chunks of one group of parity, so that one lost chunk of a group costs about 3 % to be safe from."""

PARITY_GROUP_BYTES = 64 << 30
"""The size of a group of parity, so that a receiver has the room to hold one, and a block has at most some 32 MiB."""

PARITY_VOLUMES = 31
"""Files with recovery data of one group: ``par2`` takes no larger number."""

PARITY_PACKET_BYTES = 4 << 20
"""A packet of a parity file that describes files. The checksums of 32,768 blocks, more than PAR2 has, are 640 KiB."""

PARITY_PACKETS = 200_000
"""Packets of one parity file: recovery data has one for each block, and each file two more, repeated some times."""

PARITY_MEMORY_BYTES = 128 << 20
"""The memory that ``par2`` is asked to use."""

PARITY_MEMORY_AT_MOST_BYTES = 1 << 30
"""The data of the process of ``par2``: damaged parity files are the input of strangers. The kernel enforces it."""

PARITY_CPU_SECONDS = 600
"""The processor time of ``par2``, and as much again for each GiB: slow programs and machines need some 100."""

PARITY_FILES = 64
"""Files with unknown names that a repair searches for lost blocks, the largest first."""

METRICS_BYTES = 256 << 10
"""A file of metrics of an earlier run, of which the times of successes are kept. A run writes some 10 KiB."""

METRICS_SUCCESSES = 50
"""The times of successes that a file of metrics keeps: one for each target, and a task has few."""

SERVED_CONNECTIONS = 512
"""Connections of ``bundler serve``, each with a thread. Docker opens a few for each pull. The one that waits longest
for its next request makes room for a new one."""

SERVED_HEAD_BYTES = 16 << 10
"""The line and the headers of a request. Those of clients have some 500 bytes; tokens of proxies some KiB."""

SERVED_HEADERS = 100
"""Headers of a request."""

SERVED_HEAD_SECONDS = 15.0
"""The time in which the head of a request, and the handshake of TLS, must be complete."""

SERVED_IDLE_SECONDS = 120.0
"""The time for which a connection is kept that has no request."""

SERVED_STALL_SECONDS = 60
"""The time in which a client must take `SERVED_PIECE_BYTES`, or as many bytes as the system buffers: some 4 KiB/s."""

SERVED_PIECE_BYTES = 256 << 10
"""A piece of a blob that ``bundler serve`` reads, verifies and sends; each connection has one buffer."""

SERVED_LARGE_PIECE_BYTES = 1 << 20
"""The same for the first connections: their threads take the lock of Python, and wait for each other, less often."""

SERVED_LARGE_PIECES = 16
"""Connections with so large a buffer; more would take much memory."""

SERVED_NAMES = 10_000
"""Names, tags or referrers in one answer; a link leads to the next ones."""

HTPASSWD_BYTES = 1 << 20
"""A file of passwords: some 10,000 users."""

SERVED_DRAINED_BYTES = 1 << 20
"""Bytes of a refused request that are read and forgotten, so that the client gets to read the answer."""

S3_KEY_BYTES = 900
"""A prefix in S3: keys have at most 1024 bytes, and the names of files follow."""

S3_PARTS = 10_000
"""The parts of one multipart upload, as S3 counts."""

S3_PAGES = 10_000
"""The pages of one list, of up to 1000 entries each: a store may send empty ones for ever."""

S3_ANSWER_BYTES = 4 << 20
"""A list of 1000 keys, or an error: a key has at most 3 KiB as text of a URL, and some fields follow. The tree of
its XML may take thirty times as much memory."""

S3_PART_BYTES = 8 << 20
"""The size of a part: S3 asks for at least 5 MiB, and a part is in memory while it is filled and sent."""
