"""The contents of a venv, as far as listing its folders tells them."""

from __future__ import annotations

import re
from pathlib import Path


def distributions(venv: Path) -> tuple[str, ...]:
    """The installed distributions, as `name-version`: one directory listing, no parsing."""
    directories = venv.glob("lib/python3*/site-packages/*.dist-info")
    return tuple(sorted(path.name.removesuffix(".dist-info") for path in directories))


def other_python(venv: Path) -> str:
    """A sentence where the interpreter is no longer the Python that the packages are for."""
    program = (venv / "bin" / "python").resolve()
    minor = re.fullmatch(r"python(\d+\.\d+)", program.name)  # the real file has its version's name
    folders = [path.name for path in venv.glob("lib/python3*")]
    if not minor or not folders or program.name in folders:
        return ""
    return f"its interpreter is Python {minor[1]} ({program}), its packages are in lib/{folders[0]}"


def libraries(venv: Path) -> dict[str, int]:
    """Number of files in each folder of shared libraries: a few listings, no reading."""
    packages = next(iter(sorted(venv.glob("lib/python3*/site-packages"))), None)
    if packages is None:
        return {}
    folders = [
        *packages.glob("nvidia/*/lib"),
        *packages.glob("*.libs"),
        *packages.glob("torch/lib"),
    ]
    return {
        folder.relative_to(packages).as_posix(): sum(1 for _ in folder.iterdir())
        for folder in sorted(folders)
    }
