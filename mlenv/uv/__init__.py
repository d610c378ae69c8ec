"""The one module that talks to uv: resolve, make a venv, install what a lock names.

uv runs in an empty directory, so that a `pyproject.toml` or `uv.toml` where the user happens to
stand changes nothing; the user's own and the system's configuration (mirrors, certificates,
credentials) still hold.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from mlenv import launch
from mlenv.result import MlenvError
from mlenv.uv.failures import UvError as UvError
from mlenv.uv.failures import understood

OnLine = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where uv takes distributions from.

    `default` replaces the package index that uv is configured with, `extra` are searched beside
    it, `several` says that there are more of them (in a project). `folder`: a directory with
    all that is needed, and no index at all.
    """

    default: str | None = None
    extra: tuple[str, ...] = ()
    folder: Path | None = None
    offline: bool = False
    several: bool = False

    def settings(self) -> dict[str, str]:
        """As variables: an address may hold a password, and anybody can read an argument."""
        settings = {}
        if self.default:
            settings["UV_DEFAULT_INDEX"] = self.default
        if self.extra or self.several:
            settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pins and hashes decide
        if self.extra:
            settings["UV_INDEX"] = " ".join((*self.extra, *os.environ.get("UV_INDEX", "").split()))
        if self.folder:
            settings["UV_FIND_LINKS"] = self.folder.as_uri()
            settings["UV_NO_INDEX"] = "1"
        if self.offline or self.folder:
            settings["UV_OFFLINE"] = "1"
        return settings


CONFIGURED = Sources()


