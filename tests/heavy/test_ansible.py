"""The Ansible role on hosts reached by OpenSSH: some well, one broken, one that goes away."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uv

from tests.support import playbooks, ssh_hosts
from tests.support.index import Index, serving
from tests.support.playbooks import COLLECTION, HOST_PYTHON, Lab, Played, tool
from tests.support.running import Run
from tests.support.small_index import fill
from tests.support.ssh_hosts import Host

pytestmark = pytest.mark.heavy

VENV = "/opt/mlenv/ml"
README = (COLLECTION / "README.md").read_text("utf-8")
SITE, GROUP_VARS, _ = re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
# A command line as another user, in a login shell.
AS = (
    "setpriv --reuid {0} --regid {0} --init-groups env HOME=/home "
    "sh -lc 'cd /; . /etc/profile.d/mlenv.sh; {1}'"
)
NAMES = ("alpha", "beta", "full", "gone")


def test_lint_finds_nothing() -> None:
    argv = [tool("ansible-lint"), "--profile", "production", "--strict", "--offline", "--nocolor"]
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(argv, cwd=COLLECTION, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tool_variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Variables of the role that bring the mlenv of this tree, without an index."""
    made = playbooks.wheels(tmp_path_factory.mktemp("wheels"))
    return {"mlenv_wheel": str(made.mlenv), "mlenv_wheelhouse": str(made.others)}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """`fleet("alpha", full="160m")`: hosts that run, and a controller; a host's disk has a size."""
    with contextlib.ExitStack() as stack:

        def start(*names: str, **disks: str) -> Lab:
            sizes = {**dict.fromkeys(names, ""), **disks}
            hosts = [
                ssh_hosts.make(tmp_path, number, name, size)
                for number, (name, size) in enumerate(sizes.items())
            ]
            stack.enter_context(ssh_hosts.running(hosts))
            (tmp_path / "lab").mkdir()
            return Lab(tmp_path / "lab", hosts)

        yield start


