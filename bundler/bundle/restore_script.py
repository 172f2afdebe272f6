"""The script ``restore.py`` that every bundle has, and the part of README.txt about it.

The script is a file of this package, and the same in every bundle of one version. It imports nothing of the package,
and nothing of the package imports it: it runs where there is only Python 3.6.
"""

from __future__ import annotations

from pathlib import Path

from bundler.core import roles

_ENGLISH = """
RESTORE IT (with Python 3.6 or later alone: verifies, keeps every digest)

  python3 restore.py {trust}
  python3 restore.py {trust} --to REGISTRY{folders}

  Check restore.py as above before you run it. The first line checks every file,
  the second one pushes to HOST[:PORT][/PREFIX]; oci:FOLDER as REGISTRY writes an
  OCI image layout. With several media, name their folders at the end of the line.
  RHEL 8: /usr/libexec/platform-python; Windows: py, instead of python3.
"""

_CHINESE = """
还原（只用 Python 3.6 或更高版本：自动校验，摘要保持不变）

  python3 restore.py {trust}
  python3 restore.py {trust} --to REGISTRY{folders}

  运行 restore.py 之前，请先按上面的步骤校验。第一行只校验所有文件，第二行推送到
  HOST[:PORT][/PREFIX]；把 REGISTRY 写成 oci:FOLDER 则生成 OCI 镜像布局。有多个介质时，
  在命令末尾写出它们的目录。RHEL 8 用 /usr/libexec/platform-python，Windows 用 py 代替 python3。
"""

_ENCRYPTED = """
CHECK IT (with Python 3.6 or later alone)

  python3 restore.py {trust}

  Check restore.py as above before you run it. It cannot decrypt the bundle.
"""

_ENCRYPTED_CHINESE = """
校验（只用 Python 3.6 或更高版本）

  python3 restore.py {trust}

  运行 restore.py 之前，请先按上面的步骤校验。它不能解密本镜像包。
"""


def restore_script() -> bytes:
    """Returns the bytes of restore.py."""
    return Path(__file__).with_name(roles.RESTORE.file).read_bytes()


def restore_words(*, is_signed: bool, is_encrypted: bool = False, folders: str = "") -> dict[str, str]:
    """The parts of README.txt about restore.py, by their places in the text.

    Args:
        is_signed: True if the bundle has a signature.
        is_encrypted: True if it is encrypted.
        folders: The folders of the bundle and its bases, as words of a command; empty if there are no bases.
    """
    words = {
        "trust": "--trust KEY.pub" if is_signed else "--insecure-no-signature",
        "folders": folders,
    }
    english, chinese = (_ENCRYPTED, _ENCRYPTED_CHINESE) if is_encrypted else (_ENGLISH, _CHINESE)
    return {"python": english.format(**words), "python_zh": chinese.format(**words)}
