"""torch, torchvision and torchaudio stay of one release, also where the profile began without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.index import Index
from tests.support.running import Run


@pytest.fixture
def home(same_home: Path) -> Path:
    return same_home


@pytest.fixture
def run(
    mlenv: Run,
    profile: Path,
    network: dict[str, str],
    index: Index,
    provision: Callable[[Path], None],
) -> Callable[..., object]:
    """The command line, with an environment without torch; the index has what PyPI has."""
    index.add("torch", "2.5.1")
    index.add("torch", "2.9.1", ["cuda-toolkit"])
    index.add("torch", "2.15.0", ["cuda-toolkit"])
    index.add("cuda-toolkit", "13.2.2")
    index.add("torchaudio", "2.5.1", ["torch==2.5.1"])
    index.add("torchaudio", "2.9.0", ["torch"])
    index.add("torchaudio", "2.11.1", ["torch>=2.11"])  # as the real one: any later torch
    index.add("torchvision", "0.20.1", ["torch==2.5.1"])
    provision(profile)
    return lambda *arguments, **env: mlenv(*arguments, env={**network, **env})


def held(home: Path) -> list[str]:
    packages = (home / ".venvs/ml").glob("lib/python3*/site-packages/torch*.dist-info")
    return sorted(path.name.removesuffix(".dist-info") for path in packages)


def test_one_after_the_other(run: Run, home: Path) -> None:
    for name in ("torch", "torchaudio", "torchvision"):
        done = run("add", name)
        assert done.returncode == 0, done.stderr
    assert held(home) == ["torch-2.5.1", "torchaudio-2.5.1", "torchvision-0.20.1"]
    own = (home / ".venvs/ml/profile/small-own.toml").read_text()
    for line in ('"torchaudio==2.5.1"', 'packages = ["torch", "torchaudio", "torchvision"]'):
        assert line in own
    assert run("add", "torch==2.15.0").stderr.startswith(
        "error: small-own is built around torch 2.5.1: `torch==2.15.0` can't be added.\n"
    )


def test_what_brings_torch_with_it(run: Run, home: Path, index: Index) -> None:
    index.add("speakers", "1.0", ["torch", "torchaudio"])
    assert run("add", "speakers").returncode == 0
    assert held(home) == ["torch-2.5.1", "torchaudio-2.5.1"]


def test_a_member_that_comes_in_with_another(run: Run, home: Path, index: Index) -> None:
    """torchvision is seen only once torchaudio is that of the profile."""
    index.add("torchaudio", "2.5.1", ["torch==2.5.1", "torchvision"])
    assert run("add", "torchaudio").returncode == 0
    assert held(home) == ["torch-2.5.1", "torchaudio-2.5.1", "torchvision-0.20.1"]


def test_it_goes_again(run: Run, home: Path) -> None:
    assert run("add", "torch", "torchaudio").returncode == 0
    done = run("remove", "torch")
    assert done.stderr == (
        "error: torch can't be removed: another package needs it.\n"
        "What was added, or stands in the profile, can be: `mlenv profiles show NAME`.\n"
    )
    assert run("remove", "torch", "torchaudio").returncode == 0
    assert held(home) == []
    assert "family" not in (home / ".venvs/ml/profile/small-own.toml").read_text()


def test_versions_that_no_profile_has_are_of_one_release_too(run: Run, home: Path) -> None:
    done = run("add", "torchaudio==2.9.0")
    assert done.returncode == 0, done.stderr
    assert held(home) == ["torch-2.9.1", "torchaudio-2.9.0"]


def test_two_releases_are_refused(run: Run, home: Path) -> None:
    done = run("add", "torch==2.9.1", "torchaudio==2.11.1")
    assert done.returncode == 1
    assert held(home) == []
    done = run("add", "torch==2.15.0", "torchaudio==2.11.1")
    assert (done.returncode, done.stderr) == (
        1,
        "error: There is no one release of torch, torchvision, torchaudio for what you ask for.\n"
        "They are compiled against each other. Name versions of one release, as in "
        "`mlenv add torch==2.11.0 torchaudio==2.11.0`.\n",
    )
    assert held(home) == []
