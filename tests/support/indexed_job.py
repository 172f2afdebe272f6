"""Runs a Job of Kubernetes on this machine, where there is no cluster: the rules of the Job controller, on real processes.

The rules are those of the API reference of batch/v1 (Job v1) and of "Pod failure policy" and "Backoff limit per index"
in the documentation of Jobs: the first rule that matches a failed pod counts; `Ignore` starts another pod and counts no
attempt; `FailIndex` fails the index; an index whose attempts exceed `backoffLimitPerIndex` fails; more failed indexes than
`maxFailedIndexes` end the Job. Fields without an effect here are left out: back-off pauses, nodes, resources.

A pod is a process in a mount namespace of its own. The volumes are real mounts at the mount paths, read-only where the Job
says so, as the user and group of the Job, without capabilities. Files of ConfigMaps and Secrets lie as the kubelet writes them.
"""

from __future__ import annotations

import base64
import functools
import os
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MNT = "/mnt"
"""The mount paths are below this folder of Debian, over which each pod has a file system of its own."""


@dataclass
class Pod:
    """One attempt at an index."""

    index: int | None
    process: subprocess.Popen[bytes]
    log: Path
    is_disrupted: bool = False

    def disrupt(self) -> None:
        """Ends it as a drained node does: the condition, then SIGTERM."""
        self.is_disrupted = True
        self.process.terminate()

    def kill(self) -> None:
        """Ends it as the kernel does when the memory is used up."""
        self.process.kill()

    @property
    def exit_code(self) -> int:
        """As the container runtime tells it: 128 and the signal."""
        code = self.process.wait(100)
        return 128 - code if code < 0 else code


