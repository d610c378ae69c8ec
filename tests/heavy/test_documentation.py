"""What the pages show of a terminal and of JSON, against what is printed now.

With `MLENV_TEST_RECORD=1` the pages are written anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from documentation.sessions import Block
from tests.documentation.real_home import furnish, variables
from tests.documentation.test_examples import EMPTY, REAL, SMALL, files_of, is_described, run
from tests.documentation.test_sessions import check, named, sessions
from tests.support.index import Index

pytestmark = pytest.mark.heavy


@pytest.fixture
def home(same_home: Path) -> Path:
    """HOME, at the same place for each test: the small environment is copied between them."""
    return same_home


@pytest.mark.parametrize("page", sessions("real"), ids=named)
def test_sessions_with_the_real_environment(page: list[Block], home: Path) -> None:
    check(page, home, furnish(home))


def test_examples_without_an_environment(home: Path) -> None:
    run(EMPTY, home, variables())


def test_examples_with_the_small_environment(
    home: Path,
    provision: Callable[[Path], None],
    profile: Path,
    network: dict[str, str],
    index: Index,
) -> None:
    index.add("captions", "1.0")
    provision(profile)
    before = files_of(home)
    run(SMALL, home, variables(**network))
    written = files_of(home) - before
    assert any(path.startswith(".venvs/") for path in written)
    assert sorted(path for path in written if not is_described(path)) == []


def test_examples_with_the_real_environment(home: Path) -> None:
    run(REAL, home, furnish(home, own_models=True))
