"""The text of README.txt: how to check and restore a bundle with stock tools, in English and Chinese."""

from __future__ import annotations

from bundler.bundle.sums import signature_file
from bundler.core.manifest import BundleManifest

_ENGLISH = """\
Container images: {name}

{images} images in {chunks} chunk files, {size:,} bytes. Made by {tool} ({created}).
What is in it: bundle.json (text). {signed}

CHECK IT (no special software: OpenSSL 3 and sha256sum)

  1. In this folder there are only plain files; this prints nothing:
       find . ! -type f ! -type d
  2. The list of checksums is signed by its builder. Use a public key that you
     received over another way than this medium, never one found on it:
       {verify}
  3. Every file is as it was signed:
       sha256sum --strict -c SHA256SUMS

  Each chunk-*.tar is a plain tar file of its own: 7-Zip and virus scanners open it.

RESTORE IT (with tar alone; needs free space of the same size)

  mkdir ../restored
  cat chunk-*.tar | tar -x -i -C ../restored
  cd ../restored
{parts}  Now the folder is an OCI image layout:
    skopeo copy --all oci:.:{example} docker://REGISTRY/NAME:TAG
    tar -c . | docker load
  docker load takes one platform of each image: linux/amd64, or its first one.

RESTORE IT (with bundler: verifies, needs no extra space, keeps every digest)

  bundler verify . --trust KEY.pub
  bundler import . --to REGISTRY --trust KEY.pub

"""

_CHINESE = """\
------------------------------------------------------------------------------
容器镜像包：{name}

共 {images} 个镜像，{chunks} 个分块文件，{size:,} 字节。由 {tool} 生成（{created}）。
内容清单：bundle.json（文本文件）。{signed_zh}

校验（只需 OpenSSL 3 和 sha256sum）

  1. 本目录中只有普通文件，下面的命令不应有任何输出：
       find . ! -type f ! -type d
  2. 校验和清单由制作者签名。公钥必须通过其他途径获得，切勿使用本介质上的公钥：
       {verify}
  3. 所有文件与签名时一致：
       sha256sum --strict -c SHA256SUMS

  每个 chunk-*.tar 都是独立完整的 tar 文件，可用 7-Zip 打开，可用杀毒软件扫描。

还原（只用 tar，需要同样大小的空闲空间）

  mkdir ../restored
  cat chunk-*.tar | tar -x -i -C ../restored
  cd ../restored
{parts}  此时该目录是标准的 OCI 镜像布局：
    skopeo copy --all oci:.:{example} docker://REGISTRY/NAME:TAG
    tar -c . | docker load
  docker load 对每个镜像只装入一个平台：linux/amd64，没有时为第一个。

还原（使用 bundler：自动校验，不需要额外空间，摘要保持不变）

  bundler verify . --trust KEY.pub
  bundler import . --to REGISTRY --trust KEY.pub
"""

_JOIN_PARTS = """\
  for first in blobs/sha*/*.part-0001; do
    cat "${first%.part-0001}".part-* > "${first%.part-0001}" && rm "${first%.part-0001}".part-*
  done
"""


def readme(manifest: BundleManifest, *, key_id: str | None) -> bytes:
    """The bytes of README.txt.

    Args:
        manifest: Of the bundle.
        key_id: Of the signer; None for an unsigned bundle.
    """
    cut = any(len(stored.pieces) > 1 for stored in manifest.stored())
    values = {
        "name": manifest.name,
        "images": len(manifest.images),
        "chunks": len(manifest.chunks),
        "size": manifest.size_bytes,
        "tool": manifest.tool,
        "created": manifest.created,
        "example": manifest.images[0].reference,
        "parts": _JOIN_PARTS if cut else "",
        "signed": f"Signed with key {key_id}." if key_id else "THIS BUNDLE IS NOT SIGNED: nobody vouches for it.",
        "signed_zh": f"签名密钥：{key_id}。" if key_id else "本镜像包未签名：无人为其内容担保。",
        "verify": _verify_command(key_id),
    }
    return (_ENGLISH + _CHINESE).format(**values).encode("utf-8")


def _verify_command(key_id: str | None) -> str:
    if key_id is None:
        return "(not signed)"
    return (
        "openssl pkeyutl -verify -rawin -pubin -inkey KEY.pub \\\n"
        f"         -in SHA256SUMS -sigfile {signature_file(key_id)}"
    )
