"""The documentation's page of known errors is made from the table."""

from __future__ import annotations

from mlenv.doctor.knowledge import page
from tests.support.places import ROOT

PAGE = ROOT / "docs" / "known-errors.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page.markdown(), (
        "run: uv run python -m mlenv.doctor.knowledge.page > docs/known-errors.md"
    )
