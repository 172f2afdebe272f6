"""The usual failures in plain words: each entry has a code, the next step, and a longer explanation.

An error with a ``code`` was made from an entry here; ``bundler explain CODE`` prints the whole entry. The texts are in
English; `bundler.views.languages` has them in other languages. `problem` fills in the fields in braces.
"""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.errors import (
    AskedToWait,
    BundlerError,
    Busy,
    Damaged,
    Denied,
    Incomplete,
    LocalStorage,
    LoginNeeded,
    Misuse,
    NameRefused,
    NotFound,
    PartsMissing,
    Refused,
    TagTaken,
    Unavailable,
    UnknownProject,
    UnknownRepository,
    Unreachable,
    Untrusted,
)
from bundler.texts import text


@frozen
class Advice:
    """One failure.

    Attributes:
        code: Its name, for ``explain``.
        family: The class of the error, which decides the exit code.
        happened: The failure in a few words.
        next_step: The next step for the user, a sentence or a command.
        explanation: The usual causes, how to confirm them, and what else may help.
    """

    code: str
    family: type[BundlerError]
    happened: str
    next_step: str
    explanation: str


def problem(
    code: str,
    *,
    subject: str | None,
    said: str | None = None,
    expected: str | None = None,
    actual: str | None = None,
    retryable: bool = False,
    retry_after_seconds: float | None = None,
    **parameters: str,
) -> BundlerError:
    """The error for a known failure.

    Args:
        code: The code of the entry.
        subject: The object that the failure is about.
        said: The words of the other side.
        expected: The required value.
        actual: The value that was found.
        retryable: True if another attempt may succeed.
        retry_after_seconds: The pause that the other side asked for.
        parameters: The values of the fields in braces.
    """
    advice = ADVICE[code]
    return advice.family(
        text(advice.happened, **parameters),
        subject=subject,
        said=said,
        expected=expected,
        actual=actual,
        hint=text(advice.next_step, **parameters),
        code=code,
        retryable=retryable,
        retry_after_seconds=retry_after_seconds,
    )


LOG_IN = "log in with --username NAME --password-stdin, or: docker login {host} (or podman login, skopeo login)"
"""It names several tools, because not every machine has Docker, and --password-stdin, because nobody types in a job."""


