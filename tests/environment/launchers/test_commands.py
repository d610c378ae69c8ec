"""`shims/`: every tool of the environment, from one directory on PATH."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from mlenv.environment import launch
from mlenv.environment.launchers import commands, programs
from mlenv.environment.launchers.launcher import Place
from tests.support.launching import MakeVenv, run_shim

SHOW = (
    "import os, sys; print(sys.prefix, os.environ.get('LD_LIBRARY_PATH'), *sys.argv[1:], sep='|')"
)


def script(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize("inherited", [None, "", "/opt/a::/opt/b c;/opt/d:", ":"])
def test_a_shim_is_what_exec_would_do(inherited: str | None, nasty: Path, hollow: MakeVenv) -> None:
    venv = hollow(nasty / "ml")
    commands.write(venv, venv)
    base = {} if inherited is None else {"LD_LIBRARY_PATH": inherited}
    done = run_shim(venv, "python", "-c", SHOW, "an 'argument'", "", **base, PYTHONHOME="/nowhere")
    path = launch.build(venv, base).variables["LD_LIBRARY_PATH"]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{venv}|{path}|an 'argument'|\n"


def test_the_users_directories_that_would_shadow_are_left_out(
    hollow: MakeVenv, tmp_path: Path
) -> None:
    venv = hollow(tmp_path / "ml")
    commands.write(venv, venv)
    for name, file in (("cuda", "libcublas.so.12"), ("jit", "libnvJitLink.so.12")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    foreign = f"/opt/a:{tmp_path}/cuda:{tmp_path}/jit:/opt/b"
    done = run_shim(venv, "python", "-c", SHOW, LD_LIBRARY_PATH=foreign)
    assert done.stdout.endswith("cuda_nvrtc/lib:/opt/a:/opt/b\n")


def test_every_program_of_bin_has_one(hollow: MakeVenv, nasty: Path) -> None:
    venv = hollow(nasty / "ml")
    script(venv / "bin/hello", f"#!/nowhere/bin/python\n{SHOW}\n")
    script(
        venv / "bin/uvs", f"#!/bin/sh\n'''exec' '/nowhere/python' \"$0\" \"$@\"\n' '''\n{SHOW}\n"
    )
    script(venv / "bin/native", '#!/bin/sh\necho native "$@"\n')
    (venv / "bin/activate").write_text("no program", "utf-8")
    files = commands.write(venv, venv)
    names = ["diarize", "hello", "native", "python", "python3", "transcribe", "uvs"]
    assert [path.name for path in files] == names
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o755 for path in files)
    assert run_shim(venv, "hello", "you").stdout.split("|")[::2] == [str(venv), "you\n"]
    assert run_shim(venv, "uvs", "too").stdout.split("|")[::2] == [str(venv), "too\n"]
    assert run_shim(venv, "native", "it").stdout == "native it\n"


def test_the_exit_code_is_the_commands_own(hollow: MakeVenv, tmp_path: Path) -> None:
    venv = hollow(tmp_path / "ml")
    commands.write(venv, venv)
    assert run_shim(venv, "python", "-c", "raise SystemExit(7)").returncode == 7
    killed = run_shim(venv, "python", "-c", "import os; os.kill(os.getpid(), 9)")
    assert killed.returncode == -9  # the shim has become the command: nothing stands between


def test_speech_commands_run_mlenv(
    hollow: MakeVenv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = tmp_path / "my ml"
    venv.symlink_to(hollow(tmp_path / "generation"))
    said = tmp_path / "python's"
    script(said, '#!/bin/sh\nprintf "%s|" "$@"\n')
    monkeypatch.setattr(sys, "executable", str(said))
    commands.write(venv.resolve(), venv)
    words = ["-P", "-m", "mlenv", "exec", "--venv", str(venv), "transcribe"]
    assert run_shim(venv, "transcribe", "a b.wav").stdout.split("|") == [*words, "a b.wav", ""]
    words[-1] = "diarize"
    assert run_shim(venv, "diarize", "a b.wav").stdout.split("|") == [*words, "a b.wav", ""]

    said.unlink()  # mlenv was moved: the one on PATH will do
    script(tmp_path / "mlenv", '#!/bin/sh\nprintf "%s|" "$@"\n')
    found = run_shim(venv, "transcribe", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert found.stdout.split("|") == ["exec", "--venv", str(venv), "transcribe", ""]
    lost = run_shim(venv, "transcribe")
    assert (lost.returncode, lost.stderr) == (
        127,
        "transcribe: mlenv is gone. Install it again and run `mlenv install`.\n",
    )


def test_an_environment_without_nvidias_wheels_needs_no_variable(
    hollow: MakeVenv, tmp_path: Path
) -> None:
    venv = hollow(tmp_path / "ml")
    (launch.site_packages(venv) / "nvidia").rename(tmp_path / "gone")
    commands.write(venv, venv)
    assert run_shim(venv, "python", "-c", SHOW).stdout == f"{venv}|None\n"


def test_written_again_what_is_gone_is_gone(hollow: MakeVenv, tmp_path: Path) -> None:
    venv = hollow(tmp_path / "ml")
    script(venv / "bin/old", "#!/bin/sh\n")
    first = commands.write(venv, venv)
    (venv / "bin/old").unlink()
    second = commands.write(venv, venv)
    assert {path.name for path in first} - {path.name for path in second} == {"old"}
    assert commands.remove(venv) == second
    assert list((venv / "shims").iterdir()) == []  # it stays: the shims were not lost
    assert commands.remove(venv) == ()


def test_what_is_right_by_another_path_or_by_another_mlenv(
    hollow: MakeVenv, tmp_path: Path
) -> None:
    venv, other = hollow(tmp_path / "ml"), tmp_path / "other"
    other.symlink_to(venv)
    commands.write(venv, other)
    place = Place(venv, tmp_path, {})
    assert programs.look(place).state == "installed"
    script(venv / "bin" / "cowsay", "#!/bin/sh\n")  # has no shim yet, and that is no fault
    assert programs.look(place).state == "installed"
    shim = venv / "shims" / "transcribe"
    text = shim.read_text("utf-8")
    shim.write_text(text.replace(sys.executable, "/usr/bin/env"), "utf-8")
    assert programs.look(place).state == "installed"
    for wrong in (text.replace(sys.executable, "/nowhere"), text.replace(str(other), "/nowhere")):
        shim.write_text(wrong, "utf-8")
        shown = programs.look(place)
        assert (shown.state, shown.files) == ("outdated", (venv / "shims" / "transcribe",))
