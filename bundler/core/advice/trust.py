"""Failures that the security officer decides: signatures, trusted keys, policies, scans."""

from __future__ import annotations

from bundler.core.advice.entry import Advice
from bundler.errors import Misuse, RefusedByPolicy, Unavailable, Untrusted

TRUST = (
    Advice(
        "unsigned",
        Untrusted,
        "this bundle is not signed",
        "ask the builder for a signed bundle",
        "The bundle has no signature. So its origin is unknown, and it may have been changed on the way. "
        "--insecure-no-signature accepts it; the receipt records it.",
    ),
    Advice(
        "policy",
        RefusedByPolicy,
        "refused by the policy's rule '{rule}'",
        "have the image signed by a key that the policy names, and export it again with its signatures",
        "The policy of --policy decides which signatures an image must have. The output names the image, the rule that "
        "decided, what it wants and what was found. No byte of such an image was sent. The usual causes: nobody signed "
        "the image; another key signed it; the signature is not in the bundle, because it was exported with "
        "--attachments none; the signature names another repository or tag, as cosign's do, and the policy has no "
        "signedIdentity matchRepository; cosign 3 made it, which signs no name at all, and the policy has a "
        "signedIdentity; --platform made a new index, and only the old one was signed. docs/policy.md has examples.",
    ),
    Advice(
        "scan-missing",
        Untrusted,
        "there is no record of a scan of this bundle by {scanner}",
        "scan it, and give the record: bundler scan PATH --with {scanner} -o scan.json --key KEY; then --scan-record "
        "scan.json",
        "--require-scan demands a record of exactly this bundle: its id is in the record. It is read from the files of "
        "--scan-record, or from NAME.scan.json in the folder that has the bundle's folder. A bundle that was signed "
        "again keeps its id. One that got parity or was exported again has another id, and must be scanned again; "
        "verdicts that are kept make this fast. docs/scan.md has more.",
    ),
    Advice(
        "scan-old",
        Untrusted,
        "the scan by {scanner} is too old",
        "update the database of the scanner and scan again: bundler scan PATH --with {scanner} -o NEW.json --key KEY",
        "--scan-age bounds the age of the scan and of the database of its scanner. A database without a date is too "
        "old for every bound. If both times are right, check the clock of this machine: `date -u`.",
    ),
    Advice(
        "scan-future",
        Untrusted,
        "the scan by {scanner} is from the future",
        "check the clocks of this machine and of the one that scanned: date -u",
        "The record, or the database of its scanner, has a time that is more than a day ahead of this machine. One of "
        "the two clocks is wrong, so bundler cannot tell how old the scan is.",
    ),
    Advice(
        "scan-not-clean",
        Untrusted,
        "objects that have not passed the scan by {scanner}: {count}",
        "read the record; to accept a finding, scan again with --waivers FILE",
        "Only `clean` is a pass. `found` is a pass if each finding is waived, or is below the severity of "
        "--max-severity; a severity that is not known is never below. `not-scanned` is no pass: the scanner did not "
        "look at the object, or not to its end, because it is too large, there is no database, or the operating system "
        "is not known. An object without a verdict is no pass either. A waiver accepts a finding, or an object that "
        "cannot be scanned, until a day, with a reason and a name. After this day the import refuses the record. "
        "docs/scan.md has the form.",
    ),
    Advice(
        "scan-unsigned",
        Untrusted,
        "no trusted key has signed this record of a scan",
        "copy RECORD.<key id>.sig into the same folder; scan --key KEY writes it",
        "A record without a signature by a trusted key proves nothing: the person who changed the bundle could have "
        "written it. The keys are those of --scan-trust; without this flag, those that may sign bundles.",
    ),
    Advice(
        "scanner-missing",
        Misuse,
        "the scanner is not installed",
        "install the scanner on this machine",
        "bundler brings no scanner along: it starts the one that this machine has, from PATH, never from the working "
        "folder. On a machine without internet, carry the package of the scanner and its database. "
        "`--with clamav=HOST:PORT` uses a clamd on another machine. docs/scan.md has more.",
    ),
    Advice(
        "scanner-database",
        Misuse,
        "the scanner has no database here",
        "give the folder of the database with --database DIR",
        "A scanner without a database would call everything clean, so there is no scan. ClamAV: the folder with "
        "main.cvd and daily.cvd, usually /var/lib/clamav. Trivy: its cache folder, which has db/trivy.db and "
        "db/metadata.json. Grype: its cache folder, which has 6/vulnerability.db. docs/scan.md says how to carry them.",
    ),
    Advice(
        "scanner-limits",
        Misuse,
        "clamd calls objects clean that are above its limits",
        "set AlertExceedsMax yes in clamd.conf, and restart clamd",
        "ClamAV does not look at files that are larger than its limits, and calls them clean unless it is set to "
        "report them. bundler sends an archive that is nested too deeply, and this clamd called it clean. With "
        "`AlertExceedsMax yes` such objects are not-scanned in the record. Higher values of MaxFileSize, MaxScanSize "
        "and StreamMaxLength let clamd scan large layers. Without a running clamd, or with --database, bundler starts "
        "one of its own with high limits.",
    ),
    Advice(
        "scanner-silent",
        Unavailable,
        "the scanner does not answer",
        "start the scanner by hand and read its messages",
        "The scanner was started or asked, and did not say its version in time, or ended with an error. The usual "
        "causes: the service is not running or still reads its database, the socket belongs to another user, or a "
        "file of the database is damaged. No object was scanned.",
    ),
    Advice(
        "bad-policy",
        Misuse,
        "the policy is not valid",
        "correct the field that the message names",
        "A policy is JSON as containers-policy.json(5) has it, without comments. Podman and skopeo read the same file. "
        "Unknown and duplicate fields, empty lists and unknown kinds of requirements are errors of the whole file, "
        "because a misspelt requirement must not pass. So is what bundler does not judge: signedBy (GPG). "
        "docs/policy.md lists what it judges.",
    ),
    Advice(
        "unknown-signer",
        Untrusted,
        "no trusted key has signed this bundle",
        "get the builder's public key over another channel than this medium, and give it with --trust NAME.pub",
        "The bundle is signed, but by a key that is not trusted here. A key on the same medium as the bundle proves "
        "nothing. Compare its fingerprint with the builder by telephone: `bundler trust add NAME.pub` shows it, "
        "and adds the key to ~/.config/bundler/trust. bundler always trusts the keys in this folder; under sudo, ~ "
        "is the home of root.",
    ),
    Advice(
        "bad-signature",
        Untrusted,
        "the signature does not match",
        "copy the bundle again; if the signature still does not match, inform the security officer",
        "The bundle has a signature by a trusted key, but it does not match SHA256SUMS: a file was damaged or "
        "changed. bundler read nothing else of the bundle.",
    ),
    Advice(
        "too-few-signatures",
        Untrusted,
        "too few trusted keys have signed this bundle",
        "ask another owner of a trusted key to sign it: bundler sign BUNDLE --key KEY",
        "--require-signatures requires signatures by several different keys. So one person, or one stolen key, is "
        "not enough to bring in a bundle. Each trusted key counts once, also if several files hold it. A second "
        "person adds a signature with `bundler sign`, which first verifies the whole bundle. The signature is a "
        "small file next to SHA256SUMS, and can also travel after the bundle.",
    ),
    Advice(
        "trust-folder",
        Untrusted,
        "no key is trusted here: the folder of trusted keys cannot be used",
        "see which key, and why: bundler trust list",
        "A user who can add a key to the folder decides which bundles are trusted. So the folder and each key in it "
        "must belong to you or to root, and no other user may change them: chmod go-w. A .pub file that is not a "
        "usable key makes the whole folder unusable, because it may be the key that you need. FAT and NTFS have no "
        "modes: give single files with --trust, or use `bundler trust add`. The same holds for every folder and "
        "link in the path of the keys, as in sshd's StrictModes; folders with a sticky bit, such as /tmp, are "
        "allowed in the path.",
    ),
    Advice(
        "key-came-along",
        Untrusted,
        "the public key came with the bundle",
        "get the key from its owner over another channel",
        "A key that travelled with a bundle proves nothing: a person who changes the bundle can also replace the "
        "key. So bundler trusts no key in the bundle's folder, or on the same removable medium. Get the key over "
        "another channel, compare its fingerprint with the builder by telephone, and keep it: `bundler trust add "
        "builder.pub`.",
    ),
    Advice(
        "fingerprint-differs",
        Untrusted,
        "the fingerprint differs",
        "get the key again over another channel, and inform the security officer",
        "The file is not the key with the fingerprint that was read out. It may be another key of the same owner, "
        "or an old key. Or a person has replaced it on the way, so that you trust their bundles. Nothing was added.",
    ),
    Advice(
        "key-not-private",
        Misuse,
        "other users can read this private key",
        "run chmod 600 on the key's file",
        "bundler, like ssh, does not use a private key of yours that other users of the machine can read: a person "
        "who has it can sign as you. Pipelines often mount secrets with mode 0644: copy them first with install -m "
        "600. If others could read the key for long, make another key.",
    ),
    Advice(
        "key-on-medium",
        Misuse,
        "the private key is on the bundle's medium",
        "keep the key away from the medium",
        "The medium leaves your hands, and a person who has the private key can sign any bundle as you. A key on a "
        "medium that was given away is no longer secret: make another key, and inform all who trust the old one.",
    ),
    Advice(
        "receipt-unsigned",
        Untrusted,
        "no trusted key has signed this receipt",
        "sign receipts when they are written: import --receipt-key KEY",
        "A receipt lists the tags to restore, so a person who changes it controls where these tags point. If this "
        "machine trusts any key, a trusted key must have signed the receipt: a person who changes a receipt can "
        "also remove its signature. Keep RECEIPT.<key id>.sig in the same folder: copy both files. An unfinished "
        "receipt is never signed. If you know where the receipt comes from, check the plan, then accept it with "
        "`--insecure-no-signature`: `bundler undo RECEIPT --insecure-no-signature --dry-run`.",
    ),
    Advice(
        "inventory-unsigned",
        Untrusted,
        "no trusted key has signed this inventory",
        "sign inventories when they are written: inventory --key KEY",
        "An inventory decides which blobs an export leaves out, so it must come from the receiver. Keep INVENTORY.<key "
        "id>.sig in the same folder: copy both files. Trust the public key of the person who made it: `--trust "
        "NAME.pub`, or `bundler trust add NAME.pub`.",
    ),
    Advice(
        "need-unsigned",
        Untrusted,
        "no trusted key has signed this need-list",
        "sign need-lists when they are written: verify --need-key KEY, import --receipt-key KEY",
        "A need-list is a request: `bundler fulfil` also reads an unsigned one, and says so. It takes the id of the "
        "bundle and the numbers of chunks from it, never a host or a path, and each chunk must have the SHA-256 that "
        "the signed bundle lists. A signature shows who asked.",
    ),
)