@dataclass
class Job:
    """A Job, and a substitute of the cluster around it.

    ``claims`` has the folder of each PersistentVolumeClaim; ``objects`` the ConfigMaps and Secrets.
    """

    spec: Mapping[str, Any]
    image: list[str]
    claims: Mapping[str, Path]
    objects: Iterable[Mapping[str, Any]]
    folder: Path
    on_start: Callable[[Pod], None] = lambda pod: None
    failures: Counter[int | None] = field(default_factory=Counter)
    completed: set[int | None] = field(default_factory=set)
    failed: set[int | None] = field(default_factory=set)
    exits: list[tuple[int | None, int]] = field(default_factory=list)
    """Each pod that ended: its index and exit code."""
    running: list[Pod] = field(default_factory=list)

    def run(self) -> str:
        """Runs it to its end: Complete, Failed, or Suspended."""
        if self.spec.get("suspend"):
            return "Suspended"
        is_indexed = self.spec.get("completionMode") == "Indexed"
        waiting: list[int | None] = list(range(self.spec["completions"])) if is_indexed else [None]
        try:
            while waiting or self.running:
                while waiting and len(self.running) < self.spec.get("parallelism", 1):
                    pod = self._start(waiting.pop(0))
                    self.running.append(pod)
                    self.on_start(pod)
                for pod in [pod for pod in self.running if pod.process.poll() is not None]:
                    self.running.remove(pod)
                    action = self._judge(pod)
                    if action == "again":
                        waiting.insert(0, pod.index)
                    elif action == "end":
                        return "Failed"
                time.sleep(0.02)
        finally:
            for pod in self.running:
                pod.process.kill()
                pod.process.wait()
        return "Failed" if self.failed else "Complete"

    def _judge(self, pod: Pod) -> str:
        code = pod.exit_code
        self.exits.append((pod.index, code))
        if code == 0:
            self.completed.add(pod.index)
            return "done"
        rules = self.spec.get("podFailurePolicy", {}).get("rules", [])
        action = next((rule["action"] for rule in rules if _matches(rule, pod, code)), "Count")
        if action == "Ignore":
            return "again"
        if action == "FailJob":
            self.failed.add(pod.index)
            return "end"
        self.failures[pod.index] += 1
        limit = self.spec.get("backoffLimitPerIndex", self.spec.get("backoffLimit", 6))
        if action == "Count" and self.failures[pod.index] <= limit:
            return "again"
        self.failed.add(pod.index)
        most = self.spec.get("maxFailedIndexes")
        return "end" if most is not None and len(self.failed) > most else "done"

    def _start(self, index: int | None) -> Pod:
        template = self.spec["template"]["spec"]
        (container,) = template["containers"]
        assert template["restartPolicy"] == "Never", "a pod failure policy needs it"
        environment = self._environment(container, index)
        command = [*self.image, *(_expanded(each, environment) for each in container["args"])]
        name = f"{index}-{len(self.exits)}-{time.monotonic_ns()}"
        place = self.folder / name
        place.mkdir()
        script = "\n".join([*self._mounts(template, container, place), f'exec {_confined(template, container)} "$@"'])
        log = self.folder / f"{name}.log"
        with open(log, "wb") as output:
            process = subprocess.Popen(
                ["unshare", "-m", "--propagation", "private", "sh", "-euc", script, "sh", *command],
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return Pod(index, process, log)

    def _environment(self, container: Mapping[str, Any], index: int | None) -> dict[str, str]:
        found = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        for each in container.get("env", []):
            source = each.get("valueFrom", {}).get("configMapKeyRef")
            value = self._object("ConfigMap", source["name"])["data"][source["key"]] if source else each["value"]
            found[each["name"]] = _expanded(value, found)
        return found if index is None else {**found, "JOB_COMPLETION_INDEX": str(index)}

    def _mounts(self, template: Mapping[str, Any], container: Mapping[str, Any], place: Path) -> Iterable[str]:
        user = template["securityContext"]["runAsUser"]
        yield f"mount -t tmpfs -o mode=755 none {MNT}"
        volumes = {each["name"]: each for each in template["volumes"]}
        for mount in container["volumeMounts"]:
            path = mount["mountPath"]
            assert path.startswith(f"{MNT}/")
            source, is_read_only = self._source(volumes[mount["name"]], place, user)
            yield f"mkdir {path}; mount --bind {shlex.quote(str(source))} {path}"
            if mount.get("readOnly") or is_read_only:
                yield f"mount -o remount,bind,ro {path}"
        if container["securityContext"]["readOnlyRootFilesystem"]:
            yield f"mount -o remount,ro {MNT}; mount -o remount,bind,ro /"

    def _source(self, volume: Mapping[str, Any], place: Path, user: int) -> tuple[Path, bool]:
        if claim := volume.get("persistentVolumeClaim"):
            return self.claims[claim["claimName"]], claim.get("readOnly", False)
        folder = place / volume["name"]
        folder.mkdir()
        if "emptyDir" in volume:
            os.chmod(folder, 0o777)
        elif source := volume.get("configMap"):
            content = self._object("ConfigMap", source["name"])["data"]
            _write_as_kubelet(folder, {name: text.encode() for name, text in content.items()}, mode=0o644, group=user)
        else:
            source = volume["secret"]
            content = self._object("Secret", source["secretName"])["data"]
            decoded = {name: base64.b64decode(text) for name, text in content.items()}
            _write_as_kubelet(folder, decoded, mode=source["defaultMode"], group=user)
        return folder, False

    def _object(self, kind: str, name: str) -> Mapping[str, Any]:
        return next(each for each in self.objects if (each["kind"], each["metadata"]["name"]) == (kind, name))


def _matches(rule: Mapping[str, Any], pod: Pod, code: int) -> bool:
    if conditions := rule.get("onPodConditions"):
        return any(each == {"type": "DisruptionTarget", "status": "True"} for each in conditions) and pod.is_disrupted
    wanted = rule["onExitCodes"]
    assert wanted["values"] == sorted(set(wanted["values"])), "the API server wants them in order"
    return (code in wanted["values"]) == (wanted["operator"] == "In")


def _expanded(value: str, environment: Mapping[str, str]) -> str:
    """With the variables in it, as the kubelet replaces them; unknown ones stay."""
    return re.sub(r"\$\((\w+)\)", lambda match: environment.get(match[1], match[0]), value)


def _write_as_kubelet(folder: Path, files: Mapping[str, bytes], *, mode: int, group: int) -> None:
    """Links into a folder with a date, in a folder that everybody may write; root's files, which the group may read.

    Where the processes are root's after all, only root may read them: bundler takes no private key that others can read.
    """
    os.chmod(folder, 0o777)
    dated = folder / "..2026_11_30_08_00_00.123"
    dated.mkdir()
    (folder / "..data").symlink_to(dated.name)
    for name, content in files.items():
        (dated / name).write_bytes(content)
        os.chmod(dated / name, mode | 0o440 if can_start(group) else mode & ~0o070 | 0o400)
        os.chown(dated / name, 0, group)
        (folder / name).symlink_to(f"..data/{name}")


def _confined(template: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """The command that gives up all rights, as the security contexts say."""
    context, own = template["securityContext"], container["securityContext"]
    assert context["runAsNonRoot"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert own["allowPrivilegeEscalation"] is False
    rights = "--no-new-privs --bounding-set=-all --inh-caps=-all --clear-groups"
    user, group = context["runAsUser"], context["runAsGroup"]
    if can_start(user):
        return f"setpriv {rights} --reuid={user} --regid={group}"
    return f"setpriv {rights} --regid={group}"


@functools.cache
def can_start(user: int) -> bool:
    """True if a user may read the Python of these tests, which may lie in the home of root."""
    command = ["setpriv", f"--reuid={user}", "--clear-groups", sys.executable, "-c", "import bundler.cli.program"]
    return subprocess.run(command, capture_output=True, cwd="/").returncode == 0


def owner(user: int) -> int:
    """The user that the processes of a pod really have: root, without any rights, where the user cannot read Python."""
    return user if can_start(user) else 0
