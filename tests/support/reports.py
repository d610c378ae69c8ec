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
from mlenv.environment.receipts import Library, Receipt
from mlenv.files import decode
from mlenv.speech.verify.documents import Verified
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


RECEIPT = Receipt(
    schema=1,
    mlenv="0.1.0",
    when="2026-11-29T02:08:22+00:00",
    venv="/home/user/.venvs/ml",
    generation="001-cu124-53feeb84",
    profile="cu124",
    lock_sha256="aa",
    driver=None,
    gpus=(),
    libraries=(Library(path="/home/user/.venvs/ml/libcudnn.so.9", bytes=10),),
    rows=(),
)


def verified() -> Verified:
    """The record of the run in tests/data/verify."""
    file = DATA / "verify" / "without-gpu.json"
    return decode(file.read_bytes(), Verified, file)


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