NOTATION = (
    Advice(
        "notation-policy",
        Misuse,
        "the Notation trust policy is not valid",
        "correct the named statement or trust store",
        "--notation-policy names a trustpolicy.json of Notation, version 1.0. The trust store is the folder "
        "truststore next to it, as in Notation's own configuration: truststore/x509/ca/NAME has the root "
        "certificates of the store ca:NAME. A mistake is an error of the whole policy, because it could weaken a "
        "statement. docs/policy.md has an example.",
    ),
    Advice(
        "notation-signature",
        Untrusted,
        "a signature of Notation that does not count",
        "have the image signed again with notation sign, and export it again",
        "The signature is malformed, is for another image, or its certificate is not one that the statement of the "
        "trust policy accepts. The output has what was wanted and what was found.",
    ),
    Advice(
        "signature-expired",
        Untrusted,
        "a signature or its certificate is not valid at this time",
        "sign the image again, or with a timestamp: notation sign --timestamp-url",
        "Notation refuses a signature after its certificate has expired, unless a timestamp authority of the trust "
        "store tsa:NAME shows that it is older. It also refuses a signature after its own expiry. Judge images at "
        "export, and sign them with a timestamp. The statement can note both instead: override authenticTimestamp or "
        "expiry with log. Check the clock of this machine, too.",
    ),
    Advice(
        "revocation-unknown",
        Untrusted,
        "it is not known whether the certificate was revoked",
        "set revocation to log in the override of the statement, or use certificates without CRL and OCSP",
        "The certificate names a server that knows whether it was revoked, and the level strict wants an answer. "
        "bundler asks no server, because it judges offline. `permissive` and the override `revocation: log` note it, "
        "`skip` does not even note it.",
    ),
    Advice(
        "package-missing",
        Misuse,
        "an optional package is not installed",
        "install it with pip, on this machine",
        "Some kinds of signatures need a package that bundler does not bring along. The hint has the command. On a "
        "machine without internet, carry the wheels: pip download on the other side, then pip in the environment of "
        "bundler with --no-index --find-links.",
    ),
)