_ENTRIES = (
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
        Refused,
        "the registry does not list its repositories",
        "name them: --repository NAME (may be repeated), or --list LIST for the repositories of an image list",
        "The list of all repositories (_catalog) is not part of the standard. Docker Hub and GHCR have none; Harbor, "
        "GitLab and registries with access control show it to administrators only. Log in as an administrator, or give "
        "the repositories: --repository team/app, or --list with the list of an export.",
    ),
    Advice(
        "name-unknown",
        UnknownRepository,
        "the registry does not have this repository",
        "create {repository} in the registry first, then run the same command again",
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
        Refused,
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
    Advice(
        "body-too-large",
        Refused,
        "too large for the registry, or for a proxy in front of it",
        'raise the limit of the proxy; nginx: client_max_body_size 0; Kubernetes ingress: proxy-body-size "0"',
        "A proxy in front of the registry blocks requests of this size; nginx's default is 1 MB. bundler sends "
        "layers that are too large for one request in pieces, which is slower. A manifest cannot be sent in pieces, "
        "and some registries take no pieces, or only larger ones. `bundler doctor --to {host}` measures the "
        "largest body that passes, without sending it. For an ingress of Kubernetes, set the annotation "
        "nginx.ingress.kubernetes.io/proxy-body-size.",
    ),
    Advice(
        "sent-in-pieces",
        Unavailable,
        "a body of this size is blocked; the blob is sent in pieces",
        "run the same command again; a higher limit of the proxy makes it faster",
        "A proxy in front of the registry, or the registry itself, refused a body because of its size. From then "
        "on, this run sends larger blobs to this registry in pieces. If a blob ends with this message, the pieces "
        "failed too.",
    ),
    Advice(
        "method-refused",
        Refused,
        "a proxy in front of the registry blocks this kind of request",
        "allow GET, HEAD, POST, PUT, PATCH and DELETE below /v2/ in the proxy in front of {host}",
        "The answer is 405 with an HTML page. A read-only registry answers with JSON, so this answer comes from a "
        "proxy or a firewall that allows only some methods (nginx: limit_except), or from a web server that is not "
        "a registry. The log of the proxy shows the rule.",
    ),
    Advice(
        "sent-elsewhere",
        Refused,
        "the server redirects to another host; bundler does not follow",
        "if {host} is the registry, give it as the address",
        "bundler follows redirects of blob downloads to other hosts, without credentials. It follows requests that "
        "change something only within the same scheme, host and port; the same holds for the token server and for "
        "further pages of a list. Credentials and tokens must not reach another server.",
    ),
    Advice(
        "upload-elsewhere",
        Refused,
        "the registry gives another host for the upload of layers",
        "if {host} belongs to the registry: --allow-upload-host {host}; if not, set Host and X-Forwarded-Proto in "
        "the proxy",
        "When bundler opens an upload, the registry gives its address. bundler sends nothing to a host or port that "
        "you did not name. Often a proxy in front of the registry does not forward the Host header, so the "
        "registry gives its internal address. nginx: proxy_set_header Host $http_host; and proxy_set_header "
        "X-Forwarded-Proto $scheme; in distribution set http.relativeurls: true, or http.host. Some registries use "
        "another host for uploads on purpose: allow it with --allow-upload-host, which may be repeated. bundler "
        "sends no credentials to that host.",
    ),
    Advice(
        "upload-without-tls",
        Refused,
        "the registry gives an upload address without TLS",
        "set X-Forwarded-Proto in the proxy in front of the registry; nginx: proxy_set_header X-Forwarded-Proto "
        "$scheme;",
        "bundler uses https, but the registry gives an http address for the upload. A proxy in front of the "
        "registry speaks TLS, and does not report it to the registry. nginx: proxy_set_header X-Forwarded-Proto "
        "$scheme; and proxy_set_header Host $http_host; or set http.relativeurls: true in distribution. Nothing was "
        "sent without TLS.",
    ),
    Advice(
        "upload-with-tls",
        Refused,
        "the registry gives an upload address with TLS, at a port that speaks plain HTTP",
        "set the right X-Forwarded-Proto in the proxy in front of the registry; nginx: proxy_set_header "
        "X-Forwarded-Proto $scheme;",
        "bundler uses http, but the registry gives the same host and port with https for the upload. A proxy in "
        "front of it reports TLS by mistake: X-Forwarded-Proto must be the scheme that clients use. Or set "
        "http.relativeurls: true in distribution. If the registry speaks TLS at that port, leave --plain-http out.",
    ),
    Advice(
        "upload-astray",
        Refused,
        "the upload address of the registry does not exist",
        "give the path of the API with --base-path, or keep paths unchanged in the proxy",
        "The address is not below the API, and the registry answers not found there. A proxy in front of the "
        "registry changes the paths of requests, but not those in answers. nginx: proxy_redirect, and "
        "proxy_set_header Host $http_host; distribution: http.prefix and http.host as the outside sees them.",
    ),
    Advice(
        "not-kept",
        Unavailable,
        "the registry accepted the upload, but does not have it",
        "run the same command again; if it fails again, check the registry's log and its storage",
        "The registry answered the upload with success, and then answered not found. bundler sent it several times. "
        "Possible causes: the storage of the registry loses data, several registries share one address but not "
        "their storage, or a garbage collection is running. No tag that was there has moved.",
    ),
    Advice(
        "digest-unsupported",
        Refused,
        "the registry does not support this digest algorithm",
        "leave the image out with --except, or push it to a registry that supports this algorithm",
        "Nearly all images have sha256 digests. This image has another algorithm, which the specification allows, "
        "but this registry does not support it; distribution 2 and 3 do not. bundler does not convert it: with "
        "another digest it would be another image. The other images are not affected.",
    ),
    Advice(
        "proxy-page",
        Unavailable,
        "the answer is an HTML page, not a registry's answer",
        "check address, port and path of {host}, and HTTPS_PROXY and NO_PROXY: another server answers",
        "The answer is HTML. It comes from a proxy, a load balancer, a login page of the company, or the web "
        "interface of the registry, but not from its API. Often the port is the one of the web interface, the API "
        "is below a path (--base-path for Nexus), or NO_PROXY does not name the registry, so that requests go to "
        "the outside proxy.",
    ),
    Advice(
        "no-registry",
        Refused,
        "this is not a registry's answer",
        "check address, port and path of {host}, and HTTPS_PROXY and NO_PROXY: a proxy or a login page may answer",
        "The answer is not one of a registry: it is an HTML page, or it is not HTTP. Another attempt would give the "
        "same answer. Often it is the login page of a company's proxy, a web interface on the same port, another "
        "kind of server, or a registry whose API is below a path (--base-path for Nexus). Try `curl -v "
        "https://{host}/v2/`: a registry answers with JSON, or with 401.",
    ),
    Advice(
        "unknown-authority",
        Refused,
        "this machine does not trust the authority of the certificate",
        "give the authority's certificate with --cacert FILE, or copy it to /etc/docker/certs.d/{host}/ca.crt",
        "An authority that this machine does not know issued the registry's certificate; often it is the company's "
        "own. Ask for the authority's certificate (not the registry's), and compare its fingerprint with its "
        "administrator. bundler looks in --cacert, SSL_CERT_FILE, /etc/docker/certs.d, /etc/containers/certs.d and "
        "~/.config/containers/certs.d; the folder must be named by host and port, exactly as in --to. No option "
        "turns the check off.",
    ),
    Advice(
        "certificate-name",
        Refused,
        "the certificate is for another name",
        "use the name in the certificate, or ask for a certificate for {host}",
        "The certificate is valid, but for another name. For an IP address, the certificate must contain this "
        "address. With a load balancer, the certificate may belong to another service.",
    ),
    Advice(
        "certificate-expired",
        Refused,
        "the certificate has expired",
        "check the clock of this machine (date -u), then ask for a new certificate",
        "The certificate is too old, or this machine's clock is fast. `bundler doctor --to {host}` shows the end of "
        "its validity and the difference of the clocks.",
    ),
    Advice(
        "clock-skew",
        Refused,
        "the clocks of this machine and of the registry differ",
        "set the clock of this machine (date -u), or that of the registry, then run the same command again",
        "Certificates and login tokens are valid for a period of time. Tokens are valid for minutes, and a registry "
        "accepts a difference of about one minute. So with a wrong clock it refuses new tokens. Disconnected "
        "networks often have no time server.",
    ),
    Advice(
        "no-tls",
        Refused,
        "the server does not speak TLS",
        "if this is intended: --plain-http {host}",
        "The port answers, but not with TLS. By default bundler uses plain HTTP only for registries on this "
        "machine. With --plain-http anyone on the network can read and change all data, credentials too; bundler "
        "still compares digests, and the receipt records it.",
    ),
    Advice(
        "connection-refused",
        Unreachable,
        "no connection",
        "check that the registry runs, that the port is right, and that no firewall blocks {host}",
        "The machine answers that the port is closed. Without a port, https means 443. To test the port: `curl -v "
        "https://{host}/v2/`.",
    ),
    Advice(
        "no-answer",
        Unavailable,
        "no answer in time",
        "run the same command again; it does not send again what has arrived",
        "The connection is open, but no data come. Possible causes: a firewall drops packets, a proxy waits for the "
        "whole body, or the disk or database of the registry is busy. Fewer uploads at a time (--jobs 1) may help.",
    ),
    Advice(
        "too-slow",
        Unavailable,
        "the connection is too slow",
        "run the same command again; fewer parallel transfers (--jobs 1) may help",
        "Data move, but too few: less than 64 KiB in a minute. A slow line is no problem; bundler waits for it. "
        "Here a server or proxy is overloaded, or keeps the connection open with a few bytes. If an upload stalls, "
        "the registry or a proxy in front of it has stopped reading.",
    ),
    Advice(
        "connect-timeout",
        Unreachable,
        "no connection in time",
        "check that {host} is running and that no firewall drops packets to it",
        "There is no answer at all: a firewall drops packets, the machine is switched off, or the address is wrong. "
        "If the registry is reachable only through a proxy, set HTTPS_PROXY.",
    ),
    Advice(
        "name-not-resolved",
        Unreachable,
        "the name cannot be resolved",
        "check the spelling, and the DNS server of this machine: getent hosts {host}",
        "This machine does not know the name of the registry. Disconnected networks often have their own DNS "
        "server, or names in /etc/hosts.",
    ),
    Advice(
        "proxy-failed",
        Unavailable,
        "the proxy failed",
        "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY; add a registry inside the network to NO_PROXY",
        "The environment sets a proxy, and the proxy does not allow this connection. NO_PROXY accepts names, "
        "domains that start with a dot, addresses, and blocks like 10.0.0.0/8.",
    ),
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
        Refused,
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
        Unavailable,
        "the registry failed",
        "run the same command again; if it fails again, check the registry's log",
        "The registry had an internal error, also after several attempts. Its log shows the reason; bundler shows "
        "the registry's own words. Many parallel uploads can overload its database: try --jobs 1.",
    ),
    Advice(
        "manifest-refused",
        Refused,
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
        Refused,
        "the registry refuses the request",
        "see the registry's answer above; its log may show more",
        "The registry refused with an unknown code. Another attempt would give the same answer.",
    ),
    Advice(
        "no-space",
        LocalStorage,
        "no space left",
        "free some space and run the same command again",
        "A disk of this machine is full, or a quota is used up. Unfinished results are marked as unfinished. Export "
        "shows the needed space in advance (--dry-run); import needs space only for encrypted bundles (--scratch).",
    ),
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
        Untrusted,
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
    Advice(
        "secret-as-text",
        Misuse,
        "a secret was given instead of a file name",
        "write the secret to a file that only you can read, and give the name of that file",
        "Every user of a machine can read the arguments of its processes, and pipelines print them. So bundler "
        "reads secrets only from files, standard input or a prompt, and does not print text that looks like a "
        "secret. In a shell: umask 077; cat > FILE. In GitLab use a variable of type file, in Jenkins a secret "
        "file. A secret that was an argument may be in a log: replace it.",
    ),
    Advice(
        "setting-not-allowed",
        Misuse,
        "a flag that may not have a default in this place",
        "remove it from the file or the environment, and write it in the command that needs it",
        "Defaults of flags spare typing, and must not decide about trust in silence. A flag that weakens trust, such "
        "as --insecure-no-signature or --plain-http, a flag that asks for a secret, and one that is meant for one run "
        "are written in the command. bundler.toml in the working folder may have come on a medium: it describes lists "
        "and bundles (name, platform, chunk-size, key, output and the like), and neither trusted keys nor targets. "
        "These may be in config.toml in your configuration folder, or in variables. The command bundler config shows "
        "all defaults, and where each comes from.",
    ),
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
    Advice(
        "no-face",
        Misuse,
        "the fonts of PDF readers lack a character",
        "write an .html or .svg file, and print it with a browser",
        "A PDF of bundler has no font in it: it uses the fonts that each reader has, and these have the letters of "
        "Western Europe only. A browser has fonts for Chinese and for other scripts: write FILE.html, and print it on "
        "A4 in its actual size. Or give names in Latin letters, and `--lang en`.",
    ),
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
        Incomplete,
        "the bundle leaves out blobs that are not at the target",
        "copy the named chunks of the named bundles to a medium, and give these bundles too",
        "The bundle was made with export --since: it leaves out what the receiver had. Before anything moves, an "
        "import looks for each such blob at the target and in the other bundles that were given. Registries remove "
        "blobs when they collect garbage. If no bundle has the blob, the builder must export again without --since, or "
        "with a new inventory.",
    ),
    Advice(
        "usage",
        Misuse,
        "the command is not valid",
        "see: bundler COMMAND --help",
        "A flag, a given file, a reference or a key is not valid. Nothing was done.",
    ),
)

ADVICE = {entry.code: entry for entry in _ENTRIES}

OF_EXIT_CODES = {
    2: "usage",
    4: "damaged",
    5: "unknown-signer",
    6: "refused",
    7: "registry-failed",
    8: "no-space",
    9: "incomplete",
}
"""The entry that ``bundler explain`` prints for an exit code."""
