"""One environment and several users: owners, readers of its group, strangers, root by sudo.

Everything from start to end as a plain user, with real processes and real permissions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.index import serving
from tests.support.places import ROOT
from tests.support.small_index import PROFILE, fill

# Root's own may lie where nobody else can read.
PYTHON = "/usr/bin/python{}.{}".format(*sys.version_info)

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(os.getuid() != 0, reason="only root may become other users"),
    pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"there is no {PYTHON}"),
]
GROUP = 30_000
OWNER, COLLEAGUE, STRANGER = 20_001, 20_002, 20_003  # the last one is not of the group


@dataclass(frozen=True)
class Users:
    """Users who share a machine; `mlenv(uid, words)` runs it as one of them."""

    shared: Path
    homes: Path
    variables: dict[str, str]

    def mlenv(
        self, uid: int, *words: str, umask: int = 0o022, **env: str
    ) -> subprocess.CompletedProcess[str]:
        home = self.homes / str(uid)
        if not home.exists():
            home.mkdir(mode=0o700)
            os.chown(home, uid, uid)
        groups = ("--clear-groups",) if uid == STRANGER else ("--groups", str(GROUP))
        argv = ["setpriv", "--reuid", str(uid), "--regid", str(uid), *groups] if uid else []
        return subprocess.run(
            [*argv, PYTHON, "-m", "mlenv", *words],
            env={"HOME": str(home), "MLENV_VENV": str(self.shared / "ml"), **self.variables, **env},
            umask=umask,
            cwd="/",
            capture_output=True,
            text=True,
        )


@pytest.fixture
def users() -> Iterator[Users]:
    """A folder with the group's bit, as `chmod 2775` gives it, and an index.

    Not below pytest's own folder, which it takes from other users whenever it starts.
    """
    with tempfile.TemporaryDirectory(prefix="users-") as root, serving() as index:
        shared, homes = Path(root) / "shared", Path(root) / "homes"
        for folder in (Path(root), shared, homes):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        os.chown(shared, OWNER, GROUP)
        shared.chmod(0o2775)
        (shared / "small.toml").write_text(PROFILE)
        (shared / "small.toml").chmod(0o644)
        fill(index)
        index.add("notebook", "7.0")
        variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{sysconfig.get_path('purelib')}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "UV_DEFAULT_INDEX": index.url,
            "HF_HUB_OFFLINE": "1",
        }
        yield Users(shared, homes, variables)


def built(users: Users, umask: int) -> None:
    profile = str(users.shared / "small.toml")
    for words in (("lock", profile), ("install", profile, "--no-verify")):
        done = users.mlenv(OWNER, *words, umask=umask)
        assert done.returncode == 0, done.stderr


def imports(users: Users, uid: int) -> int:
    code = "import whisperer, diarizer, tensors"
    return users.mlenv(uid, "exec", "python", "-c", code).returncode


def test_from_start_to_end_as_a_plain_user(users: Users) -> None:
    built(users, 0o077)
    steps: tuple[tuple[str, ...], ...] = (
        ("status", "--json"),
        ("add", "notebook"),
        ("rollback",),
        ("gc", "--keep", "1"),
        ("shim", "list"),
        ("bundle", str(users.shared / "small.toml"), "-o", str(users.homes / str(OWNER) / "usb")),
        ("env", "--json"),
    )
    for words in steps:
        done = users.mlenv(OWNER, *words, umask=0o077)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), (words, done.stderr)
    assert imports(users, OWNER) == 0
    assert users.mlenv(OWNER, "uninstall", "--yes").returncode == 0
    left = {str(path.relative_to(users.shared)) for path in users.shared.rglob("*")}
    own = {f".ml.mlenv/profiles/small-own{end}" for end in (".toml", ".txt")}
    assert left == {"small.toml", "small.txt", ".ml.mlenv", ".ml.mlenv/profiles", *own}


@pytest.mark.parametrize("umask", [0o022, 0o027])
def test_readers_need_no_right_to_write(users: Users, umask: int) -> None:
    built(users, umask)
    assert imports(users, COLLEAGUE) == 0
    for words in (("status", "--json"), ("doctor", "--quick", "--json"), ("env", "--json")):
        done = users.mlenv(COLLEAGUE, *words)
        assert "Traceback" not in done.stderr and done.returncode in (0, 1), done.stderr
        document = json.loads(done.stdout)
        assert document["data"], done.stdout
    for words in (("add", "notebook"), ("rollback",), ("gc",), ("uninstall", "--yes")):
        done = users.mlenv(COLLEAGUE, *words)
        assert (done.returncode, done.stderr[:7]) == (1, "error: "), (words, done.stderr)
    assert imports(users, OWNER) == 0


@pytest.mark.parametrize("umask", [0o027, 0o077])
def test_strangers_are_told(users: Users, umask: int) -> None:
    built(users, umask)
    if umask == 0o027:
        for folder in (users.shared / ".ml.mlenv").rglob("*"):
            os.chown(folder, OWNER, GROUP, follow_symlinks=False)
    for words in (("exec", "python"), ("status",), ("env",), ("doctor", "--quick")):
        done = users.mlenv(STRANGER, *words)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode in (1, 3, 126) and done.stdout + done.stderr, words


def test_a_group_that_may_write(users: Users) -> None:
    built(users, 0o002)
    assert users.mlenv(COLLEAGUE, "add", "notebook", umask=0o002).returncode == 0
    assert users.mlenv(OWNER, "rollback", umask=0o002).returncode == 0
    assert users.mlenv(COLLEAGUE, "gc", "--keep", "1", umask=0o002).returncode == 0
    assert [imports(users, each) for each in (OWNER, COLLEAGUE, STRANGER)] == [0, 0, 0]


@pytest.mark.parametrize(
    "words", [("install", "small.toml"), ("add", "notebook"), ("models", "pull", "tiny.en")]
)
def test_root_by_sudo_leaves_nothing_in_the_home_of_its_caller(
    users: Users, words: tuple[str, ...]
) -> None:
    """`sudo -E`, or an old sudo: HOME is that of the user who called it."""
    profile = str(users.shared / "small.toml")
    home = users.homes / str(OWNER)
    place = {"HOME": str(home), "MLENV_VENV": str(home / ".venvs/ml")}
    for each in (("lock", profile), ("install", profile, "--no-verify")):
        assert users.mlenv(OWNER, *each, **place).returncode == 0
    called: Callable[..., subprocess.CompletedProcess[str]] = users.mlenv
    if words[0] == "install":
        place["MLENV_VENV"] = str(home / ".venvs/other")
    sent = [profile if word == "small.toml" else word for word in words]
    done = called(0, *sent, SUDO_UID=str(OWNER), **place)
    assert done.returncode == 1 and "This is root by sudo" in done.stderr, done.stderr
    assert [path for path in home.rglob("*") if path.lstat().st_uid == 0] == []
