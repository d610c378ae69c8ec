"""The collection in `ansible/`, built and installed, and playbooks of it that are run for real."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv

from tests.support.places import ROOT
from tests.support.programs import program
from tests.support.ssh_hosts import Host

COLLECTION = ROOT / "ansible"
HOST_PYTHON = "/usr/bin/python3"
CONFIG = """\
[defaults]
host_key_checking = false
interpreter_python = {python}
retry_files_enabled = false
[ssh_connection]
pipelining = true
control_path_dir = {sockets}
"""


def tool(name: str) -> str:
    """One of Ansible's programs, of the development dependencies."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else program(name)


@dataclass(frozen=True)
class Played:
    """One run of a playbook. `recap`: what Ansible counted for each host."""

    code: int
    text: str
    recap: dict[str, dict[str, int]]

    def counted(self, name: str) -> dict[str, int]:
        """One figure of the recap by host."""
        return {host: figures[name] for host, figures in self.recap.items()}


class Lab:
    """A controller with the collection and an inventory of hosts."""

    def __init__(self, folder: Path, hosts: Sequence[Host]) -> None:
        self.folder, self.hosts = folder, hosts
        self._sockets = tempfile.TemporaryDirectory(prefix="ssh")  # a short path: sockets need it
        argv = [tool("ansible-galaxy"), "collection", "install", str(COLLECTION), "-p", str(folder)]
        config = folder / "ansible.cfg"
        config.write_text(CONFIG.format(python=HOST_PYTHON, sockets=self._sockets.name))
        subprocess.run(argv, check=True, capture_output=True, env=self._environ(), cwd=folder)

    def play(
        self,
        playbook: str,
        variables: Mapping[str, object],
        *options: str,
        of_hosts: Mapping[str, Mapping[str, object]] | None = None,
    ) -> Played:
        """Run a playbook with these variables; `of_hosts` has others for single hosts."""
        (self.folder / "site.yml").write_text(playbook)
        self._write_inventory(variables, of_hosts or {})
        done = subprocess.run(
            [tool("ansible-playbook"), "-i", "inventory.json", *options, "site.yml"],
            cwd=self.folder, env=self._environ(), capture_output=True, text=True,
        )  # fmt: skip
        recap = {
            host: {name: int(figure) for name, figure in re.findall(r"(\w+)=(\d+)", figures)}
            for host, figures in re.findall(r"^(\w+) +: (ok=.*)$", done.stdout, re.MULTILINE)
        }
        return Played(done.returncode, done.stdout + done.stderr, recap)

    def _write_inventory(
        self, variables: Mapping[str, object], of_hosts: Mapping[str, Mapping[str, object]]
    ) -> None:
        hosts: dict[str, Any] = {
            host.name: {
                "ansible_host": host.address,
                "ansible_port": host.port,
                "ansible_user": "root",
                "ansible_ssh_common_args": " ".join(host.options()),
                **variables,
                **of_hosts.get(host.name, {}),
            }
            for host in self.hosts
        }
        inventory = {"speech": {"hosts": hosts}}
        (self.folder / "inventory.json").write_text(json.dumps(inventory))

    def _environ(self) -> dict[str, str]:
        left_out = ("ANSIBLE_", "MLENV_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        return {
            **kept, "HOME": str(home), "PATH": path, "ANSIBLE_CONFIG": f"{self.folder}/ansible.cfg",
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder), "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
        }  # fmt: skip


@dataclass(frozen=True)
class Wheels:
    """The wheel of this tree, and a directory with what it needs."""

    mlenv: Path
    others: Path


def wheels(folder: Path) -> Wheels:
    """Build and fetch them, as `docs/how-to/air-gapped.md` says."""
    venv, dist, others = folder / "pip", folder / "dist", folder / "wheelhouse"
    build = [uv.find_uv_bin(), "build", "-q", "--wheel", "--out-dir", str(dist), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = dist.glob("*.whl")
    calls: tuple[list[str | Path], ...] = (
        [HOST_PYTHON, "-m", "venv", venv],
        [venv / "bin/pip", "download", "-q", "--dest", others, wheel],
    )
    for argv in calls:
        done = subprocess.run(argv, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return Wheels(wheel, others)
