"""The part of README.txt about media: which medium has which files. The texts belong to the version of the program."""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core import roles
from bundler.core.manifest import BundleManifest
from bundler.core.media import runs_of
from bundler.core.outer_manifest import OuterManifest

_HEAD = """\
MEDIA: {count}, each with all small files, so that each can be checked alone. Copies
may lie elsewhere; this is the plan of the builder:
"""

_HEAD_CHINESE = """\
介质：{count} 个，每个都有全部小文件，可单独校验。制作者的分配如下（之后可能有变动）：
"""


def media_words(manifest: BundleManifest | OuterManifest, *, has_tool: bool) -> dict[str, str]:
    """The lines about the media that the bundle was planned for, by their places in the text.

    Args:
        manifest: The bundle manifest.
        has_tool: True if the bundle carries the tool; the first medium has it.
    """
    count = len(manifest.media)
    if not count:
        return {"media": "", "media_zh": ""}
    return {
        "media": _HEAD.format(count=count) + "".join(_lines(manifest, "medium", has_tool)),
        "media_zh": _HEAD_CHINESE.format(count=count) + "".join(_lines(manifest, "介质", has_tool)),
    }


def _lines(manifest: BundleManifest | OuterManifest, word: str, has_tool: bool) -> Iterator[str]:
    for number, medium in enumerate(manifest.media, start=1):
        names = [f"{roles.TOOL_FOLDER}/"] if has_tool and number == 1 else []
        for first, last in runs_of(medium.chunks):
            files = [manifest.chunks[chunk - 1].file for chunk in dict.fromkeys((first, last))]
            names.append((" ... " if last > first + 1 else ", ").join(files))
        yield f"  {word} {number}: {', '.join((*names, *medium.files)) or '-'}\n"
