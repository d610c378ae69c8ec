"""`mlenv install` from an empty home: built, switched, repeated, refused. Real uv, small wheels."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.index import Index
from tests.support.places import PYTHON
from tests.support.running import Run


@pytest.fixture
def install(mlenv: Run, locked: Path, network: dict[str, str]) -> Callable[..., object]:
    def run(*arguments: str | Path, **env: str) -> object:
        return mlenv("install", locked, "--no-verify", *arguments, env={**network, **env})

    return run


def generations(home: Path) -> list[str]:
    return sorted(path.name for path in (home / ".venvs/.ml.mlenv/generations").iterdir())


def test_from_nothing(install: Run, home: Path, locked: Path) -> None:
    done = install("--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    data = json.loads(done.stdout)["data"]
    [name] = generations(home)
    lock = locked.with_suffix(".txt")
    sha256 = hashlib.sha256(lock.read_bytes()).hexdigest()
    assert name == f"001-small-{sha256[:8]}"
    seconds, created = data.pop("seconds"), data["generation"].pop("created")
    python, version = data["generation"].pop("python"), data["generation"].pop("mlenv")
    assert seconds > 0 and created and Path(python).exists() and version
    assert data == {
        "venv": str(home / ".venvs/ml"),
        "profile": "small",
        "why": "it needs no GPU",
        "changed": True,
        "kept": None,
        "passed_over": [],
        "changes": {
            "added": ["diarizer==2.0", "tensors==2.5.1", "whisperer==1.0"],
            "removed": [],
            "changed": [],
        },
        "generation": {
            "path": str(home / ".venvs/.ml.mlenv/generations" / name),
            "name": name,
            "number": 1,
            "profile": "small",
            "profile_path": str(locked),
            "profile_sha256": hashlib.sha256(locked.read_bytes()).hexdigest(),
            "lock_path": str(lock),
            "lock_sha256": sha256,
            "distributions": ["diarizer-2.0", "tensors-2.5.1", "whisperer-1.0"],
            "libraries": {},
            "origin": "file",
        },
    }
    assert (home / ".venvs/ml").readlink() == Path(f".ml.mlenv/generations/{name}")


def test_quiet_when_nobody_looks_on(install: Run, home: Path) -> None:
    done = install()
    assert done.stderr == ""
    assert done.stdout.splitlines()[0].startswith(
        "installed  ~/.venvs/ml is now small (3 packages)"
    )


def test_again_with_nothing_to_do(install: Run, home: Path, index: Index) -> None:
    install()
    before = generations(home)
    index.requests.clear()
    done = install()
    up_to_date = f"up to date  ~/.venvs/ml is small (3 packages), generation {before[0]}\n"
    after = "next        `mlenv exec COMMAND` starts a program in it\n"
    assert done.stdout == up_to_date + after
    assert (index.requests, generations(home)) == ([], before)
    done = install("--index", "default=https://mirror.example.org/simple")
    unused = "--index default was not asked: nothing had to be fetched"
    assert done.stdout == f"{up_to_date}            {unused}\n{after}"
    done = install("--index", "other=https://mirror.example.org/simple")
    assert (done.returncode, done.stdout) == (2, "")


def test_an_interpreter_is_the_same_by_another_link(install: Run, home: Path) -> None:
    (home / "python3").symlink_to(PYTHON)
    install("--python", home / "python3")
    for more in ([], ["--dry-run"]):
        done = install("--json", "--python", home / "python3", *more)
        assert json.loads(done.stdout)["data"]["changed"] is False, more
    assert len(generations(home)) == 1
    subprocess.run([PYTHON, "-m", "venv", "--copies", "--without-pip", home / "v"], check=True)
    done = install("--json", "--dry-run", "--python", home / "v/bin/python")
    assert json.loads(done.stdout)["data"]["changed"] is True


def test_drift_is_mended_by_installing_again(install: Run, home: Path) -> None:
    install()
    packages = next((home / ".venvs/ml/lib").glob("python3*/site-packages"))
    (packages / "tensors-2.5.1.dist-info").rename(packages / "tensors-2.8.dist-info")
    assert json.loads(install("--json").stdout)["data"]["changed"] is True
    assert len(generations(home)) == 2


def test_a_changed_lock_makes_a_new_generation_and_keeps_the_old(
    install: Run, home: Path, locked: Path, lock_of: Callable[[Path], Path]
) -> None:
    install()
    old = (home / ".venvs/ml").resolve()
    locked.write_text(locked.read_text().replace("whisperer==1.0", "whisperer==1.1"))
    lock_of(locked)
    data = json.loads(install("--json").stdout)["data"]
    assert data["generation"]["distributions"][-1] == "whisperer-1.1"
    assert old.is_dir() and (home / ".venvs/ml").resolve() != old


def test_a_venv_that_was_there_is_kept_and_named(install: Run, home: Path) -> None:
    theirs = home / ".venvs/ml"
    theirs.mkdir(parents=True)
    (theirs / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (theirs / "mine.txt").write_text("precious")
    done = install()
    kept = home / ".venvs/ml.before-mlenv"
    back = "(`mlenv rollback before` brings it back)"
    assert f"your previous environment, now ~/.venvs/{kept.name} {back}" in done.stdout
    assert (kept / "mine.txt").read_text() == "precious"
    assert theirs.is_symlink()


def refused(done: object, code: int = 1) -> str:
    """The message of a refusal: one or two lines on standard error, no traceback."""
    assert done.returncode == code  # type: ignore[attr-defined]
    said: str = done.stderr  # type: ignore[attr-defined]
    assert said.startswith("error: ") and 1 <= len(said.splitlines()) <= 2, said
    return said


def test_a_directory_that_is_no_venv(install: Run, home: Path) -> None:
    theirs = home / ".venvs/ml"
    theirs.mkdir(parents=True)
    (theirs / "mine.txt").write_text("precious")
    assert refused(install()) == (
        f"error: {theirs} is a directory, but no virtual environment.\n"
        "Move it away, or name another with --venv DIR.\n"
    )
    assert [p.name for p in theirs.iterdir()] == ["mine.txt"]


def test_a_file(install: Run, home: Path) -> None:
    (home / ".venvs").mkdir()
    (home / ".venvs/ml").write_text("precious")
    assert "is a file." in refused(install())
    assert (home / ".venvs/ml").read_text() == "precious"


def test_a_path_that_the_loader_cannot_take(install: Run, home: Path) -> None:
    assert "can't stand on LD_LIBRARY_PATH" in refused(install("--venv", home / "a:b"))


def test_a_lock_whose_hash_does_not_match(install: Run, home: Path, index: Index) -> None:
    install()
    active = (home / ".venvs/ml").resolve()
    changed = index.files["tensors-2.5.1-py3-none-any.whl"] + b"\0"
    index.files["tensors-2.5.1-py3-none-any.whl"] = changed
    said = refused(install("--python", "3.12.99", UV_CACHE_DIR=str(home / "other-cache")))
    assert "There is no Python `3.12.99`" in said
    (active / "bin/python").unlink()  # so that there is something to do
    said = refused(install(UV_CACHE_DIR=str(home / "other-cache")))
    assert said.startswith("error: tensors==2.5.1 is not the file that the lock names")
    assert (home / ".venvs/ml").resolve() == active
    assert generations(home) == [active.name]


def test_no_network(install: Run, home: Path) -> None:
    said = refused(install(UV_DEFAULT_INDEX="http://127.0.0.1:9/simple"))
    assert said.startswith("error: The package index at 127.0.0.1:9 can't be reached: Connection")
    assert not (home / ".venvs/ml").exists()


def test_no_network_but_all_in_the_cache(install: Run, home: Path, index: Index) -> None:
    install()
    index.stop()
    done = install("--venv", home / "second")
    assert done.returncode == 0, done.stderr
    assert (home / "second").is_symlink()


def test_no_disk_but_all_in_the_cache(install: Run, home: Path, locked: Path) -> None:
    install()
    locked.write_text(locked.read_text() + "\n[machine]\ndisk-mb = 900000000\n")
    done = install("--venv", home / "second")
    assert done.returncode == 0, done.stderr


def test_no_disk(install: Run, home: Path, locked: Path) -> None:
    text = locked.read_text() + "\n[machine]\ndisk-mb = 900000000\n"
    locked.write_text(text)
    said = refused(install())
    assert said.startswith("error: small needs 900000.1 GB at") and "GB are free." in said
    assert not (home / ".venvs/ml").exists()


# Permissions hold for root as well once it may no longer override them.
BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


def test_a_home_that_cannot_be_written(mlenv: Run, locked: Path, home: Path) -> None:
    (home / ".venvs").mkdir(mode=0o555)
    said = refused(mlenv("install", locked, prefix=BOUND))
    assert said == (
        f"error: {home / '.venvs'} can't be written to by this user.\n"
        f"Check its owner (`ls -ld {home / '.venvs'}`), or name another with --venv DIR.\n"
    )


def test_no_lock(mlenv: Run, profile: Path) -> None:
    assert refused(mlenv("install", profile)) == (
        f"error: Profile small has no lock: {profile.with_suffix('.txt')} is missing.\n"
        f"Write it with `mlenv lock {profile}`.\n"
    )


def test_a_lock_that_does_not_fit(install: Run, locked: Path) -> None:
    locked.write_text(locked.read_text().replace("whisperer==1.0", "whisperer==1.1"))
    assert "does not fit its profile: the profile has changed" in refused(install())


def test_a_comment_and_another_spelling_of_the_path_change_nothing(
    install: Run, mlenv: Run, home: Path, locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install()
    locked.write_text(locked.read_text() + "\n# as agreed on Monday\n")
    assert install().stdout.startswith("up to date  ")
    monkeypatch.chdir(locked.parent)
    assert mlenv("install", f"./{locked.name}").stdout.startswith("up to date  ")
    assert json.loads(mlenv("status", "--json").stdout)["data"]["lock_changed"] is False
    assert len(generations(home)) == 1


def test_a_profile_whose_name_the_loader_cannot_take(
    mlenv: Run, locked: Path, home: Path, network: dict[str, str]
) -> None:
    """Its name is part of the path of the environment's files."""
    odd = home / "a:b.toml"
    odd.write_bytes(locked.read_bytes())
    odd.with_suffix(".txt").write_bytes(locked.with_suffix(".txt").read_bytes())
    said = refused(mlenv("install", odd, env=network))
    assert f"{home}/.venvs/.ml.mlenv/generations/a:b can't stand on LD_LIBRARY_PATH" in said
    assert not (home / ".venvs/.ml.mlenv").exists()


