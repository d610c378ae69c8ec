"""Pages of reports, made from recorded facts, and read as a browser reads them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import lxml.html

from mlenv.cli.render import doctor, doctor_page
from mlenv.doctor import examine, snapshot, verdict
from mlenv.doctor.documents import Diagnosed
from mlenv.doctor.facts import Facts
from tests.support.places import DATA

WHEN = datetime(2026, 11, 29, 9, 30, tzinfo=UTC)


def recorded(name: str) -> Facts:
    """The facts in a file of tests/data/doctor."""
    file = DATA / "doctor" / f"{name}.json"
    return snapshot.read(file.read_text("utf-8"), str(file))


def diagnosis(
    facts: Facts, fixable: Collection[str] = (), named: Sequence[str] = ()
) -> tuple[Diagnosed, doctor.Layout]:
    """The record of these facts, and what the page needs beside it."""
    report = examine.judge(facts)
    record = Diagnosed(
        verdict=verdict.line(report.findings, facts.trial),
        tried=tuple(each.part for each in facts.trial if not each.left_out),
        not_tried={each.part: each.left_out for each in facts.trial if each.left_out},
        findings=report.documents(fixable, named),
        facts=facts,
    )
    topics = tuple(check.topic for check, _ in report.judged)
    return record, doctor.Layout(topics, 9.5, False, tuple(named), "", False)


def doctor_html(facts: Facts, fixable: Collection[str] = (), named: Sequence[str] = ()) -> str:
    return doctor_page.page(*diagnosis(facts, fixable, named), when=WHEN)


def parsed(html: str) -> Any:
    return lxml.html.document_fromstring(html)


def words(element: Any) -> str:
    """The text of an element, each run of blanks and each line's end as one blank."""
    for end in element.iter("br"):
        end.tail = f" {end.tail or ''}"
    return " ".join(element.text_content().split())


def table(page: Any, label: str) -> list[list[str]]:
    """The cells of the table in the region with this label, head included."""
    (region,) = page.xpath("//div[@role='region'][@aria-label=$label]", label=label)
    return [[words(cell) for cell in row.xpath("./th|./td")] for row in region.iter("tr")]
