"""The words of README.txt about the tool name the files that are there, and no others."""

from __future__ import annotations

from pathlib import Path

from bundler.bundle.readme_tool import tool_words
from bundler.bundle.tool import NO_TOOL, Tool, ToolFile


def tool(*names: str) -> Tool:
    return Tool(tuple(ToolFile(Path("/dist", name), 1, "a" * 64) for name in names))


def test_no_tool_no_words():
    assert tool_words(NO_TOOL) == {"install": "", "install_zh": ""}


def test_each_way_to_install_it_is_named_if_its_file_is_there():
    for names, wanted, unwanted in (
        (("install.sh", "x.whl"), "sh tool/install.sh", "python3 tool/"),
        (("x.pyz", "y.pyz"), "python3 tool/y.pyz --version", "install.sh"),
        (("x.deb",), "dpkg -i tool/x.deb", "docker load"),
        (("x.tar",), "docker load -i tool/x.tar", "dpkg"),
    ):
        for words in tool_words(tool(*names)).values():
            assert f"    {wanted}\n" in words
            assert unwanted not in words


def test_other_files_have_no_command_but_the_same_warning():
    words = tool_words(tool("notes.txt"))
    assert "notes.txt" not in "".join(words.values())
    assert "Run none of them before" in words["install"]
