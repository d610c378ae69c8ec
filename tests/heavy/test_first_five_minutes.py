"""The first five minutes in six homes: a wish, and then only what the answers say to type.

What is typed is whatever `mlenv` named last, word for word; nothing here knows a way that the
program does not tell. Each walk ends with a transcript, or with words that say why there is none.
With `MLENV_TEST_RECORD=1` the terminals are written to docs/explanation/first-five-minutes.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlenv.environment import uv
from tests.documentation.real_home import furnish
from tests.support import walk_page
from tests.support.places import ROOT
from tests.support.walk import Walk

pytestmark = pytest.mark.heavy

WISH = "mlenv exec transcribe talk.flac"
WHO = "mlenv exec transcribe --diarize talk.flac"
HEARD = "copied from Turner"
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root may do that here")
NO_NETWORK = ("unshare", "-n")
PLAIN_PYTHON = "/usr/bin/python{}.{}".format(*os.sys.version_info)  # type: ignore[attr-defined]


@pytest.fixture
def home(same_home: Path) -> Path:
    """HOME at the same place for each walk."""
    return same_home


@pytest.fixture
def walk(home: Path) -> Walk:
    return Walk(home, furnish(home))


def copied(real_venv: Path, home: Path) -> Path:
    """The real environment at its usual place in `home`, by hard links; its site-packages."""
    source = real_venv.resolve()
    generation = home / ".venvs/.ml.mlenv/generations" / source.name
    generation.parent.mkdir(parents=True)
    subprocess.run(["cp", "-al", source, generation], check=True)
    (home / ".venvs/ml").symlink_to(f".ml.mlenv/generations/{source.name}")
    return next(generation.glob("lib/python3*/site-packages"))


def test_an_empty_home(walk: Walk) -> None:
    assert walk.towards(WISH) == [WISH, "mlenv install", WISH]
    assert walk.steps[-1].exit_code == 0 and HEARD in walk.steps[-1].shown
    walk_page.check("empty", walk)


def test_a_home_with_a_hand_made_environment(walk: Walk) -> None:
    venv = walk.home / ".venvs/ml"
    argv = [uv.binary(), "venv", "--quiet", venv]
    subprocess.run(argv, check=True, env={**walk.variables, "HOME": str(walk.home)})
    (venv / "mine.txt").write_text("precious")
    walk.towards(WISH)
    assert walk.steps[-1].exit_code == 0 and HEARD in walk.steps[-1].shown
    assert (walk.home / ".venvs/ml.before-mlenv/mine.txt").read_text() == "precious"
    walk_page.check("hand-made", walk)


@ROOT_ONLY
def test_no_network_and_all_wheels_in_the_cache(walk: Walk) -> None:
    walk.prefix = NO_NETWORK
    assert walk.towards(WISH) == [WISH, "mlenv install", WISH]
    assert walk.steps[-1].exit_code == 0 and HEARD in walk.steps[-1].shown


@ROOT_ONLY
def test_no_network_and_no_wheels(walk: Walk) -> None:
    walk.prefix = NO_NETWORK
    walk.variables = {**walk.variables, "UV_CACHE_DIR": str(walk.home / "uv-cache")}
    assert walk.towards(WISH) == [WISH, "mlenv install"]
    last = walk.steps[-1]
    assert last.exit_code == 1
    assert "can't be reached" in last.shown
    assert "Without a network: `mlenv install --from BUNDLE`" in " ".join(last.shown.split())
    walk_page.check("no-network", walk)


def test_no_gpu(walk: Walk, real_venv: Path) -> None:
    copied(real_venv, walk.home)
    assert walk.type("mlenv doctor --fix --yes").exit_code == 0  # it lies at another place now
    walk.steps.clear()
    wish = "mlenv exec transcribe --device cuda talk.flac"
    assert walk.towards(wish) == [wish, "mlenv doctor"]
    first, _ = walk.steps
    assert first.exit_code == 1
    assert "CTranslate2 sees no CUDA device" in first.shown and "--device cpu" in first.shown
    assert "no NVIDIA driver" in walk.steps[-1].shown
    assert walk.type(f"{WISH} --device cpu").exit_code == 0
    walk_page.check("no-gpu", walk)


def test_an_environment_without_its_cudnn(walk: Walk, real_venv: Path) -> None:
    """As after `pip install nvidia-cudnn-cu11` and back, or a clean-up tool."""
    packages = copied(real_venv, walk.home)
    shutil.rmtree(packages / "nvidia/cudnn/lib")
    walk.towards(WHO)
    assert walk.steps[-1].exit_code == 0 and "SPEAKER_01" in walk.steps[-1].shown
    walk_page.check("broken", walk)


@pytest.fixture
def stranger() -> Iterator[Walk]:
    """A user without rights, with a Python, models and wheels that everybody may read."""
    uid = 20_001
    with tempfile.TemporaryDirectory(prefix="stranger-") as folder:
        home, place = Path(folder) / "me", Path(folder) / "bin"
        Path(folder).chmod(0o755)
        variables = furnish(Path(tempfile.mkdtemp(dir=folder)))
        place.mkdir()
        own = place / "mlenv"
        own.write_text(f'#!/bin/sh\nexec {PLAIN_PYTHON} -m mlenv "$@"\n')
        own.chmod(0o755)
        home.mkdir()
        (home / ".cache").mkdir()
        models = Path("~/.cache/mlenv").expanduser()
        shutil.copytree(models, home / ".cache/mlenv", symlinks=True)
        shutil.copy(ROOT / "mlenv/speech/verify/samples/conversation.flac", home / "talk.flac")
        cache = home / ".cache/uv"
        unpacked = cache / "archive-v0"  # read only, so that links to root's files will do
        cache.mkdir()
        for kind in Path(variables["UV_CACHE_DIR"]).iterdir():
            how = "-al" if kind.name == unpacked.name else "-a"
            subprocess.run(["cp", how, kind, cache], check=True)
        find = ["find", home, "-path", f"{unpacked}/*", "-type", "f", "-prune", "-o"]
        subprocess.run([*find, "-exec", "chown", "-h", f"{uid}:{uid}", "{}", "+"], check=True)
        setpriv = ("setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups")
        yield Walk(
            home,
            {
                **variables,
                "PATH": f"{place}:/usr/bin:/bin",
                "PYTHONPATH": f"{ROOT}:{sysconfig.get_path('purelib')}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "UV_CACHE_DIR": str(cache),
                "MLENV_PROFILE": "whisper",
            },
            setpriv,
        )


@ROOT_ONLY
@pytest.mark.skipif(not Path(PLAIN_PYTHON).exists(), reason=f"there is no {PLAIN_PYTHON}")
def test_a_user_without_rights(stranger: Walk) -> None:
    assert stranger.towards(WISH) == [WISH, "mlenv install", WISH]
    assert stranger.steps[-1].exit_code == 0 and HEARD in stranger.steps[-1].shown
    walk_page.check("user", stranger)

    secret = stranger.home.parent / "secret"
    secret.mkdir(mode=0o700)
    for place in (secret / "a.wav", stranger.home / "closed.wav"):
        place.write_bytes(b"RIFF")
        place.chmod(0)
    last = stranger.type(f"{WISH} --model tiny.en closed.wav {secret}/a.wav {secret}")
    assert last.exit_code == 1 and HEARD in last.shown
    assert "error: closed.wav may not be read" in last.shown
    assert f"{secret}/a.wav can't be read: Permission denied" in last.shown
    assert f"The folder {secret} can't be read: Permission denied" in last.shown
    assert "1 of 4 files are done: see the errors above" in last.shown


@ROOT_ONLY
@pytest.mark.skipif(not Path(PLAIN_PYTHON).exists(), reason=f"there is no {PLAIN_PYTHON}")
def test_an_environment_that_this_user_may_not_read(stranger: Walk) -> None:
    other = stranger.home.parent / "other"
    other.mkdir(mode=0o700)
    (other / "ml").mkdir()
    wish = f"mlenv exec --venv {other}/ml transcribe talk.flac"
    stranger.towards(wish)
    last = stranger.steps[-1]
    assert (last.command, last.exit_code) == (wish, 1)
    assert f"Permission denied: {other}/ml" in last.shown
    assert "This is user 20001" in last.shown
