"""Commands of other tools are answered with ours, and each answer exists."""

from __future__ import annotations

import re
import shlex

import click
import pytest

import bundler.cli
from bundler.cli.other_tools import FLAGS, VERBS, Instead
from bundler.cli.program import program
from tests.support.tables import each_case

CONTEXT = click.Context(program, info_name="bundler")
COMMANDS = {
    name: command for name, command in program.all_commands(CONTEXT).items() if not isinstance(command, click.Group)
}
GROUPS = {name: command for name, command in program.all_commands(CONTEXT).items() if isinstance(command, click.Group)}
ALL = {**COMMANDS, **{f"{group} {name}": each for group, of in GROUPS.items() for name, each in of.commands.items()}}
ANSWERS: dict[str, Instead] = {answer.text: answer for answers in FLAGS.values() for answer in answers}


def flags_of(command: click.Command) -> set[str]:
    return {flag for parameter in command.get_params(CONTEXT) for flag in parameter.opts if flag.startswith("-")}


def flags_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))


@each_case("text", ANSWERS)
def test_each_answer_to_a_flag_names_flags_that_a_command_has_together(text):
    answer = ANSWERS[text]
    having = [name for name, command in ALL.items() if flags_of(command).issuperset(answer.flags)]
    assert having, answer.flags
    without_example = re.sub(r"bundler .*", "", text)
    for name in having:
        if answer.flags:
            assert flags_in(without_example) <= flags_of(ALL[name]), name


@each_case("flag", FLAGS)
def test_no_flag_is_answered_that_its_commands_have(flag):
    for answer in FLAGS[flag]:
        having = [command for command in ALL.values() if flags_of(command).issuperset(answer.flags)]
        assert any(flag not in flags_of(command) for command in having), answer.text


@each_case("verb", VERBS)
def test_each_answer_to_a_verb_names_commands_and_flags_that_exist(verb):
    assert verb not in program.order
    for part in re.findall(r"bundler [^,|]*", VERBS[verb]):
        name, *rest = shlex.split(part)[1:]
        name = f"{name} {rest[0]}" if name in GROUPS else name
        assert name in ALL, part
        assert flags_in(part) <= flags_of(ALL[name]), part


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert bundler.cli.run(list(arguments)) == 2
    return capsys.readouterr().err


@each_case(
    ("arguments", "answer"),
    [
        ("import x --to y --tls-verify=false", "--plain-http HOST"),
        ("import x --to y --dest-tls-verify", "--plain-http HOST"),
        ("import x --to y --insecure", "--plain-http HOST"),
        ("import x --to y --dest-creds me:secret", "--username NAME --password-stdin"),
        ("import x --to y --creds me:secret", "--username NAME --password-stdin"),
        ("import x --to y --password secret", "--username NAME --password-stdin"),
        ("import x --to y -u me -p secret", "--username NAME --password-stdin"),
        ("import x --dst y", "--to"),
        ("import x --dest y", "--to HOST"),
        ("import x --to y --ca-file f", "--cacert FILE"),
        ("import x --to y --authfile f", "REGISTRY_AUTH_FILE"),
        ("export x --src-tls-verify=false", "--plain-http HOST"),
        ("export --src docker://x", "give lists or images"),
        ("export x --all", "carries all platforms"),
        ("export x --all-platforms", "carries all platforms"),
        ("verify x --key builder.pub", "--trust NAME.pub"),
        ("import x --to y --key builder.pub", "--trust NAME.pub"),
        ("import x --to y --retry 3", "bundler retries"),
        ("import x --to y --no-verify", "--insecure-no-signature"),
        ("export x --insecure-policy", "only with --policy FILE"),
        ("export x --out y", "-o DIR"),
        ("verify x --to y", "--to is a flag of bundler import, bundler mirrors"),
        ("report x --report-lang zh", "--lang en or --lang zh"),
        ("verify x --lang zh", "--report-lang zh, with --report FILE"),
        ("verify x --trsut y", "did you mean --trust?"),
        ("pull nginx", "bundler export LIST"),
        ("push nginx", "bundler import BUNDLE"),
        ("save nginx -o x.tar", "bundler export LIST"),
        ("load -i x.tar", "--to docker-daemon:"),
        ("ls", "bundler inspect BUNDLE"),
        ("sync a b", "then bundler import BUNDLE"),
        ("login registry.internal", "--password-stdin"),
        ("exprot", "did you mean bundler export?"),
        ("receipt shwo r.json", "did you mean bundler receipt show?"),
        ("config exprot", "did you mean bundler config export?"),
        ("config receipt", "bundler config receipt show"),
        ("config nosuch", "see: bundler config --help"),
        ("help nosuch", "see: bundler --help"),
        ("export -o", "see: bundler export --help"),
        ("import x --to y --map sideways", "choose one of: keep, scoped, flatten"),
        ("verify x --jobs 0", "give a number from 1 to 64"),
        ("receipt", "see: bundler receipt --help"),
    ],
)
def test_unknown_flags_and_verbs_of_other_tools_are_answered_with_ours(capsys, arguments, answer):
    reported = refused(capsys, *arguments.split())
    assert answer in reported
    assert "secret" not in reported


@pytest.mark.parametrize(
    ("arguments", "same"),
    [
        (["help"], ["--help"]),
        (["help", "export"], ["export", "--help"]),
        (["help", "receipt", "show"], ["receipt", "show", "--help"]),
        (["help", "export", "--help"], ["export", "--help"]),
        (["version"], ["--version"]),
    ],
    ids=str,
)
def test_help_and_version_are_understood_as_verbs(capsys, arguments, same):
    assert bundler.cli.run(arguments) == 0
    reported = capsys.readouterr().out
    assert bundler.cli.run(same) == 0
    assert reported == capsys.readouterr().out
    assert reported


def test_a_flag_that_lacks_its_value_and_a_switch_that_has_one_are_reported(capsys):
    assert "--output needs a value" in refused(capsys, "export", "x", "--output")
    assert "--quiet takes no value" in refused(capsys, "export", "x", "--quiet=3")


def test_arguments_too_many_are_counted_and_not_shown(capsys):
    reported = refused(capsys, "keygen", "name", "hunter2")
    assert "bundler keygen has one argument too many" in reported
    assert "hunter2" not in reported