@contextlib.contextmanager
def deadly_index(host: Host) -> Iterator[Index]:
    """An index that takes the power of a host away at its first request for a wheel."""
    with serving() as index:
        fill(index)
        answer = index.answer

        def kill(path: str) -> tuple[int, str, bytes]:
            if path.startswith("/files/"):
                host.kill()
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
    fleet: Callable[..., Lab],
    tool_variables: dict[str, object],
    locked: Path,
    lock_of: Callable[[Path], Path],
    index: Index,
    mlenv: Run,
) -> None:
    """The playbook of the README, with a small profile, through what happens to a fleet."""
    lab = fleet("alpha", "beta", full="160m", gone="")
    hosts = {host.name: host for host in lab.hosts}
    folder = lab.folder / "snapshots"
    (lab.folder / "group_vars").mkdir()
    (lab.folder / "group_vars/speech.yml").write_text(GROUP_VARS)
    usual: dict[str, object] = {
        **tool_variables,
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
    told = r"bring \S+, build the profile \S+\.toml \(\d+ packages\) at \S+ and switch to that"
    assert len(re.findall(told, look.text)) == 4
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
    with deadly_index(hosts["gone"]) as deadly:
        its_own = {"gone": {"mlenv_mirrors": {"default": deadly.url}}}
        second = lab.play(patient, usual, of_hosts=its_own)
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
    program = 'mlenv exec python -c "import tensors; print(7)"'
    assert host.run(AS.format("ada", program)) == "7\n"
    refused = host.run(f"{AS.format('eve', 'ls /opt/mlenv')} 2>&1 || true")
    assert "Permission denied" in refused


def test_bundles_and_an_environment_that_does_not_prove_itself(
    fleet: Callable[..., Lab],
    tool_variables: dict[str, object],
    locked: Path,
    lock_of: Callable[[Path], Path],
    network: dict[str, str],
    mlenv: Run,
) -> None:
    """Hosts without an index; a host that fails first keeps the others from being touched."""
    lab = fleet("alpha", "beta")
    alpha, beta = lab.hosts
    bundle = lab.folder / "bundle"
    usual: dict[str, object] = {
        **tool_variables,
        "mlenv_bundle": str(bundle),
        "mlenv_verify": False,
    }

    def fill_bundle() -> None:
        done = mlenv("bundle", locked, "-o", bundle, "--python", HOST_PYTHON, env=network)
        assert done.returncode == 0, done.stderr

    def in_use() -> tuple[str, str]:
        return generation(alpha), generation(beta)

    fill_bundle()
    first = lab.play(SITE, usual)
    assert (first.code, first.counted("changed")) == (0, {"alpha": 1, "beta": 1}), first.text
    look = lab.play(SITE, usual, "--check")
    assert (look.code, look.counted("changed")) == (0, {"alpha": 0, "beta": 0}), look.text
    assert look.text.count("profile small, up to date, now 001-small") == 2

    locked.write_text(locked.read_text().replace("whisperer==1.0", "whisperer==1.1"))
    lock_of(locked)
    fill_bundle()
    look = lab.play(SITE, usual, "--check")
    assert (look.code, look.counted("changed")) == (0, {"alpha": 1, "beta": 1}), look.text
    assert look.text.count("Not seen: this bundle is not on this host yet") == 2
    told = r"would build the profile small \(\d+ packages, for Python 3\.\d+\) of the bundle at"
    assert len(re.findall(told, look.text)) == 2
    assert in_use() == ("001", "001")

    # A wheel that was damaged: the first host fails, and the play ends there.
    wheel = bundle / "wheels/whisperer-1.1-py3-none-any.whl"
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    broken = lab.play(SITE, usual)
    assert (broken.code, broken.counted("failed")) == (2, {"alpha": 1}), broken.text
    assert "is not the file that its lock names" in broken.text
    wheel.write_bytes(whole)

    # What was installed can't transcribe: back to what was in use, and again the play ends.
    proof = lab.play(SITE, {**usual, "mlenv_verify": True})
    assert (proof.code, proof.counted("failed")) == (2, {"alpha": 1}), proof.text
    assert "Transcribe known speech: failed" in proof.text
    assert re.search("in use: 001-small-.*, as before", proof.text), proof.text
    assert in_use() == ("001", "001")

    last = lab.play(SITE, usual)
    assert (last.code, last.counted("changed")) == (0, {"alpha": 1, "beta": 1}), last.text
    assert "001" not in in_use()
    back = lab.play(SITE, usual, "--tags", "rollback", "-e", "mlenv_generation=1")
    assert (back.code, in_use()) == (0, ("001", "001")), back.text
    snapshots = lab.folder / "snapshots"
    of_all = {**usual, "mlenv_snapshots": str(snapshots)}
    seen = lab.play(SITE, of_all, "--tags", "mlenv_snapshot")
    assert (seen.code, seen.counted("changed")) == (0, {"alpha": 0, "beta": 0}), seen.text
    assert sorted(path.name for path in snapshots.iterdir()) == ["alpha.json", "beta.json"]


def test_real_speech_on_a_host(
    fleet: Callable[..., Lab],
    tool_variables: dict[str, object],
    real_venv: Path,
    pulled: Callable[[str], Path],
    mlenv: Run,
) -> None:
    """The profile cu124 from uv's cache, models, the proof, the launchers, those of the group."""
    lab = fleet("alpha")
    [host] = lab.hosts
    own = host.folder / "opt/mlenv"
    names = ["tiny.en", "segmentation-3.0", "campplus"]
    (own / "cache/models").mkdir(parents=True)
    for name in names:
        shutil.copytree(pulled(name), own / "cache/models" / name)
    asked = subprocess.run([uv.find_uv_bin(), "cache", "dir"], capture_output=True, text=True)
    cache = Path(asked.stdout.strip())
    if cache.stat().st_dev == own.stat().st_dev:  # else the host fetches what it needs
        subprocess.run(["cp", "-al", cache, own / "uv-cache"], check=True)
    (host.folder / "srv/talks").mkdir()
    usual: dict[str, object] = {
        **tool_variables,
        "mlenv_profile": "cu124",
        "mlenv_group": "speech",
        "mlenv_models": names,
        "mlenv_verify_models": ["tiny.en"],
        "mlenv_verify_device": "cpu",
        "mlenv_launchers": [{"name": "commands"}, {"name": "vscode", "project": "/srv/talks"}],
        "mlenv_snapshots": str(lab.folder / "snapshots"),
    }
    done = lab.play(SITE, usual)
    assert (done.code, done.counted("changed")) == (0, {"alpha": 1}), done.text
    assert "verified: tiny.en on cpu" in done.text and "not verified" not in done.text
    assert "launcher vscode: installed" in done.text
    assert (host.folder / "srv/talks/.vscode/settings.json").exists()
    again = lab.play(SITE, {**usual, "mlenv_verify": False})
    assert (again.code, again.counted("changed")) == (0, {"alpha": 0}), again.text
    judged = mlenv("doctor", "--from", lab.folder / "snapshots/alpha.json")
    assert (judged.returncode, judged.stdout.splitlines()[0][:7]) == (0, "Healthy"), judged.stdout
    sample = "/opt/mlenv/tool/lib/python3*/site-packages/mlenv/speech/verify/samples/*.flac"
    call = f"mlenv exec transcribe --offline --model tiny.en {sample}"
    assert "Good night, husband" in host.run(AS.format("ada", call))
