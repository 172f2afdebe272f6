"""Flags and verbs of skopeo, docker, podman, crane, oras, regctl, hauler and zarf, each with our equivalent.

People type the flags that they know. An answer names only flags that the command has, and commands that exist; a test
checks each answer.
"""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.texts import Text, text


@frozen
class Instead:
    """One equivalent of a flag of another tool.

    Attributes:
        text: A sentence, with the flags and commands spelled out.
        flags: The flags that the command must have; else this is no answer.
    """

    text: str
    flags: tuple[str, ...] = ()


_PLAIN = Instead(
    "--plain-http HOST uses a registry without TLS, --cacert FILE adds its authority; the certificate check cannot "
    "be turned off",
    ("--plain-http", "--cacert"),
)
_LOGIN = Instead(
    "--username NAME --password-stdin; a password is never an argument", ("--username", "--password-stdin")
)
_AUTHORITY = Instead("--cacert FILE, or the folders certs.d of docker and podman", ("--cacert",))
_AUTH_FILE = Instead("set REGISTRY_AUTH_FILE=FILE; bundler finds auth.json of podman and config.json of docker itself")
_TO = Instead("--to HOST[:PORT][/PREFIX]", ("--to",))
_INTO = Instead("-o DIR; the bundle's folder is created there", ("--output",))
_SOURCES = Instead(
    "no flag: give lists or images, for example bundler export images.yaml -o DIR --key KEY", ("--chunk-size",)
)
_ALL = Instead("no flag: bundler carries all platforms; --platform OS/ARCH chooses one", ("--platform",))
_TRUST = Instead("--trust NAME.pub", ("--trust",))
_KEY = Instead("--key NAME.key", ("--key",))
_FORCE = Instead("--on-conflict replace moves tags that point to another image", ("--on-conflict",))
_RESTART = Instead("--restart starts again", ("--restart",))
_JOBS = Instead("--jobs N", ("--jobs",))
_RETRIES = Instead("no flag: bundler retries by itself, and the same command resumes")
_JSON = Instead("--json", ("--json",))
_QUIET = Instead("--quiet; progress is shown without a flag", ("--quiet",))
_TEXT = Instead("no flag: messages and progress go to stderr, results to stdout")
_NAME = Instead("--name NAME", ("--name",))
_NO_POLICY = Instead("no flag: signatures of images are judged only with --policy FILE or --notation-policy FILE")
_ONLY = Instead("--only PATTERN", ("--only",))
_EXCEPT = Instead("--except PATTERN", ("--except",))
_LANG = Instead("--lang en or --lang zh; without it, the language of the messages", ("--lang",))
_REPORT_LANG = Instead("--report-lang en or --report-lang zh, with --report FILE", ("--report-lang",))

FLAGS: dict[str, tuple[Instead, ...]] = {
    # bundler, where another command spells it so
    "--report-lang": (_LANG,),
    "--lang": (_REPORT_LANG,),
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
    "--all-platforms": (_ALL,),
    "--override-arch": (Instead("--platform OS/ARCH", ("--platform",)),),
    "--override-os": (Instead("--platform OS/ARCH", ("--platform",)),),
    "--arch": (Instead("--platform OS/ARCH", ("--platform",)),),
    "--os": (Instead("--platform OS/ARCH", ("--platform",)),),
    "--retry-times": (_RETRIES,),
    "--retry": (_RETRIES,),
    "--retries": (_RETRIES,),
    "--scoped": (Instead("--map scoped", ("--map",)),),
    "--keep-going": (Instead("no flag: a failed image does not stop the others", ("--fail-fast",)),),
    "--remove-signatures": (Instead("no flag: signatures of images stay unchanged"),),
    "--sign-by": (_KEY,),
    "--sign-by-sigstore-private-key": (_KEY,),
    "--policy": (_TRUST,),
    "--insecure-policy": (_NO_POLICY,),
    "--preserve-digests": (Instead("no flag: digests never change"),),
    # docker, nerdctl
    "-u": (_LOGIN, _AUTH_FILE),
    "-p": (_LOGIN, _AUTH_FILE),
    "--password": (_LOGIN, _AUTH_FILE),
    "--user": (_LOGIN, _AUTH_FILE),
    "--all-tags": (Instead("write each image with its tag in the list"),),
    "-a": (_ALL,),
    "-i": (
        Instead("no flag: give files as docker-archive:FILE", ("--chunk-size",)),
        Instead("no flag: give the folder or file"),
    ),
    "--input": (
        Instead("no flag: give files as docker-archive:FILE", ("--chunk-size",)),
        Instead("no flag: give the folder or file"),
    ),
    "--insecure-registry": (_PLAIN,),
    "--disable-content-trust": (Instead("--insecure-no-signature", ("--insecure-no-signature",)),),
    # crane, oras, regctl
    "--insecure": (_PLAIN,),
    "--allow-nondistributable-artifacts": (Instead("--foreign-layers HOST[:PORT]", ("--foreign-layers",)),),
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
    "--recursive": (Instead("no flag: bundler always carries all parts of an image"),),
    "--format": (_JSON,),
    "--skip-tls-verify": (_PLAIN,),
    "--insecure-skip-tls-verify": (_PLAIN,),
    "--skip-verify": (Instead("--insecure-no-signature", ("--insecure-no-signature",)),),
    "--no-verify": (Instead("--insecure-no-signature", ("--insecure-no-signature",)),),
    # hauler, zarf, oc-mirror, imgpkg
    "--filename": (_SOURCES,),
    "--store": (_INTO,),
    "--platforms": (Instead("--platform OS/ARCH, once for each", ("--platform",)),),
    "--registry": (_TO,),
    "--registry-url": (_TO,),
    "--registry-push-username": (_LOGIN,),
    "--registry-push-password": (_LOGIN,),
    "--signing-key": (_KEY,),
    "--signing-key-pass": (Instead("--key-passphrase-file FILE", ("--key-passphrase-file",)),),
    "--max-package-size": (Instead("--chunk-size SIZE", ("--chunk-size",)),),
    "--archive-size": (Instead("--chunk-size SIZE", ("--chunk-size",)),),
    "--max-per-registry": (_JOBS,),
    "--confirm": (Instead("no flag: bundler asks nothing"),),
    "--dest-skip-tls": (_PLAIN,),
    "--source-skip-tls": (_PLAIN,),
    "--source-use-http": (_PLAIN,),
    "--dest-use-http": (_PLAIN,),
    "--registry-ca-cert-path": (_AUTHORITY,),
    "--registry-verify-certs": (_PLAIN,),
    "--registry-insecure": (_PLAIN,),
    "--to-repo": (_TO,),
    "--tar": (Instead("give the bundle's folder"),),
    # common to many tools
    "-o": (Instead("--to oci:DIR or oci-archive:FILE", ("--to", "--map")), _JSON),
    "--output": (Instead("--to oci:DIR or oci-archive:FILE", ("--to", "--map")), _JSON),
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
    "--force": (_FORCE, _RESTART),
    "--overwrite": (_FORCE, _RESTART),
    "--no-clobber": (Instead("no flag: bundler overwrites nothing"),),
    "--public-key": (_TRUST,),
    "--key": (_TRUST,),
    "--pub": (_TRUST,),
    "--private-key": (_KEY,),
    "--include": (_ONLY,),
    "--exclude": (_EXCEPT,),
    "--filter": (_ONLY,),
    "--parallel": (_JOBS,),
    "--workers": (_JOBS,),
    "-j": (_JOBS,),
    "--split": (Instead("--chunk-size SIZE", ("--chunk-size",)),),
    "--tag": (_NAME,),
    "-t": (_TO, _NAME),
    "--debug": (_TEXT,),
    "--log-level": (_QUIET, _TEXT),
    "--silent": (_QUIET,),
    "--no-progress": (_QUIET,),
    "--dryrun": (Instead("--dry-run", ("--dry-run",)),),
    "--resume": (Instead("no flag: the same command resumes"),),
    "--continue": (Instead("no flag: the same command resumes"),),
}
"""Flags that not every command of ours has under that name, with answers. The first one that fits is given."""

