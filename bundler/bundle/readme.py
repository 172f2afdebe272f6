"""The text of README.txt: how to check and restore a bundle with stock tools, in English and Chinese.

It contains only commands that work for this bundle. It depends on the bundle manifest and the key alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from bundler.bundle.readme_bases import has_cut_blob, needed_words
from bundler.bundle.readme_media import media_words
from bundler.bundle.readme_tool import tool_words
from bundler.bundle.restore_script import restore_words
from bundler.bundle.tool import NO_TOOL, Tool
from bundler.core import roles
from bundler.core.manifest import BundleManifest, Image
from bundler.core.outer_manifest import OuterManifest
from bundler.core.parity import recovery_blocks_in
from bundler.texts import some

_ENGLISH = """\
Container images: {name}

{what}, {size:,} bytes. Made by {tool} ({created}).
Content: {content}. {signed}
{lacks}{needs}{media}
CHECK IT (no special software: OpenSSL 3 and sha256sum)

  1. The folder holds only plain files. This command prints nothing:
       find . ! -type f ! -type d
{key}  3. Every file matches the signed list:
       sha256sum --strict -c SHA256SUMS
     With one of several media: sha256sum --strict -c --ignore-missing SHA256SUMS

  {about}
  macOS: shasum -a 256 -c SHA256SUMS; for step 2 the OpenSSL 3 of Homebrew.
  Windows: certutil -hashfile FILE SHA256, for each FILE that SHA256SUMS lists;
  compare. 7-Zip unpacks the chunks.

RESTORE IT (with {restorer} alone; needs free space of the same size{bases})

  mkdir ../restored
{first}{restore}
  cd ../restored
{parts}  Now the folder is an OCI image layout. (With several media, unpack the chunks
  of all media into the same folder.)
{docker}{registry}{python}{repair}{install}
RESTORE IT (with bundler: verifies, needs {scratch}, keeps every digest)

  bundler verify . --trust KEY.pub{passphrase}
  bundler import . --to REGISTRY --trust KEY.pub{passphrase}
{more}
"""

_CHINESE = """\
------------------------------------------------------------------------------
容器镜像包：{name}

{what_zh}，{size:,} 字节。由 {tool} 生成（{created}）。
内容清单：{content_zh}。{signed_zh}
{lacks_zh}{needs_zh}{media_zh}
校验（只需 OpenSSL 3 和 sha256sum）

  1. 本目录中只有普通文件，下面的命令不应有任何输出：
       find . ! -type f ! -type d
{key_zh}  3. 所有文件与签名时一致：
       sha256sum --strict -c SHA256SUMS
     多个介质中的一个：sha256sum --strict -c --ignore-missing SHA256SUMS

  {about_zh}
  macOS：shasum -a 256 -c SHA256SUMS；第 2 步需要 Homebrew 的 OpenSSL 3。
  Windows：对 SHA256SUMS 列出的每个文件运行 certutil -hashfile FILE SHA256 并比较；
  用 7-Zip 解压分块。

