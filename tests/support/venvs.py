"""Environments to examine: real libraries in small venvs that a test may break."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from venv import EnvBuilder

import pytest

from mlenv.environment import uv

MakeVenv = Callable[..., Path]


def empty_venv(directory: Path) -> Path:
    """A venv of this test's own Python, with nothing in it."""
    EnvBuilder(symlinks=True).create(directory)
    return directory


def packages(venv: Path) -> Path:
    return next(venv.glob("lib/python3*/site-packages"))


def linked(source: Path, target: Path) -> None:
    """A copy of a tree that costs no disk where hard links can be made. Symlinks stay out:
    what `mlenv` linked into an environment is not part of the packages."""
    for root, _, names in os.walk(source):
        there = target / Path(root).relative_to(source)
        there.mkdir(parents=True, exist_ok=True)
        for name in names:
            file = Path(root, name)
            if not file.is_symlink():
                # What is there may share its content with uv's cache: never write into it.
                (there / name).unlink(missing_ok=True)
                try:
                    (there / name).hardlink_to(file)
                except OSError:
                    shutil.copy2(file, there / name)


@pytest.fixture
def copy_of(tmp_path: Path) -> MakeVenv:
    """`copy_of(venv, "ctranslate2*", "nvidia/cudnn")`: a small venv with those parts of a real
    one, as the wheels unpacked them. Never write into its files: unlink and replace them."""

    def make(venv: Path, *patterns: str) -> Path:
        made = empty_venv(tmp_path / "venv")
        for pattern in patterns:
            for part in packages(venv).glob(pattern):
                target = packages(made) / part.relative_to(packages(venv))
                linked(part, target) if part.is_dir() else shutil.copy2(part, target)
        for program in venv.glob("bin/*"):
            if program.is_file() and not (made / "bin" / program.name).exists():
                shutil.copy2(program, made / "bin" / program.name)
        return made

    return make


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`wheel("ctranslate2==4.5.0")`: that one wheel of the package index, unpacked."""
    unpacked: dict[str, Path] = {}

    def fetch(requirement: str) -> Path:
        if requirement not in unpacked:
            target = tmp_path_factory.mktemp("wheel")
            argv: list[str | Path] = [uv.binary(), "pip", "install", "--quiet", "--no-deps"]
            argv += ["--target", target]
            subprocess.run([*argv, "--python", sys.executable, requirement], check=True)
            unpacked[requirement] = target
        return unpacked[requirement]

    return fetch


@pytest.fixture
def venv_of(tmp_path: Path, wheel: Callable[[str], Path]) -> MakeVenv:
    """`venv_of("ctranslate2==4.6.2", ..)`: a venv with just these wheels."""

    def make(*requirements: str) -> Path:
        made = empty_venv(tmp_path / "venv")
        for requirement in requirements:
            linked(wheel(requirement), packages(made))
        return made

    return make


def replaced(file: Path, content: bytes) -> None:
    """Put other content at a file's place; the file itself, shared by hard links, stays."""
    file.unlink()
    file.write_bytes(content)


def ids(document: dict[str, object], outcome: str) -> Sequence[str]:
    """The ids of the findings with that outcome."""
    data = document["data"]
    assert isinstance(data, dict)
    return [finding["id"] for finding in data["findings"] if finding["outcome"] == outcome]
