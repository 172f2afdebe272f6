"""`holds` says whether a file has certain bytes, and never raises for one that it cannot read."""

from __future__ import annotations

from bundler.system.files import holds


def test_a_file_holds_its_bytes_and_no_others(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    assert holds(file, b"abc")
    for other in (b"ab", b"abcd", b"abd", b""):
        assert not holds(file, other)


def test_what_is_no_regular_file_holds_nothing(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "link"):
        assert not holds(path, b"")
