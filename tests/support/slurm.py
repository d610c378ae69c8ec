"""A cluster of one node, made of Debian's Slurm in a folder: no systemd, no control groups.

It counts as many GPUs as CPUs, whatever the machine has: so a job that asks for one is started.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.programs import program

CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1
MailProg=/bin/true
MinJobAge=3600
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=node NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 Gres=gpu:{cpus}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
PATIENCE = 60.0  # seconds for daemons to answer


class Task(NamedTuple):
    """One task of an array: its number, state and exit code as `scontrol` shows them."""

    number: int
    state: str
    exit_code: int


class Cluster:
    """The commands of one running cluster."""

    def __init__(self, folder: Path) -> None:
        self.environ = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}

    def run(self, *words: str | Path, **options: object) -> str:
        """Run one of Slurm's commands; returns what it prints."""
        done = subprocess.run(
            [program(str(words[0])), *words[1:]],
            env=self.environ,
            capture_output=True,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    def submit(self, script: Path, *words: str, cwd: Path) -> str:
        """The number of a job."""
        return self.run("sbatch", "--parsable", *words, script, cwd=cwd).strip()

    def tasks(self, job: str) -> list[Task]:
        """The tasks of a job, in order; those that wait in one lump are left out."""
        found = []
        for line in self.run("scontrol", "show", "job", job, "--oneliner").splitlines():
            fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if fields.get("ArrayTaskId", "").isdecimal():
                code, _, signal = fields["ExitCode"].partition(":")
                number = int(fields["ArrayTaskId"])
                found.append(Task(number, fields["JobState"], int(code) or int(signal)))
        return sorted(found)

    def kill(self, job: str, number: int) -> None:
        """End the process that a task has become with SIGKILL, as a machine without memory does."""
        own = {f"SLURM_ARRAY_JOB_ID={job}", f"SLURM_ARRAY_TASK_ID={number}"}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                variables = (folder / "environ").read_text(errors="replace").split("\0")
                words = (folder / "cmdline").read_text(errors="replace").split("\0")
                if own <= set(variables) and "--files-from" in words:
                    os.kill(int(folder.name), signal.SIGKILL)
                    return
        raise AssertionError(f"task {number} of {job} does not run")

    def wait(self, job: str, count: int, seconds: float = 300.0) -> list[Task]:
        """The tasks of a job when all `count` have ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            tasks = self.tasks(job)
            ended = [task for task in tasks if task.state in ("COMPLETED", "FAILED", "CANCELLED")]
            if len(ended) == count:
                return tasks
            time.sleep(0.5)
        raise AssertionError(self.run("scontrol", "show", "job", job))


@contextlib.contextmanager
def cluster(folder: Path, cpus: int = 2) -> Iterator[Cluster]:
    """A cluster whose files are all in `folder`."""
    folder.mkdir(mode=0o755)
    controller, daemon = _free_ports(2)
    config = folder / "slurm.conf"
    config.write_text(
        CONFIG.format(
            folder=folder,
            host=socket.gethostname().partition(".")[0],
            controller=controller,
            daemon=daemon,
            user=getpass.getuser(),
            cpus=cpus,
        )
    )
    devices = f"NodeName=node Name=gpu File={folder}/gpu[0-{cpus - 1}]\n"
    (folder / "gres.conf").write_text(devices)
    for number in range(cpus):
        (folder / f"gpu{number}").touch()
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    munge = [f"--{kind}-file={folder}/munge.{kind}" for kind in ("key", "log", "pid", "seed")]
    socket_of = f"--socket={folder}/munge.socket"
    commands: list[list[str | Path]] = [
        ["munged", "--foreground", "--force", *munge, socket_of],
        ["slurmctld", "-D", "-i", "-f", config],
        ["slurmd", "-D", "-N", "node", "-f", config],
    ]
    with contextlib.ExitStack() as stack:
        for command in commands:
            stack.enter_context(_running(command, folder))
            if command[0] == "munged":
                _await(lambda: (folder / "munge.socket").exists())
        result = Cluster(folder)
        _await(lambda: "idle" in _asked(result, "sinfo", "-h", "-o", "%T"))
        yield result
        _asked(result, "scancel", "--full", "--signal=KILL", "--user", getpass.getuser())


def _asked(cluster: Cluster, *words: str) -> str:
    try:
        return cluster.run(*words)
    except AssertionError as error:
        return str(error)


@contextlib.contextmanager
def _running(command: list[str | Path], folder: Path) -> Iterator[None]:
    with (folder / f"{command[0]}.out").open("wb") as output:
        process = subprocess.Popen(
            [program(str(command[0])), *command[1:]],
            env={**os.environ, "SLURM_CONF": str(folder / "slurm.conf")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(holds: object) -> None:
    assert callable(holds)
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "Slurm does not answer"
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