还原（只用 {restorer}，需要同样大小的空闲空间{bases_zh}）

  mkdir ../restored
{first}{restore}
  cd ../restored
{parts}  此时该目录是标准的 OCI 镜像布局。（有多个介质时，把每个介质的分块解压到同一目录。）
{docker_zh}{registry_zh}{python_zh}{repair_zh}{install_zh}
还原（使用 bundler：自动校验，{scratch_zh}，摘要保持不变）

  bundler verify . --trust KEY.pub{passphrase}
  bundler import . --to REGISTRY --trust KEY.pub{passphrase}
{more_zh}"""

_JOIN_PARTS = """\
  for first in blobs/sha*/*.part-0001; do
    [ -e "$first" ] || continue
    cat "${first%.part-0001}".part-* > "${first%.part-0001}" && rm "${first%.part-0001}".part-*
  done
"""

_KEY = """\
  2. The builder has signed the list of checksums. Get the builder's public key
     over another channel, never from this medium. The first command prints the
     id of the key, which must be {key_id}:
       openssl pkey -pubin -in KEY.pub -outform DER | sha256sum | cut -c1-16
       openssl pkeyutl -verify -rawin -pubin -inkey KEY.pub \\
         -in SHA256SUMS -sigfile {signature}
"""

_KEY_CHINESE = """\
  2. 校验和清单由制作者签名。公钥必须通过其他途径获得，切勿使用本介质上的公钥。
     第一条命令输出公钥的标识，必须是 {key_id}：
       openssl pkey -pubin -in KEY.pub -outform DER | sha256sum | cut -c1-16
       openssl pkeyutl -verify -rawin -pubin -inkey KEY.pub \\
         -in SHA256SUMS -sigfile {signature}
"""

_NO_KEY = "  2. (not signed)\n"
_NO_KEY_CHINESE = "  2. （未签名）\n"

_DOCKER = """
  Into a Docker daemon: {loaded}, one platform of each (linux/amd64,
  or the first one). Image ids stay the same; digests in registries change:
    tar -c . | docker load
"""

_DOCKER_CHINESE = """
  装入 Docker：{loaded_zh}，每个镜像一个平台（linux/amd64，没有时为第一个）；
  镜像 ID 不变，但之后推送到仓库的摘要会变：
    tar -c . | docker load
"""

_REGISTRY = """
  Into a registry, with skopeo 1.5 or later: all platforms, digests unchanged.
  An old skopeo refuses an index with unknown fields ("must be converted"); use
  {other} for it. An image without a tag gets one.
  Replace REGISTRY with HOST[:PORT][/PREFIX]{hard}:
    ( cd blobs/sha256
    tr '}' '\\n' < ../../index.json |
    sed -n 's/.*"digest":"sha256:\\([0-9a-f]*\\)".*ref\\.name":"\\([^"]*\\)".*/\\1 \\2/p' |
    while read -r hex name; do
{skip}      name=${name#*/}
      case $name in
        *:*@*) name=${name%@*};;
        *@*) name=${name%@*}:digest-$(echo "$hex" | cut -c1-12);;
      esac
      cp "$hex" manifest.json
      for child in $(grep -q '"manifests"' "$hex" && grep -o '[0-9a-f]\\{64\\}' "$hex"); do
        [ ! -e "$child" ] || cp "$child" "$child.manifest.json"
      done
      skopeo copy --all --preserve-digests dir:. "docker://REGISTRY/$name"
    done
    rm -f ./*manifest.json )
"""
"""The format ``dir:`` of skopeo is a folder with blobs by their digests, as a layout has them, and with manifests of
every kind. From ``oci:`` skopeo copies no Docker manifests (1.9). Without --preserve-digests it compresses layers."""

_REGISTRY_CHINESE = """
  推送到镜像仓库：用上面英文部分的 skopeo 命令（1.5 或更高版本），所有平台，摘要不变；
  旧版 skopeo 会拒绝含有未知字段的索引（"must be converted"），请改用 {other}；
  只有摘要的镜像会得到标签。把 REGISTRY 换成 HOST[:PORT][/PREFIX]{hard_zh}。
"""

_REPAIR = """
REPAIR IT (with par2 alone; {files} files parity-*.par2 hold recovery data)

  Bring all files of the bundle into one folder. A chunk that is lost, cut or
  damaged comes back, if not too much is lost; then check the bundle again:
{commands}
    sha256sum --strict -c SHA256SUMS && rm -f chunk-*.[0-9]
"""

_REPAIR_CHINESE = """
修复（只用 par2，{files} 个 parity-*.par2 文件是恢复数据）

  把镜像包的所有文件放到同一目录。丢失、被截断或损坏的分块，只要损失不太多，就能恢复；
  然后重新校验：
{commands}
    sha256sum --strict -c SHA256SUMS && rm -f chunk-*.[0-9]
"""
"""``par2`` keeps a damaged chunk as ``chunk-0001.tar.1``."""

NO_PARITY: Mapping[str, str] = MappingProxyType({})
"""No parity files."""
Records = Mapping[str, bytes]
"""Records that come along with a bundle, by the names of their files."""
NO_RECORDS: Records = MappingProxyType({})
"""No records."""
_SHOWN_GROUPS = 4

_FORMS: dict[str, dict[str, str]] = {
    "tar": {
        "restorer": "tar",
        "restore": "  grep -o 'chunk-.*' SHA256SUMS | xargs cat | tar -x -i -C ../restored",
        "about": "Each chunk-*.tar is a complete tar file: 7-Zip and virus scanners can open it.",
        "about_zh": "每个 chunk-*.tar 都是独立完整的 tar 文件，可用 7-Zip 打开，可用杀毒软件扫描。",
    },
    "7z": {
        "restorer": "7-Zip",
        "restore": "  for chunk in $(grep -o 'chunk-.*' SHA256SUMS); do 7z x -y -o../restored $chunk; done",
        "about": "Each chunk-*.7z is a complete 7z archive without compression: virus scanners can open it.",
        "about_zh": "每个 chunk-*.7z 都是独立完整的 7z 文件（未压缩），可用杀毒软件扫描。",
    },
    "encrypted": {
        "restorer": "7-Zip",
        "restore": "  for chunk in $(grep -o 'chunk-.*' SHA256SUMS); do 7z x -y -o../restored $chunk; done",
        "about": "Each *.7z is encrypted (AES-256). The checks above need no passphrase; 7-Zip asks for it.",
        "about_zh": "每个 *.7z 文件均已加密（AES-256）。以上校验无需口令；7-Zip 解压时会询问口令。",
    },
}


def readme(manifest: BundleManifest, *, key_id: str | None, tool: Tool = NO_TOOL, parity: Iterable[str] = ()) -> bytes:
    """Returns the bytes of README.txt.

    Args:
        manifest: The bundle manifest.
        key_id: The key id of the signer; None for an unsigned bundle.
        tool: The tool that the bundle carries.
        parity: The names of its parity files.
    """
    images, chunks, missing = len(manifest.images), len(manifest.chunks), len(manifest.missing)
    is_refused = any(image.is_refused for image in manifest.missing)
    loaded = sum(any(variant.config.platform.os == "linux" for variant in image.variants) for image in manifest.images)
    hard = [image for image in manifest.images if _is_beyond_skopeo(manifest, image)]
    values = {
        **_FORMS[manifest.archive.name],
        "what": f"{_number(images, 'image')} in {_number(chunks, 'chunk file')}",
        "what_zh": f"共 {images} 个镜像，{chunks} 个分块文件",
        "content": "bundle.json (text)",
        "content_zh": "bundle.json（文本文件）",
        "parts": _JOIN_PARTS if has_cut_blob(manifest) or any(len(s.pieces) > 1 for s in manifest.stored()) else "",
        "docker": _DOCKER.format(loaded=f"{loaded} of {images} images") if loaded else "",
        "docker_zh": _DOCKER_CHINESE.format(loaded_zh=f"{images} 个镜像中的 {loaded} 个") if loaded else "",
        **_registry(hard, is_any_other=len(hard) < images, other="restore.py"),
        **(needed := needed_words(manifest)),
        **restore_words(is_signed=key_id is not None, folders=needed["folders"]),
        **_repair(parity),
        "lacks": _lacks(missing, is_refused=is_refused),
        "lacks_zh": _lacks_zh(missing, is_refused=is_refused),
        "passphrase": "",
        **tool_words(tool),
        **media_words(manifest, has_tool=bool(tool.files)),
        "scratch": "no extra space",
        "scratch_zh": "不需要额外空间",
    }
    return _text(manifest, values, key_id)


def _number(count: int, noun: str) -> str:
    """A number with its noun, in English."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _lacks(missing: int, *, is_refused: bool) -> str:
    if not missing:
        return ""
    why = "not at the source, or refused by a policy" if is_refused else "not at the source"
    return f"MISSING: {_number(missing, 'image')} ({why}); see missing in bundle.json.\n"


def _lacks_zh(missing: int, *, is_refused: bool) -> str:
    if not missing:
        return ""
    why = "制作时无法从来源获得，或被策略拒绝" if is_refused else "制作时无法从来源获得"
    return f"缺少 {missing} 个镜像：{why}，见 bundle.json 的 missing。\n"


def encrypted_readme(
    manifest: OuterManifest, *, key_id: str | None, tool: Tool = NO_TOOL, parity: Iterable[str] = ()
) -> bytes:
    """Returns the bytes of README.txt of an encrypted bundle. They do not show the content of the bundle.

    Args:
        manifest: The outer manifest, which anybody may read.
        key_id: As for `readme`.
        tool: As for `readme`.
        parity: As for `readme`.
    """
    chunks = len(manifest.chunks)
    values = {
        **_FORMS["encrypted"],
        "what": f"Encrypted; {_number(chunks, 'chunk file')}",
        "what_zh": f"已加密，{chunks} 个分块文件",
        "content": "content.7z (encrypted), with names and digests",
        "content_zh": "content.7z（已加密，含名称和摘要）",
        "parts": _JOIN_PARTS,  # always: the text must not show if blobs were cut
        "docker": _DOCKER.format(loaded="the runnable images"),
        "docker_zh": _DOCKER_CHINESE.format(loaded_zh="可运行的镜像"),
        **_registry([], is_any_other=True, other="bundler"),
        **needed_words(manifest),
        **restore_words(is_signed=key_id is not None, is_encrypted=True),
        **_repair(parity),
        "lacks": "",  # the encrypted manifest lists missing images
        "lacks_zh": "",
        "passphrase": " --passphrase-file FILE",
        **tool_words(tool),
        **media_words(manifest, has_tool=bool(tool.files)),
        "scratch": "scratch for a chunk per worker",
        "scratch_zh": "每个工作线程需要一个分块大小的临时空间",
    }
    return _text(manifest, values, key_id)


def _repair(parity: Iterable[str]) -> dict[str, str]:
    """The text about parity: the commands of ``par2``."""
    names = sorted(parity)
    if not names:
        return {"repair": "", "repair_zh": ""}
    numbers = [name for name in names if not recovery_blocks_in(name)]
    commands = "\n".join(f"    par2 repair {name}" for name in numbers)
    if len(numbers) > _SHOWN_GROUPS:
        commands = '    for file in $(ls parity-*.par2 | grep -v vol); do par2 repair "$file"; done'
    values = {"files": len(names), "commands": commands}
    return {"repair": _REPAIR.format(**values), "repair_zh": _REPAIR_CHINESE.format(**values)}


def _is_beyond_skopeo(manifest: BundleManifest, image: Image) -> bool:
    """True if an image has an index inside an index, or a SHA-512 digest: skopeo copies neither from a folder."""
    blobs = [manifest.blobs[number].descriptor for number in image.needs]
    return any(
        blob.digest.algorithm != "sha256" or (blob.is_index and blob.digest != image.root.digest) for blob in blobs
    )


def _registry(hard: list[Image], *, is_any_other: bool, other: str) -> dict[str, str]:
    """The text about registries: the skopeo commands, and the images that skopeo cannot copy."""
    if not is_any_other:
        return {
            "registry": "\n  Into a registry: with restore.py, see below; skopeo copies no index inside an index.\n",
            "registry_zh": "\n  推送到镜像仓库：请使用 restore.py（见下）；skopeo 无法复制嵌套的索引。\n",
        }
    if not hard:
        return {
            "registry": _REGISTRY.replace("{hard}", "").replace("{skip}", "").replace("{other}", other),
            "registry_zh": _REGISTRY_CHINESE.format(hard_zh="", other=other),
        }
    names = textwrap.fill(
        some(str(image.reference) for image in hard),
        width=_COLUMNS,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    digests = "|".join(f"{image.root.digest.short}*" for image in hard)
    skip = f"      case $hex in {digests}) continue;; esac\n"
    return {
        "registry": _REGISTRY.replace(
            "{hard}", f".\n  Only restore.py and bundler can copy these:\n{names}\n  The others"
        )
        .replace("{skip}", skip)
        .replace("{other}", other),
        "registry_zh": _REGISTRY_CHINESE.format(
            hard_zh=f"（其中 {len(hard)} 个只能用 restore.py 或 bundler 推送，名称见上）", other=other
        ),
    }


_COLUMNS = 78
"""The width of the text, so that a terminal of 80 columns breaks no line."""


def _text(manifest: BundleManifest | OuterManifest, values: dict[str, str], key_id: str | None) -> bytes:
    signature = roles.signature_file(key_id) if key_id else ""
    common = {
        "name": manifest.name,
        "size": manifest.size_bytes,
        "tool": manifest.tool,
        "created": manifest.created,
        "signed": f"Signed with key {key_id}." if key_id else "THIS BUNDLE IS NOT SIGNED: its origin is not proved.",
        "signed_zh": f"签名密钥：{key_id}。" if key_id else "本镜像包未签名：无人为其内容担保。",
        "key": _KEY.format(key_id=key_id, signature=signature) if key_id else _NO_KEY,
        "key_zh": _KEY_CHINESE.format(key_id=key_id, signature=signature) if key_id else _NO_KEY_CHINESE,
    }
    return (_ENGLISH + _CHINESE).format(**values, **common).encode("utf-8")
