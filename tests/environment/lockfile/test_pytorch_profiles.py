"""cu121 and cpu: what their locks name, and that they install, from stand-ins for the indexes."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from mlenv.environment.lockfile import locks, profiles, recorded_index, resolve
from tests.support import standins
from tests.support.index import Index
from tests.support.running import Run

TORCH_CU121 = "c8ab8c92eab928a93c483f83ca8c63f13dafc10fc93ad90ed2dcb7c82ea50410"
VISION_CU121 = "237609a3551c2b68f32bcd3f3875dca93836010d83922ef2f3bd3a7540caee58"
AUDIO_CU121_CP312 = "5648a01f23033f15d60dc638f91c2d4c66c0a01621162471e806064acda63b70"
TORCH_CPU_CP312 = "4856f9d6925121d13c2df07aa7580b767f449dfe71ae5acde9c27535d5da4840"

here = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="Linux x86-64 wheels"
)


def hashes(name: str, package: str, version: str) -> set[str]:
    lock = locks.load(profiles.load(name))
    [pin] = [p for p in lock.pins if (p.name, p.version) == (package, version)]
    return set(pin.hashes)


def test_the_locks_name_the_true_hashes() -> None:
    assert TORCH_CU121 in hashes("cu121", "torch", "2.5.1+cu121")
    assert VISION_CU121 in hashes("cu121", "torchvision", "0.20.1+cu121")
    audio = hashes("cu121", "torchaudio", "2.5.1+cu121")
    assert AUDIO_CU121_CP312 in audio and len(audio) == 8
    assert TORCH_CPU_CP312 in hashes("cpu", "torch", "2.5.1+cpu")
    for profile in map(profiles.load, ("cu121", "cpu")):
        [index] = profile.indexes
        for release in recorded_index.releases(index.url):
            named = hashes(profile.name, release.name, release.version)
            assert named == {sha256 for _, sha256 in release.files}


def test_the_profiles_name_the_pytorch_indexes() -> None:
    for name, url in (
        ("cu121", "https://download.pytorch.org/whl/cu121"),
        ("cpu", "https://download.pytorch.org/whl/cpu"),
    ):
        [index] = profiles.load(name).indexes
        assert (index.url, index.packages) == (url, ("torch", "torchvision", "torchaudio"))


def test_the_lock_says_what_was_not_seen() -> None:
    head = locks.load(profiles.load("cu121")).text.partition("\n\n")[0].splitlines()
    asked, unlabelled = head[-2:]
    assert asked == (
        "# Index pytorch-cu121 was not asked: the hashes of torch, torchvision, torchaudio are "
        "those that public lock files name (mlenv/environment/lockfile/pytorch_index.json)."
    )
    assert unlabelled.startswith("# torchaudio 2.5.1+cu121: ")
    assert unlabelled.endswith(" may each be any of 5 hashes: no record says which is whose.")


@pytest.mark.parametrize("name", ["cu121", "cpu"])
def test_every_hash_that_is_recorded_says_where_it_was_seen(name: str) -> None:
    [index] = profiles.load(name).indexes
    document = json.loads(recorded_index.DATA.read_text())
    [found] = [item for item in document["indexes"] if item["url"] == index.url]
    for release in found["releases"]:
        assert release["requirements-from"]
        assert all(file["seen-in"] for file in release["files"])


@pytest.fixture(params=["cu121", "cpu"])
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def stood_in(name: str) -> Iterator[tuple[Index, Index]]:
    with standins.of(name) as indexes:
        yield indexes


@pytest.fixture
def mirrors(name: str, stood_in: tuple[Index, Index]) -> list[str]:
    """Options that put the stand-ins in the place of the indexes."""
    packages, pytorch = stood_in
    [index] = profiles.load(name).indexes
    return ["--index", f"default={packages.url}", "--index", f"{index.name}={pytorch.url}"]


@pytest.fixture
def copied(name: str, home: Path) -> Path:
    """The shipped profile, to be locked with the stand-ins' hashes, for any Python."""
    shipped = profiles.load(name)
    path = home / f"{name}.toml"
    text = shipped.path.read_text()
    assert f'python = "{shipped.python}"' in text
    path.write_text(text.replace(f'python = "{shipped.python}"', 'python = ">=3.11"'))
    return path


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    return {"UV_CACHE_DIR": str(home / "uv-cache"), "UV_DEFAULT_INDEX": "http://127.0.0.1:9/"}


