"""Eight that change one environment at once, a tenth of them killed, and four that use it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support import steps
from tests.support.crowd import crowd

pytestmark = pytest.mark.heavy
SECONDS = 60  # `python -m tests.support.fault_series 3600 --only crowd` goes on for an hour


def test_nobody_loses_anything(tmp_path: Path) -> None:
    with steps.opened(tmp_path) as bench:
        counts, broken = crowd(bench, SECONDS, random.Random(0))
    assert broken == []
    assert min(counts["changes at once"], counts["programs that used it meanwhile"]) > 10, counts
