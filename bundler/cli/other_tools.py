"""Flags and verbs of skopeo, docker, podman, crane, oras, regctl, hauler and zarf, each with the one that does it here.

People write what their hands know. An answer names only flags that the command in question has, and commands that
exist; a test looks at each.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing to do instead.

    Attributes:
        text: A sentence, with the flags and commands spelled out.
        flags: Those that the command must have for it to be an answer.
    """

    text: str
    flags: tuple[str, ...] = ()


_PLAIN = Answer(
    "--plain-http HOST speaks to a registry without TLS, --cacert FILE knows its authority; the check of certificates "
    "cannot be turned off",
    ("--plain-http", "--cacert"),
)
_LOGIN = Answer("--username NAME --password-stdin; a password is never an argument", ("--username", "--password-stdin"))
_AUTHORITY = Answer("--cacert FILE, or the folders certs.d of docker and podman", ("--cacert",))
_AUTH_FILE = Answer(
    "set REGISTRY_AUTH_FILE=FILE; auth.json of podman and config.json of docker are found by themselves"
)
_TO = Answer("--to HOST[:PORT][/PREFIX]", ("--to",))
_INTO = Answer("-o DIR, where the bundle's folder is made", ("--output",))
_SOURCES = Answer("no flag: name lists or images, as in bundler export images.yaml -o DIR --key KEY", ("--chunk-size",))
_ALL = Answer("no flag: all platforms are carried unless --platform OS/ARCH chooses", ("--platform",))
_TRUST = Answer("--trust NAME.pub", ("--trust",))
_KEY = Answer("--key NAME.key", ("--key",))
_FORCE = Answer("--on-conflict replace lets tags move that stand for another image", ("--on-conflict",))
_ANEW = Answer("--restart begins anew", ("--restart",))
_JOBS = Answer("--jobs N", ("--jobs",))
_RETRIES = Answer("no flag: what may succeed later is tried again, and the same command goes on where it ended")
_JSON = Answer("--json", ("--json",))
_QUIET = Answer("--quiet; progress is shown without a flag", ("--quiet",))
_TEXT = Answer("no flag: messages and progress go to stderr, results to stdout")
_NAME = Answer("--name NAME", ("--name",))
_ONLY = Answer("--only PATTERN", ("--only",))
_EXCEPT = Answer("--except PATTERN", ("--except",))

