"""Locks: what is written, and when one no longer fits."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mlenv import paths
from mlenv.environment.lockfile import locks, profiles, project
from tests.support.index import Index
from tests.support.running import Run


def test_a_lock_pins_all_with_hashes_and_names_no_address(
    mlenv: Run, index: Index, profile: Path, network: dict[str, str]
) -> None:
    done = mlenv("lock", profile, env=network)
    assert done.returncode == 0, done.stderr
    digest = project.digest(profiles.load(str(profile)))
    content = locks.content(locks.load(profiles.load(str(profile))).pins)

    def sha256(name: str) -> str:
        return hashlib.sha256(index.files[name]).hexdigest()

    assert (
        profile.with_suffix(".txt").read_text()
        == f"""\
# Written by `mlenv lock small`: do not edit.
# profile {digest}
# content {content}

diarizer==2.0{EVERYWHERE} \\
    --hash=sha256:{sha256("diarizer-2.0-py3-none-any.whl")}
    # via environment (pyproject.toml)
tensors==2.5.1{EVERYWHERE} \\
    --hash=sha256:{sha256("tensors-2.5.1-py3-none-any.whl")}
    # via
    #   --override (workspace)
    #   diarizer
    #   whisperer
whisperer==1.0{EVERYWHERE} \\
    --hash=sha256:{sha256("whisperer-1.0-py3-none-any.whl")}
    # via environment (pyproject.toml)
