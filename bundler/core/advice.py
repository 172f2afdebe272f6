"""What commonly goes wrong, in plain words: one entry a failure, with its code, what to do next, and a longer text.

An error with a ``code`` was made from an entry here; ``bundler explain CODE`` prints the whole of it. The texts are in
English; `bundler.views.languages` has them in others. Fields in braces are filled in by `problem`.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Advice:
    """One failure.

    Attributes:
        code: Its name, for ``explain``.
        family: What kind of error it is; decides the exit code.
        happened: What happened, in a few words.
        next_step: What to do next, a sentence or a command.
        explanation: Why it happens, how to be sure, and what else may help.
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
    """The error for a failure that is known.

    Args:
        code: Of the entry.
        subject: What it happened to.
        said: What the other side said.
        expected: What was required.
        actual: What was found.
        retryable: Whether doing the same again may succeed.
        retry_after_seconds: How long the other side asked us to wait.
        parameters: What the braces of the entry's texts are filled in with.
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


LOG_IN = (
    "log in with --username NAME --password-stdin, or: docker login {host} (podman login and skopeo login do as well)"
)
"""Not every machine has Docker, and a job has nobody who types."""


_ENTRIES = (
    Advice(
        "unauthorized",
        LoginNeeded,
        "the registry asks for credentials that it accepts",
        LOG_IN,
        "No credentials were found for this registry, or it does not accept them. They are looked for in this order: "
        "--username with --password-stdin, REGISTRY_AUTH_FILE, containers/auth.json in $XDG_RUNTIME_DIR, and "
        "config.json in $DOCKER_CONFIG or ~/.docker, where credHelpers come before credsStore and both before auths. "
        "The host must be written there exactly as in --to, port included. Under sudo, ~ is root's home. `bundler "
        "doctor --to {host}` says which file was used.",
    ),
    Advice(
        "robot-name",
        Refused,
        "the registry does not know this user, and the name looks like what a shell left of a robot's",
        "write the name in single quotes: --username 'robot$NAME'; in a CI file with two dollar signs: robot$$NAME",
        "Robot accounts of Harbor are called robot$NAME or robot$PROJECT+NAME. In double quotes, or without any, a "
        "shell takes $NAME for a variable and leaves only robot. GitLab CI, Compose and Make do the same unless the "
        "dollar sign is doubled.",
    ),
    Advice(
        "denied",
        Denied,
        "the registry denies it",
        "ask its administrator for the right to pull and push in {repository}",
        "The registry knows who asks, and says no. To import, an account needs the rights to pull and to push: "
        "whether a blob is there already is a question of pulling. In Harbor a robot with push alone is refused. If "
        "the account should have the right, the project may be spelt otherwise, or another account may be in use: "
        "`bundler doctor --to {host}` shows both.",
    ),
    Advice(
        "name-unknown",
        UnknownRepository,
        "the registry knows no such repository",
        "create {repository} in the registry first, then run the same command again",
        "Some registries make a repository with the first push. Others, among them Amazon ECR, Huawei SWR and "
        "Mirantis MSR, want it to be created before. `bundler import --dry-run` lists all repositories that do not "
        "exist yet.",
    ),
    Advice(
        "not-found",
        NotFound,
        "not found",
        "check name and tag; is it this registry?",
        "The registry has no such tag or digest. Tags can be removed and moved; digests go when the registry collects "
        "garbage. A private repository looks the same to those who may not see it: log in first, with --username NAME "
        "--password-stdin or docker, podman or skopeo login {host}.",
    ),
    Advice(
        "project-missing",
        UnknownProject,
        "the project that the image is to go into does not exist",
        "create it, or let bundler do it with --admin-credentials FILE; --dry-run prints the commands",
        "Harbor, GitLab, Quay and Artifactory keep images in projects, groups, organisations or repositories that "
        "have to exist before anything is pushed, and a push robot may not create them. `bundler import --dry-run` "
        "lists all that are missing, with the commands that an administrator of Harbor needs. It may also be a "
        "private project of somebody else: it is told apart by nobody who may not see it.",
    ),
    Advice(
        "quota-exceeded",
        Refused,
        "the project's quota is used up",
        "ask the registry's administrator to raise the quota of {project}, or to free space in it",
        "The registry limits what a project may hold, and this push would go beyond. What was sent stays; run the "
        "same command again when there is room. `bundler import --dry-run` says how many bytes are to be sent. In "
        "Harbor, deleted images count until garbage has been collected.",
    ),
    Advice(
        "tag-immutable",
        Refused,
        "the registry does not let this tag move",
        "keep what is there with --on-conflict skip, or push beside it with --on-conflict suffix",
        "The tag exists, stands for another image, and a rule of the registry protects it: tag immutability in "
        "Harbor, ECR and Quay, 'disable redeploy' in Nexus, no permission to overwrite in Artifactory. With "
        "--on-conflict suffix the image gets its own tag, followed by the first 12 characters of its digest. Nothing "
        "was overwritten.",
    ),
    Advice(
        "tag-taken",
        TagTaken,
        "the tag stands for another image at the target",
        "keep what is there with --on-conflict skip, move the tag with replace, or push beside it with suffix",
        "Somebody has pushed another image under this tag, or an earlier bundle did. Nothing is decided for you: fail "
        "is the default, and it is found before a byte moves. skip keeps what is there; replace moves the tag and "
        "notes in the receipt what it stood for, so that `bundler undo` can put it back; suffix pushes beside it "
        "under a tag that ends with the image's digest. Rules (--rules) can decide it for each part of the registry.",
    ),
    Advice(
        "blocked-by-policy",
        Refused,
        "a policy of the registry keeps the image back",
        "ask the registry's administrator which policy it is: a scan, or a signature that is demanded",
        "Harbor can refuse to show images with known vulnerabilities, or without a signature. The tag exists, and "
        "what it stands for cannot be read, so whether it is the same image cannot be told, and it is left alone.",
    ),
    Advice(
        "body-too-large",
        Refused,
        "too large for the registry, or for a proxy in front of it",
        'raise the limit of the proxy; nginx: client_max_body_size 0; Kubernetes ingress: proxy-body-size "0"',
        "A proxy in front of the registry lets no request of this size pass; nginx's default is 1 MB. Layers that are "
        "too large for one request are sent in pieces, which is slower; a manifest cannot be, and some registries take "
        "no pieces, or larger ones only. `bundler doctor --to {host}` measures the largest body that passes, without "
        "sending it. Behind an ingress of Kubernetes it is the annotation nginx.ingress.kubernetes.io/proxy-body-size.",
    ),
    Advice(
        "sent-in-pieces",
        Unavailable,
        "no body of this size passes; the blob is sent in pieces",
        "run the same command again; raising the limit of the proxy makes it faster",
        "A proxy in front of the registry, or the registry itself, refused a body for its size. From then on in this "
        "run, larger blobs are sent to this registry in pieces. If that is the last word on a blob, the pieces failed, "
        "too.",
    ),
    Advice(
        "method-refused",
        Refused,
        "something in front of the registry does not let this kind of request pass",
        "let the proxy in front of {host} pass GET, HEAD, POST, PUT, PATCH and DELETE below /v2/",
        "The answer is 405 with an HTML page. A registry that is read-only says so in JSON, so this comes from a proxy "
        "or a firewall that lets only some methods pass (nginx: limit_except), or from a web server that is no "
        "registry. The log of the proxy tells which rule it was.",
    ),
    Advice(
        "sent-elsewhere",
        Refused,
        "the server sends on to another one, which is not followed",
        "if {host} is the registry, give it as the address",
        "Questions about blobs are followed to other hosts, without credentials. What changes something is followed "
        "within the same scheme, host and port only, and so are the token server and further pages of a list: "
        "credentials and tokens belong to the server that they were meant for.",
    ),
    Advice(
        "upload-elsewhere",
        Refused,
        "the registry wants the layers sent to another host",
        "if {host} belongs to the registry: --allow-upload-host {host}; if not, let the proxy pass on Host and "
        "X-Forwarded-Proto",
        "When an upload is opened, the registry says where it is to be sent. Nothing is sent to a host or a port that "
        "was not named. Often a proxy in front of the registry does not pass on the name that it was asked by, so that "
        "the registry names itself by its inner address. nginx: proxy_set_header Host $http_host; and "
        "proxy_set_header X-Forwarded-Proto $scheme; distribution can be set to http.relativeurls: true, or http.host. "
        "Some registries have uploads at another host on purpose: --allow-upload-host names it, may be repeated, and "
        "sends no credentials there.",
    ),
    Advice(
        "upload-without-tls",
        Refused,
        "the registry asks for an upload without TLS",
        "let the proxy in front of the registry set X-Forwarded-Proto; nginx: proxy_set_header X-Forwarded-Proto "
        "$scheme;",
        "The registry is asked with https, and names an address with http for the upload. It does not know that a "
        "proxy in front of it speaks TLS, because the proxy does not say so. nginx: proxy_set_header X-Forwarded-Proto "
        "$scheme; and proxy_set_header Host $http_host; or set http.relativeurls: true in distribution. Nothing was "
        "sent without TLS.",
    ),
    Advice(
        "upload-with-tls",
        Refused,
        "the registry asks for an upload with TLS, at a port that speaks plain HTTP",
        "let the proxy in front of the registry tell it the scheme; nginx: proxy_set_header X-Forwarded-Proto $scheme;",
        "The registry is asked with http, and names the same host and port with https for the upload. A proxy in front "
        "of it says that it was asked with TLS, and was not: X-Forwarded-Proto has to be the scheme that clients use. "
        "Or set http.relativeurls: true in distribution. Where the registry does speak TLS at that port, leave "
        "--plain-http out.",
    ),
    Advice(
        "upload-astray",
        Refused,
        "the registry names an address for the upload that leads nowhere",
        "give the path of the API with --base-path, or let the proxy pass paths on unchanged",
        "The address is not below the API, and nothing is there. A proxy in front of the registry changes paths, and "
        "does not change those in the answers. nginx: proxy_redirect, and proxy_set_header Host $http_host; "
        "distribution: http.prefix and http.host as the outside sees them.",
    ),
    Advice(
        "not-kept",
        Unavailable,
        "the registry says that it took this, and does not have it",
        "run the same command again; if it fails again, see the registry's log and its storage",
        "The upload was answered with success, and the question for it afterwards with not found. It was sent several "
        "times. The storage of the registry loses what it is given, several registries share one address and not "
        "their storage, or a garbage collection runs in this moment. No tag was moved.",
    ),
    Advice(
        "digest-unsupported",
        Refused,
        "the registry takes no manifests with a digest of this kind",
        "leave the image out with --except, or push it to a registry that takes such digests",
        "Nearly all images have digests of sha256. This one has another, which is allowed, and which this registry "
        "cannot compute; distribution 2 and 3 cannot. Another digest would be another image to all who look for this "
        "one, so it is not converted. The other images are not concerned.",
    ),
    Advice(
        "proxy-page",
        Unavailable,
        "a page for people came back, where a registry should answer",
        "something in front of the registry answers; check address, port and path of {host}, and HTTPS_PROXY and "
        "NO_PROXY",
        "The answer is HTML. It comes from a proxy, a load balancer, a login page of the company or the web pages of "
        "the registry itself, but not from its API. Often the port is that of the web interface, the API lies below a "
        "path (--base-path for Nexus), or requests to the inside go to the outside because NO_PROXY does not name the "
        "registry.",
    ),
    Advice(
        "no-registry",
        Refused,
        "this is not a registry's answer",
        "does a proxy or a login page answer? check address, port and path of {host}, and HTTPS_PROXY and NO_PROXY",
        "What came back is not what a registry says, and it would be the same again: a page for people, or something "
        "that is no HTTP. Often it is the login page of a company's proxy, a web interface on the same port, a "
        "server of another kind, or a registry whose API lies below a path (--base-path for Nexus). Try `curl -v "
        "https://{host}/v2/`: a registry answers with JSON, or with 401.",
    ),
    Advice(
        "unknown-authority",
        Refused,
        "the certificate is not by an authority that is trusted here",
        "give the authority with --cacert FILE, or put it into /etc/docker/certs.d/{host}/ca.crt",
        "The registry's certificate was issued by an authority, often the company's own, that this machine does not "
        "know. Ask for the authority's certificate (not the registry's) and compare its fingerprint with whoever runs "
        "it. It is looked for in --cacert, SSL_CERT_FILE, /etc/docker/certs.d, /etc/containers/certs.d and "
        "~/.config/containers/certs.d; the folder's name must be host and port exactly as in --to. No option turns "
        "the check off.",
    ),
    Advice(
        "certificate-name",
        Refused,
        "the certificate is for another name",
        "use the name that the certificate has, or ask for one that names {host}",
        "The registry proves who it is, but it is not who was asked for. An IP address needs a certificate that names "
        "the address. Behind a load balancer the certificate may be that of another service.",
    ),
    Advice(
        "certificate-expired",
        Refused,
        "the certificate has expired",
        "compare the clock of this machine (date -u), then ask for a new certificate",
        "Either the certificate is too old, or this machine's clock is ahead. `bundler doctor --to {host}` shows "
        "until when it is valid, and how far the clocks are apart.",
    ),
    Advice(
        "clock-skew",
        Refused,
        "the clocks of this machine and of the registry do not agree",
        "set the clock of this machine (date -u), or that of the registry, then run the same command again",
        "Certificates and login tokens are valid from one moment to another. Tokens live for minutes, and a registry "
        "forgives about one of difference, so a clock that is wrong makes it refuse tokens that were issued a moment "
        "ago. Disconnected networks often have no time server.",
    ),
    Advice(
        "no-tls",
        Refused,
        "the server does not speak TLS",
        "if that is meant: --plain-http {host}",
        "The port answers, but not with TLS. Only registries on this machine are spoken to in plain HTTP by default. "
        "With --plain-http everybody on the way can read and change what is sent, credentials included; digests are "
        "still compared, and the receipt says so.",
    ),
    Advice(
        "connection-refused",
        Unreachable,
        "no connection",
        "is the registry running, is the port right, and does a firewall let {host} through?",
        "The machine answers that nothing listens there, or that the way is closed. Without a port, https means 443. "
        "Whether anything listens: `curl -v https://{host}/v2/`.",
    ),
    Advice(
        "no-answer",
        Unavailable,
        "nothing came in time",
        "run the same command again; what has arrived is not sent twice",
        "The connection stands, or should, but nothing comes: a firewall that drops packets, a proxy that waits for "
        "the whole body, a registry whose disk or database is busy. Fewer uploads at a time (--jobs 1) may help.",
    ),
    Advice(
        "too-slow",
        Unavailable,
        "hardly anything moves on the connection",
        "run the same command again; fewer at a time (--jobs 1) may help",
        "Bytes come, or are taken, but so few that this would never end: less than 64 KiB in a minute. A slow line is "
        "waited for as long as it takes. This is a server or proxy that is overloaded, or that keeps connections open "
        "with a byte now and then; with a stalled upload, the registry or a proxy before it has stopped reading.",
    ),
    Advice(
        "connect-timeout",
        Unreachable,
        "no connection in time",
        "does a firewall drop packets to {host}, and is the machine up?",
        "Nothing answers at all, not even with a refusal: a firewall that drops packets, a machine that is switched "
        "off, or an address that leads nowhere. If only a proxy leads there, set HTTPS_PROXY.",
    ),
    Advice(
        "name-not-resolved",
        Unreachable,
        "the name cannot be resolved",
        "check the spelling, and the DNS server of this machine: getent hosts {host}",
        "The name of the registry is unknown here. Disconnected networks often have a DNS server of their own, or "
        "names in /etc/hosts.",
    ),
    Advice(
        "proxy-failed",
        Unavailable,
        "the proxy failed",
        "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY; a registry inside the network belongs into NO_PROXY",
        "The environment names a proxy, and it does not let this through. NO_PROXY takes names, domains that begin "
        "with a dot, addresses and blocks like 10.0.0.0/8.",
    ),
    Advice(
        "too-many-requests",
        Busy,
        "the registry asks to come back later",
        "log in for a higher limit (docker, podman or skopeo login {host}), or run the same command again later",
        "The registry limits how often it may be asked, by address or by account, or it is under maintenance. Waiting "
        "was tried already: the pauses that it asked for, and longer ones when it still refused. Docker Hub counts "
        "anonymous pulls by address, and a whole company may share one.",
    ),
    Advice(
        "asked-to-wait",
        AskedToWait,
        "the registry asks to wait until {time} ({duration})",
        "run the same command then; what is done is not done twice",
        "The registry names a time before which it answers nothing more. That is longer than a run waits by itself. "
        "Docker Hub limits the pulls of six hours, by address or by account; an account (docker, podman or skopeo "
        "login {host}) has a higher limit. What was resolved is kept, so the next run asks only for what is missing.",
    ),
    Advice(
        "registry-read-only",
        Refused,
        "the registry takes nothing at the moment: it is read-only",
        "wait until its maintenance is over, or ask its administrator",
        "distribution is set to readonly while garbage is collected, Harbor has a switch for it, and a replica or a "
        "proxy cache takes no pushes ever. Check whether it is the registry that is meant to be pushed to.",
    ),
    Advice(
        "target-disk-full",
        Unavailable,
        "the registry's disk is full",
        "free space in the registry's storage, then run the same command again",
        "The registry could not store what was sent. What stands there stays, and is not sent again. `bundler import "
        "--dry-run` says how many bytes are still to be sent. In distribution, space comes back only when garbage is "
        "collected, with the registry stopped or read-only.",
    ),
    Advice(
        "registry-failed",
        Unavailable,
        "the registry failed",
        "run the same command again; if it fails again, see the registry's log",
        "The registry answered with an error of its own, also after several attempts. Its log tells why; what it said "
        "to us is shown as it was. Many uploads at a time can be too much for its database: --jobs 1 is gentler.",
    ),
    Advice(
        "manifest-refused",
        Refused,
        "the registry does not take this kind of image",
        "leave it out with --except, or ask whether the registry can take it",
        "The manifest is what it should be, but the registry does not know its type, or does not allow it: some take "
        "no artifacts beside images (Quay), no index within an index (Artifactory), or no OCI types (Nexus before "
        "3.71).",
    ),
    Advice(
        "name-refused",
        NameRefused,
        "the registry does not take this name",
        "make one part of it with --map flatten, or name it with --rules",
        "Registries differ in how deep names may be: Quay takes ORGANISATION/NAME unless its administrator allows "
        "more, GitLab two parts below a project, Harbor wants a project in front. `bundler import --dry-run` finds "
        "this before a byte moves.",
    ),
    Advice(
        "damaged-at-target",
        Refused,
        "the registry holds a damaged blob",
        "delete it in the registry's storage and restart the registry, then run the same command again with "
        "--verify-target",
        "The registry says that it has these bytes, and gives others, or fewer. Its disk has let them rot, or it was "
        "stopped while it wrote. A blob of a wrong length is sent again once, and that did not change it: distribution "
        "answers 201 and keeps what it has. Delete the blob in the storage of the registry (in distribution "
        "blobs/sha256/XX/DIGEST/data below docker/registry/v2), or delete the images that need it and collect the "
        "garbage; then restart the registry, because it remembers blobs. Then the same command with --verify-target "
        "sends what is missing, also of images whose tags "
        "are there already.",
    ),
    Advice(
        "parts-missing",
        PartsMissing,
        "the registry says that it lacks parts of the image, although they were pushed",
        "run the same command again when the registry collects no garbage and nobody else pushes there",
        "A manifest is taken only when all that it needs is there. The registry's garbage collection removes what has "
        "no manifest yet, also while it is being pushed, so distribution wants to be read-only meanwhile. bundler has "
        "sent again what was missing, several times, and something was missing still. A registry that keeps in "
        "memory which blobs it has (cache: blobdescriptor: inmemory) says after a garbage collection that they are "
        "there until it is restarted.",
    ),
    Advice(
        "refused",
        Refused,
        "the registry refuses it",
        "what it said is all that is known; its log may tell more",
        "The registry said no, in a way that is not known here. Trying again would give the same answer.",
    ),
    Advice(
        "no-space",
        LocalStorage,
        "no space left",
        "free some space and run the same command again",
        "A disk of this machine is full, or a quota used up. Nothing that is unfinished looks finished. Export names "
        "what it needs before it begins (--dry-run); import needs none but for encrypted bundles (--scratch).",
    ),
    Advice(
        "unsigned",
        Untrusted,
        "nobody vouches for this bundle",
        "ask the builder for a signed one",
        "The bundle has no signature, so nobody knows who made it, and it may have been changed on its way. "
        "--insecure-no-signature takes it all the same; the receipt says so.",
    ),
    Advice(
        "unknown-signer",
        Untrusted,
        "no trusted key has signed this bundle",
        "get the builder's public key by another way than this medium, and give it with --trust NAME.pub",
        "The bundle is signed, but by a key that is not trusted here. A key that came on the same medium as the "
        "bundle proves nothing. Compare its fingerprint with the builder by telephone: `bundler trust add NAME.pub` "
        "shows it, and puts the key into ~/.config/bundler/trust, whose keys are trusted always; under sudo, ~ is "
        "root's home.",
    ),
    Advice(
        "bad-signature",
        Untrusted,
        "the signature does not fit",
        "bring the bundle again; if it does not fit then either, tell the security officer",
        "A trusted key's signature is there, and SHA256SUMS is not what was signed: a file was damaged, or changed by "
        "somebody. Nothing of the bundle was read beyond it.",
    ),
    Advice(
        "too-few-signatures",
        Untrusted,
        "too few trusted keys have signed this bundle",
        "have it signed by another one: bundler sign BUNDLE --key KEY",
        "--require-signatures asks for the signatures of several different keys, so that no single person, and no "
        "single stolen key, can bring anything in. Each trusted key counts once, under however many names. A second "
        "person adds a signature with `bundler sign`, which verifies all of the bundle first; it is a small file "
        "beside SHA256SUMS, and can also be carried after the bundle.",
    ),
    Advice(
        "trust-folder",
        Untrusted,
        "no key is trusted here: the folder of keys cannot be used",
        "see which, and why: bundler trust list",
        "Whoever can put a key into the folder decides what is trusted. So the folder and each key in it must belong "
        "to you or to root, and nobody else may be able to change them: chmod go-w. A file whose name ends with .pub "
        "and that is no key that can be used makes the folder unusable, because it may be the one that was meant. On "
        "FAT and NTFS modes mean nothing: there, name single files with --trust, or use `bundler trust add`. The same "
        "holds for every folder and link on the way to the keys, as sshd's StrictModes has it; folders with a sticky "
        "bit, such as /tmp, may be on the way.",
    ),
    Advice(
        "key-came-along",
        Untrusted,
        "the public key came with the bundle",
        "get the key from its owner by another way",
        "A key proves nothing about a bundle that it travelled with: who changes the bundle puts a key of their own "
        "there, too. So no key is trusted that lies in the bundle's folder, or on the removable medium that the bundle "
        "is on. Copy the key to this machine, compare its fingerprint with the builder by telephone, and keep it: "
        "`bundler trust add builder.pub`.",
    ),
    Advice(
        "fingerprint-differs",
        Untrusted,
        "the fingerprint is another one",
        "get the key again over another channel, and inform the security officer",
        "The file is not the key whose fingerprint was read out. Perhaps it is another key of the same people, or an "
        "old one; or somebody has exchanged it on its way, and wants their own bundles to be trusted. Nothing was "
        "added.",
    ),
    Advice(
        "key-not-private",
        Misuse,
        "others may read this private key",
        "chmod 600 on the key's file",
        "As with ssh, a private key of yours is not used while other users of the machine may read it: whoever has it "
        "signs as you. Pipelines often mount secrets with mode 0644: copy them first with install -m 600. If it was "
        "readable for long, make another key.",
    ),
    Advice(
        "key-on-medium",
        Misuse,
        "the private key is on the bundle's medium",
        "keep the key where the medium never goes",
        "The medium leaves your hands, and whoever has the private key can sign whatever they like in its place. A key "
        "that lay on a medium that was given away is no secret any more: make another one, and tell all who trust it.",
    ),
    Advice(
        "receipt-unsigned",
        Untrusted,
        "no trusted key has signed this receipt",
        "sign receipts when they are written: import --receipt-key KEY",
        "A receipt says which tags to put back, so who changes it decides what they stand for. Where any key is "
        "trusted, a trusted key must have signed it; who changed a receipt could remove its signature, too. The file "
        "RECEIPT.<key id>.sig belongs beside it: copy both. An unfinished receipt is never signed. If you know where "
        "the receipt comes from, take it as it is with `--insecure-no-signature`, after a look at the plan: "
        "`bundler undo RECEIPT --insecure-no-signature --dry-run`.",
    ),
    Advice(
        "secret-as-text",
        Misuse,
        "a secret was given where the name of a file is wanted",
        "write it to a file that only you can read, and give the name of that file",
        "Every user of a machine can read the arguments of its processes, and pipelines print them. So bundler takes "
        "secrets from files, standard input or a prompt only, and does not repeat what looks like one. In a shell: "
        "umask 077; cat > FILE. In GitLab, make it a variable of type file, in Jenkins a secret file. A secret that "
        "was an argument may be in a log by now: replace it.",
    ),
    Advice(
        "damaged",
        Damaged,
        "bytes are not what was promised",
        "run bundler verify to see which files to bring again",
        "A file differs from what was signed, on the medium or as it is read from there. `bundler verify` names every "
        "file that is hurt, and the images. Bring those files again; nothing else has to be repeated. If the same "
        "file reads differently each time, the medium or its reader is failing.",
    ),
    Advice(
        "incomplete",
        Incomplete,
        "parts of the bundle are missing",
        "bring what is named, or give the other media, too",
        "Nothing is wrong with what is there. Images whose bytes are all here were imported; run the same command "
        "with the other media, or with all of them, for the rest.",
    ),
    Advice(
        "usage",
        Misuse,
        "the command is not understood",
        "see: bundler COMMAND --help",
        "A flag, a file that was given, a reference or a key is not what it should be. Nothing was done.",
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
"""What to explain for an exit code that somebody wrote down."""