FLAGS: dict[str, tuple[Answer, ...]] = {
    # skopeo, podman, buildah
    "--tls-verify": (_PLAIN,),
    "--src-tls-verify": (_PLAIN,),
    "--dest-tls-verify": (_PLAIN,),
    "--creds": (_LOGIN, _AUTH_FILE),
    "--src-creds": (_LOGIN, _AUTH_FILE),
    "--dest-creds": (_LOGIN, _AUTH_FILE),
    "--src-username": (_LOGIN, _AUTH_FILE),
    "--src-password": (_LOGIN, _AUTH_FILE),
    "--dest-username": (_LOGIN, _AUTH_FILE),
    "--dest-password": (_LOGIN, _AUTH_FILE),
    "--registry-token": (_LOGIN, _AUTH_FILE),
    "--no-creds": (_AUTH_FILE,),
    "--authfile": (_AUTH_FILE,),
    "--src-authfile": (_AUTH_FILE,),
    "--dest-authfile": (_AUTH_FILE,),
    "--cert-dir": (_AUTHORITY,),
    "--src-cert-dir": (_AUTHORITY,),
    "--dest-cert-dir": (_AUTHORITY,),
    "--src": (_SOURCES,),
    "--dest": (_TO, _INTO),
    "--dst": (_TO, _INTO),
    "--all": (_ALL,),
    "--multi-arch": (_ALL,),
    "--override-arch": (Answer("--platform OS/ARCH", ("--platform",)),),
    "--override-os": (Answer("--platform OS/ARCH", ("--platform",)),),
    "--arch": (Answer("--platform OS/ARCH", ("--platform",)),),
    "--os": (Answer("--platform OS/ARCH", ("--platform",)),),
    "--retry-times": (_RETRIES,),
    "--scoped": (Answer("--map scoped", ("--map",)),),
    "--keep-going": (Answer("no flag: an image that fails stops no other", ("--fail-fast",)),),
    "--remove-signatures": (Answer("no flag: signatures of images are left as they are"),),
    "--sign-by": (_KEY,),
    "--sign-by-sigstore-private-key": (_KEY,),
    "--policy": (_TRUST,),
    "--insecure-policy": (Answer("--insecure-no-signature", ("--insecure-no-signature",)),),
    "--preserve-digests": (Answer("no flag: digests never change"),),
    # docker, nerdctl
    "-u": (_LOGIN, _AUTH_FILE),
    "-p": (_LOGIN, _AUTH_FILE),
    "--password": (_LOGIN, _AUTH_FILE),
    "--user": (_LOGIN, _AUTH_FILE),
    "--all-tags": (Answer("name each image with its tag in the list"),),
    "-a": (_ALL,),
    "-i": (
        Answer("no flag: name files as docker-archive:FILE", ("--chunk-size",)),
        Answer("no flag: name the folder or file"),
    ),
    "--input": (
        Answer("no flag: name files as docker-archive:FILE", ("--chunk-size",)),
        Answer("no flag: name the folder or file"),
    ),
    "--insecure-registry": (_PLAIN,),
    "--disable-content-trust": (Answer("--insecure-no-signature", ("--insecure-no-signature",)),),
    # crane, oras, regctl
    "--insecure": (_PLAIN,),
    "--allow-nondistributable-artifacts": (Answer("--foreign-layers HOST[:PORT]", ("--foreign-layers",)),),
    "--ca-file": (_AUTHORITY,),
    "--to-ca-file": (_AUTHORITY,),
    "--from-ca-file": (_AUTHORITY,),
    "--cacerts": (_AUTHORITY,),
    "--tls": (_PLAIN,),
    "--to-plain-http": (_PLAIN,),
    "--from-plain-http": (_PLAIN,),
    "--to-username": (_LOGIN, _AUTH_FILE),
    "--to-password": (_LOGIN, _AUTH_FILE),
    "--from-username": (_LOGIN, _AUTH_FILE),
    "--from-password": (_LOGIN, _AUTH_FILE),
    "--password-from-stdin": (_LOGIN,),
    "--registry-config": (_AUTH_FILE,),
    "--concurrency": (_JOBS,),
    "--recursive": (Answer("no flag: what an image needs goes with it"),),
    "--format": (_JSON,),
    "--skip-tls-verify": (_PLAIN,),
    "--insecure-skip-tls-verify": (_PLAIN,),
    "--skip-verify": (Answer("--insecure-no-signature", ("--insecure-no-signature",)),),
    # hauler, zarf, oc-mirror, imgpkg
    "--filename": (_SOURCES,),
    "--store": (_INTO,),
    "--platforms": (Answer("--platform OS/ARCH, once for each", ("--platform",)),),
    "--registry": (_TO,),
    "--registry-url": (_TO,),
    "--registry-push-username": (_LOGIN,),
    "--registry-push-password": (_LOGIN,),
    "--signing-key": (_KEY,),
    "--signing-key-pass": (Answer("--key-passphrase-file FILE", ("--key-passphrase-file",)),),
    "--max-package-size": (Answer("--chunk-size SIZE", ("--chunk-size",)),),
    "--archive-size": (Answer("--chunk-size SIZE", ("--chunk-size",)),),
    "--max-per-registry": (_JOBS,),
    "--confirm": (Answer("no flag: nothing is asked"),),
    "--dest-skip-tls": (_PLAIN,),
    "--source-skip-tls": (_PLAIN,),
    "--source-use-http": (_PLAIN,),
    "--dest-use-http": (_PLAIN,),
    "--registry-ca-cert-path": (_AUTHORITY,),
    "--registry-verify-certs": (_PLAIN,),
    "--registry-insecure": (_PLAIN,),
    "--to-repo": (_TO,),
    "--tar": (Answer("name the bundle's folder"),),
    # everybody's
    "-o": (Answer("--to oci:DIR or oci-archive:FILE", ("--to", "--map")), _JSON),
    "--output": (Answer("--to oci:DIR or oci-archive:FILE", ("--to", "--map")), _JSON),
    "--out": (_INTO,),
    "--output-dir": (_INTO,),
    "--output-directory": (_INTO,),
    "--destination": (_TO, _INTO),
    "--target-registry": (_TO,),
    "--image": (_SOURCES, _ONLY),
    "--images": (_SOURCES, _ONLY),
    "--list": (_SOURCES,),
    "-f": (_SOURCES,),
    "--file": (_SOURCES,),
    "--force": (_FORCE, _ANEW),
    "--overwrite": (_FORCE, _ANEW),
    "--no-clobber": (Answer("no flag: nothing is overwritten"),),
    "--public-key": (_TRUST,),
    "--pub": (_TRUST,),
    "--private-key": (_KEY,),
    "--include": (_ONLY,),
    "--exclude": (_EXCEPT,),
    "--filter": (_ONLY,),
    "--parallel": (_JOBS,),
    "--workers": (_JOBS,),
    "-j": (_JOBS,),
    "--split": (Answer("--chunk-size SIZE", ("--chunk-size",)),),
    "--tag": (_NAME,),
    "-t": (_TO, _NAME),
    "--debug": (_TEXT,),
    "--log-level": (_QUIET, _TEXT),
    "--silent": (_QUIET,),
    "--no-progress": (_QUIET,),
    "--dryrun": (Answer("--dry-run", ("--dry-run",)),),
    "--resume": (Answer("no flag: the same command goes on where it ended"),),
    "--continue": (Answer("no flag: the same command goes on where it ended"),),
}
"""Flags that no command of ours has under that name, or not every one; the first answer that fits is given."""

