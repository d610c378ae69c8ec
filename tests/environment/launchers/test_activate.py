"""Activation in every shell: exports what `mlenv env` says, and restores exactly what was there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlenv.environment import launch
from mlenv.environment.launchers import activate, commands
from tests.support.launching import BASE, MakeVenv
from tests.support.shells import POSIX, PWSH, SHELLS, Shell, each_shell, environments

SHADOW = "<a directory with a cuDNN of its own>"
JIT = "<a directory with an nvJitLink of its own>"
STATES = {
    "nothing set": {},
    "set and empty": {"LD_LIBRARY_PATH": "", "VIRTUAL_ENV": "", "PYTHONHOME": ""},
    "one directory": {"LD_LIBRARY_PATH": "/opt/with space", "PYTHONHOME": "/opt/python"},
    "empty elements": {"LD_LIBRARY_PATH": "/opt/a::/opt/b;/opt/c:"},
    "a foreign cuDNN": {"LD_LIBRARY_PATH": f"/opt/a:{SHADOW}"},
    "a foreign nvJitLink": {"LD_LIBRARY_PATH": f"{JIT}:/opt/a"},
    "another environment": {"VIRTUAL_ENV": "/opt/v", "VIRTUAL_ENV_PROMPT": "it's", "PS1": "$ "},
}


def steps(shell: Shell, *between: str) -> list[str]:
    """Print the environment, do `between`, print it again after each."""
    lines = [shell.dump]
    for line in between:
        lines += [line, shell.mark, shell.dump]
    return lines


def users(shell: Shell, environment: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Everything but what the shell itself sets as it goes."""
    return {name: value for name, value in environment.items() if name not in shell.own}


@each_shell
@pytest.mark.parametrize("state", STATES)
def test_activate_exports_the_launch_environment_and_deactivate_restores_all(
    shell: Shell, state: str, hollow: MakeVenv, tmp_path: Path
) -> None:
    foreign = {SHADOW: tmp_path / "foreign", JIT: tmp_path / "jit"}
    for directory, name in zip(
        foreign.values(), ("libcudnn_ops.so.9", "libnvJitLink.so.12"), strict=True
    ):
        directory.mkdir()
        (directory / name).touch()
    venv = hollow(tmp_path / "ml")
    activate.write(venv, venv)
    env = {**BASE, **STATES[state]}
    for mark, directory in foreign.items():
        env = {name: value.replace(mark, str(directory)) for name, value in env.items()}

    done = shell.run(*steps(shell, shell.source, shell.deactivate), env=env, venv=venv)
    assert (done.returncode, done.stderr) == (0, b"")
    before, active, after = environments(done.stdout)
    assert users(shell, after) == users(shell, before)
    built = launch.build(venv, env)
    assert not any(str(d) in built.variables["LD_LIBRARY_PATH"] for d in foreign.values())
    expected = {name.encode(): value.encode() for name, value in built.variables.items()}
    expected[b"VIRTUAL_ENV_PROMPT"] = b"ml"
    assert {name: active.get(name) for name in expected} == expected
    changed = {n for n in {*before, *active} if before.get(n) != active.get(n)}
    assert changed <= {*expected, b"PYTHONHOME", b"PS1", *shell.own}
    assert b"PYTHONHOME" not in active


