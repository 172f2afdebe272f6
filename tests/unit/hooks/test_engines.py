"""A word of the user finds its scanner."""

from __future__ import annotations

import pytest

from bundler.errors import Misuse
from bundler.hooks import clamav, engines
from bundler.hooks.clair import Clair
from bundler.hooks.clamav import Clamscan, Daemon, FirstThatStarts
from bundler.hooks.command import Command
from bundler.hooks.grype import Grype
from bundler.hooks.trivy import Trivy
from tests.support.errors import raises, values_in
from tests.support.tables import each_case


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH with some programs."""

    def install(*names: str) -> None:
        for name in names:
            (tmp_path / name).write_text("#!/bin/sh\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return install


@each_case(
    "word, name",
    [
        ("clamav", "clamav"),
        ("clamav=/run/x", "clamav"),
        ("clair=http://c:6060", "clair"),
        ("own=/bin/cat -u", "own"),
        ("cat", "cat"),
    ],
)
def test_each_word_has_the_name_of_its_scanner(word, name):
    assert engines.name_of(word) == name


def test_each_scanner_is_found_where_it_is_installed(programs, tmp_path, monkeypatch):
    programs("clamd", "clamscan", "trivy", "grype", "mine")
    (tmp_path / "db").mkdir()
    (tmp_path / "db/trivy.db").write_text("")
    found = {
        word: type(engines.find_engine(word, database=database))
        for word, database in (
            ("clamav", tmp_path),
            ("clamav=127.0.0.1:3310", None),
            ("trivy", tmp_path),
            ("grype", tmp_path),
            ("clair=http://127.0.0.1:6060", None),
            ("mine --fast", None),
        )
    }
    assert list(found.values()) == [FirstThatStarts, Daemon, Trivy, Grype, Clair, Command]
    (tmp_path / "clamd").unlink()
    assert isinstance(engines.find_engine("clamav", database=tmp_path), Clamscan)


def test_clamscan_takes_over_from_a_clamd_that_does_not_start(programs, tmp_path):
    programs("clamd", "clamscan")
    (tmp_path / "clamscan").write_text(
        "#!/bin/sh\ncase $1 in --version) echo ClamAV 1.4.6 ;; *) cat > /dev/null; echo stdin: OK ;; esac\n"
    )
    (tmp_path / "own.ndb").write_text("Own.Marker:0:*:6d61726b6572\n")
    with engines.find_engine("clamav", database=tmp_path) as engine:
        assert engine.identity().version == "1.4.6"
        assert engine.at_a_time == 1


@each_case(
    "word, code",
    [
        ("clamav", "scanner-missing"),
        ("trivy", "scanner-missing"),
        ("grype", "scanner-missing"),
        ("mine", "scanner-missing"),
        ("clamav=nowhere", None),
        ("clair=nowhere", None),
        ("clair=http://user:secret@clair", None),
        ("trivy=x", None),
    ],
)
def test_a_scanner_that_is_not_there_is_named(programs, monkeypatch, word, code):
    programs()
    monkeypatch.setattr(clamav, "SOCKETS", ())
    with pytest.raises(Misuse) as caught:
        engines.find_engine(word)
    assert code in (None, caught.value.code)


@each_case(
    "word, meant",
    [("clamavv", "clamav"), ("TRIVY", "trivy"), ("clairr=/nowhere", "clair"), ("mine", None), ("own=/nowhere", None)],
)
def test_a_scanner_that_is_not_known_shows_the_known_ones(programs, word, meant):
    programs()
    with raises(Misuse, code="scanner-missing") as caught:
        engines.find_engine(word)
    shown = values_in(caught.value.hint)
    assert (shown["known"], shown.get("near")) == ("clamav, trivy, grype, clair", meant)


def test_clair_without_an_address_gets_an_example():
    for word in ("clair", "clair="):
        with raises(Misuse, expected="http://HOST:PORT") as caught:
            engines.find_engine(word)
        assert "--with clair=http://" in str(caught.value.hint)


def test_a_database_is_refused_where_it_would_not_be_used(programs, tmp_path):
    programs("trivy", "grype", "mine")
    for word in ("clamav=127.0.0.1:3310", "mine", "clair=http://c:1"):
        with pytest.raises(Misuse):
            engines.find_engine(word, database=tmp_path)
    for word in ("trivy", "grype"):
        with pytest.raises(Misuse) as caught:
            engines.find_engine(word, database=tmp_path / "nowhere")
        assert caught.value.code == "scanner-database"


def test_no_program_is_taken_from_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "trivy").write_text("#!/bin/sh\n")
    (tmp_path / "trivy").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ":.:bin")
    with pytest.raises(Misuse) as caught:
        engines.find_engine("trivy")
    assert caught.value.code == "scanner-missing"
