"""Failures that the administrator of a registry ends: rights, names, quotas, limits, and blobs that it lost."""

from __future__ import annotations

from bundler.core.advice.entry import LOG_IN, Advice
from bundler.errors import (
    AskedToWait,
    AttachmentMissing,
    Busy,
    ContentRefused,
    Damaged,
    Denied,
    Incomplete,
    LoginNeeded,
    NameRefused,
    NoCatalog,
    NotFound,
    PartsMissing,
    Refused,
    RegistryFailed,
    TagTaken,
    Unavailable,
    UnknownProject,
    UnknownRepository,
)

ACCESS = (
    Advice(
        "unauthorized",
        LoginNeeded,
        "the registry needs a valid login",
        LOG_IN,
        "bundler found no credentials for this registry, or the registry does not accept them. It looks in this "
        "order: --username with --password-stdin, REGISTRY_AUTH_FILE, containers/auth.json in $XDG_RUNTIME_DIR, and "
        "config.json in $DOCKER_CONFIG or ~/.docker; there, credHelpers come first, then credsStore, then auths. "
        "The host in the file must be exactly the one in --to, with the port. Under sudo, ~ is the home of root. "
        "`bundler doctor --to {host}` shows which file was used.",
    ),
    Advice(
        "robot-name",
        Refused,
        "the registry does not know this user; the name looks like a robot name without its $NAME part",
        "write the name in single quotes: --username 'robot$NAME'; in a CI file with two dollar signs: robot$$NAME",
        "Robot accounts of Harbor have names like robot$NAME or robot$PROJECT+NAME. In double quotes, or without "
        "quotes, a shell replaces the variable $NAME, and only robot is left. GitLab CI, Compose and Make do the "
        "same unless the dollar sign is doubled.",
    ),
    Advice(
        "denied",
        Denied,
        "the registry denies access",
        "ask its administrator for the right to pull and push in {repository}",
        "The registry knows the account, and refuses. An import needs the rights to pull and to push: bundler asks "
        "for existing blobs with the right to pull. Harbor refuses a robot that has only the right to push. If the "
        "account should have the right, check the spelling of the project, and which account is in use: `bundler "
        "doctor --to {host}` shows both.",
    ),
    Advice(
        "no-catalog",
        NoCatalog,
        "the registry does not list its repositories",
        "log in as a user who may list them, or name them: --repository NAME (may be repeated)",
        "The list of all repositories (_catalog) is not part of the standard. Docker Hub and GHCR have none; Harbor, "
        "GitLab and registries with access control show it to administrators only. Log in as an administrator, or give "
        "the repositories: --repository team/app. `bundler inventory` also takes --list with the list of an export.",
    ),
    Advice(
        "name-unknown",
        UnknownRepository,
        "the registry does not have this repository",
        "check the name {repository}; to push there, create it in the registry first; then run the same command again",
        "Some registries create a repository on the first push. Others need it before, for example Amazon ECR, "
        "Huawei SWR and Mirantis MSR. `bundler import --dry-run` lists all repositories that do not exist yet.",
    ),
    Advice(
        "not-found",
        NotFound,
        "not found",
        "check the registry, the name and the tag",
        "The registry has no such tag or digest. Tags can be removed or moved; garbage collection removes digests. "
        "A private repository looks the same to an account without access: log in first, with --username NAME "
        "--password-stdin or docker, podman or skopeo login {host}.",
    ),
    Advice(
        "attachment-missing",
        AttachmentMissing,
        "an attachment that the source lists cannot be read",
        "attach it again at the source, or carry the image without it: attachments: in the list, or --attachments",
        "The source lists a signature, an SBOM or another attachment of the image, but does not give it. Garbage "
        "collection at the source can remove attachments that have no tag, and a list that a client wrote stays. "
        "`--attachments none` carries the image alone; `--attachments signatures` carries the signatures only.",
    ),
    Advice(
        "project-missing",
        UnknownProject,
        "the project for the image does not exist",
        "create it, or let bundler create it with --admin-credentials FILE; --dry-run prints the commands",
        "Harbor, GitLab, Quay and Artifactory keep images in projects, groups, organisations or repositories. These "
        "must exist before a push, and a push robot cannot create them. `bundler import --dry-run` lists all that "
        "are missing, with the commands for an administrator of Harbor. It may also be a private project of another "
        "user: without access to it, both cases look the same.",
    ),
    Advice(
        "quota-exceeded",
        Refused,
        "the project's quota is used up",
        "ask the registry's administrator to raise the quota of {project}, or to free space in it",
        "The registry limits the size of a project, and this push exceeds the limit. The blobs that were sent stay "
        "there; run the same command again when there is room. `bundler import --dry-run` shows how many bytes are "
        "missing. In Harbor, deleted images count until the next garbage collection.",
    ),
    Advice(
        "tag-immutable",
        Refused,
        "the registry does not allow this tag to be changed",
        "keep the existing image with --on-conflict skip, or push under another tag with --on-conflict suffix",
        "The tag exists and points to another image. A rule of the registry protects it: tag immutability in "
        "Harbor, ECR and Quay, 'disable redeploy' in Nexus, no permission to overwrite in Artifactory. With "
        "--on-conflict suffix the image gets its own tag, followed by the first 12 characters of its digest. "
        "Nothing was overwritten.",
    ),
    Advice(
        "tag-taken",
        TagTaken,
        "the tag points to another image at the target",
        "keep the existing image with --on-conflict skip, move the tag with replace, or push under another tag with "
        "suffix",
        "Another user or an earlier bundle pushed another image under this tag. bundler does not decide for you: "
        "the default is fail, and bundler finds the conflict before it sends anything. skip keeps the existing "
        "image; replace moves the tag and records the earlier image in the receipt, so that `bundler undo` can "
        "restore it; suffix pushes under a second tag that ends with the image's digest. Rules (--rules) can choose "
        "for each part of the registry.",
    ),
    Advice(
        "attachment-refused",
        Refused,
        "the registry refuses an attachment of the image",
        "import the images without attachments: --attachments none; the receipt says so",
        "The bundle has a signature, an SBOM or another attachment of the image. The registry accepts the image, but "
        "not the attachment. Old registries refuse manifests with a subject, or media types that they do not know. "
        "The tag of the image has not moved, because the image would be there without its signature. Without "
        "attachments the images are imported alone. An update of the registry may help: distribution 2.8 accepts all.",
    ),
    Advice(
        "attachment-unlisted",
        Refused,
        "the registry has an attachment of the image, but does not list it",
        "import the images without attachments: --attachments none; or ask the registry's administrator for an update",
        "A registry must list the attachments of an image, else no tool finds them. bundler asked the referrers API, "
        "then wrote the attachments to the index at the fallback tag (sha256- and the digest of the image), and read "
        "it again. The registry has no such API, and does not keep this tag either: GitLab takes the tag for the "
        "digest. Or another program replaces the index all the time. The tag of the image has not moved.",
    ),
    Advice(
        "attachment-list-taken",
        Refused,
        "the tag for the list of attachments refers to something else",
        "delete this tag at the registry, or import the images without attachments: --attachments none",
        "In a registry without the referrers API, the attachments of an image are in an index whose tag is sha256- and "
        "the digest of the image. Here this tag refers to another manifest, so bundler does not replace it. The tag of "
        "the image has not moved.",
    ),
    Advice(
        "blocked-by-policy",
        Refused,
        "a policy of the registry blocks the image",
        "ask the registry's administrator which policy it is: a scan, or a required signature",
        "Harbor can block images that have known vulnerabilities or no signature. The tag exists, but its image "
        "cannot be read. So bundler cannot compare the images, and does not change the tag.",
    ),
)

