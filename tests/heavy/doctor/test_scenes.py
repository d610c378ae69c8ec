"""Environments that are broken, and odd ones that work: what the doctor says of each."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import scenes
from tests.support.scenes import MENDS, Seen
from tests.support.scenes.table import BROKEN, ODD, TABLE
from tests.support.scenes.tally import count

AT_ONCE = 2
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not scenes.possible(), reason="only root can mount, and not everywhere"),
]
MENDED = [name for name, row in BROKEN.items() if row.repair == MENDS]

Looks = dict[tuple[str, bool], "Future[Seen]"]


def look_at(name: str, after: bool) -> tuple[str, bool]:
    """Which look a test needs: `--fix` is there too where it mends, or must find nothing to do."""
    return name, after or (name in BROKEN and not BROKEN[name].repair)


@pytest.fixture(scope="module")
def looks(request: pytest.FixtureRequest, real_venv: Path, model_cache: Path) -> Iterator[Looks]:
    """A look at each environment that was asked for, some at once, in the order of the tests."""
    wanted = [
        look_at(
            item.callspec.params["name"], item.originalname == "test_a_repair_leaves_it_healthy"
        )
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
    ]
    pull = [sys.executable, "-m", "mlenv", "models", "pull", "tiny.en", "--venv", real_venv]
    subprocess.run(pull, check=True, env={**os.environ, "MLENV_CACHE_DIR": str(model_cache)})
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(AT_ONCE) as pool:
        Path(place).chmod(0o755)

        def look(number: int, name: str, mend: bool) -> Seen:
            scratch = Path(place, str(number))
            scratch.mkdir()
            return scenes.look(name, real_venv, model_cache / "models", scratch, mend=mend)

        looks = {key: pool.submit(look, number, *key) for number, key in enumerate(wanted)}
        yield looks
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found_with_its_cause_first(looks: Looks, name: str) -> None:
    row, seen = TABLE[name], looks[look_at(name, False)].result()
    count(row, seen)
    assert (seen.first, seen.exit_code, seen.stderr) == (row.cause, 1, ""), seen
    assert set(row.fails) <= set(seen.failed), seen
    assert not seen.repairs, seen


@pytest.mark.parametrize("name", ODD)
def test_what_works_is_no_failure(looks: Looks, name: str) -> None:
    row, seen = TABLE[name], looks[name, False].result()
    count(row, seen)
    assert (seen.ids, seen.exit_code, seen.stderr) == (row.shown, 0, ""), seen
    assert not seen.failed


@pytest.mark.parametrize("name", MENDED)
def test_a_repair_leaves_it_healthy(looks: Looks, name: str) -> None:
    row, seen = TABLE[name], looks[name, True].result()
    count(row, seen, mend=True)
    assert (seen.bad, seen.exit_code) == ((), 0), seen
    assert seen.verdict.startswith("Healthy")
    assert set(seen.repairs) == {"done"}
