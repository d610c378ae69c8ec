"""The documentation's page of known errors is made from the table."""

from __future__ import annotations

from pathlib import Path

from mlenv.knowledge import page

PAGE = Path(__file__).parent.parent.parent / "docs" / "known-errors.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page.markdown(), (
        "run: uv run python -m mlenv.knowledge.page > docs/known-errors.md"
    )
