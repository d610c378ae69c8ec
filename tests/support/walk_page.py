"""The recorded walks in docs/explanation/first-five-minutes.md."""

from __future__ import annotations

import os
import re

from documentation import DOCS
from documentation.sessions import as_in_pages
from tests.support.walk import Walk

PAGE = DOCS / "explanation/first-five-minutes.md"
INDEX = re.compile(r"(?<=The package index at )\S+")  # whichever this machine is set to


def check(name: str, walk: Walk) -> None:
    """Compare what was typed with the page, word for word; write it anew where that is asked."""
    text = PAGE.read_text("utf-8")
    block = re.compile(rf"(<!-- walk: {name} -->\n```console\n)(.*?)(^```$)", re.M | re.S)
    found = block.search(text)
    assert found, f"{PAGE} has no block for {name}"
    now = INDEX.sub("index.example", as_in_pages(walk.session(), walk.home, walk.variables))
    if os.environ.get("MLENV_TEST_RECORD"):
        PAGE.write_text(block.sub(lambda match: f"{match[1]}{now}\n{match[3]}", text), "utf-8")
        return
    typed = [line for line in found[2].splitlines() if line.startswith("$ ")]
    assert typed == [line for line in now.splitlines() if line.startswith("$ ")]