STATE = (
    Advice(
        "too-many-requests",
        Busy,
        "the registry limits the rate of requests",
        "log in for a higher limit (docker, podman or skopeo login {host}), or run the same command again later",
        "The registry limits requests by address or by account, or it is under maintenance. bundler has waited as "
        "long as the registry asked, and then longer. Docker Hub counts anonymous pulls by address, and a whole "
        "company may share one address.",
    ),
    Advice(
        "asked-to-wait",
        AskedToWait,
        "the registry asks to wait until {time} ({duration})",
        "run the same command then; it does not repeat finished work",
        "The registry refuses all requests until this time. A run does not wait that long. Docker Hub limits the "
        "pulls of six hours, by address or by account; an account (docker, podman or skopeo login {host}) has a "
        "higher limit. bundler keeps what it has resolved, so the next run asks only for the rest.",
    ),
    Advice(
        "registry-read-only",
        ContentRefused,
        "the registry is read-only at the moment",
        "wait until its maintenance is over, or ask its administrator",
        "distribution is read-only during garbage collection, Harbor has a switch for it, and a replica or a proxy "
        "cache never accepts pushes. Check that this is the right registry for pushes.",
    ),
    Advice(
        "deletion-disabled",
        Refused,
        "the registry does not remove images",
        "switch deletion on at {host}; of distribution: storage: delete: enabled: true, then restart it",
        "The answer is 405. distribution removes nothing unless its configuration has storage.delete.enabled: true, or "
        "its environment REGISTRY_STORAGE_DELETE_ENABLED=true. A proxy cache and a registry in read-only mode answer "
        "in the same way. Amazon ECR has no deletion in this API: use its lifecycle policies. Nothing was removed.",
    ),
    Advice(
        "image-removed-too",
        Refused,
        "the registry removed the image together with its tag",
        "the image is back under its other tags; remove tags that share an image in the user interface of {host}",
        "A tag was to be removed, and its image was to stay, because another tag or index needs it. The registry "
        "answered that it removed the tag, and then had the image no more. bundler pushed the manifest and its other "
        "tags again at once: the blobs stay until the registry collects garbage.",
    ),
    Advice(
        "target-disk-full",
        Unavailable,
        "the registry's disk is full",
        "free space in the registry's storage, then run the same command again",
        "The registry could not store the data. Blobs that it has stored stay there, and bundler does not send them "
        "again. `bundler import --dry-run` shows how many bytes are missing. In distribution, only a garbage "
        "collection frees space; the registry must be stopped or read-only for it.",
    ),
    Advice(
        "registry-failed",
        RegistryFailed,
        "the registry failed",
        "run the same command again; if it fails again, check the registry's log",
        "The registry had an internal error, also after several attempts. Its log shows the reason; bundler shows "
        "the registry's own words. Many parallel uploads can overload its database: try --jobs 1.",
    ),
    Advice(
        "manifest-refused",
        ContentRefused,
        "the registry does not accept this kind of image",
        "leave it out with --except, or ask the registry's administrator to allow it",
        "The manifest is correct, but the registry does not know its type, or does not allow it: some accept no "
        "artifacts other than images (Quay), no index inside an index (Artifactory), or no OCI types (Nexus before "
        "3.71).",
    ),
    Advice(
        "name-refused",
        NameRefused,
        "the registry does not accept this name",
        "join its parts with --map flatten, or rename it with --rules",
        "Registries limit the path parts of a name: Quay accepts ORGANISATION/NAME unless its administrator allows "
        "more, GitLab allows two parts below a project, Harbor needs a project first. `bundler import --dry-run` "
        "finds this before bundler sends anything.",
    ),
    Advice(
        "damaged-at-target",
        Refused,
        "the registry holds a damaged blob",
        "delete it in the registry's storage and restart the registry, then run the same command again with "
        "--verify-target",
        "The registry reports that it has this blob, but returns other bytes, or too few. Its disk is damaged, or "
        "it was stopped during a write. bundler sent a blob of a wrong length again once, and the registry kept the "
        "old one: distribution answers 201 and changes nothing. Delete the blob in the storage of the registry (in "
        "distribution blobs/sha256/XX/DIGEST/data below docker/registry/v2), or delete the images that need it and "
        "collect the garbage; then restart the registry, because it caches blobs. Then the same command with "
        "--verify-target sends the missing blobs, also for images whose tags exist already.",
    ),
    Advice(
        "lost-at-registry",
        Incomplete,
        "the registry does not have it any more",
        "import the bundle again with --verify-target; if it is not here, write a need-list: bundler check --need FILE",
        "An import put it there, and it is gone: it was deleted, a garbage collection took it, or the storage of the "
        "registry lost it. An import with --verify-target sends the missing parts again, also for images whose tags "
        "exist. If the bundle is not here any more, `bundler check ... --need FILE` writes a need-list; the builder "
        "makes the chunks again with `bundler fulfil`.",
    ),
    Advice(
        "damaged-at-registry",
        Damaged,
        "the registry has other bytes than it should have",
        "delete it in the registry's storage and restart the registry, then import the bundle again with "
        "--verify-target",
        "Its length or its bytes differ from its digest: the disk of the registry is damaged, or it was stopped during "
        "a write. Most registries keep a damaged blob when the right bytes are sent again: distribution answers 201 "
        "and changes nothing. Delete it first (in distribution blobs/sha256/XX/DIGEST/data below docker/registry/v2), "
        "and restart the registry, because it caches blobs. Then an import with --verify-target sends it again.",
    ),
    Advice(
        "moved-at-registry",
        TagTaken,
        "the tag points to another image than the import left there",
        "ask who moved it; to move it back: bundler import --on-conflict replace",
        "Another user or a later import pushed another image under this tag. That may be right: a newer bundle moves "
        "tags too, so check the newest receipt. No need-list asks for such an image, because its parts may be there.",
    ),
    Advice(
        "parts-missing",
        PartsMissing,
        "the registry reports missing parts of the image, although they were pushed",
        "wait until the registry's garbage collection and other pushes have ended, then run the same command again",
        "A registry accepts a manifest only when it has all blobs of it. Its garbage collection removes blobs "
        "without a manifest, also during a push; so distribution must be read-only during garbage collection. "
        "bundler sent the missing blobs again several times, and some are still missing. A registry that caches its "
        "list of blobs in memory (cache: blobdescriptor: inmemory) reports removed blobs as present until a "
        "restart.",
    ),
    Advice(
        "refused",
        ContentRefused,
        "the registry refuses the request",
        "see the registry's answer above; its log may show more",
        "The registry refused with an unknown code. Another attempt would give the same answer.",
    ),
)
