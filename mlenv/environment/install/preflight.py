"""Checks before anything is downloaded; each passes or says what to do."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from mlenv.environment import generations, launch, uv
from mlenv.environment.lockfile.indexes import Indexes
from mlenv.environment.lockfile.profiles import Profile
from mlenv.machine import children
from mlenv.paths import refuse_sudo
from mlenv.result import MlenvError

TEMPORARY_MB = 100  # uv unpacks in its cache; the temp directory holds only small things


def location(venv: Path, profile: str = "") -> None:
    """The environment's path can be used, and what is there now can be kept.

    `profile`: its name, which is part of the path of the environment's files.
    """
    launch.check_expressible(venv)
    launch.check_expressible(generations.store(venv) / "generations" / profile)
    if venv.exists() and not venv.is_dir():
        raise MlenvError(
            "not-a-directory",
            f"{venv} is a file.",
            "Move it away, or name another with --venv DIR.",
        )
    if (
        venv.is_dir()
        and not venv.is_symlink()
        and not (venv / "pyvenv.cfg").is_file()
        and any(venv.iterdir())
    ):
        raise MlenvError(
            "not-a-venv",
            f"{venv} is a directory, but no virtual environment.",
            "Move it away, or name another with --venv DIR.",
        )
    parent = _existing(venv.parent)
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise MlenvError(
            "not-writable",
            f"{parent} can't be written to by this user.",
            f"Check its owner (`ls -ld {parent}`), or name another with --venv DIR.",
        )
    _file_system(parent)
    refuse_sudo(parent)


def _file_system(folder: Path) -> None:
    """Raise `MlenvError` where programs in `folder` can't run, or no link can be made there."""
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        raise MlenvError(
            "noexec",
            f"{folder} is on a file system that is mounted noexec: nothing there can run.",
            "Name a directory on another with --venv DIR.",
        )
    probe = folder / ".mlenv-link"  # always the same: one that was left by a kill goes now
    probe.unlink(missing_ok=True)
    try:
        probe.symlink_to("target")
    except FileExistsError:  # of another mlenv, at this moment
        pass
    except OSError as error:
        raise MlenvError(
            "no-symlinks",
            f"The file system of {folder} has no symbolic links ({error.strerror}).",
            "An environment needs them: name a directory on another with --venv DIR.",
        ) from error
    probe.unlink(missing_ok=True)


def space(venv: Path, profile: Profile) -> None:
    """The file systems of venv, cache and temp files have room; shared ones for the sum."""
    needed: dict[int, tuple[Path, int]] = {}
    for path, megabytes in _needs(venv, profile):
        device = path.stat().st_dev
        before = needed.get(device, (path, 0))
        needed[device] = (before[0], before[1] + megabytes)
    for path, megabytes in needed.values():
        free = shutil.disk_usage(path).free // 1_000_000
        if free < megabytes:
            raise MlenvError(
                "disk-full-or-tmp-too-small",
                f"{profile.name} needs {_gb(megabytes)} at {path}, {_gb(free)} are free.",
                "Free some, or use another disk: --venv DIR, UV_CACHE_DIR (cache), TMPDIR (temp).",
            )


def links_to_cache(venv: Path) -> bool:
    """Tell if one file system holds both, so that uv links its cached files into the venv."""
    place, cache = _existing(venv.parent), _existing(uv.cache_directory())
    return place.stat().st_dev == cache.stat().st_dev and not uv.has_other_group(place)


def _needs(venv: Path, profile: Profile) -> Iterator[tuple[Path, int]]:
    """Bytes that are needed in each place.

    Unpacked wheels lie in uv's cache and are hard-linked into the venv where one disk holds both;
    else each has its own copy.
    """
    place, cache = _existing(venv.parent), _existing(uv.cache_directory())
    yield cache, profile.machine.disk_mb
    if not links_to_cache(venv):
        yield place, profile.machine.disk_mb
    yield Path(tempfile.gettempdir()), TEMPORARY_MB


def interpreter(profile: Profile, request: str | None) -> str:
    """The interpreter asked for, where it fits; else the range, for uv to find or fetch one."""
    if request is None:
        return profile.python
    path = uv.find_python(request)
    if path is None:
        raise MlenvError(
            "python-version-unsupported",
            f"There is no Python `{request}` on this machine.",
            f"{profile.name} wants {profile.python}; leave --python out to let mlenv choose.",
        )
    version = _version(path)
    if version not in profile.python_range:
        raise MlenvError(
            "python-version-unsupported",
            f"{path} is Python {version}; profile {profile.name} wants {profile.python}.",
            "Leave --python out to let mlenv choose.",
        )
    return os.fspath(path)


def is_interpreter(python: str, request: str | None) -> bool:
    """Tell if the request (a version or a path) means this interpreter, by whatever link."""
    if request is None:
        return True
    found = uv.find_python(request)
    return found is not None and found.resolve() == Path(python).resolve()


def _version(python: Path) -> str:
    ask = "import platform; print(platform.python_version())"
    return children.python_answer(python, ask)


def indexes(profile: Profile, config: Indexes) -> None:
    """The package index and the profile's own indexes answer, or the user's mirrors of them."""
    others = {package for index in profile.indexes for package in index.packages}
    names = (Requirement(text).name for text in profile.requires)
    uv.check_index(config.default, next((name for name in names if name not in others), "uv"))
    for index in profile.indexes:
        uv.check_index(config.url(index), index.packages[0])


def _existing(path: Path) -> Path:
    """The nearest ancestor that is there already."""
    while not path.exists():
        path = path.parent
    return path


def _gb(megabytes: int) -> str:
    return f"{megabytes / 1000:.1f} GB"
