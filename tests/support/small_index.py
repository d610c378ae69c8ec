"""An environment small enough to be built for every test, by the same code as the real ones."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlenv.environment import uv
from tests.support.index import Index, serving
from tests.support.places import PYTHON
from tests.support.running import Run

PROFILE = """\
for = "tests"
python = ">=3.11"
platforms = ["linux-x86_64", "linux-aarch64", "macos-arm64"]
resolved-as-of = "2025-12-19"
requires = ["whisperer==1.0", "diarizer==2.0"]

[[override]]
requirement = "tensors==2.5.1"
why = "diarizer pins 2.8, and runs with 2.5"

[[exclude]]
package = "codec"
why = "nothing loads it"
"""


def fill(index: Index) -> None:
    """The packages of the profile: two disagree about a third, as the real ones do."""
    index.add("whisperer", "1.0", ["tensors>=2"])
    index.add("whisperer", "1.1", ["tensors>=2"])
    index.add("diarizer", "2.0", ["tensors==2.8", "codec"])
    index.add("tensors", "2.5.1")
    index.add("tensors", "2.8")
    index.add("codec", "0.7")
    index.add("uv", "1.0")


@pytest.fixture
def index() -> Iterator[Index]:
    """A package index with the packages of the profile."""
    with serving() as index:
        fill(index)
        yield index


@pytest.fixture
def profile(home: Path) -> Path:
    """The path of the small profile, not locked yet."""
    path = home / "small.toml"
    path.write_text(PROFILE)
    return path


@pytest.fixture(scope="session")
def known_pythons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of uv's that holds what uv has learnt about this Python, and nothing else."""
    cache = tmp_path_factory.mktemp("uv-cache")
    argv: list[str | Path] = [uv.binary(), "pip", "list", "--python", PYTHON, "--cache-dir", cache]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return cache


@pytest.fixture
def network(index: Index, home: Path, known_pythons: Path) -> dict[str, str]:
    """Variables that make `index` the package index, with a cache of its own."""
    shutil.copytree(known_pythons, home / "uv-cache")
    return {"UV_DEFAULT_INDEX": index.url, "UV_CACHE_DIR": str(home / "uv-cache")}


@pytest.fixture(scope="session")
def locks() -> dict[object, str]:
    """The locks that were made, by all that goes into them."""
    return {}


@pytest.fixture
def lock_of(
    mlenv: Run, index: Index, network: dict[str, str], locks: dict[object, str]
) -> Callable[[Path], Path]:
    """`lock_of(profile)`: its lock, by `mlenv lock`; what would be the same is copied."""

    def make(profile: Path) -> Path:
        lock = profile.with_suffix(".txt")
        before = lock.read_text() if lock.exists() else None
        key = (profile.name, profile.read_text(), before, *sorted(index.files.items()))
        if key not in locks:
            done = mlenv("lock", profile, env=network)
            assert done.returncode == 0, done.stderr
            locks[key] = lock.read_text()
        lock.write_text(locks[key])
        return lock

    return make


@pytest.fixture
def locked(profile: Path, lock_of: Callable[[Path], Path]) -> Path:
    """The path of the small profile, with its lock beside it."""
    lock_of(profile)
    return profile


@pytest.fixture(scope="session")
def same_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for all tests of one process."""
    return tmp_path_factory.mktemp("same")


@pytest.fixture
def same_home(same_place: Path) -> Iterator[Path]:
    """An empty HOME, always at the same place: an environment knows where it lies."""
    directory = same_place / "home"
    directory.mkdir()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def homes() -> dict[object, Path]:
    """Copies of HOME after an installation, by all that went into it."""
    return {}


@pytest.fixture
def provision(
    mlenv: Run,
    index: Index,
    network: dict[str, str],
    same_home: Path,
    homes: dict[object, Path],
    lock_of: Callable[[Path], Path],
) -> Callable[[Path], None]:
    """`provision(profile)`: lock and install it; what would be the same is copied."""

    def make(profile: Path) -> None:
        lock_of(profile)
        before = sorted(
            (str(path), path.stat().st_size)
            for path in same_home.rglob("*")
            if path.is_file() and "uv-cache" not in path.parts
        )
        key = (profile.read_text(), *before, *sorted(index.files.items()))
        if key in homes:
            shutil.rmtree(same_home)
            subprocess.run(["cp", "-a", homes[key], same_home], check=True)
            return
        done = mlenv("install", profile, "--no-verify", env=network)
        assert done.returncode == 0, done.stderr
        homes[key] = same_home.with_name(f"after-{len(homes)}")
        subprocess.run(["cp", "-a", same_home, homes[key]], check=True)

    return make
