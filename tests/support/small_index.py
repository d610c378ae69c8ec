"""An environment small enough to be built for every test, by the same code as the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.index import Index, serving

PROFILE = """\
for = "tests"
python = ">=3.11"
platforms = ["linux-x86_64", "linux-aarch64", "macos-arm64"]
resolved-as-of = "2025-12-19"
requires = ["whisperer==1.0", "diarizer==2.0"]

[[override]]
requirement = "tensors==2.5.1"
why = "diarizer pins 2.8, and runs with 2.5"

[[exclude]]
package = "codec"
why = "nothing loads it"
"""


@pytest.fixture
def index() -> Iterator[Index]:
    """A package index with two packages that disagree about a third, as the real ones do."""
    with serving() as index:
        index.add("whisperer", "1.0", ["tensors>=2"])
        index.add("whisperer", "1.1", ["tensors>=2"])
        index.add("diarizer", "2.0", ["tensors==2.8", "codec"])
        index.add("tensors", "2.5.1")
        index.add("tensors", "2.8")
        index.add("codec", "0.7")
        index.add("uv", "1.0")
        yield index


@pytest.fixture
def profile(home: Path) -> Path:
    """The path of the small profile, not locked yet."""
    path = home / "small.toml"
    path.write_text(PROFILE)
    return path


@pytest.fixture
def network(index: Index, home: Path) -> dict[str, str]:
    """Variables that make `index` the package index, with a cache of its own."""
    return {"UV_DEFAULT_INDEX": index.url, "UV_CACHE_DIR": str(home / "uv-cache")}