VERBS: dict[str, Text] = {
    "pull": text("bundler export LIST -o DIR --key KEY"),
    "save": text("bundler export LIST -o DIR --key KEY"),
    "fetch": text("bundler export LIST -o DIR --key KEY"),
    "download": text("bundler export LIST -o DIR --key KEY"),
    "create": text("bundler export LIST -o DIR --key KEY"),
    "build": text("bundler export LIST -o DIR --key KEY"),
    "pack": text("bundler export LIST -o DIR --key KEY"),
    "package": text("bundler export LIST -o DIR --key KEY"),
    "bundle": text("bundler export LIST -o DIR --key KEY"),
    "archive": text("bundler export LIST -o DIR --key KEY"),
    "add": text("bundler export LIST -o DIR --key KEY"),
    "store": text("bundler export LIST -o DIR --key KEY"),
    "push": text("bundler import BUNDLE --to HOST --trust PUB"),
    "load": text("bundler import BUNDLE --to HOST --trust PUB, or --to docker-daemon:"),
    "upload": text("bundler import BUNDLE --to HOST --trust PUB"),
    "deploy": text("bundler import BUNDLE --to HOST --trust PUB"),
    "unpack": text("bundler import BUNDLE --to oci:DIR --trust PUB"),
    "extract": text("bundler import BUNDLE --to oci:DIR --trust PUB"),
    "unbundle": text("bundler import BUNDLE --to HOST --trust PUB"),
    "cp": text("bundler export LIST -o DIR --key KEY, then bundler import BUNDLE --to HOST --trust PUB"),
    "sync": text("bundler export LIST -o DIR --key KEY, then bundler import BUNDLE --to HOST --trust PUB"),
    "mirror": text("bundler export LIST -o DIR --key KEY, then bundler import BUNDLE --to HOST --trust PUB"),
    "relocate": text("bundler export LIST -o DIR --key KEY, then bundler import BUNDLE --to HOST --trust PUB"),
    "ls": text("bundler inspect BUNDLE"),
    "list": text("bundler inspect BUNDLE"),
    "info": text("bundler inspect BUNDLE"),
    "show": text("bundler inspect BUNDLE"),
    "describe": text("bundler inspect BUNDLE"),
    "manifest": text("bundler inspect BUNDLE"),
    "validate": text("bundler verify BUNDLE --trust PUB"),
    "test": text("bundler verify BUNDLE --trust PUB"),
    "ping": text("bundler doctor --to HOST"),
    "login": text("docker login HOST, podman login HOST, or --username NAME --password-stdin of bundler import"),
    "logout": text("docker logout HOST, or podman logout HOST"),
    "generate-key-pair": text("bundler keygen NAME"),
    "gen-key": text("bundler keygen NAME"),
    "genkey": text("bundler keygen NAME"),
    "keys": text("bundler trust list"),
    "key": text("bundler keygen NAME, or bundler trust list"),
    "receipts": text("bundler receipt show RECEIPT"),
    "rollback": text("bundler undo RECEIPT"),
    "revert": text("bundler undo RECEIPT"),
    "error": text("bundler explain CODE"),
    "errors": text("bundler explain"),
    "docs": text("bundler man | man -l -"),
    "manual": text("bundler man | man -l -"),
}
"""Verbs that are no commands of ours, with the command to type instead."""
