"""The part of README.txt about bases: what a bundle that leaves blobs out needs, and how to unpack all of it together.

The texts belong to the version of the program. Names of bundles have a grammar without characters that a shell reads.
"""

from __future__ import annotations

from collections import Counter

from bundler.core.manifest import BUNDLE, Base, BundleManifest
from bundler.core.outer_manifest import OuterManifest

_UNPACK = {
    "tar": "grep -o 'chunk-.*' SHA256SUMS | xargs cat | tar -x -i -C ../restored",
    "7z": "for chunk in $(grep -o 'chunk-.*' SHA256SUMS); do 7z x -y -o../restored $chunk; done",
}

_ENCRYPTED = """\
NOT WHOLE: it leaves out blobs that earlier bundles or the receiver have. The
encrypted list names them. To restore it, unpack those bundles first.
"""

_ENCRYPTED_CHINESE = "不完整：部分数据在较早的镜像包中或接收方处，名称见加密的内容清单；还原时请先解压那些镜像包。\n"

_BUNDLES = """\
To restore it without bundler, put the folders of these bundles next to this
one, with the names above; the commands below unpack them first.
"""

_JOIN = """\
  ( cd ../restored; for first in blobs/sha*/*.part-0001; do
    [ -e "$first" ] || continue
    cat "${first%.part-0001}".part-* > "${first%.part-0001}" && rm "${first%.part-0001}".part-*
  done )
"""
"""Two bundles may have cut one blob in different parts, so the parts of each are joined before the next is unpacked."""

_ONLY_THERE = """\
{count} of them are in no bundle that is known: import this bundle with bundler or
restore.py, into the registry that has them.
"""

_NEEDS_CHINESE = """\
不完整：缺少 {count} 个 blob，共 {total:,} 字节，它们在英文部分列出的镜像包中或接收方处（按标识核对）。
"""

_BUNDLES_CHINESE = (
    "不使用 bundler 还原时，请把这些镜像包的目录放在本目录旁边，并使用上面的名称；下面的命令会先解压它们。\n"
)


def needed_words(manifest: BundleManifest | OuterManifest) -> dict[str, str]:
    """The parts of README.txt that differ in a bundle that leaves blobs out, by their places in the text."""
    if isinstance(manifest, OuterManifest):
        needs = {"needs": "", "needs_zh": ""}
        if not manifest.is_whole:
            needs = {"needs": _ENCRYPTED, "needs_zh": _ENCRYPTED_CHINESE}
        return {**needs, "first": "", "more": "", "more_zh": "", "bases": "", "bases_zh": "", "folders": ""}
    folders = _folders(manifest)
    joining = _JOIN if has_cut_blob(manifest) else ""
    commands = [
        f"  ( cd ../{folders[base.id]} && {_UNPACK[base.archive.name]} )\n{joining}" for base in _bundles(manifest)
    ]
    paths = "".join(f" ../{folder}" for folder in folders.values())
    importing = f"\n    bundler import .{paths} --to REGISTRY --trust KEY.pub\n"
    return {
        "needs": _needs(manifest, folders),
        "needs_zh": _needs_zh(manifest, folders),
        "first": "".join(commands),
        "more": f"\n  If REGISTRY lacks blobs, give the bundles that have them too:{importing}" if paths else "",
        "more_zh": f"\n  如果目标仓库缺少数据，请同时给出上述镜像包：{importing}" if paths else "",
        "bases": ", and theirs" if commands else "",
        "bases_zh": "，并加上上述镜像包的大小" if commands else "",
        "folders": f" .{paths}" if paths else "",
    }


def has_cut_blob(manifest: BundleManifest) -> bool:
    """True if a blob that is left out lies in several chunks of a base, so that its parts must be joined."""
    return any(len(place.chunks) > 1 for blob in manifest.left_out for place in blob.bases)


def _bundles(manifest: BundleManifest) -> list[Base]:
    return [base for base in manifest.bases if base.kind == BUNDLE]


def _folders(manifest: BundleManifest) -> dict[str, str]:
    """The names of the folders of bundles, by their ids. Bundles of one name need different folders."""
    bundles = _bundles(manifest)
    names = Counter((manifest.name, "restored", *(base.name for base in bundles)))
    return {base.id: base.name if names[base.name] == 1 else f"{base.name}-{base.id[:12]}" for base in bundles}


def _needs(manifest: BundleManifest, folders: dict[str, str]) -> str:
    left_out = manifest.left_out
    if not left_out:
        return ""
    total = sum(blob.descriptor.size_bytes for blob in left_out)
    lines = [f"NOT WHOLE: it leaves out {len(left_out)} blobs, {total:,} bytes. They are in"]
    for base in manifest.bases:
        is_bundle = base.kind == BUNDLE
        lines.append(
            f"  {folders[base.id]}" if is_bundle else f"  the receiver, by the {base.kind}: {_line(base.name)}"
        )
        lines.append(f"    {'bundle' if is_bundle else 'SHA-256'} {base.id}")
    only = len(_in_no_bundle(manifest))
    there = _ONLY_THERE.format(count=only) if only else ""
    return "\n".join(lines) + "\n" + there + (_BUNDLES if folders else "")


def _needs_zh(manifest: BundleManifest, folders: dict[str, str]) -> str:
    left_out = manifest.left_out
    if not left_out:
        return ""
    total = sum(blob.descriptor.size_bytes for blob in left_out)
    only = len(_in_no_bundle(manifest))
    needs = _NEEDS_CHINESE.format(count=len(left_out), total=total)
    there = f"其中 {only} 个只在接收方的仓库中，只能用 bundler 或 restore.py 导入该仓库。\n" if only else ""
    return needs + there + (_BUNDLES_CHINESE if folders else "")


def _in_no_bundle(manifest: BundleManifest) -> list[int]:
    bundles = {number for number, base in enumerate(manifest.bases) if base.kind == BUNDLE}
    return [
        number
        for number, blob in enumerate(manifest.blobs)
        if blob.is_left_out and bundles.isdisjoint(place.base for place in blob.bases)
    ]


def _line(name: str) -> str:
    return "".join(character if character.isprintable() else " " for character in name)