def test_a_profile_without_speech_has_no_trial(
    mlenv: Run, locked: Path, network: dict[str, str]
) -> None:
    done = mlenv("install", locked, env=network)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[2:] == [
        "not tested this profile has no faster-whisper, so nothing was tried in it",
        "next       `mlenv exec COMMAND` starts a program in it",
    ]


def test_a_dry_run_across_file_systems_counts_the_copies(
    mlenv: Run, locked: Path, network: dict[str, str]
) -> None:
    locked.write_text(locked.read_text() + "\n[machine]\ndisk-mb = 7\n")
    other = "/dev/shm/mlenv-nowhere/ml"
    done = mlenv("install", locked, "--dry-run", "--json", "--venv", other, env=network)
    data = json.loads(done.stdout)["data"]
    assert (data["linked"], data["disk_bytes"] >= 7_000_000) == (False, True)
    text = mlenv("install", locked, "--dry-run", "--venv", other, env=network).stdout
    assert "more, copied from uv's cache, which is on another file system\n" in text


def test_an_interpreter_that_uv_can_not_look_for(
    mlenv: Run, locked: Path, network: dict[str, str]
) -> None:
    said = refused(
        mlenv("install", locked, "--python", "3.11", env={**network, "UV_CACHE_DIR": "/proc/x"})
    )
    assert said.startswith("error: uv can't use its cache at /proc/x: ")
    assert said.endswith("Name another directory for it with UV_CACHE_DIR.\n")


def test_a_current_directory_that_is_gone(mlenv: Run, tmp_path: Path) -> None:
    lost = tmp_path / "lost"
    lost.mkdir()
    command = f'cd {lost} && rmdir {lost} && exec "$@"'
    done = mlenv("shim", "list", prefix=("sh", "-c", command, "sh"))
    assert (done.returncode, done.stderr) == (
        1,
        "error: The current directory has been removed.\nChange to another: `cd ~`.\n",
    )
