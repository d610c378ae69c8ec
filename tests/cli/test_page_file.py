"""Writing a page beside a report."""

from __future__ import annotations

from pathlib import Path

from msgspec import UNSET

from mlenv.cli.page_file import with_page
from mlenv.result import Problem
from tests.support.reports import verified


def test_a_page_that_fails_costs_not_the_report(tmp_path: Path) -> None:
    """Such as by a disk that has filled up, or a folder that went, since the command began."""
    gone = tmp_path / "gone" / "page.html"
    record, errors = with_page(verified(), gone, lambda _: "<p>")
    said = f"{gone} can't be written: No such file or directory."
    hint = "Check how it is written: `ls` of the folder above shows what is there."
    assert (record.html, errors) == (None, (Problem("not-writable", said, hint=hint),))
    assert record.rows == verified().rows


def test_the_record_names_the_page(tmp_path: Path) -> None:
    record, errors = with_page(verified(), tmp_path / "page.html", lambda made: f"{made.html}")
    assert (record.html, errors) == (str(tmp_path / "page.html"), ())
    assert (tmp_path / "page.html").read_text() == str(UNSET)
    assert with_page(verified(), None, lambda _: "") == (verified(), ())
