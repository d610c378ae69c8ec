"""The Ansible role on hosts reached by OpenSSH: some well, one broken, one that goes away."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import ssh_hosts
from tests.support.index import Index, serving
from tests.support.playbooks import COLLECTION, Lab, Played, tool
from tests.support.running import Run
from tests.support.small_index import fill
from tests.support.ssh_hosts import Host

pytestmark = pytest.mark.heavy

VENV = "/opt/mlenv/ml"
README = (COLLECTION / "README.md").read_text("utf-8")
SITE, GROUP_VARS, _ = re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
NAMES = ("alpha", "beta", "full", "gone")


def test_lint_finds_nothing() -> None:
    argv = [tool("ansible-lint"), "--profile", "production", "--strict", "--offline", "--nocolor"]
    done = subprocess.run(argv, cwd=COLLECTION, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[dict[str, Host]]:
    made = [
        ssh_hosts.make(tmp_path, number, name, "160m" if name == "full" else "")
        for number, name in enumerate(NAMES)
    ]
    with ssh_hosts.running(made) as running:
        yield {host.name: host for host in running}


@pytest.fixture
def lab(hosts: dict[str, Host], tmp_path: Path) -> Lab:
    (tmp_path / "lab").mkdir()
    return Lab(tmp_path / "lab", list(hosts.values()))


@pytest.fixture
def deadly(hosts: dict[str, Host]) -> Iterator[Index]:
    """An index that takes the power of the host `gone` away at its first request for a wheel."""
    with serving() as index:
        fill(index)
        answer = index.answer

        def kill(path: str) -> tuple[int, str, bytes]:
            if path.startswith("/files/"):
                hosts["gone"].kill()
            return answer(path)

        index.answer = kill  # type: ignore[method-assign]
        yield index


def generation(host: Host) -> str:
    """The generation in use, which must run: its packages are imported by its own Python."""
    host.run(f"{VENV}/bin/python -c 'import whisperer, diarizer, tensors'")
    return Path(host.run(f"readlink {VENV}").strip()).name[:3]


def files(host: Host) -> str:
    """All files that the role could have written, with their sizes and times."""
    places = "/opt /srv /home /tmp /usr/local/bin /etc/profile.d"
    form = "-type d -printf '%p\\n' -o -printf '%p %s %T@ %l\\n'"
    return host.run(f"find {places} -path '*/.ansible*' -prune -o {form} | sort")


def test_the_same_environment_on_every_host(
    lab: Lab,
    hosts: dict[str, Host],
    deadly: Index,
    locked: Path,
    lock_of: Callable[[Path], Path],
    index: Index,
    mlenv: Run,
) -> None:
    """The playbook of the README, with a small profile, through what happens to a fleet."""
    folder = lab.folder / "snapshots"
    (lab.folder / "group_vars").mkdir()
    (lab.folder / "group_vars/speech.yml").write_text(GROUP_VARS)
    usual: dict[str, object] = {
        "mlenv_wheel": str(lab.wheel),
        "mlenv_wheelhouse": str(lab.wheelhouse),
        "mlenv_profile": str(locked),
        "mlenv_mirrors": {"default": index.url},
        "mlenv_models": [],
        "mlenv_verify": False,
        "mlenv_snapshots": "",
    }

    def play(*options: str, site: str = SITE, **more: object) -> Played:
        return lab.play(site, {**usual, **more}, *options)

    def in_use() -> dict[str, str]:
        return {name: generation(host) for name, host in hosts.items()}

    # Hosts with nothing on them: a look writes nothing, and says what it could not see.
    before = {name: files(host) for name, host in hosts.items()}
    look = play("--check")
    assert (look.code, look.counted("changed")) == (0, dict.fromkeys(NAMES, 1)), look.text
    assert look.text.count("Not seen: mlenv is not on this host yet") == 4
    assert {name: files(host) for name, host in hosts.items()} == before

    first = play()
    assert (first.code, first.counted("changed")) == (0, dict.fromkeys(NAMES, 1)), first.text
    assert in_use() == dict.fromkeys(NAMES, "001")
    again = play(mlenv_snapshots=str(folder))
    assert (again.code, again.counted("changed")) == (0, dict.fromkeys(NAMES, 0)), again.text
    assert "up to date" in again.text
    assert sorted(path.name for path in folder.iterdir()) == [f"{name}.json" for name in NAMES]
    for path in folder.iterdir():
        judged = mlenv("doctor", "--from", path, "--json")
        assert judged.returncode in (0, 1), judged.stderr
    who_may_use_it(hosts["alpha"])

    # Another version of a package; one disk is full, one host goes away while it installs.
    locked.write_text(locked.read_text().replace("whisperer==1.0", "whisperer==1.1"))
    lock_of(locked)
    before = {name: files(host) for name, host in hosts.items()}
    look = play("--check")
    assert (look.code, look.counted("changed")) == (0, dict.fromkeys(NAMES, 1)), look.text
    assert in_use() == dict.fromkeys(NAMES, "001")
    known = re.compile(r"^/opt/mlenv/uv-cache.*\n", re.MULTILINE)
    after = {name: known.sub("", files(host)) for name, host in hosts.items()}
    assert after == {name: known.sub("", text) for name, text in before.items()}
    hosts["full"].run(
        "dd if=/dev/zero of=/opt/mlenv/filler bs=4k 2>/dev/null;truncate -s -100k /opt/mlenv/filler"
    )
    patient = SITE.replace("max_fail_percentage: 30", "max_fail_percentage: 70")
    assert patient != SITE
    second = lab.play(patient, usual, of_hosts={"gone": {"mlenv_mirrors": {"default": deadly.url}}})
    assert second.code != 0
    assert second.counted("changed") == {"alpha": 1, "beta": 1, "full": 0, "gone": 0}, second.text
    assert second.counted("failed") == {"alpha": 0, "beta": 0, "full": 1, "gone": 0}
    assert second.counted("unreachable") == {"alpha": 0, "beta": 0, "full": 0, "gone": 1}
    assert "Install the environment: failed" in second.text, second.text
    assert re.search("in use: 001-small-.*, as before", second.text), second.text
    hosts["gone"].start()
    assert in_use() == {"alpha": "002", "beta": "002", "full": "001", "gone": "001"}

    # The disk has room again: the next run brings those two, and only those.
    hosts["full"].run("rm /opt/mlenv/filler")
    third = play()
    changed = {"alpha": 0, "beta": 0, "full": 1, "gone": 1}
    assert (third.code, third.counted("changed")) == (0, changed), third.text
    assert in_use() == dict.fromkeys(NAMES, "002")

    # The way back.
    look = play("--check", "--tags", "rollback")
    assert (look.code, look.counted("changed")) == (0, dict.fromkeys(NAMES, 1)), look.text
    assert in_use() == dict.fromkeys(NAMES, "002")
    back = play("--tags", "rollback")
    assert (back.code, back.counted("changed")) == (0, dict.fromkeys(NAMES, 1)), back.text
    assert in_use() == dict.fromkeys(NAMES, "001")


def who_may_use_it(host: Host) -> None:
    """Those of the group can, and nobody else."""
    call = "setpriv --reuid {0} --regid {0} --init-groups env HOME=/home sh -lc '{1}'"
    program = '. /etc/profile.d/mlenv.sh && mlenv exec python -c "import tensors; print(7)"'
    assert host.run(call.format("ada", program)) == "7\n"
    refused = host.run(f"{call.format('eve', 'ls /opt/mlenv')} 2>&1 || true")
    assert "Permission denied" in refused
