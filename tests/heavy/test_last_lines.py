"""The last line of every command that people read says what can be done next."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mlenv.cli.render import verify
from mlenv.cli.table import COMMANDS
from tests.support.index import Index
from tests.support.reports import verified
from tests.support.running import Run

pytestmark = pytest.mark.heavy

# Standard output is read by another program there, or is pasted whole into a report.
FOR_PROGRAMS = {"env", "exec", "version"}
# Typed one after another in a home with two generations; PROFILE and DIR are put in.
TYPED = (
    "status",
    "rollback --dry-run",
    "rollback",
    "rollback",
    "gc",
    "gc --keep 1 --dry-run",
    "gc --keep 1",
    "install PROFILE --no-verify",
    "install PROFILE --dry-run",
    "add notebook --dry-run",
    "add notebook",
    "add notebook",
    "remove notebook --dry-run",
    "remove notebook",
    "install PROFILE --no-verify",
    "shim list",
    "shim install pins --project DIR",
    "shim install cron",
    "shim remove pins --project DIR",
    "lock PROFILE",
    "lock PROFILE --check --offline",
    "bundle PROFILE -o DIR/bundle",
    "profiles",
    "profiles show cpu",
    "profiles diff cpu whisper",
    "profiles why",
    "export PROFILE --to requirements -o DIR/pins.txt",
    "export PROFILE --to pylock -o DIR/pylock.toml",
    "export PROFILE --to dockerfile -o DIR/Dockerfile",
    "export PROFILE --to conda-env -o DIR/environment.yml",
    "doctor --list",
    "doctor --quick --only library-path-has-empty-element",
    "doctor --snapshot DIR/gpu01.json --quick --only library-path-has-empty-element",
    "doctor --from DIR --only library-path-has-empty-element",
    "explain --list",
    "explain cublas-missing",
    "uninstall --dry-run",
    "uninstall --yes",
)
STEP = re.compile(
    r"`(mlenv|uv|docker|conda|sbatch) [^`]+`|^Next: |^ {9}mlenv install --from |^ {11}"
    r"|[Ll]eave out --dry-run"
)


def said_last(shown: str) -> str:
    return [line for line in shown.splitlines() if line.strip()][-1]


@pytest.fixture
def home(same_home: Path) -> Path:
    return same_home


def test_of_each_command(
    mlenv: Run,
    profile: Path,
    provision: Callable[[Path], None],
    index: Index,
    network: dict[str, str],
    tmp_path: Path,
) -> None:
    index.add("notebook", "7.0")
    for version in ("1.0", "1.1"):
        text = profile.read_text()
        profile.write_text(text.replace("whisperer==1.0", f"whisperer=={version}"))
        provision(profile)
    wanting = []
    for line in TYPED:
        words = line.replace("PROFILE", str(profile)).replace("DIR", str(tmp_path)).split()
        done = mlenv(*words, env=network)
        if done.returncode or not STEP.search(said_last(done.stdout)):
            wanting.append((line, done.returncode, said_last(done.stdout + done.stderr)))
    assert not wanting, wanting


def test_of_models(mlenv: Run, small_model: dict[str, str], mirror: object) -> None:
    for line in ("models", "models pull small", "models", "models verify", "models remove small"):
        done = mlenv(*line.split(), env=small_model)
        assert done.returncode == 0, done.stderr
        assert STEP.search(said_last(done.stdout)), (line, done.stdout)


def test_of_verify() -> None:
    assert STEP.search(list(verify.lines(verified()))[-1])


def test_no_command_is_left_out() -> None:
    assert {line.split()[0] for line in TYPED} | FOR_PROGRAMS | {"models", "verify"} == {*COMMANDS}