@each_shell
def test_on_wsl_the_drivers_directory_comes_last(
    shell: Shell, hollow: MakeVenv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv, drivers = hollow(tmp_path / "ml"), tmp_path / "wsl lib"
    drivers.mkdir()
    release = SimpleNamespace(release="5.15.153.1-microsoft-standard-WSL2")  # none here
    monkeypatch.setattr(launch.os, "uname", lambda: release)
    monkeypatch.setattr(launch, "WSL_LIBRARIES", str(drivers))
    activate.write(venv, venv)
    commands.write(venv, venv)
    env = {**BASE, "LD_LIBRARY_PATH": "/opt/a"}
    wanted = launch.build(venv, env).variables["LD_LIBRARY_PATH"]
    assert wanted.endswith(f":/opt/a:{drivers}")
    done = shell.run(shell.source, shell.dump, env=env, venv=venv)
    assert environments(done.stdout)[0][b"LD_LIBRARY_PATH"].decode() == wanted
    code = "import os; print(os.environ['LD_LIBRARY_PATH'])"
    run = subprocess.run([venv / "shims/python", "-c", code], env=env, capture_output=True)
    assert run.stdout.decode() == f"{wanted}\n"


@each_shell
def test_any_path_is_right(shell: Shell, nasty: Path, hollow: MakeVenv) -> None:
    venv = hollow(nasty / "my ml")
    activate.write(venv, venv)
    env = {**BASE, "LD_LIBRARY_PATH": str(nasty)}
    code = "import sys; print(sys.prefix, end='')"
    lines = [shell.source, shell.code, shell.mark, shell.dump]
    done = shell.run(*lines, env=env, venv=venv, code=code)
    assert (done.returncode, done.stderr) == (0, b"")
    prefix, _, rest = done.stdout.partition(b"----\n")
    assert prefix.decode() == str(venv)
    variables = launch.build(venv, env).variables
    assert environments(rest)[0][b"LD_LIBRARY_PATH"].decode() == variables["LD_LIBRARY_PATH"]


@each_shell
def test_activated_twice_is_left_once(shell: Shell, hollow: MakeVenv, tmp_path: Path) -> None:
    venv = hollow(tmp_path / "ml")
    activate.write(venv, venv)
    lines = steps(shell, f"{shell.source}\n{shell.source}\n{shell.deactivate}")
    done = shell.run(*lines, env={**BASE, "LD_LIBRARY_PATH": "/opt"}, venv=venv)
    assert (done.returncode, done.stderr) == (0, b"")
    before, after = environments(done.stdout)
    assert users(shell, after) == users(shell, before)


@each_shell
def test_another_environment_is_left_first(shell: Shell, hollow: MakeVenv, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["uv", "venv", "-q", other], check=True)
    venv = hollow(tmp_path / "ml")
    activate.write(venv, venv)
    first = shell.source.replace("$ACTIVATE", "$FIRST")
    lines = steps(shell, f"{first}\n{shell.source}", shell.deactivate)
    env = {**BASE, "FIRST": str(other / "bin" / shell.script)}
    done = shell.run(*lines, env=env, venv=venv)
    assert (done.returncode, done.stderr) == (0, b"")
    _, active, after = environments(done.stdout)
    assert str(other).encode() not in active[b"PATH"]
    assert after[b"PATH"].decode() == BASE["PATH"]
    assert b"VIRTUAL_ENV" not in after


@pytest.mark.parametrize("shell", POSIX, ids=lambda shell: shell.name)
@pytest.mark.parametrize("options", [":", "set -eu"])
def test_what_was_not_exported_is_not_exported_afterwards(
    shell: Shell, options: str, hollow: MakeVenv, tmp_path: Path
) -> None:
    venv = hollow(tmp_path / "ml")
    activate.write(venv, venv)
    lines = [
        "LD_LIBRARY_PATH='/opt/mine  x'; PS1='> '",
        f"{options}\n{shell.source}",
        *steps(shell, shell.deactivate),
        'echo ----; printf %s "$LD_LIBRARY_PATH|$PS1"',
    ]
    done = shell.run(*lines, env=BASE, venv=venv)
    assert (done.returncode, done.stderr) == (0, b"")
    active, after = environments(done.stdout)[:2]
    assert active[b"LD_LIBRARY_PATH"].endswith(b":/opt/mine  x")
    assert b"LD_LIBRARY_PATH" not in after
    assert not [name for name in after if b"mlenv" in name.lower()]
    assert done.stdout.endswith(b"----\n/opt/mine  x|> ")


def test_the_scripts_follow_the_activation_and_uvs_own_come_back(
    hollow: MakeVenv, tmp_path: Path
) -> None:
    generation = hollow(tmp_path / "generation")
    (generation / "bin/activate").write_text("uv's own")
    before = sorted(generation.rglob("*"))
    venv = tmp_path / "ml"
    written = activate.write(generation, venv)
    assert written == activate.write(generation, venv)
    for path in written:
        assert str(generation).encode() not in path.read_bytes()
        assert str(venv).encode() in path.read_bytes()
    assert activate.restore(generation) == written
    assert (generation / "bin/activate").read_text() == "uv's own"
    assert sorted(generation.rglob("*")) == before
    assert activate.restore(generation) == ()


PROMPTS = {  # set one, and show it
    "fish": ("function fish_prompt; echo -n '$ '; end", "fish_prompt; echo"),
    "tcsh": ("set prompt = '$ '", 'printf "%s\\n" "$prompt:q"'),
    "nu": ('$env.PROMPT_COMMAND = {|| "$ "}', "print (do $env.PROMPT_COMMAND)"),
    "pwsh": ("function global:prompt { '$ ' }", "prompt"),
}


@each_shell
def test_the_prompt_names_the_environment_while_it_is_active(
    shell: Shell, hollow: MakeVenv, tmp_path: Path
) -> None:
    venv = hollow(tmp_path / "ml")
    activate.write(venv, venv)
    given, show = PROMPTS.get(shell.name, ("PS1='$ '", 'printf "%s\\n" "$PS1"'))
    done = shell.run(given, show, shell.source, show, shell.deactivate, show, env=BASE, venv=venv)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == ["$ ", "(ml) $ ", "$ "]

    env = {**BASE, "VIRTUAL_ENV_DISABLE_PROMPT": "1"}
    done = shell.run(given, shell.source, show, shell.deactivate, show, env=env, venv=venv)
    assert done.stdout.decode().splitlines() == ["$ ", "$ "]


def test_powershell_itself() -> None:
    if shutil.which("pwsh") is None:
        pytest.skip("PowerShell is in no package index: with it on PATH, each_shell includes it")
    assert PWSH in SHELLS