def pins(lock: locks.Lock) -> list[tuple[str, str]]:
    return sorted((pin.name, pin.version) for pin in lock.pins)


@here
def test_it_locks_installs_and_takes_the_family_from_one_index(
    mlenv: Run,
    name: str,
    copied: Path,
    mirrors: list[str],
    stood_in: tuple[Index, Index],
    environ: dict[str, str],
    home: Path,
) -> None:
    packages, pytorch = stood_in
    done = mlenv("lock", copied, *mirrors, env=environ)
    assert done.returncode == 0, done.stderr
    shipped, made = locks.load(profiles.load(name)), locks.load(profiles.load(str(copied)))
    assert pins(made) == pins(shipped)

    packages.requests.clear()
    done = mlenv("install", copied, *mirrors, "--no-verify", "--json", env=environ)
    assert done.returncode == 0, done.stderr
    held = json.loads(done.stdout)["data"]["generation"]["distributions"]
    local = profiles.load(name).family.local
    family = {f"torch-2.5.1+{local}", f"torchvision-0.20.1+{local}", f"torchaudio-2.5.1+{local}"}
    assert family <= set(held)
    assert not [item for item in held if item.startswith("torchcodec")]
    wheels = [path for path in packages.requests if path.endswith(".whl")]
    assert wheels and not [w for w in wheels if w.startswith(("/files/torch-2", "/files/torchau"))]
    fetched = {unquote(path) for path in pytorch.requests if path.endswith(".whl")}
    assert fetched == {f"/files/{item}-py3-none-linux_x86_64.whl" for item in family}


@here
@pytest.mark.parametrize("name", ["cu121"], indirect=True)
def test_add_does_not_let_pyannote_move_torch(
    mlenv: Run, copied: Path, mirrors: list[str], environ: dict[str, str], home: Path
) -> None:
    mlenv("lock", copied, *mirrors, env=environ)
    assert mlenv("install", copied, *mirrors, "--no-verify", env=environ).returncode == 0
    before = (home / ".venvs/ml").resolve()
    done = mlenv("add", "pyannote.audio==4.0.7", *mirrors, env=environ)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("error: pyannote-audio 4.0.7 wants torch")
    assert first.endswith("2.5.1+cu121.") and ">=2.8.0, and cu121 is built around torch" in first
    assert "`mlenv add pyannote.audio==4.0.7 --override" in second
    for override in ("--override 'torch==2.5.1'", "--override 'torchaudio==2.5.1'"):
        assert override in second
    assert (home / ".venvs/ml").resolve() == before


@here
def test_the_index_is_compared_with_what_is_recorded_where_it_answers(
    mlenv: Run, name: str, mirrors: list[str]
) -> None:
    """The stand-ins are other files than the true ones: so says the check."""
    done = mlenv("lock", "--check", name, *mirrors, "--json")
    assert done.returncode == 1
    [row] = json.loads(done.stdout)["data"]["locks"]
    assert row["compared"] == [profiles.load(name).indexes[0].name]
    assert any(line.endswith("is not in the index") for line in row["problems"])
    done = mlenv("lock", "--check", "--offline", name, *mirrors, "--json")
    assert (done.returncode, json.loads(done.stdout)["data"]["locks"][0]["compared"]) == (0, [])


def test_a_lock_that_rests_on_records_says_so_for_add(name: str) -> None:
    """`mlenv add` prints these lines as warnings."""
    (line,) = resolve.doubts(locks.load(profiles.load(name)))
    index = profiles.load(name).indexes[0].name
    assert line.startswith(f"Index {index} was not asked: the hashes of torch, ")
    assert resolve.doubts(locks.load(profiles.load("cu124"))) == ()
