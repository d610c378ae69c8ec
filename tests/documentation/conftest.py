"""HOME of the documentation's commands."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def home(same_home: Path) -> Path:
    """HOME, at the same place for each test: the small environment is copied between them."""
    return same_home
