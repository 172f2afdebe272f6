"""An operator who reads Chinese is told in Chinese what to do when an import fails."""

from __future__ import annotations

import pytest

from tests.support.parts import free_port


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        (
            "zh_CN.UTF-8",
            ["错误", "无法连接", "镜像仓库是否在运行", "防火墙是否放行", "详情：bundler explain connection-refused"],
        ),
        ("C", ["error", "no connection", "does a firewall let", "more: bundler explain connection-refused"]),
        ("xx_YY.UTF-8", ["error", "no connection", "does a firewall let"]),
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
