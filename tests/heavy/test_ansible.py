"""The Ansible role on hosts reached by OpenSSH: some well, one broken, one that goes away."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ssh_hosts
from tests.support.playbooks import COLLECTION, tool
from tests.support.ssh_hosts import Host

pytestmark = pytest.mark.heavy

VENV = "/opt/mlenv/ml"
README = (COLLECTION / "README.md").read_text("utf-8")
NAMES = ("alpha", "beta", "full", "gone")


def test_lint_finds_nothing() -> None:
    argv = [tool("ansible-lint"), "--profile", "production", "--strict", "--offline", "--nocolor"]
    done = subprocess.run(argv, cwd=COLLECTION, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[dict[str, Host]]:
    disks = {"full": "150m"}
    made = [ssh_hosts.make(tmp_path, n, name, disks.get(name, "")) for n, name in enumerate(NAMES)]
    with ssh_hosts.running(made) as running:
        yield {host.name: host for host in running}
