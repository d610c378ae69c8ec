"""`mlenv exec COMMAND`: it becomes the command, in the launch environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlenv.environment import launch
from tests.support.launching import MakeVenv
from tests.support.running import Run

# Without the right of root to read everything.
BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], sys.prefix, dict(os.environ)]))"


def test_the_command_gets_its_arguments_and_the_launch_environment(
    mlenv: Run, nasty: Path, hollow: MakeVenv
) -> None:
    venv = hollow(nasty / "ml")
    given = {"LD_LIBRARY_PATH": f"/opt/a::{nasty}", "PATH": "/usr/bin:/bin", "PYTHONHOME": ""}
    words = ["--venv", "x", "--json", "-h", "a 'b'", ""]
    done = mlenv("exec", "--venv", venv, "--", "python", "-c", SHOW, *words, env=given)
    assert (done.returncode, done.stderr) == (0, "")
    arguments, prefix, environment = json.loads(done.stdout)
    assert (arguments, prefix) == (words, str(venv))
    expected = launch.build(venv, given).variables
    assert {name: environment[name] for name in expected} == expected
    assert "PYTHONHOME" not in environment


def test_it_stays_in_the_generation_that_it_started_in(
    mlenv: Run, hollow: MakeVenv, tmp_path: Path
) -> None:
    generation = hollow(tmp_path / "generation")
    (tmp_path / "ml").symlink_to(generation)
    done = mlenv("exec", "--venv", tmp_path / "ml", "python", "-c", SHOW)
    _, prefix, environment = json.loads(done.stdout)
    assert prefix == str(generation)
    assert str(tmp_path / "ml") not in environment["LD_LIBRARY_PATH"]


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_exit_code_is_the_commands_own(
    mlenv: Run, hollow: MakeVenv, tmp_path: Path, code: int
) -> None:
    venv = hollow(tmp_path / "ml")
    assert mlenv("exec", "--venv", venv, "sh", "-c", f"exit {code}").returncode == code


def test_it_becomes_the_command(hollow: MakeVenv, tmp_path: Path) -> None:
    """No process stands between: the process number and every signal are the command's."""
    venv = hollow(tmp_path / "ml")
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    argv = [sys.executable, "-m", "mlenv", "exec", "--venv", venv, "python", "-c", code]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout and int(child.stdout.readline()) == child.pid
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait() == -signal.SIGTERM


def test_with_explain_the_known_error_is_named_and_the_exit_code_stays(
    mlenv: Run, hollow: MakeVenv, tmp_path: Path
) -> None:
    script = (
        "import sys; print('working');"
        "sys.exit('RuntimeError: Library libcublas.so.12 is not found or cannot be loaded')"
    )
    words = ["--venv", hollow(tmp_path / "ml"), "--explain", "python", "-c", script]
    done = mlenv("exec", *words)
    assert (done.returncode, done.stdout) == (1, "working\n")
    assert "cublas-missing" in done.stderr


def test_without_its_python_nothing_else_is_started(
    mlenv: Run, hollow: MakeVenv, tmp_path: Path
) -> None:
    venv = hollow(tmp_path / "ml")
    (venv / "bin" / "python").unlink()
    done = mlenv("exec", "--venv", venv, "python", "-c", "print('another Python')")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no Python any more" in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [(("exec", "python"), 1), (("exec", "transcribe", "a.wav"), 1), (("doctor", "--quick"), 1)],
)
def test_a_python_that_this_user_may_not_reach(
    mlenv: Run, hollow: MakeVenv, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    """Such as one of root's, in an environment for all."""
    venv, closed = hollow(tmp_path / "ml"), tmp_path / "closed"
    closed.mkdir()
    (closed / "python").symlink_to(sys.executable)
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to(closed / "python")
    (venv / "pyvenv.cfg").write_text(f"home = {closed}\n")
    closed.chmod(0)
    try:
        done = mlenv(*words, env={"MLENV_VENV": str(venv)}, prefix=BOUND, cwd=tmp_path)
    finally:
        closed.chmod(0o700)
    assert done.returncode == code
    printed = done.stdout + done.stderr
    if words[0] == "exec":
        assert f"who may not reach its Python, {closed / 'python'}.\n" in printed
        assert "`mlenv install --venv DIR` builds another." in printed
    else:
        assert f"it leads to {closed / 'python'}, which this user" in " ".join(printed.split())
        assert "which is gone" not in printed


def test_what_can_not_be_started(mlenv: Run, hollow: MakeVenv, tmp_path: Path) -> None:
    venv = hollow(tmp_path / "ml")
    text = tmp_path / "notes.txt"
    text.write_text("no program", "utf-8")
    broken = tmp_path / "broken"
    broken.write_text("#!/nowhere/interpreter\n", "utf-8")
    broken.chmod(0o755)
    for command, code, says in (
        ("no-such-command", 127, f"There is no command `no-such-command` in {venv / 'bin'}"),
        ("no-such-command", 127, "`mlenv add PACKAGE` adds a package with its programs."),
        ("transcrib", 127, "Did you mean `mlenv exec transcribe`?"),
        (text, 126, f"{text} is not a program"),
        (broken, 126, f"{broken} could not be started: No such file or directory."),
    ):
        done = mlenv("exec", "--venv", venv, command)
        assert (done.returncode, done.stdout) == (code, "")
        assert says in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "needs a command"),
        (["--venv"], "--venv needs a directory"),
        (["--fast", "x"], "has no option --fast"),
    ],
)
def test_wrong_usage(mlenv: Run, arguments: list[str], says: str) -> None:
    done = mlenv("exec", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_without_an_environment(mlenv: Run, tmp_path: Path) -> None:
    done = mlenv("exec", "--venv", tmp_path / "none", "true")
    assert done.returncode == 1
    assert f"{tmp_path / 'none'} does not exist.\nRun `mlenv install --venv " in done.stderr
