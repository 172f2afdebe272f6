"""``bundler init``: a first image list, and the defaults of its exports next to it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bundler.core.bundle_name import check_bundle_name
from bundler.core.frozen import frozen
from bundler.core.image_list import parse_image_list
from bundler.core.patterns import lazy_pattern
from bundler.core.platform import Platform
from bundler.core.quoted import quoted
from bundler.errors import BundlerError, LocalStorage, Misuse
from bundler.system import places
from bundler.system.durable_files import write_at_once
from bundler.system.request_fields import Request
from bundler.texts import text
from bundler.transports.parsing import parse_image

LIST_FILE = "images.yaml"
_EXAMPLE = "docker.io/library/busybox:1.37"

_LIST = """\
# {what}  bundler images {file}

name: {name}

# {without}
{platforms}

images:
{images}
#  - image: quay.io/prometheus/prometheus:v3.0.1
#    digest: sha256:…                          # {pin}
#    platforms: [linux/amd64]
#  - image: registry.example.com/team/app:1.4  # {called}
#    from: docker-daemon:app:dev               # {origin}
#  - repository: registry.example.com/team/*   # {team}
#    tags: {{newest: 2}}
"""
_SETTINGS = """\
# {what}  bundler config

[export]
{key}
{output}
# chunk-size = "2GB"                         # {fat}
# parity = "10%"                             # {parity}
"""
_PLAIN = lazy_pattern(r"[A-Za-z0-9][\w./:@+-]*[\w]", re.ASCII)
"""Images that mean the same in YAML without quotation marks."""
_NO_KEY = '# key = "builder.key"                        # {made}  bundler keygen builder'


@frozen
class InitRequest(Request):
    """A request for a first image list.

    Attributes:
        folder: The folder of the files; made if it is missing.
        name: The name of the bundles.
        images: Images as users write them; empty for an example.
        platforms: The platforms of the images; empty for all.
        key: The file of the private key that signs the bundles; empty if there is none yet.
        output: The folder of the bundles; empty if it is not known yet.
        translated: Returns a comment of the files in the language of their readers; English by default.
    """

    folder: Path
    name: str
    images: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()
    key: str = ""
    output: str = ""
    translated: Callable[[str], str] = str


@frozen
class InitResult:
    """The files that ``bundler init`` wrote.

    Attributes:
        list_path: The image list.
        settings_path: The defaults of flags.
        images: The number of images in the list.
        is_example: True if the list has an example instead of images of the user.
        has_key: True if the defaults name a key.
        has_output: True if the defaults name a folder for bundles.
    """

    list_path: Path
    settings_path: Path
    images: int
    is_example: bool
    has_key: bool
    has_output: bool


def init(request: InitRequest) -> InitResult:
    """Writes a first image list, and the defaults of its exports.

    Raises:
        Misuse: The name or an image is not valid, or one of the files exists: no file is replaced.
        LocalStorage: The files cannot be written.
    """
    list_path, settings_path = request.folder / LIST_FILE, request.folder / places.PROJECT_FILE
    for path in (list_path, settings_path):
        if os.path.lexists(path):
            raise Misuse(
                "the file already exists; no file is replaced",
                subject=str(path),
                hint=text("edit it, or give another folder: bundler init DIR"),
            )
    check_bundle_name(request.name)
    content = _list(request)
    entries = parse_image_list(content, source=LIST_FILE, parse_image=parse_image).entries
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalStorage.unwritable(error, str(request.folder)) from error
    write_at_once(list_path, content.encode())
    try:
        write_at_once(settings_path, _settings(request).encode())
    except BundlerError:
        with suppress(OSError):
            list_path.unlink()  # it would make the next attempt fail
        raise
    return InitResult(
        list_path, settings_path, len(entries), not request.images, bool(request.key), bool(request.output)
    )


def check_image(written: str) -> None:
    """Checks an image as a list would have it.

    Raises:
        Misuse: It is not valid.
    """
    parse_image_list(_entries([written]), source=LIST_FILE, parse_image=parse_image)


def _list(request: InitRequest) -> str:
    platforms, said = ", ".join(map(str, request.platforms)), request.translated
    return _LIST.format(
        name=request.name,
        file=LIST_FILE,
        platforms=f"platforms: [{platforms}]" if platforms else "# platforms: [linux/amd64, linux/arm64]",
        images=_entries(request.images or [_EXAMPLE]).removeprefix("images:\n"),
        what=said(text("The images of the bundle {name}. Check it:", name=request.name)),
        without=said(text("Without this line: every platform of each image.")),
        pin=said(text("a pin; a tag that moved is an error")),
        called=said(text("the name in the bundle")),
        origin=said(text("where the bytes come from")),
        team=said(text("all repositories of a team")),
    )


def _entries(images: Sequence[str]) -> str:
    return "images:\n" + "\n".join(f"  - {image if _PLAIN.fullmatch(image) else quoted(image)}" for image in images)


def _settings(request: InitRequest) -> str:
    key, output, said = request.key, request.output, request.translated
    return _SETTINGS.format(
        what=said(text("Defaults of flags in this folder. All of them, and where each comes from:")),
        key=f"key = {quoted(key)}" if key else _NO_KEY.format(made=said(text("made by:"))),
        output=f"output = {quoted(output)}" if output else '# output = "/media/stick"',
        fat=said(text("for media with FAT: less than 4 GiB")),
        parity=said(text("recovery data against damaged media")),
    )
