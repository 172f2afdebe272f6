"""The command line: flags become a request, errors become exit codes. Nothing else happens here.

Everything but click is imported inside the commands, so that ``bundler --help`` answers at once.
"""

from __future__ import annotations

import datetime
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from bundler import __version__
from bundler.core.mapping import MAPPINGS
from bundler.errors import EXIT_BUG, EXIT_CLOSED_PIPE, BundlerError, Interrupted, LocalStorage, Misuse

if TYPE_CHECKING:
    from bundler.commands.image_file import FileResult
    from bundler.commands.open_bundle import Unlocking
    from bundler.stores.hosts import NetworkOptions
    from bundler.transfer import Run


Result = TypeVar("Result")


class _Command(click.Command):
    """A command whose help opens with examples."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_help(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        _write_examples(self.examples, formatter)
        super().format_help(context, formatter)


class _Group(click.Group):
    """The program; its help opens with examples too."""

    command_class = _Command

    def format_help(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        _write_examples(_EXAMPLES, formatter)
        super().format_help(context, formatter)

    def list_commands(self, context: click.Context) -> list[str]:
        del context
        return list(self.commands)


def _write_examples(examples: str, formatter: click.HelpFormatter) -> None:
    formatter.write("Examples:\n" + "".join(f"  {line}\n" for line in examples.strip().splitlines()) + "\n")


_EXAMPLES = """
bundler keygen builder                                     once: a key to sign with
bundler export images.yaml -o /media/stick --key builder.key
bundler verify /media/stick/platform --trust builder.pub   on the other side
bundler import /media/stick/platform --trust builder.pub --to registry.internal:5000
"""

_json = click.option("--json", "is_json", is_flag=True, help="Print one JSON document on stdout.")
_quiet = click.option("--quiet", "-q", is_flag=True, help="No progress, only results and errors.")
_trust = click.option(
    "--trust",
    multiple=True,
    metavar="PUB",
    help="Public key that is trusted, or a folder of them. May be repeated. "
    "Default: the keys in ~/.config/bundler/trust.",
)
_unsigned_ok = click.option(
    "--insecure-no-signature", is_flag=True, help="Take the bundle without any trusted signature. Everything says so."
)
_jobs = click.option("--jobs", type=click.IntRange(1, 64), help="Large blobs that are moved at a time.")
_plain_http = click.option(
    "--plain-http", multiple=True, metavar="HOST[:PORT]", help="Speak to this registry without TLS. May be repeated."
)
_cacert = click.option("--cacert", metavar="FILE", help="Further certificate authorities for registries, PEM.")
_dry_run = click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
_scratch = click.option(
    "--scratch",
    metavar="DIR",
    help="Where bytes are put down that cannot go straight to their place. Default: $TMPDIR, or /var/tmp.",
)
_passphrase_file = click.option(
    "--passphrase-file", metavar="FILE", help="Read the private key's passphrase from the first line; - is stdin."
)
_bundle_passphrase_file = click.option(
    "--passphrase-file",
    metavar="FILE",
    help="Read the passphrase of an encrypted bundle from the first line; - is stdin.",
)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="bundler %(version)s")
def program() -> None:
    """Carry container images across air gaps: signed, checksummed, chunked bundles."""


@program.command(
    examples="""
bundler keygen builder                      builder.key and builder.pub in this folder
bundler keygen builder -d ~/keys --passphrase
"""
)
@click.argument("name")
@click.option("-d", "folder", default=".", metavar="DIR", help="Where to write the files. Default: this folder.")
@click.option("--passphrase", is_flag=True, help="Encrypt the private key with a passphrase that is asked for.")
@_passphrase_file
@_quiet
@_json
def keygen(name: str, folder: str, passphrase: bool, passphrase_file: str | None, quiet: bool, is_json: bool) -> int:
    """Make a key pair to sign bundles with: NAME.key and NAME.pub."""
    from bundler.commands.keygen import keygen as make
    from bundler.views import documents, report

    secret = _passphrase_of_key(passphrase_file, is_new=True) if passphrase_file or passphrase else None
    pair = make(name, folder=Path(folder), passphrase=secret.encode() if secret else None)
    lines = [pair.key_id] if quiet else report.keygen_lines(pair)
    _show(lines, documents.keygen_document(pair), is_json=is_json)
    return 0


@program.command(
    examples="""
