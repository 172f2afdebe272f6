"""Facts that earlier runs have read are kept within bounds, for one repository each, and never believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.stores import kept
from bundler.stores.http import registry_name
from bundler.stores.kept import KeptDocuments

PLACE = "r.example/team/app"


@pytest.fixture
def documents(tmp_path: Path) -> KeptDocuments:
    return KeptDocuments(tmp_path / "cache")


def digest(content: bytes) -> Digest:
    return Digest.of(content)


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache").rglob("*") if not path.is_dir()]


def test_a_document_is_kept_for_its_repository_alone(documents: KeptDocuments, tmp_path: Path) -> None:
    assert not documents.knows(PLACE)
    documents.keep(PLACE, digest(b"{}"), b"{}")
    assert documents.knows(PLACE)
    assert documents.read(PLACE, digest(b"{}"), 100) == b"{}"
    assert documents.read("r.example/team/secret", digest(b"{}"), 100) is None
    assert not documents.knows("r.example/team/secret")
    assert {os.stat(path).st_mode & 0o077 for path in [tmp_path / "cache", *(tmp_path / "cache").rglob("*")]} == {0}


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_document_is_found_by_any_algorithm(documents: KeptDocuments, algorithm: str) -> None:
    named = Digest.of(b"{}", algorithm=algorithm)
    documents.keep(PLACE, named, b"{}")
    assert documents.read(PLACE, named, 100) == b"{}"


def _other_bytes(path: Path) -> None:
    path.write_bytes(b"[]")


def _too_large(path: Path) -> None:
    os.truncate(path, 1 << 40)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("harm", [_other_bytes, _too_large, _pipe, _folder, _link])
def test_what_is_not_the_document_is_as_good_as_nothing(documents: KeptDocuments, tmp_path: Path, harm: object) -> None:
    documents.keep(PLACE, digest(b"{}"), b"{}")
    [path] = files(tmp_path)
    harm(path)  # type: ignore[operator]
    assert documents.read(PLACE, digest(b"{}"), 100) is None
    asked = Descriptor("application/json", digest(b"{}"), 2)
    assert documents.through(PLACE, asked, lambda: b"{}") == b"{}"


def test_a_document_of_another_length_than_promised_is_asked_for(documents: KeptDocuments) -> None:
    documents.keep(PLACE, digest(b"{}"), b"{}")
    assert documents.through(PLACE, Descriptor("application/json", digest(b"{}"), 3), lambda: b"other") == b"other"


def test_what_cannot_be_kept_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    documents = KeptDocuments(tmp_path / "cache")
    documents.keep(PLACE, digest(b"{}"), b"{}")
    documents.prune()
    assert documents.read(PLACE, digest(b"{}"), 100) is None


def test_what_is_old_and_what_is_too_much_goes(
    documents: KeptDocuments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [b"%d" % number for number in range(10, 20)]
    for age, content in enumerate(contents):
        documents.keep(f"r.example/{age}", digest(content), content)
        [path] = [path for path in files(tmp_path) if path.name == f"sha256-{digest(content).encoded}"]
        os.utime(path, ns=(0, path.stat().st_mtime_ns - age * 3600 * 10**9))
    monkeypatch.setattr(kept, "KEPT_SECONDS", 7.5 * 3600)
    documents.prune()
    assert len(files(tmp_path)) == 8
    monkeypatch.setattr(kept, "KEPT_BYTES", 13)
    documents.prune()
    assert len(files(tmp_path)) == 6
    monkeypatch.setattr(kept, "KEPT_FILES", 2)
    documents.prune()
    assert sorted(path.read_bytes() for path in files(tmp_path)) == contents[:2], "the newest stay"
    assert not documents.knows("r.example/9"), "folders that are empty go, too"


def test_what_was_only_read_is_not_looked_through(documents: KeptDocuments, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    documents.keep(PLACE, digest(b"{}"), b"{}")
    monkeypatch.setattr(kept, "KEPT_FILES", 0)
    KeptDocuments(tmp_path / "cache").prune()
    assert files(tmp_path) != []


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://registry-1.docker.io/v2/library/nginx/manifests/1", "docker.io"),
        ("https://quay.io/v2/", "quay.io"),
        ("http://127.0.0.1:5000/v2/", "127.0.0.1:5000"),
    ],
)
def test_C1_docker_hub_is_reported_by_the_name_that_people_log_in_to(url: str, name: str) -> None:
    assert registry_name(url) == name
