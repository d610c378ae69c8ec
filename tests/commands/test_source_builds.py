"""Code of a package that has no wheel runs only where it was allowed by the package's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.index import Index
from tests.support.running import Run

REFUSED = """\
error: tuner has no wheel that fits here, and to build one its own code would run.
Allow that by name: `mlenv add NAME --allow-build NAME`, in a profile `[[build]]`.
"""
ALLOWED = """
[[build]]
package = "Tuner"
why = "it has no wheel"
"""


@pytest.fixture
def trace(index: Index, profile: Path, home: Path) -> Path:
    """The file that the build of `tuner` leaves; the profile holds `tuner`."""
    trace = home / "its-code-has-run"
    index.add_source("tuner", "1.0", str(trace))
    text = profile.read_text()
    profile.write_text(text.replace('"diarizer==2.0"', '"diarizer==2.0", "tuner==1.0"'))
    return trace


def test_it_is_refused_and_does_not_run(
    mlenv: Run, profile: Path, network: dict[str, str], trace: Path
) -> None:
    done = mlenv("lock", profile, env=network)
    assert (done.returncode, done.stderr) == (1, REFUSED)
    assert not trace.exists()


def test_a_lock_that_was_made_elsewhere_does_not_run_it_either(
    mlenv: Run, profile: Path, network: dict[str, str], trace: Path, home: Path
) -> None:
    text = profile.read_text()
    profile.write_text(text + ALLOWED)
    assert mlenv("lock", profile, env=network).returncode == 0
    trace.unlink(missing_ok=True)
    profile.write_text(text)
    done = mlenv("install", profile, "--no-verify", env=network)
    assert (done.returncode, done.stderr) == (1, REFUSED)
    assert not trace.exists()
    assert not (home / ".venvs/ml").exists()


def test_the_profile_may_allow_it(
    mlenv: Run, profile: Path, network: dict[str, str], trace: Path
) -> None:
    profile.write_text(profile.read_text() + ALLOWED)
    assert mlenv("lock", profile, env=network).returncode == 0
    assert mlenv("install", profile, "--no-verify", env=network).returncode == 0
    assert trace.exists()
    shown = json.loads(mlenv("profiles", "show", profile, "--json", env=network).stdout)
    assert shown["data"]["builds"] == [{"package": "Tuner", "why": "it has no wheel"}]


def test_a_wheel_is_taken_where_a_mirror_has_no_source(
    mlenv: Run, profile: Path, network: dict[str, str], index: Index, trace: Path
) -> None:
    del index.files["tuner-1.0.tar.gz"]
    index.add("tuner", "1.0")
    profile.write_text(profile.read_text() + ALLOWED)
    assert mlenv("lock", profile, env=network).returncode == 0
    assert mlenv("install", profile, "--no-verify", env=network).returncode == 0
    assert not trace.exists()


def test_add_may_allow_it(
    mlenv: Run, profile: Path, network: dict[str, str], index: Index, home: Path
) -> None:
    trace = home / "its-code-has-run"
    index.lasting = True
    index.add_source("tuner", "1.0", str(trace))
    assert mlenv("lock", profile, env=network).returncode == 0
    assert mlenv("install", profile, "--no-verify", env=network).returncode == 0
    done = mlenv("add", "tuner", env=network)
    assert (done.returncode, done.stderr) == (1, REFUSED)
    assert not trace.exists()
    done = mlenv("add", "tuner", "--allow-build", "Tuner", env=network)
    assert (done.returncode, trace.read_text()) == (0, "built\n"), done.stderr  # once
    assert mlenv("add", "uv", env=network).returncode == 0  # it stays allowed
    done = mlenv("remove", "uv", "--dry-run", "--json", env=network)
    planned = json.loads(done.stdout)["data"]  # the wheel that was built is in uv's cache
    assert (planned["download"], planned["disk_bytes"], planned["changed"]) == ([], 0, True)
    mine = (home / ".venvs/ml/profile/small-own.toml").read_text()
    assert mine.endswith('[[build]]\npackage = "Tuner"\nwhy = "Allowed with --allow-build."\n')


def test_it_is_not_moved_to_a_version_with_a_wheel(
    mlenv: Run, profile: Path, network: dict[str, str], index: Index, trace: Path
) -> None:
    text = profile.read_text().replace("tuner==1.0", "tuner>=1.0")
    profile.write_text(text + ALLOWED)
    assert mlenv("lock", profile, env=network).returncode == 0
    index.add("tuner", "1.1")
    assert mlenv("install", profile, "--no-verify", env=network).returncode == 0
    done = mlenv("add", "uv", "--json", env=network)
    assert json.loads(done.stdout)["data"]["changes"]["changed"] == []
