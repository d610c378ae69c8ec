"""Hosts on this machine that Ansible reaches by OpenSSH, each with files and processes of its own.

A host is a mount, process-id and host-name namespace with an sshd of its own on an address of the
loopback interface. Its HOME, /etc/ssh, /opt, /srv, /tmp, /usr/local/bin and /etc/profile.d are its
own; the rest it shares with this machine. When the first process of the namespace is killed, all of
its processes go with it, as when the power fails; the files stay, and it can be started again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.programs import program

OWN = ("home", "opt", "srv", "usr/local/bin", "etc/profile.d", "etc/ssh")
START = """
set -e
cd "$1"
for name in etc/passwd etc/shadow etc/group home opt srv usr/local/bin etc/profile.d etc/ssh; do
    mount --bind "$1/$name" "/$name"
done
mount -t tmpfs none /run
mkdir -m 755 /run/sshd
test -z "$4" || mount -t tmpfs -o "size=$4" none /opt/mlenv
hostname "$2"
cd /
mount --bind "$1/tmp" /tmp
exec "$3" -D -e
"""
CONFIG = """\
ListenAddress {address}
Port {port}
HostKey /etc/ssh/key
AuthorizedKeysFile /etc/ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
Subsystem sftp internal-sftp
"""


@dataclass
class Host:
    """One host. `disk`: the size of the file system at /opt/mlenv, as mount takes it."""

    name: str
    address: str
    port: int
    folder: Path
    disk: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, and wait until its sshd listens."""
        alone = ["unshare", "--mount", "--propagation", "private", "--pid", "--uts", "--fork",
                 "--kill-child", "--mount-proc"]  # fmt: skip
        sshd = shutil.which("sshd", path="/usr/sbin") or program("sshd")
        words = ["sh", str(self.folder), self.name, sshd, self.disk]
        argv = [*alone, "/bin/sh", "-c", START, *words]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while not self._listens():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)

    def kill(self) -> None:
        """Take its power away."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def run(self, script: str) -> str:
        """What a shell script prints on the host, which must succeed."""
        argv = ["ssh", *self.options(), "-p", str(self.port), f"root@{self.address}", script]
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, (script, done.stdout, done.stderr)
        return done.stdout

    def options(self) -> list[str]:
        key = self.folder.parent / "key"
        return ["-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]  # fmt: skip

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), 1):
            return True
        return False


def make(folder: Path, number: int, name: str, disk: str = "") -> Host:
    """A host with empty directories of its own, not started yet. Only root may make one."""
    for tool in ("ssh", "ssh-keygen", "unshare"):
        program(tool)
    if os.getuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only root may start hosts")
    host = Host(name, f"127.0.{7 + number}.1", _free_port(), folder / name, disk)
    for own in (*OWN, "tmp", "home/root", "opt/mlenv"):
        (host.folder / own).mkdir(parents=True)
    (host.folder / "tmp").chmod(0o1777)
    users = "root:*:0:0:root:/home/root:/bin/bash\nada:*:5001:5001::/home:/bin/sh\n"
    users += "eve:*:5002:5002::/home:/bin/sh\nsshd:*:4999:65534::/run/sshd:/bin/false\n"
    (host.folder / "etc/passwd").write_text(users)
    (host.folder / "etc/group").write_text(
        "root:x:0:\nada:x:5001:\neve:x:5002:\nnogroup:x:65534:\nspeech:x:5000:ada\n"
    )
    (host.folder / "etc/shadow").write_text("root:*:19000::::::\n")
    # A strict site: what root writes is root's, unless it says otherwise.
    (host.folder / "home/root/.bashrc").write_text("umask 077\n")
    key = folder / "key"
    if not key.exists():
        _new_key(key)
    _new_key(host.folder / "etc/ssh/key")
    shutil.copy(f"{key}.pub", host.folder / "etc/ssh/authorized_keys")
    config = CONFIG.format(address=host.address, port=host.port)
    (host.folder / "etc/ssh/sshd_config").write_text(config)
    return host


def _new_key(path: Path) -> None:
    argv: list[str | Path] = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]
    subprocess.run(argv, check=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(hosts: list[Host]) -> Iterator[list[Host]]:
    """All of them started, and gone when the block ends."""
    try:
        for host in hosts:
            host.start()
        yield hosts
    finally:
        for host in hosts:
            host.kill()
