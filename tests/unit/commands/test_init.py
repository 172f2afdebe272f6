"""The first image list: valid for any answer, exported as it is, and no file is replaced."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import bundler
from bundler import cli
from bundler.core.platform import Platform
from bundler.errors import BundlerError, Misuse
from bundler.views.languages import speaking


def test_the_list_and_the_defaults_are_read_by_the_commands_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = bundler.InitRequest(
        tmp_path / "new",
        "platform",
        images=("nginx:1.27", "docker-archive:vendor.tar"),
        platforms=(Platform.parse("linux/amd64"),),
        key='my "best".key',
        output="/media/stick",
    )
    result = bundler.init(request)
    assert (result.images, result.is_example) == (2, False)
    content = result.list_path.read_text()
    assert "name: platform\n" in content
    assert "platforms: [linux/amd64]\n" in content
    monkeypatch.chdir(tmp_path / "new")
    every = result.list_path.read_text().replace("\n#  ", "\n  ").replace("sha256:…", f"sha256:{'0' * 64}")
    result.list_path.write_text(every)
    assert cli.run(["images", "images.yaml", "-q"]) == 0
    found = bundler.read_settings(["--key", "--output"], environment={})
    assert {each.flag: (each.command, each.value) for each in found.settings} == {
        "--key": ("export", 'my "best".key'),
        "--output": ("export", "/media/stick"),
    }


def test_without_answers_there_is_an_example_that_is_valid(tmp_path: Path) -> None:
    result = bundler.init(bundler.InitRequest(tmp_path, "first"))
    assert result.is_example
    assert cli.run(["images", str(result.list_path), "-q"]) == 0
    assert bundler.read_settings([], folder=tmp_path, environment={}).settings == ()


def test_the_comments_are_in_the_language_of_the_reader_and_the_rest_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["init", "en", "--name", "first"]) == 0
    with speaking("zh"):
        assert cli.run(["init", "zh", "--name", "first"]) == 0
    for name in ("images.yaml", "bundler.toml"):
        english, chinese = (Path(folder, name).read_text().splitlines() for folder in ("en", "zh"))
        notes = [tuple(each.rpartition("# ")[2] for each in pair) for pair in zip(english, chinese, strict=True)]
        translations = [chinese for english, chinese in notes if english != chinese]
        assert len(translations) >= 4
        assert all(re.search("[\u4e00-\u9fff]", each) for each in translations)
        without = [[line.rpartition("# ")[0] for line in lines if line.count("#") != 1] for lines in (english, chinese)]
        assert without[0] == without[1]
    assert cli.run(["images", "zh/images.yaml", "-q"]) == 0
    assert bundler.read_settings([], folder=tmp_path / "zh", environment={}).settings == ()


@pytest.mark.parametrize("name", ["images.yaml", "bundler.toml"])
def test_no_file_is_replaced_and_none_is_left(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(Misuse):
        bundler.init(bundler.InitRequest(tmp_path, "first"))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_an_image_that_is_none_is_refused_before_a_file_is_written(tmp_path: Path) -> None:
    for image in ("no image at all", "x\n  - nginx", '"', "{a: b}", "nginx:1.27 #"):
        with pytest.raises(BundlerError):
            bundler.init(bundler.InitRequest(tmp_path / "new", "first", images=(image,)))
    assert not (tmp_path / "new").exists()


def test_in_a_terminal_it_asks_and_names_what_is_wrong(tmp_path: Path) -> None:
    leader, terminal = pty.openpty()
    (tmp_path / "Team A").mkdir()
    started = subprocess.Popen(
        [sys.executable, "-m", "bundler", "init"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=tmp_path / "Team A",
    )
    os.close(terminal)
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                piece = os.read(leader, 4096)
            except OSError:
                return
            seen.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    os.write(leader, b"\nnot an image\nnginx:1.27\nredis:7.4\n\n\n/media/stick\n")
    assert started.wait(timeout=120) == 0
    reader.join(timeout=60)
    os.close(leader)
    said = seen.decode()
    assert "[team-a]" in said
    assert "error:" in said
    assert "- nginx:1.27\n  - redis:7.4\n" in (tmp_path / "Team A/images.yaml").read_text()
    assert 'output = "/media/stick"' in (tmp_path / "Team A/bundler.toml").read_text()