def binary() -> str:
    """The uv that mlenv depends on."""
    import uv

    try:
        return os.fspath(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise MlenvError(
            "uv-missing",
            f"The uv program is not where its package says: {error}.",
            "Reinstall it: `pip install --force-reinstall uv`.",
        ) from error


def resolve(
    project: str,
    *,
    python: str,
    upgrade: Sequence[str] = (),
    previous: str = "",
    sources: Sources = CONFIGURED,
) -> str:
    """Pin all that `project` (the text of a pyproject.toml) needs, for all its platforms and
    every Python from `python` on.

    Returns a requirements file with hashes, whose comments say which index each package came
    from. Versions of `previous` (an
    earlier answer) are kept where they still fit, except those of the packages in `upgrade`.
    """
    with _empty_directory() as directory:
        (Path(directory) / "pyproject.toml").write_text(project, "utf-8")
        answer = Path(directory) / "lock.txt"
        if previous:
            answer.write_text(previous, "utf-8")
        _run(
            "pip",
            "compile",
            "pyproject.toml",
            "--universal",
            "--python-version",
            python,
            "--generate-hashes",
            "--no-header",
            "--no-emit-index-url",
            "--emit-index-annotation",
            "--output-file",
            "lock.txt",
            *(f"--upgrade-package={name}" for name in upgrade),
            directory=directory,
            settings=sources.settings() | _reaching_loopback(),
        )
        return answer.read_text("utf-8")


def find_python(request: str) -> Path | None:
    """An interpreter on this machine for a version, a range or a path; None if there is none."""
    try:
        found = _run("python", "find", "--no-project", "--system", request)
    except UvError:
        return None
    return Path(found.strip())


def create_venv(directory: Path, python: str) -> None:
    """An empty venv, without pip. uv may fetch an interpreter where none fits `python`."""
    _run("venv", "--no-project", "--python", python, "--prompt", "ml", os.fspath(directory))


def sync(
    venv: Path,
    lock: Path,
    *,
    sources: Sources = CONFIGURED,
    on_line: OnLine | None = None,
) -> None:
    """Make `venv` hold exactly what `lock` names, every file checked by its hash."""
    _run(
        "pip",
        "sync",
        os.fspath(lock),
        "--python",
        os.fspath(venv / "bin" / "python"),
        "--require-hashes",
        "--build-constraints",
        os.fspath(lock),
        settings=sources.settings(),
        on_line=on_line,
    )


@dataclass(frozen=True, slots=True)
class Planned:
    """What `sync` would put into an empty venv: `name==version`, and which must be fetched."""

    installs: tuple[str, ...]
    fetches: tuple[str, ...]


def plan(lock: Path, python: str, sources: Sources = CONFIGURED) -> Planned:
    """What `sync` would do with a new venv of this interpreter. Changes nothing."""
    with _empty_directory() as directory:
        venv = Path(directory) / "venv"
        create_venv(venv, python)
        said: list[str] = []
        _run(
            "pip",
            "sync",
            os.fspath(lock),
            "--python",
            os.fspath(venv / "bin" / "python"),
            "--require-hashes",
            "--build-constraints",
            os.fspath(lock),
            "--dry-run",
            "--verbose",
            settings=sources.settings(),
            on_line=said.append,
        )
    fetches = [found[1] for line in said if (found := _UNCACHED.search(line))]
    installs = [line[3:] for line in said if line.startswith(" + ")]
    return Planned(tuple(sorted(installs)), tuple(sorted(fetches)))


_UNCACHED = re.compile(r"Identified uncached distribution: (\S+==\S+)")


def pylock(lock: Path, *, python: str | None = None, sources: Sources = CONFIGURED) -> str:
    """The files that a lock comes to, as a pylock.toml (PEP 751).

    For `python` alone, or (None) for all Pythons and platforms that the lock is for.
    """
    with _empty_directory() as directory:
        answer = Path(directory) / "pylock.toml"
        _run(
            "pip",
            "compile",
            os.fspath(lock),
            "--no-deps",
            "--no-header",
            "--no-annotate",
            "--output-file",
            os.fspath(answer),
            *(["--python", python] if python else ["--universal", "--python-version", "3.11"]),
            directory=directory,
            settings=sources.settings(),
        )
        return answer.read_text("utf-8")


def reinstall(python: Path, requirements: Sequence[str], *, dependencies: bool = False) -> None:
    """Install these into the environment of `python`, also where they seem to be there.

    Nothing else of the environment changes, unless `dependencies` are asked for and missing.
    """
    arguments = [
        *("pip", "install", "--python", os.fspath(python)),
        *(f"--reinstall-package={re.split('[=<>!~ ]', wanted)[0]}" for wanted in requirements),
        *([] if dependencies else ["--no-deps"]),
        *requirements,
    ]
    try:  # online, to reinstall means to download again what the cache holds
        _run(*arguments, "--offline")
    except UvError:
        _run(*arguments)


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
    with _empty_directory() as directory:
        wanted = Path(directory) / "wheel.txt"
        wanted.write_text(f"{name}=={version} --hash=sha256:{sha256}\n", "utf-8")
        _run(
            "pip",
            "install",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--target",
            os.fspath(target),
            "--requirement",
            os.fspath(wanted),
            *(["--python-version", python] if python else []),
            *(["--python-platform", platform] if platform else []),
            *(["--offline"] if offline else []),
        )


def install_apart(requirements: Sequence[str], target: Path, python: Path) -> None:
    """Install packages and what they need into the folder `target`, for the interpreter `python`.

    For what shall run in an environment without being part of it.
    """
    _run(
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


def check_index(url: str | None = None, package: str = "uv") -> None:
    """Ask an index (None: the package index as uv is configured) for a package that it has.

    Raises `UvError` where it does not answer: the same way, through the same proxies and
    credentials, as the installation that would follow.
    """
    with _empty_directory() as directory:
        (Path(directory) / "ask.in").write_text(f"{package}\n", "utf-8")
        _run(
            "pip",
            "compile",
            "ask.in",
            "--no-deps",
            "--quiet",
            "--python-version",
            "3.11",
            "--refresh-package",
            package,
            directory=directory,
            settings={
                "UV_HTTP_RETRIES": "1",
                "UV_HTTP_TIMEOUT": "20",
                **Sources(default=url).settings(),
            },
        )


def cache_directory() -> Path:
    """Where uv keeps what it has downloaded."""
    return Path(_run("cache", "dir").strip())


def _reaching_loopback() -> dict[str, str]:
    """A proxy must not stand between uv and an index on this machine."""
    given = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return {"NO_PROXY": ",".join(filter(None, (given, "127.0.0.1")))}


def _empty_directory() -> AbstractContextManager[str]:
    return tempfile.TemporaryDirectory(prefix="mlenv-")


_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _end_with_parent() -> None:
    """In the child: end when mlenv does, even where that is killed outright."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _run(
    *arguments: str,
    directory: str | None = None,
    settings: dict[str, str] | None = None,
    on_line: OnLine | None = None,
) -> str:
    """Run uv; returns its standard output. Its messages go to `on_line` as they come."""
    if directory is None:
        with _empty_directory() as empty:
            return _run(*arguments, directory=empty, settings=settings, on_line=on_line)
    environment = launch.for_tools(os.environ, UV_NO_PROGRESS="1", NO_COLOR="1", **settings or {})
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as printed,
        subprocess.Popen(
            [binary(), *arguments],
            cwd=directory,
            env=environment,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.PIPE,
            preexec_fn=_end_with_parent,
        ) as process,
    ):
        assert process.stderr is not None
        said = []
        try:
            for line in process.stderr:
                said.append(line)
                if on_line:
                    on_line(line.rstrip())
        except BaseException:
            process.terminate()
            raise
        if process.wait() != 0:
            raise understood("".join(said), process.returncode)
        printed.seek(0)
        return printed.read()
