"""An empty path is never the working folder, and a secret that is given as text is never repeated."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bundler import cli
from bundler.cli.program import Group, program
from bundler.cli.values import FileName, KeyFile, SecretFile, Text
from tests.support.tables import each_case

CANARY = "c4nary-s3cret"
PEM = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"
ENCODED = base64.b64encode(bytes(range(48))).decode()


def parameters(kind: type[Text]) -> list[object]:
    """Each command with each of its parameters of a type, and the words before its value."""
    found: list[object] = []
    for path, command in _commands(program, ()):
        for parameter in command.params:
            if isinstance(parameter.type, kind):
                name = max(parameter.opts, key=len)
                is_option = isinstance(parameter, click.Option)
                arguments = [each for each in command.params if isinstance(each, click.Argument)]
                words = [name] if is_option else ["x"] * arguments.index(parameter)
                found.append(pytest.param([*path, *words], id=" ".join([*path, name])))
    return found


def _commands(group: Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.all_commands(click.Context(group)).items():
        if isinstance(command, Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reported(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = cli.run(list(words))
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err, shown.err
    return code, shown.out + shown.err


def test_every_file_that_has_a_secret_is_of_the_type_that_repeats_nothing() -> None:
    for path, command in _commands(program, ()):
        for parameter in command.params:
            name = max(parameter.opts, key=len)
            if name.endswith("passphrase-file") or name == "--admin-credentials":
                assert isinstance(parameter.type, SecretFile), (path, name)
            if name in ("--key", "--receipt-key"):
                assert isinstance(parameter.type, KeyFile), (path, name)
    assert len(parameters(FileName)) > 30


@each_case("value", ["", " "], ids=["empty", "a blank"])
@each_case("words", parameters(FileName))
def test_a3_an_empty_path_is_an_error_in_every_flag_and_argument(capsys, folder, words, value) -> None:
    code, text = reported(capsys, *words, value)
    assert (code, "the name of a file or folder is empty" in text) == (2, True), text
    assert words[-1] in text or not words[-1].startswith("-")
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["doctor", "--to", ""], id="doctor --to"),
        pytest.param(["import", "x", "--to", ""], id="import --to"),
        pytest.param(["export", "list.txt", "-o", "out", "--unsigned", "--name", ""], id="export --name"),
        pytest.param(["trust", "add", "x", "--name", ""], id="trust add --name"),
    ],
)
def test_a3_an_empty_name_is_an_error_and_never_the_default(capsys, folder, words) -> None:
    (folder / "list.txt").write_text("127.0.0.1:9/app:1\n")
    code, text = reported(capsys, *words)
    assert (code, "''" in text) == (2, True), text


@pytest.mark.parametrize(
    "words",
    [
        ["export", "oci:x", "-o", "out", "--unsigned", "--chunk-size", ""],
        ["export", "oci:x", "-o", "out", "--unsigned", "--medium-size", ""],
        ["export", "oci:x", "-o", "out", "--unsigned", "--parity", ""],
        ["export", "oci:x", "-o", "out", "--unsigned", "--since", ""],
        ["export", "oci:x", "-o", "out", "--unsigned", "--only", " "],
        ["prune", "127.0.0.1:9", "--keep-last", "1", "--dry-run", "--receipts", ""],
        ["mirrors", "x", "--for", "docker", "--to", ""],
        ["trust", "remove", ""],
        ["explain", ""],
        ["diff", "", "x"],
    ],
)
def test_a3_an_empty_value_is_an_error_that_names_its_flag_or_argument(capsys, folder, words) -> None:
    code, text = reported(capsys, *words)
    place = words[-2] if words[-2].startswith("--") else ""
    assert (code, f"{place}: the value is empty" in text) == (2, True), text
    assert not list(folder.iterdir())


def test_an_empty_value_in_a_file_is_answered_with_what_to_do_in_the_file(capsys, folder) -> None:
    (folder / "bundler.toml").write_text('[export]\nparity = ""\n')
    code, text = reported(capsys, "export", "oci:x", "-o", "out", "--unsigned")
    assert (code, "bundler.toml: the value is empty" in text, "-> give a value" in text) == (2, True, True), text


@each_case("flag", ["--admin-credentials", "--preheat-token-file"])
def test_a_secret_that_is_empty_is_named_by_its_place_and_not_as_a_passphrase(capsys, monkeypatch, flag) -> None:
    for given, place in (("-", "standard input"), ("empty", "empty")):
        Path("empty").write_text("\n")
        monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
        words = ["import", "x", "--to", "127.0.0.1:9", "--preheat", "dragonfly=https://127.0.0.1:9", flag, given]
        code, text = reported(capsys, *words)
        assert (code, f"{place}: the first line is empty" in text, "-> write the secret" in text) == (2, True, True), (
            text
        )


def test_a_reason_that_a_receipt_has_no_room_for_is_an_error(capsys) -> None:
    code, text = reported(capsys, "import", "x", "--to", "127.0.0.1:9", "--allow-rollback", "x" * 501)
    assert (code, "--allow-rollback: the reason is too long" in text, "found 501" in text) == (2, True, True), text


@pytest.mark.parametrize("value", ["/v2", "/v2/", "/repository/docker/v2/"])
def test_c2_a_base_path_with_v2_is_reported_before_anything_is_asked(capsys, value) -> None:
    code, text = reported(capsys, "doctor", "--to", "127.0.0.1:9", "--base-path", value)
    assert (code, "leave /v2 out" in text) == (2, True), text


@pytest.mark.parametrize("flag", ["--to", "LIST"])
@pytest.mark.parametrize("transport", ["oci:", "oci-archive:"])
def test_a3_an_empty_path_after_a_transport_is_an_error(capsys, folder, flag, transport) -> None:
    command = ["import", "x", "--to", transport] if flag == "--to" else ["export", transport, "-o", "x", "--unsigned"]
    code, text = reported(capsys, *command)
    assert (code, list(folder.iterdir())) == (2, []), text


@each_case("value", [PEM, PEM.replace("\n", " "), f"{CANARY}\nx", f'{{"auths": "{CANARY}"}}', ENCODED])
@each_case("words", parameters(FileName))
def test_a4_what_looks_like_a_secret_is_not_repeated_by_any_flag_that_names_a_file(capsys, folder, words, value):
    for more in ([], ["--json"]):
        is_flag = words[-1].startswith("-")
        code, text = reported(capsys, *words, *([] if is_flag else [*more, "--"]), value, *(more if is_flag else []))
        assert (code, CANARY in text, ENCODED in text) == (2, False, False), text
        assert "a file name is expected" in text
    assert not list(folder.iterdir())


@each_case("value", [PEM, f"{CANARY}\nx"], ids=["a key", "lines"])
@each_case("words", parameters(Text))
def test_a4_no_flag_at_all_repeats_a_key_or_several_lines(capsys, words, value) -> None:
    code, text = reported(capsys, *words, value)
    assert (code, CANARY in text) == (2, False), text


@each_case("value", [CANARY, f"admin:{CANARY}", f"a/{CANARY}.txt", f"./{CANARY}", CANARY * 500])
@each_case("words", parameters(SecretFile))
def test_a4_a_file_with_a_secret_that_is_not_there_is_not_repeated(capsys, words, value) -> None:
    for more in ([], ["--json"]):
        code, text = reported(capsys, *words, value, *more)
        assert (code, CANARY in text) == (2, False), text


@pytest.mark.parametrize("value", [CANARY, f"./{CANARY}.txt", CANARY * 500])
@pytest.mark.parametrize(
    "words",
    [
        ["keygen", "builder", "--passphrase-file"],
        ["import", "x", "--to", "r.example", "--admin-credentials"],
        ["export", "list.txt", "-o", "out", "--unsigned", "--encrypt", "--passphrase-file"],
        ["export", "list.txt", "-o", "out", "--key", "locked.key", "--passphrase-file"],
    ],
)
def test_a4_who_reads_a_secret_from_a_file_that_is_not_there_does_not_repeat_its_name(capsys, words, value) -> None:
    Path("list.txt").write_text("r.invalid/a:1\n")
    Path("word").write_text("a good passphrase\n")
    assert cli.run(["keygen", "locked", "--passphrase-file", "word"]) == 0
    for more in ([], ["--json"]):
        code, text = reported(capsys, *words, value, *more)
        assert (code, CANARY in text) == (2, False), text
        assert "there is no such file" in text or "looks like an encoded key" in text


@pytest.mark.parametrize("words", parameters(KeyFile))
def test_a4_a_key_that_is_not_there_is_repeated_only_if_it_is_written_as_a_path(capsys, words) -> None:
    code, text = reported(capsys, *words, CANARY)
    assert (code, CANARY in text) == (2, False), text


def test_a4_a_key_file_that_is_missing_is_named(capsys, folder) -> None:
    Path("list.txt").write_text("nginx:1\n")
    for name in ("builder.key", "keys/builder.key", f"{folder}/builder"):
        code, text = reported(capsys, "export", "list.txt", "-o", "out", "--key", name)
        assert (code, f"{name}: there is no such key" in text) == (2, True), text


def test_a4_a_file_that_is_there_may_have_any_name(capsys, folder) -> None:
    name = f"admin:{ENCODED.replace('/', '_')}"
    (folder / name).write_text("")
    code, text = reported(capsys, "import", "x", "--to", "r.example", "--admin-credentials", name)
    assert (code, "no USER:PASSWORD in the first line" in text or "empty" in text) == (2, True), text


def test_a4_standard_input_and_descriptors_are_files(capsys, folder) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"a passphrase\n")
    os.close(writer)
    code, text = reported(capsys, "keygen", "builder", "--passphrase-file", f"/dev/fd/{reader}")
    os.close(reader)
    assert code == 0, text
    assert (folder / "builder.key").exists()


def test_a4_a_key_that_is_taken_for_an_image_list_is_not_repeated(capsys, folder) -> None:
    assert cli.run(["keygen", "builder"]) == 0
    secret = Path("builder.key").read_text().splitlines()[1]
    for command in (
        ["export", "builder.key", "-o", "out", "--key", "builder.key"],
        ["import", "x", "--to", "r.example", "--rules", "builder.key"],
        ["import", "x", "--to", "r.example", "--retry-failed", "builder.key"],
        ["receipt", "show", "builder.key"],
        ["undo", "builder.key"],
        ["verify", "x", "--trust", "builder.key"],
        ["trust", "add", "builder.key"],
    ):
        for name in ("builder.key", "list.yaml"):
            Path("list.yaml").write_bytes(Path("builder.key").read_bytes())
            code, text = reported(capsys, *[name if word == "builder.key" else word for word in command])
            assert (code != 0, secret in text, secret[:20] in text) == (True, False, False), text


@pytest.mark.parametrize("command", [["import", "x", "--to", "r.example"], ["doctor", "--to", "r.example"]])
def test_a4_a_password_after_a_switch_or_in_a_user_name_is_not_repeated(capsys, command) -> None:
    for words in (["--username", "me", "--password-stdin", CANARY], ["--username", f"me:{CANARY}", "--password-stdin"]):
        for more in ([], ["--json"]):
            code, text = reported(capsys, *command, *words, *more)
            assert (code, CANARY in text, "standard input" in text or "takes no value" in text) == (2, False, True), (
                text
            )


@each_case(
    "words",
    [
        ["keygen", "builder", "--passphrase", CANARY],
        ["import", "x", "--to", f"me:{CANARY}@r.example/team"],
        ["import", "x", "--to", f"me:{CANARY}"],
        ["import", "x", "--to", f"https://me:{CANARY}@r.example"],
        ["doctor", "--to", f"me:{CANARY}@r.example"],
        ["export", f"docker://me:{CANARY}@r.example/a:1", "-o", "out", "--unsigned"],
        ["export", f"me:{CANARY}@r.example/a:1", "-o", "out", "--unsigned"],
        ["export", "list.txt", "-o", "out", "--unsigned"],
        ["export", "list.yaml", "-o", "out", "--unsigned"],
        ["verify", "x", f"--password={CANARY}"],
        ["import", "x", "--to", "r.example", "--plain-http", f"me:{CANARY}@r.example"],
        ["export", "list.txt", "-o", "out", "--foreign-layers", f"me:{CANARY}@r.example"],
    ],
)
def test_a4_a_password_in_an_argument_or_a_list_is_not_repeated(capsys, words) -> None:
    for more in ([], ["--json"]):
        Path("list.txt").write_text(f"https://me:{CANARY}@r.example/a:1\nme:{CANARY}@r.example/b:1\n")
        entry = f"{{image: 'r.example/a:1', from: 'docker://me:{CANARY}@r.example/a:1'}}"
        Path("list.yaml").write_text(f"name: x\nimages:\n- https://me:{CANARY}@r.example/a:1\n- {entry}\n")
        code, text = reported(capsys, *words, *more)
        assert (code, CANARY in text) == (2, False), text


def test_a4_a_bug_shows_no_password(capsys, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(f"https://me:{CANARY}@r.example")

    monkeypatch.setattr("bundler.commands.explain.explain", broken)
    assert cli.run(["explain", "7"]) == 70
    assert CANARY not in capsys.readouterr().err


@pytest.mark.parametrize(
    "environment",
    [
        {"DOCKER_HOST": f"tcp://me:{CANARY}@127.0.0.1:9"},
        {"HTTPS_PROXY": f"http://me:{CANARY}@127.0.0.1:9"},
        {"HTTPS_PROXY": f"me:{CANARY}@127.0.0.1:9"},
        {"REGISTRY_AUTH_FILE": f'{{"auths": {{"r.example": {{"password": "{CANARY}"}}}}}}'},
        {"DOCKER_CONFIG": f'{{"password": "{CANARY}"}}'},
        {"SSL_CERT_FILE": PEM},
    ],
    ids=lambda environment: next(iter(environment)),
)
def test_a4_a_password_in_the_environment_is_not_repeated(bundler, environment) -> None:
    for command in (
        ["doctor", "--to", "docker-daemon:"],
        ["doctor", "--to", "r.invalid", "--json"],
        ["export", "docker-daemon:app:1", "--name", "x", "-o", "out", "--unsigned"],
    ):
        ran = bundler(*command, environment=environment)
        assert (ran.code != 70, CANARY in ran.out + ran.err) == (True, False), ran
