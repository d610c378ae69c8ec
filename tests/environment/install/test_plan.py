"""What can be known of an installation before anything is fetched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlenv.environment.install import bundle, plan
from mlenv.environment.install.artifacts import File
from mlenv.environment.lockfile import profiles
from mlenv.environment.lockfile.indexes import Indexes
from mlenv.result import MlenvError


def test_an_index_that_can_not_give_what_the_cache_lacks(
    locked: Path, network: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", network["UV_CACHE_DIR"])
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    profile = profiles.load(str(locked))
    assert plan.unreachable(profile, Indexes({"default": network["UV_DEFAULT_INDEX"]})) == ""
    nowhere = Indexes({"default": "http://127.0.0.1:9/simple"})
    assert plan.unreachable(profile, nowhere).startswith(
        "The package index at 127.0.0.1:9 can't be reached: "
    )


def test_a_bundle_for_which_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [File("one", "1", "https://x/one.whl", 3_000_000, ""),
             File("two", "2", "https://x/two.whl", 2_000_000, "")]  # fmt: skip
    usage = shutil.disk_usage(tmp_path)._replace(free=2_500_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(MlenvError) as caught:
        bundle._room(tmp_path, files)
    assert (caught.value.message, caught.value.hint) == (
        f"The bundle needs 5.0 MB more at {tmp_path}, 2.5 MB are free.",
        "Free some, or name a directory on another disk with -o DIR.",
    )
    (tmp_path / "one.whl").touch()
    bundle._room(tmp_path, files)
