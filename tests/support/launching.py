"""Environments to start things from, and the one assertion that all launchers share."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlenv.environment.launchers.launcher import Launcher, Place, Shim

# Opens CTranslate2's bundled cuDNN front library and makes real calls through it: where it does
# not find the other parts of cuDNN, the process aborts.
PROOF = """\
import ctypes, glob, sysconfig
packages = glob.escape(sysconfig.get_path("purelib"))
front, = glob.glob(packages + "/ctranslate2.libs/libcudnn-*.so.9.1.0")
cudnn = ctypes.CDLL(front)
made = ctypes.c_void_p()
version = cudnn.cudnnGetVersion()
assert cudnn.cudnnCreateTensorDescriptor(ctypes.byref(made)) == 0 and made.value
print("cuDNN", version)
"""
PROVED = "cuDNN 90100"

# What programs are started with, and nothing else; each test has a HOME of its own.
BASE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "", "LC_ALL": "C.UTF-8"}

# Paths that are right in every launcher.
NASTY = [
    "plain",
    "with space",
    'it\'s "quoted"',
    "$HOME `id` \\n",
    "new\nline",
    "ünï-日本",
    "!!%{}*?~#&",
]


@pytest.fixture
def home_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Shells write their settings there, and as root they make the directory if need be."""
    monkeypatch.setitem(BASE, "HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(
    params=NASTY, ids=["plain", "space", "quotes", "dollar", "newline", "letters", "signs"]
)
def nasty(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory whose name is hard to quote."""
    directory = tmp_path / str(request.param)
    directory.mkdir()
    return directory


MakeVenv = Callable[[Path], Path]


@pytest.fixture
def hollow() -> MakeVenv:
    """A venv of this Python with the names of the wheels' libraries and nothing in them."""

    def make(path: Path) -> Path:
        packages = path / f"lib/python3.{sys.version_info.minor}/site-packages"
        for file in (
            "nvidia/cudnn/lib/libcudnn.so.9",
            "nvidia/cudnn/lib/libcudnn_ops.so.9",
            "nvidia/cublas/lib/libcublas.so.12",
            "nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
            "nvidia/nvjitlink/lib/libnvJitLink.so.12",
        ):
            (packages / file).parent.mkdir(parents=True, exist_ok=True)
            (packages / file).touch()
        (path / "bin").mkdir()
        python = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
        (path / "bin/python").symlink_to(python)
        (path / "pyvenv.cfg").write_text(f"home = {python.parent}\n", "utf-8")
        return path

    return make


@pytest.fixture
def real(real_venv: Path) -> MakeVenv:
    """A venv with the real packages, linked. CTranslate2's two folders are real ones, with links in
    them: the loader takes a library to be where it was found, not where a link leads."""

    def make(path: Path) -> Path:
        source = next(real_venv.glob("lib/python3*/site-packages"))
        packages = path / source.relative_to(real_venv)
        packages.mkdir(parents=True)
        for entry in source.iterdir():
            if entry.name in ("ctranslate2", "ctranslate2.libs"):
                shutil.copytree(entry, packages / entry.name, copy_function=_link)
            elif entry.name != "mlenv-links.json":
                (packages / entry.name).symlink_to(entry)
        (path / "bin").mkdir()
        (path / "bin/python").symlink_to((real_venv / "bin/python").resolve())
        shutil.copy(real_venv / "pyvenv.cfg", path)
        return path

    return make


def _link(source: str, target: str) -> None:
    if not Path(source).is_symlink():  # mlenv's own links
        Path(target).symlink_to(source)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def come_and_go(launcher: Launcher, place: Place) -> tuple[Shim, dict[str, bytes]]:
    """Install twice, look, remove twice; what was there before is there again, to the byte.

    Returns what the first installation said and the files as they were then.
    """
    before = contents(place.project)
    assert launcher.look(place).state == "absent"
    first = launcher.install(place)
    installed = contents(place.project)
    assert (first.state, first.changed) == ("installed", True)
    assert launcher.look(place).state == "installed"
    assert not launcher.install(place).changed
    assert contents(place.project) == installed
    assert launcher.remove(place).changed
    assert contents(place.project) == before
    assert not launcher.remove(place).changed
    assert contents(place.project) == before
    return first, installed


def run_shim(venv: Path, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment by its shim."""
    env = {"PATH": f"{venv / 'shims'}:/usr/bin:/bin", **environment}
    return subprocess.run(
        argv, env=env, capture_output=True, text=True, executable=venv / "shims" / argv[0]
    )
