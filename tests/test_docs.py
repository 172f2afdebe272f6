"""README, FORMAT.md and docs/ say what the code does."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

import bundler.bundle
from bundler import __version__, cli
from bundler.core import image_list, manifest, plan, roles, tar
from bundler.core.medium_size import DEFAULT_CHUNK_BYTES
from bundler.lists.found import Surroundings
from bundler.lists.table import KINDS, read_list
from bundler.transport_table import DEFAULT, prefixes
from bundler.transports.parsing import parse_image
from bundler.transports.transport import transport_of
from tests.fuzz.targets import TARGETS
from tests.support.tables import each_case

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import changelog  # noqa: E402
from reference import pages  # noqa: E402

README = (ROOT / "README.md").read_text()
COMMANDS_PAGE = (ROOT / "docs/commands.md").read_text()
HOUSE = (ROOT / "docs/house.md").read_text()
FORMAT = (Path(bundler.bundle.__file__).parent / "FORMAT.md").read_text()
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "manifests/README.md", ROOT / "scripts/ci/README.md", ROOT / "scripts/cluster/README.md",
         Path(bundler.bundle.__file__).parent / "FORMAT.md"]  # fmt: skip
LISTS = sorted(path for path in (ROOT / "manifests").iterdir() if path.suffix in (".yaml", ".txt"))
AROUND = Surroundings({}.get, {"TAG": "1.4"})


COMMANDS = cli.program.all_commands(click.Context(cli.program))


def help_of(command: str) -> str:
    context = click.Context(COMMANDS[command], info_name=f"bundler {command}")
    return COMMANDS[command].get_help(context)


@each_case("command", list(COMMANDS))
def test_every_command_is_on_its_page_and_its_help_opens_with_examples(command):
    assert f"| [`bundler {command}`](commands/{command}.md) " in COMMANDS_PAGE
    first, *rest = help_of(command).splitlines()
    assert first == "Examples:"
    assert f"bundler {command} " in f"{rest[0]} "


@each_case("command", list(COMMANDS))
def test_every_example_of_the_help_is_a_command_that_is_understood(command):
    examples = [line.strip() for line in COMMANDS[command].examples.strip().splitlines()]
    assert examples
    for example in examples:
        words = re.split(r"\s{2,}", example)[0].split()
        assert words[:2] == ["bundler", command]
        COMMANDS[command].make_context(command, words[2:])


def test_each_promise_names_its_test():
    rows = re.findall(r"^\| .+ \|$", (ROOT / "docs/promises.md").read_text(), re.MULTILINE)[1:]
    assert len(rows) > 15
    for row in rows:
        assert re.search(r"`(?:tests|scripts)/[\w/]+(?:\.py)?/?`", row), row  # test_page_names.py checks that it exists


def test_the_promises_count_the_parsers_that_are_fuzzed():
    promises = (ROOT / "docs/promises.md").read_text()
    assert f"| {len(TARGETS)} of them under hypothesis and atheris;" in promises


def commands_of(page: Path) -> list[str]:
    """The commands of bundler in the blocks of a page, each on one line, without remarks."""
    blocks = re.findall(r"^ *```(?:sh)?\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = re.sub(r" *\\\n *", " ", "".join(blocks)).splitlines()
    named = "|".join(COMMANDS)
    return [
        re.split(r" +[#|>] | {4,}", line.strip())[0] for line in lines if re.match(rf" *bundler (?:{named}) ", line)
    ]


def test_every_command_in_a_block_of_a_page_is_understood():
    tables = ROOT / "docs/performance.md"  # its blocks are measurements, by the name of a command
    pages = {page: commands_of(page) for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")] if page != tables}
    for name in ("serve", "scan", "mirrors", "labels", "layers", "s3", "monitoring"):
        assert pages[ROOT / f"docs/{name}.md"], name
    for page, commands in pages.items():
        for command in commands:
            _, name, *words = shlex.split(command)
            try:
                COMMANDS[name].make_context(name, words)
            except click.UsageError as error:
                pytest.fail(f"{page.name}: {command}: {error.format_message()}")


def test_page_and_help_name_every_transport():
    places = COMMANDS_PAGE.partition("## Sources and targets of images")[2].partition("\n## ")[0]
    sources, _, targets = places.partition("- **Targets:**")
    targets = targets.partition("\n- ")[0]
    for prefix in prefixes():
        form, is_source = transport_of(prefix).target_form, transport_of(prefix).is_source
        assert is_source == (f"`{prefix}" in sources)
        assert not is_source or prefix == DEFAULT or prefix in help_of("export")
        assert form is None or (f"`{form}`" in targets and form in " ".join(help_of("import").split()))


def test_every_flag_that_readme_and_commands_name_exists():
    known = {name for command in COMMANDS.values() for option in command.params for name in option.opts}
    known |= {"--help", "--version", "--strict", "--images", "--registry", "--slow"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", README + COMMANDS_PAGE))
    assert named <= known


def test_the_pages_that_follow_from_the_code_are_up_to_date():
    assert list(pages.stale(pages.made())) == [], "run scripts/pages, and commit what it changes"


def test_the_chunk_sizes_of_page_help_and_code_agree():
    for name in plan.CHUNK_PRESETS:
        assert f"`{name}`" in COMMANDS_PAGE
        assert name in help_of("export")
    assert f"{DEFAULT_CHUNK_BYTES:,}" in COMMANDS_PAGE
    assert f"{DEFAULT_CHUNK_BYTES:,}" in FORMAT


def test_the_list_of_the_page_parses():
    text = COMMANDS_PAGE.partition("```yaml\n")[2].partition("```")[0].replace("sha256:…", f"sha256:{'a' * 64}")
    parsed = image_list.parse_image_list(text, source="commands.md", parse_image=parse_image)
    assert (parsed.name, len(parsed.entries)) == ("platform-2026.11", 4)


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_every_list_in_manifests_parses_and_explains_itself(path):
    parsed = read_list(path.read_text(), source=path.name, parse_image=parse_image, surroundings=AROUND)
    assert parsed.images.entries
    assert path.read_text().startswith("#")
    assert path.name in (ROOT / "manifests/README.md").read_text()


def test_every_kind_of_list_has_an_example_and_a_row_in_the_page():
    page = (ROOT / "docs/lists.md").read_text()
    read = {
        kind
        for path in LISTS
        for kind in read_list(path.read_text(), source=path.name, parse_image=parse_image, surroundings=AROUND).kinds
    }
    assert read >= {kind.name for kind in KINDS}
    assert all(f"| {kind.name} |" in page for kind in KINDS)


def test_there_are_lists_to_start_from():
    assert len(LISTS) >= 4


def test_format_md_names_every_field_of_the_bundle_manifest():
    for field in ("format", "name", "created", "tool", "signed", "chunkSize", "images", "blobs", "files", "chunks",
                  "reference", "source", "root", "manifests", "variants", "madeFrom", "repacked", "digest", "mediaType", "size",
                  "kind", "pieces", "path", "file", "os", "architecture", "variant", "env", "entrypoint", "cmd",
                  "workingDir", "user", "labels", "archive", "encrypted"):  # fmt: skip
        assert f"`{field}`" in FORMAT, field
    assert f'"{manifest.FORMAT}"' in FORMAT or f"`{manifest.FORMAT}`" in FORMAT


def test_format_md_describes_the_header_that_is_written():
    header = tar.header("blobs/sha256/" + "a" * 64, 5)
    rows = re.findall(r"^\| (\d+) \| (\d+) \| [^|]*\| `([^`]*)`", FORMAT, re.MULTILINE)
    assert rows, "FORMAT.md has a table of the header: | offset | length | field | `bytes` |"
    for offset, length, written in rows:
        expected = written.replace("\\0", "\0").encode()
        assert header[int(offset) : int(offset) + int(length)] == expected.ljust(int(length), b"\0"), f"offset {offset}"


def test_format_md_names_the_files_of_a_bundle():
    for name in (
        roles.README.file,
        roles.SUMS.file,
        roles.MANIFEST.file,
        roles.CONTENT.file,
        "chunk-0001.tar",
        "chunk-0001.7z",
        "oci-layout",
        "index.json",
        "manifest.json",
    ):
        assert f"`{name}`" in FORMAT, name


def anchors(page: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page):
    for link, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", page.read_text()):
        target = page.parent / link if link else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}#{anchor}"


def test_json_md_describes_every_document():
    text = (ROOT / "docs/json.md").read_text()
    for command in COMMANDS:
        assert f"bundler.{command}/1" in text


def test_ci_runs_exactly_the_test_command_of_the_readme():
    block = README.partition("## Two commands")[2].partition("```sh\n")[2].partition("```")[0]
    (command,) = re.findall(r"^(\S+) +# all tests\b", block, re.MULTILINE)
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    runs = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert runs == {"test": [command], "lint": ["scripts/lint"]}


def test_the_gate_is_what_ci_runs():
    gate = (ROOT / "scripts/check").read_text().splitlines()
    assert gate[-5:] == [
        "scripts/lint",
        '[ $# = 0 ] || exec scripts/test "$@"',
        "rm -f .coverage*",
        "MEASURE=1 scripts/test",
        'exec "$VENV/bin/python" scripts/covered.py',
    ]
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "exec scripts/check"


def test_the_index_of_decisions_is_complete_and_says_their_status():
    folder = ROOT / "docs/decisions"
    index = (folder / "README.md").read_text()
    rows = re.findall(r"^\| \[(\d{4})\]\(([^)]+)\) \| [^|]+\. \| (\w+)", index, re.MULTILINE)
    pages = sorted(path for path in folder.iterdir() if path.name != "README.md")
    assert [name for _, name, _ in rows] == [page.name for page in pages]
    for (number, _, status), page in zip(rows, pages, strict=True):
        assert page.read_text().startswith(f"# {number} ")
        assert f"\nStatus: {status}, " in page.read_text()


def test_the_decision_on_dependencies_lists_those_of_the_package():
    page = (ROOT / "docs/decisions/0003-run-time-dependencies.md").read_text()
    listed = re.findall(r"^\| ([\w.-]+) (≥|=) ([\d.]+) \|", page, re.MULTILINE)
    dependencies = (ROOT / "pyproject.toml").read_text().partition("\ndependencies = [\n")[2].partition("\n]\n")[0]
    required = re.findall(r'^  "([\w.-]+)(>=|==)([\d.]+)', dependencies, re.MULTILINE)
    assert len(required) == len(dependencies.splitlines())
    assert listed == [(name, {">=": "≥", "==": "="}[sign], version) for name, sign, version in required]


def test_the_house_has_every_part_and_no_other():
    tree = HOUSE.partition("\nbundler/\n")[2].partition("```")[0]
    own, _, rest = tree.partition("\nmanifests/")
    shown = set(re.findall(r"(?:^|\s)(\w+/|\w+\.py)(?=\s)", own))
    package = ROOT / "bundler"
    parts = {f"{path.name}/" for path in package.iterdir() if path.is_dir() and any(path.rglob("*.*"))}
    parts |= {path.name for path in package.glob("*.py") if path.name != "__main__.py"}
    assert shown == parts - {"__pycache__/"}
    kinds = {
        path.name
        for path in (ROOT / "tests").iterdir()
        if path.is_dir() and path.name not in ("__pycache__", "support")
    }
    assert kinds <= set(re.findall(r"\w+", rest.partition("\ntests/")[2]))


def test_the_guides_for_contributors_name_the_files_in_which_the_flags_are():
    named = re.findall(r"`(--[a-z-]+)` in\s+`(bundler/cli/\w+\.py)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) >= 3
    for flag, file in named:
        assert f'"{flag}"' in (ROOT / file).read_text(), f"{flag} is not in {file}"


def test_the_changelog_has_the_form_of_keep_a_changelog_and_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    advice = "a merge put an older text back: take main's CHANGELOG.md, and add your line below [0.2.0], at its topic"
    assert changelog.faults(text) == [], advice
    assert changelog.release(text, __version__).notes


def test_every_page_and_script_shows_this_version():
    """Records of the past keep theirs: decisions, measurements, the changelog."""
    past = ("CHANGELOG.md", "performance.md", "scale.md")
    files = [page for page in PAGES if page.name not in past and "decisions" not in page.parts]
    files += [ROOT / "scripts/distribution/dockerfile", ROOT / "scripts/cluster/kubernetes/kustomization.yaml"]
    shown = {
        path: re.findall(r"(?:bundler[-_: ]|newTag: |tool is |\"version\": \")(\d+\.\d+\.\d+)\b", path.read_text())
        for path in files
    }
    assert {path.name: found for path, found in shown.items() if set(found) - {__version__}} == {}
    assert sum(map(len, shown.values())) > 8


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


TRANSLATED = sorted(
    path
    for folder in (".", "docs")
    for path in (ROOT / folder).glob("**/*.zh-CN.md" if folder == "docs" else "*.zh-CN.md")
)


@each_case("chinese", TRANSLATED, ids=lambda path: path.name)
def test_a_page_in_chinese_has_the_commands_links_rows_and_headings_of_the_english_one(chinese):
    english = chinese.with_name(chinese.name.replace(".zh-CN", ""))

    def parts(page: Path) -> list[object]:
        text = page.read_text()
        blocks = ["\n".join(re.sub(r" +# .*", "", line) for line in block.splitlines())
                  for block in re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)]  # fmt: skip
        links = re.findall(r"\]\(([^)]+)\)", text)
        return [blocks, {link.replace(".zh-CN", "").replace(".zh.svg", ".svg") for link in links} - {"README.md"},
                *(len(re.findall(rf"^{mark}", text, re.MULTILINE)) for mark in (r"\|", "#+ ", "- "))]  # fmt: skip

    assert parts(chinese) == parts(english)


def test_each_picture_of_the_chinese_readme_is_chinese_and_drawn_like_the_english_one():
    pictures = re.findall(r"docs/images/([\w-]+)\.zh\.svg", (ROOT / "README.zh-CN.md").read_text())
    assert sorted(pictures) == ["terminal", "way-dark", "way-light"]
    for name in pictures:
        english, chinese = ((ROOT / f"docs/images/{name}{end}").read_text() for end in (".svg", ".zh.svg"))
        assert re.search("[\u4e00-\u9fff]", chinese)
        if name != "terminal":
            words = re.compile(r">[^<]*<|aria-label=\"[^\"]*\"( lang=\"zh-CN\")?|font-family=\"[^\"]*\"")
            assert words.sub("", chinese) == words.sub("", english)


def test_the_site_is_built_without_a_warning_and_asks_no_other_host(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", tmp_path]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = [page.read_text() for page in tmp_path.rglob("*.html")]
    assert len(pages) > 50
    for page in pages:
        assert not re.findall(r"<(?:script|link|img|source)[^>]*(?:src|href|srcset)=.https?:", page)