bundler export images.yaml -o /media/stick --key builder.key
bundler export rancher-images.txt -o out --key builder.key --name rancher-2.9 --chunk-size dvd
bundler export docker://quay.io/prometheus/prometheus:v3.0.1 -o out --key builder.key --name prometheus
bundler export docker-daemon:app:dev docker-archive:vendor.tar.xz -o out --key builder.key --name apps
bundler export images.yaml -o out --key builder.key --encrypt --generate-passphrase
bundler export images.yaml -o out --key builder.key --dry-run
"""
)
@click.argument("lists", nargs=-1, required=True, metavar="LIST...")
@click.option("-o", "--output", required=True, metavar="DIR", help="Where the bundle's folder is to be made.")
@click.option("--key", metavar="FILE", help="Private key to sign with; see bundler keygen.")
@click.option(
    "--passphrase-file",
    metavar="FILE",
    help="Read the passphrase from the first line; - is stdin. The bundle's with --encrypt, else the private key's.",
)
@click.option("--key-passphrase-file", metavar="FILE", help="The private key's passphrase, with --encrypt.")
@click.option("--unsigned", is_flag=True, help="Make a bundle that nobody vouches for. It says so everywhere.")
@click.option("--name", help="Name of the bundle. Default: name: of the list, or the list's file name.")
@click.option(
    "--platform",
    multiple=True,
    metavar="OS/ARCH",
    help="Carry only this platform. May be repeated. Default: what the list says, or all.",
)
@click.option(
    "--chunk-size",
    default="2000000000",
    metavar="SIZE",
    show_default=True,
    help="Largest chunk file: bytes, 1900MiB, 4GB, or cd, dvd, dvd-dl, bd25, bd50, bd100, fat32.",
)
@click.option(
    "--layer-compression",
    type=click.Choice(["gzip", "zstd", "none"]),
    default="gzip",
    show_default=True,
    help="For layers that their source has uncompressed: those of Docker daemons and of docker save.",
)
@_scratch
@click.option(
    "--format",
    "archive",
    type=click.Choice(["tar", "7z"]),
    help="What chunk files are: plain tars, or 7z archives that store without compressing. Default: tar.",
)
@click.option("--encrypt", is_flag=True, help="Encrypt content and names with a passphrase: 7z with AES-256.")
@click.option("--generate-passphrase", is_flag=True, help="Make a strong passphrase, and say it once. With --encrypt.")
@_jobs
@_plain_http
@_cacert
@_dry_run
@_quiet
@_json
def export(
    lists: tuple[str, ...],
    output: str,
    key: str | None,
    passphrase_file: str | None,
    key_passphrase_file: str | None,
    unsigned: bool,
    name: str | None,
    platform: tuple[str, ...],
    chunk_size: str,
    layer_compression: str,
    scratch: str | None,
    archive: str | None,
    encrypt: bool,
    generate_passphrase: bool,
    jobs: int | None,
    plain_http: tuple[str, ...],
    cacert: str | None,
    dry_run: bool,
    quiet: bool,
    is_json: bool,
) -> int:
    """Collect the images of LISTs into a signed bundle, DIR/NAME.

    A LIST is a file (YAML, or one reference a line; - is stdin), or images of one place: docker://NAME,
    docker-daemon:NAME, docker-archive:FILE[:NAME], oci-archive:FILE[:NAME], oci:DIR[:NAME]. Without NAME, all images of
    a file or folder. Files may be compressed (.gz, .xz, .zst, .bz2, .7z).
    """
    from bundler.commands.export import ExportRequest
    from bundler.commands.export import export as make
    from bundler.commands.passphrase import generate_passphrase as generated
    from bundler.core.archive_kind import KINDS
    from bundler.core.plan import parse_chunk_size
    from bundler.core.platform import Platform
    from bundler.views import documents, report

    _check_encryption(archive, encrypt, generate_passphrase, passphrase_file, key_passphrase_file)
    key_file = key_passphrase_file if encrypt else passphrase_file or key_passphrase_file
    made = generated() if generate_passphrase and not dry_run else None
    request = ExportRequest(
        lists=lists,
        output=Path(output),
        created=_now(),
        chunk_size_bytes=parse_chunk_size(chunk_size),
        key_path=Path(key) if key else None,
        key_passphrase=lambda: _passphrase_of_key(
            key_file, option="--key-passphrase-file" if encrypt else None
        ).encode(),
        archive=KINDS["7z" if encrypt else archive or "tar"],
        is_encrypted=encrypt,
        bundle_passphrase=lambda: made or _passphrase_of_bundle(passphrase_file, is_new=True),
        is_unsigned=unsigned,
        name=name,
        platforms=tuple(map(Platform.parse, platform)),
        is_dry_run=dry_run,
        network=_network(plain_http, cacert),
        layer_compression=layer_compression,
        scratch=_scratch_folder(scratch),
    )
    result = _with_run(lambda run: make(request, run), jobs=jobs, is_quiet=quiet)
    lines = [str(result.path), *([made] if made else [])] if quiet else report.export_lines(result, made)
    _show(lines, documents.export_document(result, made), is_json=is_json)
    return 0


@program.command(
    examples="""
