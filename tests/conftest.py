"""Fixtures that every test may use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import tally
from tests.support.places import PYTHON
from tests.support.running import Loaded, Run

pytest_plugins = (
    "tests.support.venvs",  # first: others import it
    "tests.support.browser",
    "tests.support.drivers",
    "tests.support.launching",
    "tests.support.node",
    "tests.support.ray_cluster",
    "tests.support.small_index",
    "tests.support.small_model",
    "tests.support.speech",
)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run one after another what shares the real environment, and what talks to a terminal."""
    alone = "not heavy" not in config.option.markexpr or config.option.capture == "no"
    return 0 if alone else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests of recordings and environments tried, whichever of them ran."""
    # Not earlier: pytest rewrites the assertions of a plugin only before it is imported.
    from tests.support.scenes import tally as scenes

    for name, lines in (("recordings", tally.lines()), ("environments", scenes.lines())):
        if lines:
            terminalreporter.section(name)
        for line in lines:
            terminalreporter.write_line(line)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker of the test runner counted."""
    for name, number in getattr(node, "workeroutput", {}).get("tally", {}).items():
        tally.count(name, number)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail with any figure that should be nought, should no test have."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = dict(tally.figures)
    if tally.faults() and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


STREAMS: dict[str, Any] = {
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.PIPE,
}
# Variables that mlenv reads, and the terminal's size, which the test runner's workers set.
LEFT_OUT = ("MLENV_", "LD_", "VIRTUAL_ENV", "CONDA_", "XDG_", "COLUMNS", "LINES")

# Variables that Python and the loader read when a process starts.
AT_START = ("PYTHON", "LD_", "LC_", "LANG")


@pytest.fixture(scope="session")
def loaded() -> Iterator[Loaded]:
    """mlenv, loaded once for all tests."""
    process = Loaded()
    yield process
    process.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty HOME."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.fixture
def mlenv(home: Path, loaded: Loaded) -> Run:
    """Run the command line as a user does: `mlenv("doctor", "--json", env={..})`.

    HOME is empty and nothing of the developer's environment that mlenv reads is passed on.
    Python is started anew only where a variable, a `prefix` or an option of `subprocess.run`
    needs it.
    """

    def run(
        *arguments: str | Path,
        env: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
        path = f"{PYTHON.parent}{os.pathsep}{kept['PATH']}"
        variables = {**kept, "PATH": path, "HOME": str(home), **(env or {})}
        words = [str(argument) for argument in arguments]
        if not prefix and not options and not any(n.startswith(AT_START) for n in env or ()):
            return loaded.run(words, variables)
        return subprocess.run(
            [*prefix, sys.executable, "-m", "mlenv", *words],
            env=variables,
            text=True,
            **{**STREAMS, **options},
        )

    return run


@pytest.fixture(scope="session")
def real_venv() -> Path:
    """The real environment of profile cu124 and the model tiny.en, for heavy tests: built once.

    `$MLENV_TEST_VENV` names one that is there already.
    """
    given = os.environ.get("MLENV_TEST_VENV")
    venv = Path(given or "~/.cache/mlenv-tests/ml").expanduser()
    command: list[str | Path] = [sys.executable, "-m", "mlenv"]
    if not given:
        install: list[str | Path] = ["install", "cu124", "--no-verify", "--venv", venv]
        subprocess.run([*command, *install], check=True)
    subprocess.run([*command, "models", "pull", "tiny.en", "--venv", venv], check=True)
    return venv
