"""The text of README.txt: how to check and restore a bundle with stock tools, in English and Chinese."""

from __future__ import annotations

from bundler.bundle.sums import signature_file
from bundler.core.manifest import BundleManifest
from bundler.core.outer_manifest import OuterManifest

_ENGLISH = """\
Container images: {name}

{what}, {size:,} bytes. Made by {tool} ({created}).
What is in it: {content}. {signed}

CHECK IT (no special software: OpenSSL 3 and sha256sum)

  1. In this folder there are only plain files; this prints nothing:
       find . ! -type f ! -type d
  2. The list of checksums is signed by its builder. Use a public key that you
     received over another way than this medium, never one found on it:
       {verify}
  3. Every file is as it was signed:
       sha256sum --strict -c SHA256SUMS

  {about}

RESTORE IT (with {restorer} alone; needs free space of the same size)

  mkdir ../restored
{restore}
  cd ../restored
{parts}  Now the folder is an OCI image layout:
    skopeo copy --all oci:.:{example} docker://REGISTRY/NAME:TAG
    tar -c . | docker load
  docker load takes one platform of each image: linux/amd64, or its first one.

RESTORE IT (with bundler: verifies, needs {scratch}, keeps every digest)

  bundler verify . --trust KEY.pub{passphrase}
  bundler import . --to REGISTRY --trust KEY.pub{passphrase}

"""

_CHINESE = """\
------------------------------------------------------------------------------
容器镜像包：{name}

{what_zh}，{size:,} 字节。由 {tool} 生成（{created}）。
内容清单：{content_zh}。{signed_zh}

校验（只需 OpenSSL 3 和 sha256sum）

  1. 本目录中只有普通文件，下面的命令不应有任何输出：
       find . ! -type f ! -type d
  2. 校验和清单由制作者签名。公钥必须通过其他途径获得，切勿使用本介质上的公钥：
       {verify}
  3. 所有文件与签名时一致：
       sha256sum --strict -c SHA256SUMS

  {about_zh}

还原（只用 {restorer}，需要同样大小的空闲空间）

  mkdir ../restored
{restore}
  cd ../restored
{parts}  此时该目录是标准的 OCI 镜像布局：
    skopeo copy --all oci:.:{example} docker://REGISTRY/NAME:TAG
    tar -c . | docker load
  docker load 对每个镜像只装入一个平台：linux/amd64，没有时为第一个。

还原（使用 bundler：自动校验，{scratch_zh}，摘要保持不变）

  bundler verify . --trust KEY.pub{passphrase}
  bundler import . --to REGISTRY --trust KEY.pub{passphrase}
"""

_JOIN_PARTS = """\
  for first in blobs/sha*/*.part-0001; do
    [ -e "$first" ] || continue
    cat "${first%.part-0001}".part-* > "${first%.part-0001}" && rm "${first%.part-0001}".part-*
  done
"""


_FORMS: dict[str, dict[str, str]] = {
    "tar": {
        "restorer": "tar",
        "restore": "  cat chunk-*.tar | tar -x -i -C ../restored",
        "about": "Each chunk-*.tar is a plain tar file of its own: 7-Zip and virus scanners open it.",
        "about_zh": "每个 chunk-*.tar 都是独立完整的 tar 文件，可用 7-Zip 打开，可用杀毒软件扫描。",
    },
    "7z": {
        "restorer": "7-Zip",
        "restore": '  for chunk in chunk-*.7z; do 7z x -y -o../restored "$chunk"; done',
        "about": "Each chunk-*.7z is a 7z archive of its own, nothing in it is compressed: virus scanners open it.",
        "about_zh": "每个 chunk-*.7z 都是独立完整的 7z 文件（未压缩），可用杀毒软件扫描。",
    },
    "encrypted": {
        "restorer": "7-Zip",
        "restore": '  for chunk in chunk-*.7z; do 7z x -y -o../restored "$chunk"; done',
        "about": "Each *.7z is encrypted (AES-256). The checks above need no passphrase; 7-Zip asks for it.",
        "about_zh": "每个 *.7z 文件均已加密（AES-256）。以上校验无需口令；7-Zip 解压时会询问口令。",
    },
}


def readme(manifest: BundleManifest, *, key_id: str | None) -> bytes:
    """The bytes of README.txt.

    Args:
        manifest: Of the bundle.
        key_id: Of the signer; None for an unsigned bundle.
    """
    images, chunks = len(manifest.images), len(manifest.chunks)
    values = {
        **_FORMS[manifest.archive.name],
        "what": f"{images} images in {chunks} chunk files",
        "what_zh": f"共 {images} 个镜像，{chunks} 个分块文件",
        "content": "bundle.json (text)",
        "content_zh": "bundle.json（文本文件）",
        "example": str(manifest.images[0].reference),
        "parts": _JOIN_PARTS if any(len(stored.pieces) > 1 for stored in manifest.stored()) else "",
        "passphrase": "",
        "scratch": "no extra space",
        "scratch_zh": "不需要额外空间",
    }
    return _text(manifest, values, key_id)


def encrypted_readme(manifest: OuterManifest, *, key_id: str | None) -> bytes:
    """The bytes of README.txt of an encrypted bundle. Nothing in it says what the bundle holds.

    Args:
        manifest: What anybody may know.
        key_id: As for `readme`.
    """
    chunks = len(manifest.chunks)
    values = {
        **_FORMS["encrypted"],
        "what": f"Encrypted; {chunks} chunk files",
        "what_zh": f"已加密，{chunks} 个分块文件",
        "content": "content.7z (encrypted), with names and digests",
        "content_zh": "content.7z（已加密，含名称和摘要）",
        "example": "REFERENCE",  # one of those in index.json
        "parts": _JOIN_PARTS,  # whether there are any is not said
        "passphrase": " --passphrase-file FILE",
        "scratch": "scratch for a chunk per worker",
        "scratch_zh": "每个工作线程需要一个分块大小的临时空间",
    }
    return _text(manifest, values, key_id)


def _text(manifest: BundleManifest | OuterManifest, values: dict[str, str], key_id: str | None) -> bytes:
    common = {
        "name": manifest.name,
        "size": manifest.size_bytes,
        "tool": manifest.tool,
        "created": manifest.created,
        "signed": f"Signed with key {key_id}." if key_id else "THIS BUNDLE IS NOT SIGNED: nobody vouches for it.",
        "signed_zh": f"签名密钥：{key_id}。" if key_id else "本镜像包未签名：无人为其内容担保。",
        "verify": _verify_command(key_id),
    }
    return (_ENGLISH + _CHINESE).format(**values, **common).encode("utf-8")


def _verify_command(key_id: str | None) -> str:
    if key_id is None:
        return "(not signed)"
    return (
        "openssl pkeyutl -verify -rawin -pubin -inkey KEY.pub \\\n"
        f"         -in SHA256SUMS -sigfile {signature_file(key_id)}"
    )
