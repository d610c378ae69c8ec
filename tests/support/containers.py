"""A Dockerfile, read and done by hand: no container engine runs where this is tested."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from mlenv.environment.generations import activation, creation
from mlenv.environment.launchers.launcher import Place
from mlenv.environment.lockfile import locks, profiles
from tests.support.launching import BASE, MakeVenv


def installed(tmp_path: Path, make: MakeVenv) -> Place:
    """An environment that mlenv has built from profile cu124, as far as its record says."""
    venv = tmp_path / "ml"
    profile = profiles.load("cu124")
    lock = locks.load(profile)

    def fill(path: Path) -> None:
        make(path)

    generation = creation.create(venv, profile, lock, fill)
    activation.switch(venv, generation.path)
    (tmp_path / "project").mkdir()
    return Place(venv, tmp_path / "project", BASE)


def instructions(dockerfile: str) -> dict[str, str]:
    """The instructions of a Dockerfile, by name, their continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE))
    return {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in joined.splitlines() if line}


def environment(text: str, inherited: dict[str, str]) -> dict[str, str]:
    """What ENV makes: `$NAME` and `${NAME:+word}` mean what they mean in a shell."""
    names = re.findall(r'(\w+)="', text)
    shown = " ".join(f'"${name}"' for name in names)
    script = re.sub(r"(\w+=)", r"export \1", text).replace(" export ", "; export ")
    done = subprocess.run(
        ["/bin/sh", "-c", f'{script}; printf "%s\\0" {shown}'],
        env=inherited,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(names, done.stdout.split("\0"), strict=False))
