"""The examples of scripts/ci work: what their pipelines would run is taken out of them and run, against real registries.

GitLab's file is judged by GitLab's own schema, the units by systemd, GitHub's workflows in test_workflows.py. For the Jenkinsfile no Groovy is at hand: only its
blocks, brackets and quotes are checked here, and its shell parts are run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.parts import RealRegistry, require, shell, skopeo_raw
from tests.support.servers import Front
from tests.support.steps import Steps
from tests.support.sweeps import IS_FULL

ROOT = Path(__file__).parents[2]
CI = ROOT / "scripts/ci"
GITLAB = yaml.safe_load((CI / "gitlab-ci.yml").read_text())
GITHUB = {
    job: yaml.safe_load((CI / f"github-{side}.yml").read_text())
    for job, side in {"export": "export", "plan": "import", "import": "import"}.items()
}
JENKINS = (CI / "Jenkinsfile").read_text()
IMAGES = ("library/oci:1", "team/multi:1", "team/plain:1")
SECRET = "s3cret-of-ci"
LOGIN = base64.b64encode(f"robot:{SECRET}".encode()).decode()
STRACE = ["strace", "-f", "--seccomp-bpf", "-qq", "-v", "-e", "trace=execve", "-s", "100000", "-o"]


@dataclass
class Workspace:
    """A checkout of a user's repository with scripts/ci in it, where jobs run."""

    folder: Path
    secrets: tuple[str, ...] = ()
    """Besides those that all jobs have."""

    def run(self, script: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """A script as a runner runs it: in bash, ending with the first failure, secrets in its environment."""
        trace = self.folder.parent / "trace"
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        temporary = self.folder.parent / "tmp"
        temporary.mkdir(exist_ok=True)
        done = subprocess.run(
            [*STRACE, str(trace), "bash", "-e", "-o", "pipefail", "-s"],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "TMPDIR": str(temporary), **variables},
            input=script,
            text=True,
            capture_output=True,
            timeout=120,
        )
        started = [line.partition("], [") for line in trace.read_text().splitlines()]
        assert started, "strace sees every program, its arguments, and its environment"
        arguments = " ".join(command for command, _, _ in started)
        environments = " ".join(environment for command, _, environment in started if '/bundler", [' in command)
        for secret in (SECRET, LOGIN, *self.secrets):
            assert secret not in arguments + environments + done.stdout + done.stderr, "a secret was shown"
        assert not list(temporary.iterdir()), "the login is still there"
        return done

    def files(self, patterns: list[str]) -> list[Path]:
        """The files of the workspace that an artifact would have."""
        names = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return [path for path in names if any(fnmatch(str(path.relative_to(self.folder)), p) for p in patterns)]


@pytest.fixture(scope="module")
def made(origin, tmp_path_factory) -> Path:
    """Keys, an image list for each of three bundles, and the bundles; made once. Tests copy them."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("tester", "other"):
        assert Steps(["keygen", name, "-d", folder / name]).run().code == 0
    for name, images in {"test": IMAGES, "first": IMAGES[:2], "second": IMAGES[2:]}.items():
        listed = folder / f"{name}.yaml"
        listed.write_text(f"name: {name}\nimages:\n" + "".join(f"- {origin.host}/{each}\n" for each in images))
        signed = ["--key", folder / "tester/tester.key"]
        assert Steps(["export", listed, "-o", folder, *signed]).run().code == 0
    return folder


@pytest.fixture
def keys(made) -> tuple[Path, Path]:
    """A private and a public key."""
    return made / "tester/tester.key", made / "tester/tester.pub"


@pytest.fixture
def workspace(made, tmp_path) -> Workspace:
    require("strace")
    folder = tmp_path / "checkout"
    shutil.copytree(CI, folder / "scripts/ci")
    shutil.copy(made / "test.yaml", folder / "images.yaml")
    return Workspace(folder)


@pytest.fixture
def exported(made, workspace) -> Workspace:
    """A checkout where the bundle is already."""
    shutil.copytree(made / "test", workspace.folder / "bundles/test")
    return workspace


@pytest.fixture
def guarded(new_registry, tmp_path) -> RealRegistry:
    """A registry that wants a login."""
    require("htpasswd")
    shell(f"htpasswd -Bbn robot {SECRET} > {tmp_path}/htpasswd", cwd=tmp_path)
    return new_registry(extra=f"auth: {{htpasswd: {{realm: basic, path: {tmp_path}/htpasswd}}}}\n")


@pytest.fixture
def refusing(target) -> Iterator[Front]:
    """A registry that takes all images but one."""
    denied = b'{"errors":[{"code":"DENIED","message":"quota of project team exceeded"}]}'

    def refuse(front: Front, request: Any) -> bool:
        if request.command != "POST" or "team/plain" not in request.path:
            return False
        front.send(request, 403, {}, denied)
        return True

    front = Front(target, [refuse]).start()
    yield front
    front.stop()


def docker_auth(host: str) -> str:
    return json.dumps({"auths": {host: {"auth": LOGIN}}})


def same_digests(origin: RealRegistry, host: str, names: tuple[str, ...] = IMAGES) -> bool:
    return all(skopeo_raw(f"{host}/{name}") == skopeo_raw(f"{origin.host}/{name}") for name in names)


def tags_of(registry: RealRegistry) -> set[str]:
    return {f"{name}:{tag}" for name, tags in registry.tags.items() for tag in tags}


# GitLab


def gitlab_job(workspace: Workspace, name: str, **variables: object) -> subprocess.CompletedProcess[str]:
    """Runs a job's script; the project's variables come before those of the file, as in GitLab."""
    known = GITLAB["variables"] | GITLAB[name].get("variables", {})
    return workspace.run("\n".join(GITLAB[name]["script"]), {**known, **{k: str(v) for k, v in variables.items()}})


def gitlab_artifacts(workspace: Workspace, name: str) -> list[Path]:
    patterns = [
        re.sub(r"\$(\w+)", lambda match: GITLAB["variables"][match[1]], pattern)
        for pattern in GITLAB[name]["artifacts"]["paths"]
    ]
    return workspace.files([f"{pattern}*" if pattern.endswith("/") else pattern for pattern in patterns])


def test_gitlabs_schema_accepts_the_pipeline_and_would_refuse_a_wrong_one(tmp_path):
    good, wrong = CI / "gitlab-ci.yml", tmp_path / "wrong.yml"
    wrong.write_text(good.read_text().replace("exit_codes: [7]", "exit_code: [7]"))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", "-v", "-o", "json"]
    done = subprocess.run([*command, good, wrong], text=True, capture_output=True, timeout=60)
    report = json.loads(done.stdout)
    assert (done.returncode, report["successes"], report["parse_errors"]) == (1, [str(good)], [])
    assert {error["filename"] for error in report["errors"]} == {str(wrong)}
    assert "exit_code" in done.stdout


def test_gitlabs_jobs_carry_images_from_one_registry_to_another(workspace, origin, guarded, keys):
    exported = gitlab_job(workspace, "export", SIGNING_KEY=keys[0], TRUSTED_KEYS=keys[1])
    assert exported.returncode == 0, exported.stderr
    assert "Signature Verified Successfully" in exported.stdout
    carried = gitlab_artifacts(workspace, "export")
    assert {"SHA256SUMS", "bundle.json", "chunk-0001.tar"} <= {path.name for path in carried}

    there = {"TRUSTED_KEYS": keys[1], "TARGET_REGISTRY": guarded.host, "BUNDLE": carried[0].parent}
    login = {"DOCKER_AUTH_CONFIG": docker_auth(guarded.host)}
    planned = gitlab_job(workspace, "plan", **there, **login)
    assert planned.returncode == 0, planned.stderr
    assert all(name in planned.stdout for name in IMAGES)
    assert not guarded.blobs, "a plan changes nothing"

    assert GITLAB["import"]["rules"][0]["when"] == "manual"
    assert GITLAB["import"]["needs"] == ["plan"]
    done = gitlab_job(workspace, "import", **there, **login)
    assert done.returncode == 0, done.stderr
    assert tags_of(guarded) == set(IMAGES)
    (receipt,) = gitlab_artifacts(workspace, "import")
    images = json.loads(receipt.read_text())["targets"][0]["images"]
    assert {image["digest"] for image in images} == {
        f"sha256:{hashlib.sha256(skopeo_raw(f'{origin.host}/{name}')).hexdigest()}" for name in IMAGES
    }
    assert {image["readBack"] for image in images} == {image["digest"] for image in images}


def test_a_gitlab_import_that_fails_in_part_is_a_warning_and_keeps_receipt_and_failed_list(
    exported, origin, refusing, target, keys
):
    there = {"TRUSTED_KEYS": keys[1], "BUNDLE": "bundles/test"}
    done = gitlab_job(exported, "import", TARGET_REGISTRY=refusing.host, **there)
    assert [done.returncode] == GITLAB["import"]["allow_failure"]["exit_codes"]
    assert GITLAB["import"]["artifacts"]["when"] == "always"
    failed, receipt = gitlab_artifacts(exported, "import")
    assert failed.read_text().splitlines()[-1] == f"{origin.host}/team/plain:1"
    assert json.loads(receipt.read_text())["exitCode"] == 3

    assert same_digests(origin, target.host, IMAGES[:2])
    refusing.faults.clear()
    script = f'scripts/ci/import.sh --retry-failed {failed} "$BUNDLE"'
    again = exported.run(script, {**{k: str(v) for k, v in there.items()}, "TARGET_REGISTRY": refusing.host})
    assert again.returncode == 0, again.stderr
    assert same_digests(origin, target.host)


@pytest.mark.parametrize("job", ["plan", "import"])
def test_a_registry_that_is_away_is_tried_again_by_gitlab(exported, keys, job):
    done = gitlab_job(exported, job, TRUSTED_KEYS=keys[1], BUNDLE="bundles/test", TARGET_REGISTRY="127.0.0.1:9")
    assert [done.returncode] == GITLAB[job]["retry"]["exit_codes"]


def test_an_export_that_nobody_there_would_trust_fails(workspace, made, keys):
    done = gitlab_job(workspace, "export", SIGNING_KEY=keys[0], TRUSTED_KEYS=made / "other/other.pub")
    assert done.returncode == 5
    assert "no signature by a trusted key" in done.stderr


def test_the_officers_script_finds_a_damaged_chunk(exported, keys):
    with open(exported.folder / "bundles/test/chunk-0001.tar", "r+b") as chunk:
        chunk.seek(5000)
        chunk.write(b"\xff\xfe")
    done = exported.run("scripts/ci/verify.sh bundles/test", {"TRUSTED_KEYS": str(keys[1].parent)})
    assert done.returncode == 4
    assert "chunk-0001.tar: FAILED" in done.stdout


def test_keys_with_a_passphrase_and_password_files_work_without_a_terminal(workspace, bundler, guarded, tmp_path):
    word = tmp_path / "word"
    word.write_text(f"{SECRET}\n")
    assert bundler("keygen", "locked", "-d", tmp_path, "--passphrase-file", word).code == 0
    (tmp_path / "locked.key").chmod(0o666)  # as GitLab and Jenkins mount files
    variables = {"SIGNING_KEY": f"{tmp_path}/locked.key", "SIGNING_KEY_PASSPHRASE": SECRET}
    done = workspace.run("scripts/ci/export.sh", variables)
    assert done.returncode == 0, done.stderr
    login = {"REGISTRY_USER": "robot", "REGISTRY_PASSWORD_FILE": str(word)}
    there = {"TRUSTED_KEYS": f"{tmp_path}/locked.pub", "TARGET_REGISTRY": guarded.host}
    done = workspace.run("scripts/ci/import.sh bundles/test", {**there, **login})
    assert done.returncode == 0, done.stderr
    assert tags_of(guarded) == set(IMAGES)


@pytest.mark.parametrize("shell_command", ["sh -x", "sh"] if IS_FULL else ["sh -x"])  # a trace shows all and more
@pytest.mark.parametrize("is_file", [False, True], ids=["variables", "files"])
def test_a4_each_secret_may_be_a_variable_or_a_file_and_is_never_shown(
    workspace, bundler, guarded, tmp_path, is_file, shell_command
):
    word = tmp_path / "word"
    word.write_text(f"{SECRET}\n")
    assert bundler("keygen", "locked", "-d", tmp_path, "--passphrase-file", word).code == 0
    key = (tmp_path / "locked.key").read_text()
    workspace.secrets = (key.splitlines()[1],)

    def given(name: str, text: str) -> str:
        if not is_file:
            return text
        file = tmp_path / f"{name}.tmp"  # GitLab's name for it, and its mode
        file.write_text(text)
        file.chmod(0o666)
        return str(file)

    trust = given("TRUSTED_KEYS", (tmp_path / "locked.pub").read_text())
    signing = {"SIGNING_KEY": given("SIGNING_KEY", key), "SIGNING_KEY_PASSPHRASE": given("PASSPHRASE", f"{SECRET}\n")}
    logins = {"DOCKER_AUTH_CONFIG": given("DOCKER_AUTH_CONFIG", docker_auth(guarded.host))}
    done = workspace.run(f"{shell_command} scripts/ci/export.sh", signing | logins)
    assert done.returncode == 0, done.stderr
    done = workspace.run(f"{shell_command} scripts/ci/verify.sh bundles/test", {"TRUSTED_KEYS": trust})
    assert done.returncode == 0, done.stderr
    there = {"TRUSTED_KEYS": trust, "TARGET_REGISTRY": guarded.host}
    for login in (
        logins,
        {"REGISTRY_AUTH_FILE": given("REGISTRY_AUTH_FILE", docker_auth(guarded.host))},
        {"REGISTRY_USER": "robot", "REGISTRY_PASSWORD": given("REGISTRY_PASSWORD", SECRET)},
        {"REGISTRY_USER": "robot", "REGISTRY_PASSWORD_FILE": given("REGISTRY_PASSWORD_FILE", SECRET)},
    ):
        done = workspace.run(f"{shell_command} scripts/ci/import.sh bundles/test", there | login)
        assert done.returncode == 0, done.stderr
    assert tags_of(guarded) == set(IMAGES)


@pytest.mark.parametrize("name", ["SIGNING_KEY", "SIGNING_KEY_PASSPHRASE"])
def test_a4_a_secret_that_is_none_is_not_shown_either(workspace, keys, name):
    variables = {"SIGNING_KEY": str(keys[0]), "TRUSTED_KEYS": str(keys[1]), name: SECRET}
    done = workspace.run("scripts/ci/export.sh", variables)
    assert done.returncode == (2 if name == "SIGNING_KEY" else 0), done.stderr


@pytest.mark.parametrize(
    ("script", "missing"), [("export.sh", "SIGNING_KEY"), ("verify.sh x", "TRUSTED_KEYS"), ("import.sh x", "TARGET_")]
)
def test_a_variable_that_is_missing_is_named(script, missing):
    done = subprocess.run(["sh", *f"{CI}/{script}".split()], text=True, capture_output=True, timeout=60)
    assert done.returncode == 2
    assert f"set {missing}" in done.stderr


# GitHub


def github_job(workspace: Workspace, job: str, **values: object) -> subprocess.CompletedProcess[str]:
    """Runs the scripts of a job, with what the workflow gives them: variables, secrets and inputs by their names."""
    workflow = GITHUB[job]
    scripts, given = [], {"PAUSE_SECONDS": "0", **workflow.get("env", {}), **workflow["jobs"][job].get("env", {})}
    for step in workflow["jobs"][job]["steps"]:
        given |= step.get("env", {})
        scripts += [step["run"]] if step.get("name") != "Install" and "run" in step else []
    known = {f"${{{{ {kind}.{name} }}}}": str(value) for name, value in values.items() for kind in ("vars", "secrets")}
    known["${{ inputs.bundle }}"] = str(values.get("bundle"))
    return workspace.run("\n".join(scripts), {key: known.get(str(value), str(value)) for key, value in given.items()})


def test_no_script_of_github_has_an_expression_in_it():
    for job, workflow in GITHUB.items():
        for step in workflow["jobs"][job]["steps"]:
            assert "${{" not in step.get("run", ""), "a name of a bundle would be run as a command"


def test_githubs_jobs_carry_images_from_one_registry_to_another(workspace, origin, guarded, keys):
    exported = github_job(workspace, "export", SIGNING_KEY=keys[0].read_text(), TRUSTED_KEYS=keys[1].read_text())
    assert exported.returncode == 0, exported.stderr
    assert "Signature Verified Successfully" in exported.stdout
    there = {"TRUSTED_KEYS": keys[1].read_text(), "TARGET_REGISTRY": guarded.host, "bundle": "bundles/test"}
    login = {"REGISTRY_USER": "robot", "REGISTRY_PASSWORD": SECRET}
    assert github_job(workspace, "plan", **there, **login).returncode == 0
    assert not guarded.blobs
    done = github_job(workspace, "import", **there, **login)
    assert done.returncode == 0, done.stderr
    assert tags_of(guarded) == set(IMAGES)
    *_, kept = GITHUB["import"]["jobs"]["import"]["steps"]
    assert kept["if"] == "always()"
    assert len(workspace.files(kept["with"]["path"].split())) == 1


def test_a_github_import_that_fails_in_part_is_a_warning(exported, refusing, keys):
    there = {"TRUSTED_KEYS": keys[1].read_text(), "bundle": "bundles/test"}
    done = github_job(exported, "import", TARGET_REGISTRY=refusing.host, **there)
    assert (done.returncode, "::warning::" in done.stdout) == (0, True), done.stderr
    assert len(exported.files(["receipts/*.failed.txt"])) == 1


@pytest.mark.parametrize(("ends", "runs", "code"), [("7 7 7 0", 3, 7), ("7 0", 2, 0), ("3 0", 1, 3)])
def test_only_exit_code_7_is_tried_again_and_three_times_in_all(tmp_path, ends, runs, code):
    (tmp_path / "ends").write_text(ends.replace(" ", "\n") + "\n")
    command = 'code=$(head -1 ends); sed -i 1d ends; echo; exit "$code"'
    environment = {**os.environ, "PAUSE_SECONDS": "0"}
    done = subprocess.run([CI / "again.sh", "sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True)
    assert (done.returncode, len(done.stdout)) == (code, runs)


# Jenkins


def without_texts(groovy: str) -> str:
    """Groovy without its comments and with empty strings, so that what is left is structure. Fails at an open string."""
    token = re.compile(r"//[^\n]*|/\*.*?\*/|'''.*?'''|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|(?P<open>['\"])", re.S)

    def replaced(match: re.Match[str]) -> str:
        assert not match["open"], f"a string does not end: {groovy[match.start() : match.start() + 60]}"
        return "" if match[0].startswith("/") else "''"

    return token.sub(replaced, groovy)


def blocks(structure: str) -> dict[str, Any]:
    """The nested blocks of Groovy by the text before their brace. Fails where brackets do not match."""
    root: dict[str, Any] = {}
    levels, opened, last = [root], [], 0
    for match in re.finditer(r"[(){}\[\]]", structure):
        if match[0] in "([{":
            opened.append(match[0])
            if match[0] == "{":
                name = structure[last : match.start()].strip().rpartition("\n")[2].strip()
                inner: dict[str, Any] = {}
                levels[-1][f"{name} {len(levels[-1])}" if name in levels[-1] else name] = inner
                levels.append(inner)
        else:
            assert opened, f"closed but never opened: {structure[match.start() - 60 : match.end()]}"
            assert opened.pop() + match[0] in ("()", "[]", "{}")
            if match[0] == "}":
                levels.pop()
        if match[0] in "{}":
            last = match.end()
    assert not opened, "something is not closed"
    return root


def jenkins_stage(name: str) -> str:
    return JENKINS.partition(f"stage('{name}')")[2].partition("stage('")[0]


def jenkins_run(workspace: Workspace, name: str, values: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the shell parts of a stage with what the pipeline gives them, and nothing else: each named credential."""
    stage = jenkins_stage(name)
    given = dict(re.findall(r"^ {8}([A-Z_]+) = '(.*)'$", JENKINS, re.M))
    given |= {each: values[each] for each in re.findall(r"(?:v|V)ariable: '(\w+)'", stage)}
    given |= {each: values.get(each, "") for each in re.findall(r"string\(name: '(\w+)'", JENKINS)}
    given["TARGET_REGISTRY"] = values.get("TARGET_REGISTRY", given["TARGET_REGISTRY"])
    scripts = re.findall(r"sh\(label: '[^']+', returnStatus: true, script: '''(.*?)'''\)", stage, re.S)
    assert len(scripts) == len(re.findall(r"\bsh\b\W", without_texts(stage))) > 0, "every sh step is run"
    return workspace.run("\n".join(scripts), given)


def test_the_jenkinsfile_has_the_structure_of_a_declarative_pipeline():
    found = blocks(without_texts(JENKINS))
    pipeline = found["pipeline"]
    assert set(found) == {"void finish(String what, Closure step)", "pipeline"}
    assert list(pipeline) == ["parameters", "options", "environment", "stages"]
    assert re.findall(r"stage\('(\w+)'\)", JENKINS) == ["Export", "Plan", "Import"]
    for stage in pipeline["stages"].values():
        assert {"when", "agent", "steps"} <= set(stage)
    for name in ("Export", "Import"):
        assert re.search(r"post \{\s+always \{\s+archiveArtifacts\(", jenkins_stage(name)), f"{name} keeps its files"
    assert "input" in blocks(without_texts(jenkins_stage("Import").rpartition("}\n    }\n}")[0].partition("{")[2]))
    assert "code == 7" in JENKINS
    assert re.search(r"if \(code == 3\) \{\s+unstable\(", JENKINS)


@pytest.mark.parametrize(
    "broken",
    [
        JENKINS[:-3],
        JENKINS.replace("'''", "'", 1),
        JENKINS.replace("label 'medium'", "label 'medium", 1),
        JENKINS.replace("deleteDir()", "deleteDir(", 1),
        JENKINS.replace("        }\n", "        )\n", 1),
    ],
)
def test_a_broken_jenkinsfile_would_be_found(broken):
    with pytest.raises(AssertionError):
        blocks(without_texts(broken))


def test_no_text_of_the_jenkinsfile_has_a_secret_put_in_by_groovy():
    for text in re.findall(r'"(?:\\.|[^"\\\n])*"', re.sub(r"'''.*?'''", "", JENKINS, flags=re.S)):
        put_in = set(re.findall(r"\$\{?([\w.]*)", text))
        assert put_in <= {"env.OUTPUT_FOLDER", "env.RECEIPT_FOLDER", "what", "attempt", "code"}, text


def test_jenkins_stages_carry_images_from_one_registry_to_another(workspace, origin, guarded, keys):
    values = {"SIGNING_KEY": str(keys[0]), "TRUSTED_KEYS": str(keys[1]), "TARGET_REGISTRY": guarded.host}
    exported = jenkins_run(workspace, "Export", values)
    assert exported.returncode == 0, exported.stderr
    assert "chunk-0001.tar: OK" in exported.stdout
    values |= {"REGISTRY_USER": "robot", "REGISTRY_PASSWORD": SECRET, "BUNDLE": "bundles/test"}
    assert jenkins_run(workspace, "Plan", values).returncode == 0
    assert not guarded.blobs
    done = jenkins_run(workspace, "Import", values)
    assert done.returncode == 0, done.stderr
    assert tags_of(guarded) == set(IMAGES)
    (receipt,) = workspace.files(["receipts/*.json"])
    assert {each["outcome"] for each in json.loads(receipt.read_text())["targets"][0]["images"]} == {"pushed"}


def test_a_jenkins_import_that_is_refused_keeps_its_receipt(exported, guarded, keys):
    values = {"TRUSTED_KEYS": str(keys[1]), "TARGET_REGISTRY": guarded.host, "BUNDLE": "bundles/test"}
    done = jenkins_run(exported, "Import", values | {"REGISTRY_USER": "robot", "REGISTRY_PASSWORD": "wrong"})
    assert done.returncode == 6
    (receipt,) = exported.files(["receipts/*.json"])
    assert json.loads(receipt.read_text())["exitCode"] == 6


# systemd, and the folder that it watches


def test_systemd_understands_the_units_and_finds_the_service_confined(tmp_path):
    require("systemd-analyze")
    for unit in (CI / "systemd").iterdir():
        text = unit.read_text().replace("/usr/local/lib/bundler/import-dropped", str(CI / "import-dropped"))
        (tmp_path / unit.name.replace("@", "@internal")).write_text(text)
    units = [str(tmp_path / f"bundler-import@internal.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(["systemd-analyze", "verify", *units], text=True, capture_output=True, timeout=60)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "bundler-import" in line]) == (0, [])
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", units[0]]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0, "exposure level above 2.0"


@dataclass
class Drop:
    """A drop folder, with what import-dropped needs."""

    folder: Path
    variables: dict[str, str]
    done: subprocess.CompletedProcess[str] | None = None

    def run(self, *options: str, **more: str) -> int:
        self.done = subprocess.run(
            [str(CI / "import-dropped"), str(self.folder), *options],
            env={**os.environ, **self.variables, **more},
            text=True,
            capture_output=True,
            timeout=120,
        )
        return self.done.returncode

    @property
    def imported(self) -> int:
        assert self.done
        return self.done.stderr.count("import-dropped: importing ")

    @property
    def receipts(self) -> list[dict[str, Any]]:
        folder = Path(self.variables["STATE_DIRECTORY"]) / "receipts"
        return [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]

    @property
    def remembered(self) -> list[Path]:
        return sorted((Path(self.variables["STATE_DIRECTORY"]) / "done").iterdir())


@pytest.fixture
def drop(made, guarded, keys, tmp_path) -> Drop:
    """Two bundles, and a third that is not sealed yet."""
    folder = tmp_path / "drop"
    shutil.copytree(made / "first", folder / "first")
    shutil.copytree(made / "second", folder / "sub/second")
    shutil.copytree(made / "test", folder / "third.partial/test")
    login = tmp_path / "auth.json"
    login.write_text(docker_auth(guarded.host))
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STATE_DIRECTORY": str(tmp_path / "state"),
        "TRUSTED_KEYS": str(keys[1].parent),
        "TARGET_REGISTRY": guarded.host,
        "REGISTRY_AUTH_FILE": str(login),
    }
    return Drop(folder, variables)


def test_dropped_bundles_are_imported_once(drop, guarded):
    assert drop.run() == 0, drop.done
    assert (drop.imported, len(drop.receipts), len(drop.remembered)) == (2, 2, 2)
    assert tags_of(guarded) == set(IMAGES)
    assert {each["bundle"]["name"] for each in drop.receipts} == {"first", "second"}
    assert drop.run() == 0
    assert (drop.imported, len(drop.receipts)) == (0, 2), "the second run does nothing new"
    drop.remembered[0].resolve().unlink()
    assert drop.run("--map", "scoped") == 0
    assert drop.imported == 1, "what no receipt proves is imported again"
    assert len(tags_of(guarded)) > len(IMAGES), "under other names, as the option says"


def test_a_bundle_that_failed_is_tried_again_and_the_worst_exit_code_is_given(drop):
    chunk = drop.folder / "first/chunk-0001.tar"
    whole = chunk.read_bytes()
    inside = whole.rindex(b"\x1f\x8b") + 100  # of a layer
    chunk.write_bytes(whole[:inside] + bytes(64) + whole[inside + 64 :])
    assert drop.run(REGISTRY_AUTH_FILE="/dev/null") != 0
    assert not drop.remembered
    assert drop.run() == 4, "damaged, and the other one is done"
    assert (drop.imported, len(drop.remembered)) == (2, 1)
    chunk.write_bytes(whole)
    assert drop.run() == 0
    assert (drop.imported, len(drop.remembered)) == (1, 2)


def test_parts_of_one_bundle_in_several_folders_are_imported_together(drop):
    first, other = drop.folder / "first", drop.folder / "disc2"
    shutil.copytree(first, other)
    (first / "chunk-0001.tar").unlink()
    (other / "README.txt").unlink()
    assert drop.run() == 0, drop.done
    assert (drop.imported, len(drop.remembered)) == (2, 2)


def test_what_is_no_bundle_is_left_alone(drop, tmp_path):
    shutil.rmtree(drop.folder)
    assert drop.run() == 2, "there is no such folder"
    drop.folder.mkdir()
    (drop.folder / "link").mkdir()
    (drop.folder / "link/SHA256SUMS").symlink_to("/dev/zero")
    (drop.folder / "note.txt").write_text("hello")
    assert drop.run() == 0
    assert not drop.receipts


# The texts


def test_the_readme_names_every_file_and_variable():
    text = (CI / "README.md").read_text()
    for path in CI.iterdir():
        assert f"`{path.name}" in text or path.name == "README.md", path.name
    used = set(re.findall(r"\$\{?([A-Z_]{6,})", "".join(file.read_text() for file in CI.glob("*.sh"))))
    assert {"SIGNING_KEY", "TRUSTED_KEYS", "TARGET_REGISTRY", "REGISTRY_PASSWORD"} <= used
    scripts = "".join(file.read_text() for file in CI.glob("*.sh"))
    for name in used - {"SECRETS"}:
        assert re.search(rf"^#   .*\b{name}\b", scripts, re.M), name