VERBS: dict[str, str] = {
    "pull": "bundler export LIST -o DIR --key KEY",
    "save": "bundler export LIST -o DIR --key KEY",
    "fetch": "bundler export LIST -o DIR --key KEY",
    "download": "bundler export LIST -o DIR --key KEY",
    "create": "bundler export LIST -o DIR --key KEY",
    "build": "bundler export LIST -o DIR --key KEY",
    "pack": "bundler export LIST -o DIR --key KEY",
    "package": "bundler export LIST -o DIR --key KEY",
    "bundle": "bundler export LIST -o DIR --key KEY",
    "archive": "bundler export LIST -o DIR --key KEY",
    "backup": "bundler export LIST -o DIR --key KEY",
    "add": "bundler export LIST -o DIR --key KEY",
    "store": "bundler export LIST -o DIR --key KEY",
    "push": "bundler import BUNDLE --to HOST --trust PUB",
    "load": "bundler import BUNDLE --to HOST --trust PUB, or --to docker-daemon:",
    "upload": "bundler import BUNDLE --to HOST --trust PUB",
    "deploy": "bundler import BUNDLE --to HOST --trust PUB",
    "restore": "bundler import BUNDLE --to HOST --trust PUB",
    "unpack": "bundler import BUNDLE --to oci:DIR --trust PUB",
    "extract": "bundler import BUNDLE --to oci:DIR --trust PUB",
    "unbundle": "bundler import BUNDLE --to HOST --trust PUB",
    "copy": "bundler export LIST -o DIR --key KEY, then bundler import BUNDLE --to HOST --trust PUB",
    "cp": "bundler export LIST -o DIR --key KEY, then bundler import BUNDLE --to HOST --trust PUB",
    "sync": "bundler export LIST -o DIR --key KEY, then bundler import BUNDLE --to HOST --trust PUB",
    "mirror": "bundler export LIST -o DIR --key KEY, then bundler import BUNDLE --to HOST --trust PUB",
    "relocate": "bundler export LIST -o DIR --key KEY, then bundler import BUNDLE --to HOST --trust PUB",
    "ls": "bundler inspect BUNDLE",
    "list": "bundler inspect BUNDLE",
    "images": "bundler inspect BUNDLE",
    "info": "bundler inspect BUNDLE",
    "show": "bundler inspect BUNDLE",
    "describe": "bundler inspect BUNDLE",
    "manifest": "bundler inspect BUNDLE",
    "check": "bundler verify BUNDLE --trust PUB, or bundler doctor",
    "validate": "bundler verify BUNDLE --trust PUB",
    "test": "bundler verify BUNDLE --trust PUB",
    "status": "bundler doctor --to HOST",
    "ping": "bundler doctor --to HOST",
    "login": "docker login HOST, podman login HOST, or --username NAME --password-stdin of bundler import",
    "logout": "docker logout HOST, or podman logout HOST",
    "init": "bundler keygen NAME",
    "generate-key-pair": "bundler keygen NAME",
    "gen-key": "bundler keygen NAME",
    "genkey": "bundler keygen NAME",
    "keys": "bundler trust list",
    "key": "bundler keygen NAME, or bundler trust list",
    "receipts": "bundler receipt show RECEIPT",
    "rollback": "bundler undo RECEIPT",
    "revert": "bundler undo RECEIPT",
    "error": "bundler explain CODE",
    "errors": "bundler explain",
    "docs": "bundler man | man -l -",
    "manual": "bundler man | man -l -",
}
"""Verbs that are no commands of ours, with what to type instead."""