"""
    )


# How uv writes "any of the three platforms that mlenv knows".
EVERYWHERE = (
    " ; platform_machine == 'arm64' and sys_platform == 'darwin' or"
    " (platform_machine == 'aarch64' or platform_machine == 'x86_64') and sys_platform == 'linux'"
)


def test_locking_again_gives_the_same_bytes(
    mlenv: Run, profile: Path, network: dict[str, str]
) -> None:
    mlenv("lock", profile, env=network)
    first = profile.with_suffix(".txt").read_bytes()
    assert json.loads(mlenv("lock", profile, "--json", env=network).stdout)["data"] == {
        "locks": [
            {
                "profile": "small",
                "spelled": str(profile),
                "path": str(profile.with_suffix(".txt")),
                "packages": 3,
                "sha256": hashlib.sha256(first).hexdigest(),
                "changed": False,
                "compared": [],
                "idle_overrides": [],
                "problems": [],
            }
        ]
    }
    profile.with_suffix(".txt").unlink()
    mlenv("lock", profile, env=network)
    assert profile.with_suffix(".txt").read_bytes() == first


def test_only_the_named_package_moves(
    mlenv: Run, profile: Path, index: Index, network: dict[str, str]
) -> None:
    profile.write_text(profile.read_text().replace("whisperer==1.0", "whisperer<2"))
    index.add("diarizer", "2.0.post1", ["tensors==2.8"])
    profile.write_text(profile.read_text().replace("diarizer==2.0", "diarizer<3"))
    mlenv("lock", profile, env=network)
    index.add("whisperer", "1.2", ["tensors>=2"])
    index.add("diarizer", "2.1", ["tensors==2.8"])
    mlenv("lock", profile, "--upgrade-package", "whisperer", env=network)
    pinned = locks.load(profiles.load(str(profile))).versions()
    assert pinned == {"diarizer": "2.0.post1", "tensors": "2.5.1", "whisperer": "1.2"}


def test_check_asks_nobody_and_names_what_no_longer_fits(
    mlenv: Run, profile: Path, network: dict[str, str]
) -> None:
    mlenv("lock", profile, env=network)
    nowhere = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}
    assert mlenv("lock", "--check", profile, env=nowhere).returncode == 0

    profile.write_text(profile.read_text() + "\n# a comment changes nothing\n")
    assert mlenv("lock", "--check", profile, env=nowhere).returncode == 0

    profile.write_text(profile.read_text().replace("whisperer==1.0", "whisperer==1.1"))
    done = mlenv("lock", "--check", profile, "--json", env=nowhere)
    assert done.returncode == 1
    assert json.loads(done.stdout)["data"]["locks"][0]["problems"] == [
        "the profile has changed since the lock was made",
        "it pins whisperer 1.0, the profile wants ==1.1",
    ]


def test_check_sees_that_a_lock_was_edited(
    mlenv: Run, profile: Path, network: dict[str, str]
) -> None:
    mlenv("lock", profile, env=network)
    lock = profile.with_suffix(".txt")
    written = lock.read_text()
    [first, *_] = [line for line in written.splitlines() if "--hash" in line]
    for edited in (
        written.replace(first, first.replace("sha256:", "sha256:" + "0" * 8)[:-8]),
        written.replace("tensors==2.5.1", "tensors==2.5.2"),
    ):
        lock.write_text(edited)
        done = mlenv("lock", "--check", profile, "--json")
        assert done.returncode == 1
        problems = json.loads(done.stdout)["data"]["locks"][0]["problems"]
        assert problems == ["it was edited after it was written"]


def test_the_shipped_locks_fit_their_profiles() -> None:
    assert profiles.names()
    for name in (*profiles.names(), *profiles.extended()):
        assert locks.problems(profiles.load(name), locks.load(profiles.load(name))) == ()


def test_no_shipped_lock_carries_an_address() -> None:
    for path in paths.shipped("constraints").glob("*.txt"):
        assert "://" not in path.read_text()


def test_cu124_is_the_set_that_the_profile_promises() -> None:
    versions = locks.load(profiles.load("cu124")).versions()
    promised = {
        "torch": "2.5.1",
        "torchvision": "0.20.1",
        "torchaudio": "2.5.1",
        "faster-whisper": "1.2.1",
        "pyannote-audio": "4.0.3",
        "nvidia-cudnn-cu12": "9.1.0.70",
        "ctranslate2": "4.6.2",
    }
    assert {name: versions.get(name) for name in promised} == promised
    assert "torchcodec" not in versions


def test_a_line_that_is_no_pin_is_named(mlenv: Run, profile: Path, network: dict[str, str]) -> None:
    mlenv("lock", profile, env=network)
    lock = profile.with_suffix(".txt")
    lock.write_text(lock.read_text() + "tensors>=2\n")
    done = mlenv("install", profile, env=network)
    number = len(lock.read_text().splitlines())
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {lock}, line {number} is no pin: tensors>=2\n"
        "`mlenv lock PROFILE` writes it anew.\n",
    )


def test_an_override_that_holds_a_package_back_is_not_called_unused(
    mlenv: Run, profile: Path, index: Index, network: dict[str, str]
) -> None:
    """The present lock has its version too, and a resolver keeps what is locked."""
    index.add("diarizer", "2.1", ["tensors>=2.5"])
    profile.write_text(profile.read_text().replace("diarizer==2.0", "diarizer==2.1"))
    for _ in range(2):
        done = mlenv("lock", profile, "--json", env=network)
        assert json.loads(done.stdout)["data"]["locks"][0]["idle_overrides"] == []


def test_the_advice_can_be_typed(mlenv: Run, profile: Path) -> None:
    spaced = profile.rename(profile.with_name("we ird.toml"))
    done = mlenv("lock", "--check", spaced)
    assert done.stdout == f"no fit  we ird: there is no lock\n        mlenv lock '{spaced}'\n"
    done = mlenv("install", spaced)
    assert done.stderr.splitlines()[1] == f"Write it with `mlenv lock '{spaced}'`."


def test_a_mirror_without_upload_times(
    mlenv: Run, profile: Path, index: Index, network: dict[str, str]
) -> None:
    """PEP 700 is optional: devpi and simple HTML pages have none."""
    index.uploaded = None
    done = mlenv("lock", profile, env=network)
    line = (
        "Index default gives no upload times: resolved-as-of = 2025-12-19 could not hold, "
        "and the newest versions were taken."
    )
    assert (done.returncode, done.stderr) == (0, f"warning: small: {line}\n")
    lock = locks.load(profiles.load(str(profile)))
    assert f"# {line}\n" in lock.text
    assert lock.versions() == {"diarizer": "2.0", "tensors": "2.5.1", "whisperer": "1.0"}
