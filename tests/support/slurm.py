"""A real Slurm on one node: controller and node daemon of Debian, with their own munge, on loopback, as root."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.parts import free_port, require

CPUS = 4
"""The jobs at a time. The machine may have fewer processors (`config_overrides`)."""

CONFIG = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} Boards=1 SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
"""No cgroup and no systemd: containers have neither."""


@dataclass
class RealSlurm:
    """A cluster with all its state in a folder."""

    folder: Path
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> RealSlurm:
        require("slurmctld", "slurmd", "sbatch", "munged")
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        config = self.folder / "slurm.conf"
        config.write_text(
            CONFIG.format(
                host=socket.gethostname().partition(".")[0],
                controller_port=free_port(),
                node_port=free_port(),
                folder=self.folder,
                cpus=CPUS,
            )
        )
        files = {name: f"{self.folder}/munge.{name}" for name in ("key", "socket", "pid", "log", "seed")}
        options = [f"--{'pid-file' if name == 'pid' else 'socket' if name == 'socket' else f'{name}-file'}={path}"
                   for name, path in files.items()]  # fmt: skip
        self._spawn("munged", "--force", "--foreground", *options)
        self._spawn("slurmctld", "-D", "-f", str(config))
        self._spawn("slurmd", "-D", "-f", str(config))
        deadline = time.monotonic() + 60
        while "idle" not in self.run("sinfo", "--noheader", "--format=%T").stdout:
            if time.monotonic() > deadline or any(each.poll() is not None for each in self._processes):
                raise RuntimeError(f"Slurm did not start: {(self.folder / 'log').read_text()[-3000:]}")
            time.sleep(0.1)
        return self

    def run(self, *command: str, **options: object) -> subprocess.CompletedProcess[str]:
        """A command of Slurm's client."""
        environment = {**os.environ, **options.pop("environment", {}), "SLURM_CONF": f"{self.folder}/slurm.conf"}  # type: ignore[dict-item]
        return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=60, **options)  # type: ignore[call-overload, no-any-return]

    def wait(self, job: str) -> dict[str, str]:
        """Waits for all tasks of an array; returns the state and exit code of each, by its number."""
        deadline = time.monotonic() + 120
        while True:
            shown = self.run("scontrol", "show", "job", job, "--oneliner").stdout
            fields = [dict(each.partition("=")[::2] for each in line.split()) for line in shown.splitlines()]
            ended = {
                each["ArrayTaskId"]: f"{each['JobState']} {each['ExitCode']}"
                for each in fields
                if each.get("JobState") in ("COMPLETED", "FAILED", "NODE_FAIL", "CANCELLED")
            }
            if fields and len(ended) == len(fields):
                return ended
            if time.monotonic() > deadline:
                raise RuntimeError(shown)
            time.sleep(0.1)

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(60)

    def _spawn(self, *command: str) -> None:
        with open(self.folder / "log", "ab") as log:
            environment = {**os.environ, "SLURM_CONF": f"{self.folder}/slurm.conf"}
            self._processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
