"""An index that misbehaves: one message that says it, and what worked goes on working."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.index import Index
from tests.support.running import Run


@pytest.fixture
def home(same_home: Path) -> Path:
    return same_home


@pytest.fixture
def installed(
    profile: Path, home: Path, provision: Callable[[Path], None]
) -> Callable[[], tuple[str, list[str]]]:
    """The small environment; call it for what stands at its place, to compare."""
    provision(profile)

    def look() -> tuple[str, list[str]]:
        store = home / ".venvs/.ml.mlenv/generations"
        return str((home / ".venvs/ml").readlink()), sorted(p.name for p in store.iterdir())

    return look


@pytest.fixture
def try_again(
    mlenv: Run,
    profile: Path,
    network: dict[str, str],
    home: Path,
    index: Index,
    lock_of: Callable[[Path], Path],
) -> Callable[[], str]:
    """Lock another version and install it with an empty cache; the message of the refusal."""

    def run() -> str:
        faults, index.faults = index.faults, {}
        profile.write_text(profile.read_text().replace("whisperer==1.0", "whisperer==1.1"))
        lock_of(profile)
        index.faults = faults
        fresh = {**network, "UV_CACHE_DIR": str(home / "fresh"), "UV_HTTP_RETRIES": "0"}
        done = mlenv("install", profile, "--no-verify", env=fresh)
        assert done.returncode == 1
        said: str = done.stderr
        assert said.startswith("error: ") and len(said.splitlines()) <= 2 and len(said) < 700, said
        return said

    return run


WHEEL = "/files/tensors-2.5.1-py3-none-any.whl"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "The index answered 401 Unauthorized"),
        (403, "The index answered 403 Forbidden"),
        (429, "The index answered 429 Too Many Requests"),
        (500, "The index answered 500 Internal Server Error"),
        (503, "The index answered 503 Service Unavailable"),
    ],
)
def test_a_status(
    installed: Callable, try_again: Callable, index: Index, status: int, said: str
) -> None:
    before = installed()
    index.faults = {"/simple/tensors/": status}
    assert said in try_again()
    assert installed() == before


def test_the_message_does_not_depend_on_the_terminals_width(
    mlenv: Run, profile: Path, network: dict[str, str], index: Index
) -> None:
    """uv would wrap its own message, and the failure is known by its sentences."""
    index.faults = {"/simple/tensors/": 503}
    once = {**network, "UV_HTTP_RETRIES": "0"}
    narrow, wide = (mlenv("lock", profile, env={**once, "COLUMNS": n}) for n in ("20", "500"))
    assert (narrow.returncode, wide.returncode) == (1, 1)
    assert narrow.stderr == wide.stderr
    assert "The index answered 503 Service Unavailable" in wide.stderr


def test_a_package_that_is_gone(installed: Callable, try_again: Callable, index: Index) -> None:
    before = installed()
    index.faults = {"/simple/tensors/": 404}
    assert try_again().startswith("error: The index does not have tensors==2.5.1.")
    assert installed() == before


def test_a_page_of_garbage(installed: Callable, try_again: Callable, index: Index) -> None:
    before = installed()
    index.faults = {"/simple/tensors/": b"<!doctype html><title>Log in to the hotel's network"}
    said = try_again()
    assert said.startswith("error: What answers at the index's address is no package index:")
    assert "/simple/tensors/" in said
    assert installed() == before


def test_a_wheel_of_garbage(installed: Callable, try_again: Callable, index: Index) -> None:
    before = installed()
    index.faults = {WHEEL: b"it works!"}
    assert try_again().startswith("error: tensors==2.5.1 came broken from the index: ")
    assert installed() == before


def test_half_a_wheel(installed: Callable, try_again: Callable, index: Index) -> None:
    before = installed()
    index.faults = {WHEEL: index.files[WHEEL.rpartition("/")[2]][:300]}
    assert try_again().startswith("error: tensors==2.5.1 came broken from the index: ")
    assert installed() == before


def test_another_wheel(installed: Callable, try_again: Callable, index: Index) -> None:
    before = installed()
    index.faults = {WHEEL: index.files["tensors-2.8-py3-none-any.whl"]}
    assert try_again().startswith("error: tensors==2.5.1 is not the file that the lock names")
    assert installed() == before


def test_a_yanked_release_that_is_locked_installs(
    mlenv: Run, locked: Path, network: dict[str, str], home: Path, index: Index
) -> None:
    """As PEP 592 wants it: who pinned it exactly, still gets it."""
    index.yanked.add("tensors-2.5.1-py3-none-any.whl")
    fresh = {**network, "UV_CACHE_DIR": str(home / "fresh")}
    assert mlenv("install", locked, "--no-verify", env=fresh).returncode == 0


def test_two_packages_that_want_different_builds(
    mlenv: Run, profile: Path, network: dict[str, str], index: Index
) -> None:
    index.add("aligner", "1.0", ["tensors==2.8"])
    index.add("mixer", "1.0", ["tensors==2.5.1"])
    text = profile.read_text().partition("[[override]]")[0]
    profile.write_text(text.replace('"whisperer==1.0"', '"aligner==1.0", "mixer==1.0"'))
    done = mlenv("lock", profile, env=network)
    assert done.returncode == 1
    assert done.stderr.startswith("error: The packages do not fit together: Because ")
    for part in ("mixer depend on tensors==2.5.1", "aligner depend on tensors==2.8"):
        assert part in done.stderr
    assert not profile.with_suffix(".txt").exists()


def test_an_override_that_overrides_nothing_is_named(
    mlenv: Run, profile: Path, network: dict[str, str], index: Index
) -> None:
    index.add("diarizer", "2.1", ["tensors>=2.5,<2.6"])
    profile.write_text(profile.read_text().replace("diarizer==2.0", "diarizer==2.1"))
    done = mlenv("lock", profile, env=network)
    assert done.returncode == 0
    assert "the override tensors==2.5.1 has no effect any more; remove it" in done.stdout


def test_a_foreign_symlink_is_kept(
    mlenv: Run, locked: Path, network: dict[str, str], home: Path
) -> None:
    theirs = home / "theirs"
    theirs.mkdir()
    (theirs / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (home / ".venvs").mkdir()
    (home / ".venvs/ml").symlink_to(theirs)
    assert mlenv("install", locked, "--no-verify", env=network).returncode == 0
    assert (home / ".venvs/ml.before-mlenv").readlink() == theirs
    assert mlenv("rollback", "before").returncode == 0
    assert (home / ".venvs/ml").readlink() == theirs
