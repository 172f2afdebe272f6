"""An operator who reads Chinese reads in Chinese what to do when an import fails."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from bundler.views.words import columns
from tests.support.images import simple
from tests.support.parts import free_port
from tests.support.steps import Steps


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        (
            "zh_CN.UTF-8",
            ["错误", "无法连接", "镜像仓库是否在运行", "防火墙", "详情：bundler explain connection-refused"],
        ),
        ("C", ["error", "no connection", "firewall", "more: bundler explain connection-refused"]),
        ("xx_YY.UTF-8", ["error", "no connection", "firewall"]),
    ],
)
def test_an_import_into_a_registry_that_does_not_run(bundler, origin, keys, image_list, tmp_path, locale, words):
    listed = image_list(origin, "library/oci:1")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    host = f"127.0.0.1:{free_port()}"
    done = bundler("import", tmp_path / "test", "--trust", keys[1], "--to", host, environment={"LANG": locale})
    assert done.code == 7
    assert [word for word in words if word not in done.err] == []
    assert host in done.err


# A whole journey in Chinese: what fails in it, too

CHINESE = {"LANG": "zh_CN.UTF-8"}
FINGERPRINT = re.compile(r"\b(?:[0-9a-f]{4} ){3,}[0-9a-f]{4}\b")
COMMAND = re.compile(r"\b(?:bundler|openssl|docker|chmod|source|echo) [^\u4e00-\u9fff，。；：]*")


def english_in(reported: str) -> list[str]:
    """Three English words and more in a row, outside of fingerprints and of commands that are to be typed."""
    return re.findall(r"[A-Za-z]{2,}(?: [a-z]{2,}){2,}", COMMAND.sub("", FINGERPRINT.sub("", reported)))


@pytest.fixture
def reported():
    """Runs a command for an operator who reads Chinese, in a fork; what it says must be Chinese."""

    def run(*arguments: object, code: int) -> str:
        done = Steps(arguments, CHINESE).run()
        assert done.code == code, done.out + done.err
        said = done.out + done.err
        assert english_in(said) == [], said
        return said

    return run


def test_a_journey_is_all_chinese(reported, origin, target, image_list, tmp_path):
    trust = ["--trust", tmp_path / "b.pub"]
    assert "指纹" in reported("keygen", "b", "-d", tmp_path, code=0)
    listed = image_list(origin, "library/oci:1", "library/docker:1", "team/other/shares:1")
    export = ["export", listed, "-o", tmp_path, "--key", tmp_path / "b.key"]
    bundle, into = tmp_path / "test", ["--to", target.host]
    assert "未制作" in reported(*export, "--dry-run", code=0)
    assert "镜像" in reported(*export, "--platform", "linux/amd64", code=0)
    assert "此前已完成" in reported(*export, "--platform", "linux/amd64", code=0)
    assert "未经验证" in reported("inspect", bundle, code=0)
    assert "完好" in reported("verify", bundle, *trust, code=0)
    assert "将推送" in reported("import", bundle, *trust, *into, "--dry-run", code=0)
    assert "已推送" in reported("import", bundle, *trust, *into, "--receipt", tmp_path / "r.json", "--verbose", code=0)
    simple("other").push(target, "library/oci", "1")
    assert "指向其他镜像" in reported("import", bundle, *trust, *into, code=6)
    assert "全部完好" in reported("import", bundle, *trust, *into, "--on-conflict", "suffix", "--verify-target", code=0)
    assert "操作者" in reported("receipt", "show", tmp_path / "r.json", code=0)
    assert "已被他人移动" in reported("undo", tmp_path / "r.json", code=3)
    assert "项检查" in reported("doctor", tmp_path, *into, code=0)
    chunk = bundle / "chunk-0001.tar"
    content = bytearray(chunk.read_bytes())
    content[5000] ^= 1
    chunk.write_bytes(content)
    assert "已损坏" in reported("verify", bundle, *trust, code=4)
    chunk.unlink()
    assert "在别处" in reported("verify", bundle, *trust, code=9)


def test_what_is_wrong_with_a_request_is_reported_in_chinese(reported, keys, tmp_path):
    reported("import", tmp_path / "nothing", "--to", "registry.internal", code=2)
    reported("trust", "add", keys[0], code=2)
    reported("trust", "add", keys[1], code=2)
    reported("trust", "list", code=0)
    reported("doctor", code=0)
    reported("export", "docker://a:1", "-o", tmp_path, "--key", keys[1], code=2)
    reported("pull", code=2)
    reported("export", "x", "--tls-verify", code=2)
    reported("export", "x", "-o", code=2)
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: x\nimages:\n- Foo:Bar@x\n- image: a\n  platform: y\n- {from: b}\nnme: 3\nplatforms: arm\n")
    reported("export", wrong, "-o", tmp_path, "--unsigned", code=2)


@pytest.mark.parametrize(
    "command",
    ["", "keygen", "trust", "trust add", "trust list", "trust remove", "export", "inspect", "verify", "sign", "import",
     "undo", "receipt", "receipt show", "receipt verify", "receipt merge", "doctor", "explain", "completion", "man"],
)  # fmt: skip
def test_the_help_of_every_command_is_chinese(command, monkeypatch):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    done = subprocess.run(
        [sys.executable, "-m", "bundler", *command.split(), "--help"], capture_output=True, text=True, check=True
    )
    assert english_in(done.stdout) == []
    assert "用法" in done.stdout
    assert "选项" in done.stdout or "结果" in done.stdout  # long help has headings
    assert max(columns(line) for line in done.stdout.splitlines() if "bundler" not in line) <= 100
