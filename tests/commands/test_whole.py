"""The environment is whole at every moment, whatever the user's settings and other processes do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlenv.environment import generations
from mlenv.environment.generations import activation
from mlenv.environment.install import whole
from mlenv.environment.lockfile import locks, profiles
from mlenv.result import MlenvError
from tests.support.index import Index
from tests.support.running import Run


@pytest.fixture
def run(mlenv: Run, profile: Path, network: dict[str, str], index: Index) -> Callable[..., object]:
    """The command line, with the small environment installed."""
    index.add("notebook", "7.0")
    index.add("widgets", "8.0")
    assert mlenv("lock", profile, env=network).returncode == 0
    assert mlenv("install", profile, "--no-verify", env=network).returncode == 0

    def call(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        done: subprocess.CompletedProcess[str] = mlenv(*arguments, env={**network, **more})
        return done

    return call


def names(home: Path) -> list[str]:
    return [name.partition("-")[0] for name in generations.distributions(home / ".venvs/ml")]


SETTINGS = {
    "target": '[pip]\ntarget = "{home}/elsewhere"\n',
    "prefix": '[pip]\nprefix = "{home}/elsewhere"\n',
    "symlinks": 'link-mode = "symlink"\n',
    "lowest": '[pip]\nresolution = "lowest"\n',
    "no dependencies": "[pip]\nno-deps = true\n",
    "an old date": 'exclude-newer = "2001-01-01"\n',
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_of_uv_do_not_change_what_is_installed(run: Run, home: Path, setting: str) -> None:
    file = home / ".config/uv/uv.toml"
    file.parent.mkdir(parents=True)
    file.write_text(SETTINGS[setting].format(home=home))
    done = run("add", "notebook")
    assert done.returncode == 0, done.stderr
    assert names(home) == ["diarizer", "notebook", "tensors", "whisperer"]
    packages = next((home / ".venvs/ml").glob("lib/*/site-packages"))
    assert not [path for path in packages.rglob("*") if path.is_symlink()]
    assert not (home / "elsewhere").exists()


def test_variables_of_uv_do_not_either(run: Run, home: Path) -> None:
    constraints = home / "constraints.txt"
    constraints.write_text("notebook<1\n")
    variables = {
        "UV_LINK_MODE": "symlink",
        "UV_CONSTRAINT": str(constraints),
        "UV_OVERRIDE": str(constraints),
        "UV_RESOLUTION": "lowest",
        "UV_EXCLUDE_NEWER": "2001-01-01",
        "UV_VENV_SEED": "1",
        "UV_TARGET": str(home / "elsewhere"),
        "PIP_TARGET": str(home / "elsewhere"),
    }
    done = run("add", "notebook", **variables)
    assert done.returncode == 0, done.stderr
    assert names(home) == ["diarizer", "notebook", "tensors", "whisperer"]


def test_a_configuration_that_can_not_be_read_is_named(run: Run, home: Path) -> None:
    file = home / ".config/uv/uv.toml"
    file.parent.mkdir(parents=True)
    file.write_text("index-url =")
    done = run("add", "notebook")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {file}, the configuration of uv, can't be read: ")


def test_a_rollback_holds(run: Run, home: Path) -> None:
    assert run("add", "notebook").returncode == 0
    assert run("rollback").returncode == 0
    assert json.loads(run("install", "--json").stdout)["data"]["changed"] is False
    assert names(home) == ["diarizer", "tensors", "whisperer"]
    assert run("add", "widgets").returncode == 0
    assert names(home) == ["diarizer", "tensors", "whisperer", "widgets"]


def test_two_at_once_lose_nothing(run: Run, home: Path, network: dict[str, str]) -> None:
    environment = {**os.environ, **network, "HOME": str(home)}
    argv = [sys.executable, "-m", "mlenv", "add"]
    both = [
        subprocess.Popen([*argv, name], env=environment, stderr=subprocess.PIPE, text=True)
        for name in ("notebook", "widgets")
    ]
    for process in both:
        assert process.wait() == 0, process.stderr and process.stderr.read()
    assert names(home) == ["diarizer", "notebook", "tensors", "whisperer", "widgets"]


def test_a_rollback_after_a_switch_that_was_cut(run: Run, home: Path) -> None:
    assert run("add", "notebook").returncode == 0
    venv = home / ".venvs/ml"
    activation.remember(venv, venv.resolve())  # what SIGKILL between two steps leaves
    assert run("rollback").returncode == 0
    assert names(home) == ["diarizer", "tensors", "whisperer"]


@pytest.mark.parametrize("how", ["exec", "shim", "bash", "activation"])
def test_what_a_program_uses_stays(run: Run, home: Path, how: str, network: dict[str, str]) -> None:
    venv = home / ".venvs/ml"
    code = "print('on', flush=True); import time; time.sleep(60)"
    python = {
        "exec": [sys.executable, "-m", "mlenv", "exec", "python", "-c", code],
        "bash": [sys.executable, "-m", "mlenv", "exec", "sh", "-c", "echo on; sleep 60; true"],
        "shim": [venv / "shims/python", "-c", code],
        "activation": [venv / "bin/python", "-c", code],
    }[how]
    environment = {**os.environ, **network, "HOME": str(home)}
    generation = venv.resolve()
    with subprocess.Popen(
        python, env=environment, stdout=subprocess.PIPE, start_new_session=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"on\n"
        time.sleep(0.1)  # the clock of processes has hundredths of a second
        try:
            assert run("add", "notebook").returncode == 0
            done = run("gc", "--keep", "1")
            assert f"{generation.name} by process" in done.stdout
            assert generation.is_dir()
            assert run("uninstall", "--yes").returncode == 1
            assert venv.exists()
        finally:
            os.killpg(program.pid, signal.SIGKILL)
    assert run("gc", "--keep", "1").returncode == 0
    assert not generation.exists()


def test_a_bundle_is_looked_at_whatever_is_there(run: Run, home: Path) -> None:
    done = run("install", "--from", home / "nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {home / 'nowhere'} is not a bundle")


def test_the_thousandth_generation(run: Run, home: Path) -> None:
    first = (home / ".venvs/ml").resolve()
    last = first.with_name(f"1000-{first.name.partition('-')[2]}")
    first.rename(last)
    activation.replace_link(home / ".venvs/ml", last)
    assert run("add", "notebook").returncode == 0
    assert (home / ".venvs/ml").resolve().name.startswith("1001-")
    assert last.is_dir()


def test_an_environment_is_compared_with_its_lock_and_its_wheels(
    run: Run, home: Path, profile: Path
) -> None:
    venv = home / ".venvs/ml"
    packages = next(venv.glob("lib/*/site-packages"))
    lock = locks.load(profiles.load(str(profile)))
    installs = ("diarizer==2.0", "tensors==2.5.1", "whisperer==1.0")
    whole.check(venv, lock, installs)
    assert list(whole._problems(packages, ("extra==1", "tensors==2", *installs[::2]))) == [
        "extra is missing",
        "tensors is 2.5.1, not 2",
    ]
    assert list(whole._problems(packages, installs[1:])) == ["diarizer 2.0 is there too"]
    (packages / "whisperer/__init__.py").unlink()
    with pytest.raises(MlenvError) as caught:
        whole.check(venv, lock, installs)
    assert caught.value.code == "not-whole"
    assert "whisperer/__init__.py is missing" in caught.value.message
    (packages / "diarizer-2.0.dist-info/RECORD").unlink()
    assert "diarizer-2.0.dist-info has no readable RECORD or METADATA" in whole._problems(
        packages, installs
    )


def test_another_installation_of_mlenv_knows_a_shipped_profile_by_its_name(tmp_path: Path) -> None:
    record = {
        "schema": 2,
        "number": 1,
        "profile": "cu124",
        "profile_path": "/gone/profiles/cu124.toml",
        "profile_sha256": "0",
        "lock_path": "/gone/constraints/cu124.txt",
        "lock_sha256": "0",
        "python": "/usr/bin/python3",
        "created": "2026-11-01T10:00:00+00:00",
        "mlenv": "0.1.0",
        "distributions": [],
        "libraries": {},
    }
    (tmp_path / generations.RECORD).write_text(json.dumps(record))
    generation = generations.read(tmp_path)
    assert generation is not None
    assert profiles.load(str(generation.profile_file)).is_shipped
    assert generation.lock_file == locks.load(profiles.load("cu124")).path


UNKNOWN = 54321  # a uid that the password database does not know


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize("words", [("status",), ("env",), ("exec", "python"), ("models", "list")])
def test_a_user_without_a_home(mlenv: Run, words: tuple[str, ...], tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    done = subprocess.run(
        ["setpriv", f"--reuid={UNKNOWN}", "--clear-groups", sys.executable, "-m", "mlenv", *words],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert "Traceback" not in done.stderr
    assert "There is no home directory: HOME is not set, and user" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("code", ["import select; select.poll", "raise OSError('no libgomp.so.1')"])
def test_what_the_job_imports_is_imported_before_the_switch(
    run: Run, home: Path, index: Index, code: str
) -> None:
    before = (home / ".venvs/ml").resolve()
    index.add("faster-whisper", "1.2.1", **{"faster_whisper/__init__.py": code})
    done = run("add", "faster-whisper")
    if "raise" not in code:
        assert done.returncode == 0, done.stderr
        assert "faster_whisper" in names(home)
        return
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        "error: The new environment can't import what it is for: OSError: no libgomp.so.1."
    )
    assert (home / ".venvs/ml").resolve() == before


@pytest.mark.parametrize("edit", ["__version__ = '9.9'\n", "__version__ = '1.0'  # edited\n", ""])
def test_an_edited_file_goes_into_no_other_environment(run: Run, home: Path, edit: str) -> None:
    """A hard link makes it the cache's file too, where the file system can't copy on write."""
    packages = next((home / ".venvs/ml").glob("lib/*/site-packages"))
    file = packages / "whisperer/__init__.py"
    before = file.read_text()
    file.write_text(edit)
    later = time.time() + 60  # nobody edits within two seconds of the installation
    os.utime(file, (later, later))
    done = run("add", "notebook")
    assert done.returncode == 0, done.stderr
    packages = next((home / ".venvs/ml").glob("lib/*/site-packages"))
    assert (packages / "whisperer/__init__.py").read_text() == before


def test_an_edited_file_is_named_without_a_network(run: Run, home: Path, profile: Path) -> None:
    packages = next((home / ".venvs/ml").glob("lib/*/site-packages"))
    (packages / "whisperer/__init__.py").write_text("edited = True\n")
    done = run("install", profile, "--offline", "--no-verify", "--venv", home / "other")
    assert (done.returncode, done.stderr) == (
        1,
        "error: What was installed is not what small.txt names: whisperer/__init__.py has 14 "
        "bytes, not 20.\n"
        "Nothing was switched. Try again; if it stays, clear uv's cache: `uv cache clean`.\n",
    )
    assert not (home / "other").exists()


def test_shims_that_are_gone_are_lost_or_were_removed(run: Run, home: Path) -> None:
    def doctor(*arguments: str) -> tuple[str, list[str]]:
        done = run("doctor", "--json", "launcher-shim-outdated", *arguments, HF_HUB_OFFLINE="1")
        (finding,) = json.loads(done.stdout)["data"]["findings"]
        return finding["outcome"], finding["evidence"]

    shims = home / ".venvs/ml/shims"
    whole = ("ok", ["as mlenv would write them now: commands"])
    assert doctor() == whole
    shutil.rmtree(shims)
    assert doctor() == ("fail", [f"commands: {shims} is gone"])
    assert doctor("--fix", "--yes") == whole
    assert subprocess.run([shims / "python", "-c", ""], check=False).returncode == 0
    assert run("shim", "remove", "commands").returncode == 0
    assert doctor()[0] == "skip"
