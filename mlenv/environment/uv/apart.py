"""Packages apart from any lock: one wheel unpacked, a folder of packages, a package once more."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from mlenv.environment.uv.failures import UvError
from mlenv.environment.uv.process import run
from mlenv.files import temporary_directory


def reinstall(python: Path, requirements: Sequence[str], *, dependencies: bool = False) -> None:
    """Install these into the environment of `python`, also where they seem to be there.

    Nothing else of the environment changes, unless `dependencies` are asked for and missing.
    """
    arguments = [
        *("pip", "install", "--python", os.fspath(python)),
        *(
            f"--reinstall-package={re.split('[=<>!~ ]', requirement)[0]}"
            for requirement in requirements
        ),
        *([] if dependencies else ["--no-deps"]),
        *requirements,
    ]
    try:  # online, to reinstall means to download again what the cache holds
        run(*arguments, "--offline")
    except UvError:
        run(*arguments)


def fetch_wheel(
    name: str,
    version: str,
    sha256: str,
    target: Path,
    *,
    python: str | None = None,
    platform: str | None = None,
    offline: bool = False,
) -> None:
    """Unpack one wheel into `target`, without what it depends on; refused if the hash differs.

    For packages that carry models: they never belong in the environment itself. `python` and
    `platform` (uv's names) pick a wheel that is built for another interpreter.
    """
    with temporary_directory() as directory:
        requirements_file = Path(directory) / "wheel.txt"
        requirements_file.write_text(f"{name}=={version} --hash=sha256:{sha256}\n", "utf-8")
        run(
            "pip",
            "install",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--target",
            os.fspath(target),
            "--requirement",
            os.fspath(requirements_file),
            *(["--python-version", python] if python else []),
            *(["--python-platform", platform] if platform else []),
            *(["--offline"] if offline else []),
        )


def install_apart(requirements: Sequence[str], target: Path, python: Path) -> None:
    """Install packages and what they need into the folder `target`, for the interpreter `python`.

    For what shall run in an environment without being part of it.
    """
    run(
        "pip",
        "install",
        "--only-binary",
        ":all:",
        "--python",
        os.fspath(python),
        "--target",
        os.fspath(target),
        *requirements,
    )
