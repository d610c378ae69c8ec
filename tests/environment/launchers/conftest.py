"""Every launcher's test has a HOME of its own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _home(home_of_its_own: None) -> None:
    """Launchers write into HOME."""
