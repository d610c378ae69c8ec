"""The one package that talks to uv: resolve, make a venv, install what a lock names.

uv runs in an empty directory, so that a `pyproject.toml` or `uv.toml` where the user happens to
stand changes nothing; the user's own and the system's configuration (mirrors, certificates,
credentials) still hold.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlenv.environment.uv.apart import fetch_wheel as fetch_wheel
from mlenv.environment.uv.apart import install_apart as install_apart
from mlenv.environment.uv.apart import reinstall as reinstall
from mlenv.environment.uv.disk import Watch as Watch
from mlenv.environment.uv.disk import has_other_group as has_other_group
from mlenv.environment.uv.disk import is_built as is_built
from mlenv.environment.uv.disk import sweep as sweep
from mlenv.environment.uv.failures import UvError as UvError
from mlenv.environment.uv.failures import failure as failure
from mlenv.environment.uv.process import OnLine, run
from mlenv.environment.uv.process import binary as binary
from mlenv.environment.uv.sources import CONFIGURED
from mlenv.environment.uv.sources import Sources as Sources
from mlenv.files import temporary_directory


def _run_with_wheels(
    sources: Sources,
    *arguments: str,
    settings: dict[str, str] | None = None,
    directory: str | None = None,
    on_line: OnLine | None = None,
    watch: Watch | None = None,
) -> str:
    """Run uv with wheels alone, but for `sources.builds`: these it builds, where it finds a source.

    Both in one rule, or uv would move such a package to another version that has a wheel.
    """
    builds = [*sources.builds]
    while True:
        try:
            return run(
                *arguments,
                *("--only-binary", ":all:"),
                *(word for name in builds for word in ("--no-binary", name)),
                settings={**sources.settings(), **(settings or {})},
                directory=directory,
                on_line=on_line,
                watch=watch,
            )
        except UvError as error:
            if error.without_source not in builds:
                raise
            builds.remove(error.without_source)


def resolve(
    project: str,
    *,
    python: str,
    upgrade: Sequence[str] = (),
    previous: str = "",
    sources: Sources = CONFIGURED,
) -> str:
    """Pin all requirements of `project`, the text of a pyproject.toml.

    For all its platforms and every Python from `python` on.

    Returns a requirements file with hashes, whose comments say which index each package came
    from. Versions of `previous` (an earlier answer) are kept where they still fit, except those
    of the packages in `upgrade`.
    """
    with temporary_directory() as directory:
        (Path(directory) / "pyproject.toml").write_text(project, "utf-8")
        answer = Path(directory) / "lock.txt"
        if previous:
            answer.write_text(previous, "utf-8")
        _run_with_wheels(
            sources,
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
            settings=_reaching_loopback(),
        )
        return answer.read_text("utf-8")


def find_python(request: str) -> Path | None:
    """An interpreter on this machine for a version, a range or a path; None if there is none.

    Raises `UvError` where uv could not look: it can't write to its cache, or another uv holds that.
    """
    try:
        path = run("python", "find", "--no-project", "--system", request)
    except UvError as error:
        if error.code in ("not-writable", "disk-full-or-tmp-too-small", "busy"):
            raise
        return None
    return Path(path.strip())


def create_venv(directory: Path, python: str, *, offline: bool = False) -> None:
    """An empty venv, without pip. uv may fetch an interpreter where none fits `python`.

    `offline`: it may not.
    """
    network = ["--offline"] if offline else []
    words = ["--no-project", "--python", python, "--prompt", "ml", *network]
    run("venv", *words, os.fspath(directory))


def sync(
    venv: Path,
    lock: Path,
    *,
    sources: Sources = CONFIGURED,
    on_line: OnLine | None = None,
    watch: Watch | None = None,
) -> tuple[str, ...]:
    """Install what `lock` names into the empty `venv`, every file checked by its hash.

    Returns `name==version` of each distribution that uv has installed.
    """
    lines: list[str] = []

    def keep(line: str) -> None:
        lines.append(line)
        if on_line:
            on_line(line)

    _run_with_wheels(
        sources,
        "pip",
        "sync",
        os.fspath(lock),
        "--python",
        os.fspath(venv / "bin" / "python"),
        "--require-hashes",
        "--build-constraints",
        os.fspath(lock),
        settings={"UV_LINK_MODE": "copy"} if has_other_group(venv) else None,
        on_line=keep,
        watch=watch,
    )
    return tuple(sorted(_installs(lines)))


def _installs(lines: Iterable[str]) -> Iterator[str]:
    """The distributions of lines such as ` + name==version (from file:///..)`."""
    return (line.split()[1] for line in lines if line.startswith(" + "))


@dataclass(frozen=True, slots=True)
class Planned:
    """Packages that `sync` would install into an empty venv (`name==version`), and downloads."""

    installs: tuple[str, ...]
    fetches: tuple[str, ...]


def plan(lock: Path, python: str, sources: Sources = CONFIGURED) -> Planned:
    """Plan `sync` into a new venv of this interpreter. Changes nothing."""
    with temporary_directory() as directory:
        venv = Path(directory) / "venv"
        create_venv(venv, python, offline=sources.offline)
        output: list[str] = []
        _run_with_wheels(
            sources,
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
            on_line=output.append,
        )
    fetches = [match[1] for line in output if (match := _UNCACHED.search(line))]
    return Planned(tuple(sorted(_installs(output))), tuple(sorted(fetches)))


_UNCACHED = re.compile(r"Identified uncached distribution: (\S+==\S+)")


def pylock(lock: Path, *, python: str | None = None, sources: Sources = CONFIGURED) -> str:
    """The files that a lock comes to, as a pylock.toml (PEP 751).

    For `python` alone, or (None) for all Pythons and platforms that the lock is for.
    """
    with temporary_directory() as directory:
        answer = Path(directory) / "pylock.toml"
        _run_with_wheels(
            sources,
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
        )
        return answer.read_text("utf-8")


def check_index(url: str | None = None, package: str = "uv") -> None:
    """Ask an index (None: the package index as uv is configured) for a package that it has.

    Raises `UvError` where it does not answer: the same way, through the same proxies and
    credentials, as the installation that would follow.
    """
    with temporary_directory() as directory:
        (Path(directory) / "ask.in").write_text(f"{package}\n", "utf-8")
        run(
            "pip",
            "compile",
            "ask.in",
            "--no-deps",
            "--only-binary",
            ":all:",
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


def forget(packages: Sequence[str]) -> None:
    """Remove packages from uv's cache."""
    run("cache", "clean", *packages)


def cache_directory() -> Path:
    """The directory of uv's cache."""
    return Path(run("cache", "dir").strip())


def _reaching_loopback() -> dict[str, str]:
    """A proxy must not stand between uv and an index on this machine."""
    no_proxy = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return {"NO_PROXY": ",".join(filter(None, (no_proxy, "127.0.0.1")))}
