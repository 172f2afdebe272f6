"""The part of README.txt about the tool that comes along: check first, then install it without internet."""

from __future__ import annotations

from bundler.bundle.tool import Tool

_ENGLISH = """
INSTALL BUNDLER FIRST (it is in the folder tool; needs no internet)

  Steps 1 to 3 above check these files too. Run none of them before all three
  steps have passed, and copy none of them from another place.
{ways}"""

_CHINESE = """
先安装 bundler（程序在 tool 目录中，无需联网）

  上面第 1 至 3 步同样校验这些文件。三步全部通过之前，请勿运行其中任何文件，
  也不要使用其他来源的文件。
{ways}"""

_WAYS = {
    "install.sh": ("On Linux with Python 3.10 to 3.14:", "Linux，Python 3.10 至 3.14：", "sh tool/{name}"),
    ".pyz": ("One file, with the same Python:", "单个文件，Python 版本同上：", "python3 tool/{name} --version"),
    ".deb": ("On Debian and Ubuntu, as root:", "Debian 和 Ubuntu，以 root 运行：", "dpkg -i tool/{name}"),
    ".tar": ("As an image:", "作为容器镜像：", "docker load -i tool/{name}"),
}
"""The ways to install it: what each is for, in both languages, and its command, by the end of the file's name."""


def tool_words(tool: Tool) -> dict[str, str]:
    """The parts of README.txt that only a bundle with the tool has, by their places in the text."""
    if not tool.files:
        return {"install": "", "install_zh": ""}
    names = [file.path.name for file in tool.files]
    return {
        "install": _ENGLISH.format(ways=_ways(names, 0)),
        "install_zh": _CHINESE.format(ways=_ways(names, 1)),
    }


def _ways(names: list[str], language: int) -> str:
    lines = []
    for ending, words in _WAYS.items():
        found = [name for name in names if name.endswith(ending)]
        if found:
            lines.append(f"  {words[language]}\n")
            lines += [f"    {words[2].format(name=name)}\n" for name in found]
    return "".join(lines)