bundler inspect /media/stick/platform
bundler inspect /media/stick/platform --trust builder.pub --json
bundler inspect vendor-image.tar.gz                 an image file of docker save, podman, skopeo
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="BUNDLE|FILE...")
@_trust
@_bundle_passphrase_file
@_quiet
@_json
def inspect(
    paths: tuple[str, ...], trust: tuple[str, ...], passphrase_file: str | None, quiet: bool, is_json: bool
) -> int:
    """Show what is in a bundle, or in an image file: images, digests, platforms, sizes, layers."""
    file = _image_file(paths, {"--trust": bool(trust)})
    if file is not None:
        from bundler.commands.image_file import inspect_file

        return _show_file("inspect", lambda run: inspect_file(file, run), quiet=quiet, is_json=is_json)
    from bundler.commands.inspect_ import inspect as look
    from bundler.views import documents, report

    unlocking = _unlocking(passphrase_file, None) if passphrase_file else None
    result = _with_run(
        lambda run: look(_paths(paths), _paths(trust), run, unlocking=unlocking), jobs=None, is_quiet=quiet
    )
    lines = report.names_of(result) if quiet else report.inspect_lines(result)
    _show(lines, documents.inspect_document(result), is_json=is_json)
    return result.exit_code


@program.command(
    examples="""
bundler verify /media/stick/platform --trust builder.pub
bundler verify /media/disc1 /media/disc2 --trust builder.pub
bundler verify vendor-image.tar.xz --sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH|FILE...")
@_trust
@_unsigned_ok
@click.option("--sha256", metavar="HEX", help="What the SHA-256 of an image file must be.")
@_bundle_passphrase_file
@_scratch
@_jobs
@_quiet
@_json
def verify(
    paths: tuple[str, ...],
    trust: tuple[str, ...],
    insecure_no_signature: bool,
    sha256: str | None,
    passphrase_file: str | None,
    scratch: str | None,
    jobs: int | None,
    quiet: bool,
    is_json: bool,
) -> int:
    """Check a bundle: its signature, then every byte. Needs no network, no Docker, no write access.

    Of an encrypted bundle every file is checked; with its passphrase, every blob in them too, through scratch space.

    A FILE is an image file (docker save, OCI layout; .tar, .gz, .xz, .zst, .bz2, .7z) that is checked alone: whether it
    is whole, and every digest in it right.
    """
    file = _image_file(paths, {"--trust": bool(trust), "--insecure-no-signature": insecure_no_signature})
    if file is not None:
        from bundler.commands.image_file import verify_file

        return _show_file("verify", lambda run: verify_file(file, run, sha256=sha256), quiet=quiet, is_json=is_json)
    if sha256 is not None:
        raise Misuse("--sha256 is for an image file; a bundle is signed", subject=", ".join(paths))
    from bundler.commands.verify import verify as check
    from bundler.views import documents, report

    unlocking = _unlocking(passphrase_file, scratch) if passphrase_file else None
    result = _with_run(
        lambda run: check(
            _paths(paths), _paths(trust), run, is_without_signature=insecure_no_signature, unlocking=unlocking
        ),
        jobs=jobs,
        is_quiet=quiet,
    )
    lines = [] if quiet and not result.findings else report.verify_lines(result)
    _show(lines, documents.verify_document(result), is_json=is_json)
    return result.exit_code


@program.command(
    "import",
    examples="""
bundler import /media/stick/platform --trust builder.pub --to registry.internal:5000
bundler import /media/disc1 /media/disc2 --trust keys/ --to registry.internal/mirror --dry-run
bundler import /media/stick/platform --trust builder.pub --to docker-daemon: --to registry.internal:5000
bundler import /media/stick/platform --trust builder.pub --to oci:/srv/layout
""",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--to",
    "targets",
    multiple=True,
    required=True,
    metavar="DEST",
    help="HOST[:PORT][/PREFIX], docker-daemon:, oci:DIR or oci-archive:FILE. May be repeated; the bundle is read once. "
    "docker-daemon:HOST[/PREFIX] loads under the names that images have in that registry.",
)
@_trust
@_unsigned_ok
@click.option(
    "--map",
    "mapping",
    type=click.Choice(MAPPINGS),
    default="keep",
    show_default=True,
    help="Names at the target: keep drops the registry an image came from, scoped keeps it in the path.",
)
@click.option(
    "--on-conflict",
    type=click.Choice(["fail", "skip", "replace"]),
    default="fail",
    show_default=True,
    help="What to do with a tag that stands for another image at the target.",
)
@click.option(
    "--platform", metavar="OS/ARCH", help="What Docker daemons get of images for several. Default: the daemon's own."
)
@click.option(
    "--via-daemon",
    is_flag=True,
    help="Load, tag and push through the Docker daemon, where only it may reach the registry. Digests may change.",
)
@_bundle_passphrase_file
@_scratch
@_jobs
@_plain_http
@_cacert
@_dry_run
@_quiet
@_json
def import_(
    paths: tuple[str, ...],
    targets: tuple[str, ...],
    trust: tuple[str, ...],
    insecure_no_signature: bool,
    mapping: str,
    on_conflict: str,
    platform: str | None,
    via_daemon: bool,
    passphrase_file: str | None,
    scratch: str | None,
    jobs: int | None,
    plain_http: tuple[str, ...],
    cacert: str | None,
    dry_run: bool,
    quiet: bool,
    is_json: bool,
) -> int:
    """Verify a bundle and push its images, digests unchanged. PATHs are its folder, or media with parts of it."""
    from bundler.commands.import_ import ImportRequest
    from bundler.commands.import_ import import_ as bring
    from bundler.core.location import parse_target
    from bundler.core.platform import Platform
    from bundler.views import documents, report

    request = ImportRequest(
        paths=_paths(paths),
        targets=tuple(map(parse_target, targets)),
        trust=_paths(trust),
        is_without_signature=insecure_no_signature,
        mapping=mapping,
        on_conflict=on_conflict,
        is_dry_run=dry_run,
        unlocking=_unlocking(passphrase_file, scratch),
        network=_network(plain_http, cacert),
        platform=Platform.parse(platform) if platform else None,
        is_via_daemon=via_daemon,
    )
    result = _with_run(lambda run: bring(request, run), jobs=jobs, is_quiet=quiet)
    lines = [] if quiet and not result.exit_code else report.import_lines(result)
    _show(lines, documents.import_document(result), is_json=is_json)
    return result.exit_code


def main() -> NoReturn:
    """Runs the program and exits as DESIGN's table of exit codes says."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code. No error leaves here; a bug shows its traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = program.main(args=arguments, prog_name="bundler", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "bundler"
        return _fail(Misuse(error.format_message(), hint=f"see {command} --help"), arguments)
    except BundlerError as error:
        return _fail(error, arguments)
    except (KeyboardInterrupt, click.Abort):
        return _fail(Interrupted(), arguments)
    except BrokenPipeError:
        _silence_stdout()
        return EXIT_CLOSED_PIPE
    except OSError as error:
        # Files are handled where they are used; what comes up here is a name that no file can have, or a full output.
        _silence_stdout()
        return _fail(LocalStorage(f"the system refuses: {error.strerror}", subject=_shown(error.filename)), arguments)
    except Exception:
        import traceback

        traceback.print_exc()
        click.echo("error: this is a bug in bundler; please report it with the lines above", err=True)
        return EXIT_BUG


def _fail(error: BundlerError, arguments: list[str]) -> int:
    from bundler.views import errors

    if "--json" in arguments:
        from bundler.views import documents

        command = next((argument for argument in arguments if argument in program.commands), "bundler")
        errors.show([documents.dump(documents.failure_document(command, error))])
    errors.show(errors.error_lines(error), on_stderr=True)
    return error.exit_code


def _show(lines: list[str], document: dict[str, Any], *, is_json: bool) -> None:
    from bundler.views import documents, errors

    if is_json:
        errors.show([documents.dump(document)])
    elif lines:
        errors.show(lines)


def _image_file(paths: tuple[str, ...], bundle_flags: dict[str, bool]) -> Path | None:
    """The image file that was given instead of bundles, if it was."""
    files = [path for path in paths if not os.path.isdir(path) and os.path.exists(path)]
    if not files:
        return None
    if len(paths) > 1:
        raise Misuse("give one image file at a time, or the folders of a bundle", subject=files[0])
    given = [flag for flag, is_given in bundle_flags.items() if is_given]
    if given:
        raise Misuse(f"{given[0]} is for bundles, which are signed; this is a file", subject=files[0])
    return Path(files[0])


def _show_file(command: str, work: Callable[[Run], FileResult], *, quiet: bool, is_json: bool) -> int:
    from bundler.views import documents, report

    result = _with_run(work, jobs=None, is_quiet=quiet)
    lines = [] if quiet and not result.exit_code else report.file_lines(result)
    _show(lines, documents.file_document(command, result), is_json=is_json)
    return result.exit_code


def _with_run(work: Callable[[Run], Result], *, jobs: int | None, is_quiet: bool) -> Result:
    from bundler.transfer import Run
    from bundler.views.progress import Progress
    from bundler.workers import Cancellation

    cancellation = Cancellation()
    with Progress(is_quiet=is_quiet) as listener:
        try:
            return work(Run(listener, cancellation, jobs=jobs or max(2, min(4, os.cpu_count() or 2))))
        except KeyboardInterrupt:
            cancellation.set()
            raise


def _paths(texts: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(map(Path, texts))


def _network(plain_http: tuple[str, ...], cacert: str | None) -> NetworkOptions:
    from bundler.core.reference import is_registry
    from bundler.stores.hosts import NetworkOptions

    for host in plain_http:
        if not is_registry(host):
            raise Misuse("not a registry", subject=f"--plain-http {host}", hint="write HOST or HOST:PORT")
    if cacert and not Path(cacert).is_file():
        raise Misuse("there is no such file", subject=f"--cacert {cacert}")
    return NetworkOptions(frozenset(plain_http), Path(cacert) if cacert else None)


def _scratch_folder(given: str | None) -> Path:
    from bundler.scratch import default_folder

    folder = Path(given) if given else default_folder()
    if given and not folder.is_dir():
        raise Misuse("there is no such folder", subject=f"--scratch {given}")
    return folder


def _now() -> str:
    """The time of this run, or the one that SOURCE_DATE_EPOCH sets for reproducible bundles."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        now = datetime.datetime.now(datetime.timezone.utc)
    elif epoch.isascii() and epoch.isdigit() and len(epoch) < 12:
        now = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
    else:
        raise Misuse("not a number of seconds", subject=f"SOURCE_DATE_EPOCH={epoch[:40]}")
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_encryption(
    archive: str | None, encrypt: bool, generate: bool, passphrase_file: str | None, key_passphrase_file: str | None
) -> None:
    """Refuses flags of ``export`` that contradict each other."""
    if encrypt and archive == "tar":
        raise Misuse("--encrypt makes 7z archives, and --format tar asks for others")
    if generate and not encrypt:
        raise Misuse("--generate-passphrase goes with --encrypt")
    if generate and passphrase_file:
        raise Misuse("--generate-passphrase and --passphrase-file contradict each other")
    if not encrypt and passphrase_file and key_passphrase_file:
        raise Misuse("--passphrase-file and --key-passphrase-file both name the key's passphrase; give one of them")
    if {passphrase_file, key_passphrase_file} == {"-"}:
        raise Misuse("only one passphrase can come from standard input")


def _unlocking(passphrase_file: str | None, scratch: str | None) -> Unlocking:
    from bundler.commands.open_bundle import Unlocking

    return Unlocking(lambda: _passphrase_of_bundle(passphrase_file), _scratch_folder(scratch))


def _passphrase_of_key(file: str | None, *, is_new: bool = False, option: str | None = None) -> str:
    option = option or "--passphrase-file"
    return _passphrase(file, "passphrase of the key", "the key is encrypted", option, is_new=is_new)


def _passphrase_of_bundle(file: str | None, *, is_new: bool = False) -> str:
    state = "a bundle is encrypted with a passphrase" if is_new else "the bundle is encrypted"
    return _passphrase(file, "passphrase of the bundle", state, "--passphrase-file", is_new=is_new)


def _passphrase(file: str | None, what: str, state: str, option: str, *, is_new: bool) -> str:
    """A passphrase from a file or, on a terminal, from whoever sits there.

    Raises:
        Misuse: There is neither, or it is empty.
    """
    from bundler.commands.passphrase import read_passphrase

    if file is not None:
        return read_passphrase(file)
    if not sys.stdin.isatty():
        more = ", or --generate-passphrase" if is_new and "bundle" in what else ""
        raise Misuse(
            f"{state}, and there is no terminal to ask for its passphrase",
            hint=f"give {option} FILE, or - for stdin{more}",
        )
    again = "once more" if is_new else False
    return str(click.prompt(("new " if is_new else "") + what, hide_input=True, confirmation_prompt=again, err=True))


def _silence_stdout() -> None:
    """Lets what is still buffered go nowhere, so that the interpreter does not fail on it at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _shown(name: object) -> str | None:
    return str(name)[:200] if name else None


def _interrupt(number: int, frame: object) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt
