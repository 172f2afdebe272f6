"""scripts/cluster: Kubernetes' own schemas and kubectl judge the Jobs; real Slurm, GNU parallel and registries run shards.

No cluster runs here. `tests.support.indexed_job` does what the Job controller does with the fields of these Jobs.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundler.core.exit_codes import EXIT_CODES
from tests.support.images import simple
from tests.support.indexed_job import Job, Pod, owner
from tests.support.parts import RealRegistry, require, shell
from tests.support.reading import blocks
from tests.support.servers import Front, certificates, client_of
from tests.support.slurm import RealSlurm

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "scripts/cluster"
COMMAND = [sys.executable, "-m", "bundler"]
SHARDS, ARRAY = 3, 2
"""The shards of the Job, and those of Slurm and GNU parallel."""
NAMES = [f"team/image-{number}" for number in range(6)]
MENDED = {3, 7, 8, 130}
"""The codes that a repetition may mend. 1 and 141 are no ends of an import."""


@pytest.fixture(scope="module")
def made(made_keys, tmp_path_factory) -> Path:
    """A bundle, with the key of its builder in the same folder."""
    from tests.support.steps import Steps

    folder = tmp_path_factory.mktemp("made")
    folder.chmod(0o755)  # pods do not run as root
    for name in NAMES:
        simple(name, 3000).write_layout(folder / "layout", f"example.com/{name}:1")
    source = f"oci:{folder}/layout"
    done = Steps(["export", source, "-o", folder, "--name", "test", "--key", made_keys / "tester.key"]).run()
    assert done.code == 0, done.err
    shutil.copy(made_keys / "tester.pub", folder / "builder.pub")
    return folder


def tags(registry: RealRegistry) -> set[str]:
    """The images that are there under their tags, byte for byte."""
    return {name for name in NAMES if registry.get(f"{name}/manifests/1") == simple(name, 3000).content}


def outcomes(receipt: Path) -> set[tuple[str, str, str]]:
    (target,) = json.loads(receipt.read_text())["targets"]
    return {(image["reference"], image["digest"], image["outcome"]) for image in target["images"]}


WHOLE = {(f"example.com/{name}:1", simple(name, 3000).digest, "pushed") for name in NAMES}


class Killing:
    """A front of a registry that ends the first clients which send something, each in another way."""

    def __init__(self, registry: RealRegistry, *ways: Callable[[int], None], context: Any = None) -> None:
        self.ways = list(ways)
        self.ended: list[int] = []
        self.front = Front(registry, [self._see], context=context).start()

    def _see(self, front: Front, request: Any) -> bool:
        if front.context:
            request.headers["X-Forwarded-Proto"] = "https"  # as a proxy with TLS says it
        if request.command == "PUT" and self.ways:
            process = client_of(request)
            if process is not None and process not in self.ended:
                self.ended.append(process)
                self.ways.pop(0)(process)
        return False


@pytest.fixture
def killing(target) -> Iterator[Callable[..., Killing]]:
    started: list[Killing] = []

    def start(*ways: Callable[[int], None], registry: RealRegistry = target, context: Any = None) -> Killing:
        started.append(Killing(registry, *ways, context=context))
        return started[-1]

    yield start
    for each in started:
        each.front.stop()


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)


# Kubernetes


@pytest.fixture(scope="module")
def deployed(made, made_keys, tmp_path_factory) -> Callable[..., list[dict[str, Any]]]:
    """The objects that ``kubectl apply -k`` would send, of a copy of the folder with the files that it names."""
    folder = shutil.copytree(CLUSTER / "kubernetes", tmp_path_factory.mktemp("deployed") / "kubernetes")
    authority = tmp_path_factory.mktemp("authority")
    certificates(authority)
    shutil.copy(authority / "ca.crt", folder)
    shutil.copy(made / "builder.pub", folder)
    shell(
        "openssl genpkey -algorithm ed25519 -out plain.key && printf %s 'ten letters' > passphrase && "
        "openssl pkcs8 -topk8 -in plain.key -passout file:passphrase -scrypt -scrypt_N 1024 -out importer.key && "
        "openssl pkey -in plain.key -pubout -out importer.pub && rm plain.key",
        cwd=folder,
    )

    def render(
        host: str = "registry.internal", shards: int = SHARDS, is_all_or_nothing: bool = False
    ) -> list[dict[str, Any]]:
        login = {"auths": {host: {"auth": base64.b64encode(b"robot:s3cret").decode()}}}
        (folder / "config.json").write_text(json.dumps(login))
        kustomization = (CLUSTER / "kubernetes/kustomization.yaml").read_text()
        changed = kustomization.replace("platform-2026.11", "test").replace(
            "TARGET=registry.internal", f"TARGET={host}"
        )
        (folder / "kustomization.yaml").write_text(changed)
        job = (CLUSTER / "kubernetes/import.yaml").read_text()
        assert job.count("auto/8") == job.count("completions: 8") == 1, "the same number"
        if is_all_or_nothing:
            job = job.replace("# - --all-or-nothing", "- --all-or-nothing")
        job = job.replace("auto/8", f"auto/{shards}").replace("completions: 8", f"completions: {shards}")
        (folder / "import.yaml").write_text(job)
        done = shell(f"{Path(sys.executable).parent}/kubectl kustomize .", cwd=folder)
        return [each for each in yaml.safe_load_all(done.stdout) if each]

    render.authority = authority  # type: ignore[attr-defined]
    render.folder = folder  # type: ignore[attr-defined]
    return render


def job_of(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(each for each in objects if (each["kind"], each["metadata"]["name"]) == ("Job", name))


def kubectl_keeps(job: dict[str, Any], folder: Path) -> bool:
    """True if kubectl reads all of a Job into its own types. It asks no server."""
    (folder / "job.yaml").write_text(yaml.safe_dump(job))
    image = job["spec"]["template"]["spec"]["containers"][0]["image"]
    command = f"{Path(sys.executable).parent}/kubectl set image --local -f job.yaml bundler=other -o json"
    read = json.loads(shell(command, cwd=folder).stdout.replace('"other"', json.dumps(image)))
    return {name: read["spec"].get(name) for name in job["spec"]} == job["spec"]


def test_the_schemas_of_kubernetes_and_kubectl_take_all_objects_and_find_a_typing_error(deployed, tmp_path):
    import kubernetes_validate  # here, because it takes a second, of each worker that collects tests

    objects = [*deployed(), *yaml.safe_load_all((CLUSTER / "kubernetes/volumes.yaml").read_text())]
    pods = [yaml.safe_load(pod) for page in ("k3s", "openshift") for pod in blocks(f"recipes/{page}.md", "yaml")]
    assert len(pods) == 2
    for each in [*objects, *pods]:
        kubernetes_validate.validate(each, "1.37", strict=True)
    job = job_of(objects, "bundler-import")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**job, "spec": {**job["spec"], "backofLimitPerIndex": 3}}, "1.37", strict=True)
    for each in objects:
        if each["kind"] == "Job":
            assert kubectl_keeps(each, tmp_path), "kubectl leaves out what its types do not know"
    images = {each["spec"]["template"]["spec"]["containers"][0]["image"] for each in objects if each["kind"] == "Job"}
    assert images == {"registry.internal/tools/bundler:0.2.0"}


def test_every_exit_code_fails_a_shard_at_once_or_may_be_mended_by_a_repetition(deployed):
    for name in ("bundler-import", "bundler-publish", "bundler-receipt"):
        rules = job_of(deployed(), name)["spec"]["podFailurePolicy"]["rules"]
        assert rules[0]["action"] == "Ignore", "a disruption is looked at first"
        assert set(rules[1]["onExitCodes"]["values"]) == set(EXIT_CODES) - MENDED - {0, 1, 141}
    script = (CLUSTER / "import-shard").read_text()
    assert "3 | 7 | 8) ;;" in script


def policed(objects: list[dict[str, Any]], codes: dict[int, list[int]], folder: Path, **changed: Any) -> Job:
    """The Job with an image whose pods end with these codes, one after the other; with 0 when there are no more."""
    state = folder / "state"
    state.mkdir()
    os.chown(state, owner(65532), 65532)
    for index, each in codes.items():
        (state / f"{index}").write_text("".join(f"{code}\n" for code in each))
        os.chown(state / f"{index}", owner(65532), 65532)
    script = (
        "cd /mnt/state; f=$JOB_COMPLETION_INDEX; [ -s $f ] || exit 0; "
        "code=$(head -n 1 $f); tail -n +2 $f > $f.new; mv $f.new $f; exit $code"
    )
    spec = {**job_of(objects, "bundler-import")["spec"], **changed}
    return Job(spec, ["sh", "-c", script], {"bundler-bundles": folder, "bundler-state": state}, objects, folder)


ENDS: dict[str, tuple[dict[int, list[int]], str, dict[int, int]]] = {
    "a repetition mends it": ({0: [7], 1: [3, 8, 137]}, "Complete", {0: 2, 1: 4, 2: 1}),
    "nothing mends it": ({0: [5], 1: [4]}, "Failed", {0: 1, 1: 1, 2: 1}),
    "too often": ({1: [7] * 9}, "Failed", {0: 1, 1: 4, 2: 1}),
}


@pytest.mark.parametrize("how", ENDS)
def test_the_exit_code_of_a_shard_decides_whether_it_is_tried_again(deployed, tmp_path, how):
    codes, end, attempts = ENDS[how]
    job = policed(deployed(), codes, tmp_path)
    assert (job.run(), Counter(index for index, _ in job.exits)) == (end, attempts)


def test_when_too_many_shards_have_failed_the_others_are_not_tried(deployed, tmp_path):
    job = policed(deployed(), {0: [5], 1: [5]}, tmp_path, parallelism=1, maxFailedIndexes=1)
    assert (job.run(), job.exits) == ("Failed", [(0, 5), (1, 5)])


def test_a_job_with_a_killed_and_a_drained_pod_imports_everything_and_leaves_one_signed_receipt(
    made, deployed, new_registry, killing, bundler, tmp_path
):
    """As user 65532, without rights, from read-only volumes, over TLS by a private authority, with a login."""
    require("htpasswd", "unshare", "setpriv")
    import ssl

    shell("htpasswd -Bbn robot s3cret > htpasswd", cwd=tmp_path)
    registry = new_registry(extra=f"auth: {{htpasswd: {{realm: basic, path: {tmp_path}/htpasswd}}}}\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(deployed.authority / "server.crt", deployed.authority / "server.key")
    pods: list[Pod] = []

    def drain(process: int) -> None:
        next(pod for pod in pods if pod.process.pid == process).disrupt()

    host = killing(kill, drain, registry=registry, context=context).front.host
    objects = deployed(host, is_all_or_nothing=True)
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, owner(65532), 65532)
    claims = {"bundler-bundles": made, "bundler-state": state}
    pod_folder = tmp_path / "pods"
    pod_folder.mkdir()
    spec = job_of(objects, "bundler-import")["spec"]
    job = Job(spec, COMMAND, claims, objects, pod_folder, on_start=pods.append)
    logs = lambda: "\n".join(pod.log.read_text() for pod in pods)  # noqa: E731
    assert job.run() == "Complete", logs()
    assert sorted(code for _, code in job.exits) == [0, 0, 0, 130, 137]
    assert sum(job.failures.values()) == 1, "the drained pod counts as no attempt"
    assert "s3cret" not in logs()
    assert registry.tags == {}, "all or nothing"
    for name in ("bundler-publish", "bundler-receipt"):
        spec = job_of(objects, name)["spec"]
        assert Job(spec, COMMAND, claims, objects, pod_folder).run() == "Suspended"
        resumed = Job({**spec, "suspend": False}, COMMAND, claims, objects, pod_folder, on_start=pods.append)
        assert resumed.run() == "Complete", logs()
    assert registry.tags == {name: ["1"] for name in NAMES}
    assert logs().count("is not merged: its import runs or was killed") == 1, "the receipt of the killed pod"
    merged = state / "test/receipt.json"
    assert outcomes(merged) == WHOLE
    shown = bundler("receipt", "verify", merged, "--trust", deployed.folder / "importer.pub")
    assert shown.code == 0, shown.err


# Slurm and GNU parallel


@pytest.fixture(scope="module")
def slurm(tmp_path_factory) -> Iterator[RealSlurm]:
    started = RealSlurm(tmp_path_factory.mktemp("slurm")).start()
    yield started
    started.stop()


def variables(made: Path, host: str, folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TARGET_REGISTRY": host,
        "TRUSTED_KEYS": str(made / "builder.pub"),
        "RECEIPT_FOLDER": str(folder / "receipts"),
        "SHARDS": str(ARRAY),
        "PAUSE": "0",
    }


def test_a_slurm_array_imports_everything_though_one_of_its_tasks_is_killed(
    made, slurm, killing, target, bundler, tmp_path
):
    front = killing(kill).front
    environment = variables(made, front.host, tmp_path) | {"SCRIPTS": str(ROOT / "scripts")}
    submit = ["sbatch", "--parsable", f"--output={tmp_path}/%a.log"]
    submitted = slurm.run(
        *submit, f"--array=1-{ARRAY}%2", str(CLUSTER / "slurm.sbatch"), str(made / "test"), environment=environment
    )
    ended = slurm.wait(submitted.stdout.strip())
    logs = "\n".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert ended == {str(number): "COMPLETED 0:0" for number in range(1, ARRAY + 1)}, logs
    assert "ended with 137; attempt 2 follows" in logs
    assert tags(target) == set(NAMES)
    merged = bundler("receipt", "merge", tmp_path / "receipts", "-o", tmp_path / "receipt.json")
    assert (merged.code, outcomes(tmp_path / "receipt.json")) == (0, WHOLE), merged.err
    other = slurm.run(*submit, "--array=2", str(CLUSTER / "slurm.sbatch"), str(made / "test"),
                      environment=environment | {"TRUSTED_KEYS": str(deployed_key(tmp_path))})  # fmt: skip
    assert slurm.wait(other.stdout.strip()) == {"2": "FAILED 5:0"}, "no repetition mends it"
    assert (tmp_path / "2.log").read_text().count("attempt") == 0


def deployed_key(folder: Path) -> Path:
    shell("openssl genpkey -algorithm ed25519 -out o.key && openssl pkey -in o.key -pubout -out o.pub", cwd=folder)
    return folder / "o.pub"


def test_gnu_parallel_runs_only_the_shards_again_that_failed(made, killing, target, bundler, tmp_path):
    require("parallel")
    front = killing(kill).front
    environment = {**os.environ, **variables(made, front.host, tmp_path), "ATTEMPTS": "1"}
    command = [CLUSTER / "parallel.sh", "--only", "example.com/*", made / "test"]
    first = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=100)
    assert first.returncode == 1, first.stderr
    assert len(tags(target)) < len(NAMES)
    second = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=100)
    assert second.returncode == 0, second.stderr
    assert tags(target) == set(NAMES)
    log = (tmp_path / "receipts/parallel.log").read_text().splitlines()[1:]
    assert sorted(line.split("\t")[6] for line in log) == ["0", "0", "137"], "three runs for two shards"
    merged = bundler("receipt", "merge", tmp_path / "receipts", "-o", tmp_path / "receipt.json")
    assert (merged.code, outcomes(tmp_path / "receipt.json")) == (0, WHOLE), merged.err
