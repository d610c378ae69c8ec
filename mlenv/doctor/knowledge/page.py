"""The page of known errors: `python -m mlenv.doctor.knowledge.page > docs/known-errors.md`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

from mlenv.doctor import knowledge
from mlenv.doctor.knowledge import Entry

_SPOKEN = {"profile": "mlenv built the environment at hand"}

_TOP = """\
# Known errors

What `mlenv explain` recognises and `mlenv doctor` looks for. This page is made from the table in
`mlenv/doctor/knowledge/`; change it there, then run
`uv run python -m mlenv.doctor.knowledge.page > docs/known-errors.md`.

To add an error: an entry (or another `signature` of one that is there) in the file of its topic,
with the wording that programs use and an example line in your own words. The head of
`mlenv/doctor/knowledge/__init__.py` explains the fields. `uv run pytest tests/doctor` checks that
the example is recognised as this error, and shows what else has changed.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([_TOP, *(line for e in knowledge.entries().values() for line in _section(e))])


def _section(entry: Entry) -> Iterator[str]:
    yield f"## {entry.id}\n"
    yield f"**{entry.title}.**\n"
    if examples := [line for s in entry.signatures for line in s.example]:
        yield f"```text\n{examples[0]}\n```\n"
    yield f"Why: {entry.cause}\n"
    yield f"What to do: {entry.remedy.prose}\n"
    for argv in entry.remedy.commands:
        yield f"    {shlex.join(argv)}\n"
    for variant in entry.variants:
        conditions = " and ".join(_SPOKEN.get(name, name) for name in variant.when)
        yield f"If {conditions}: {variant.prose}\n"
    if entry.decides:
        yield f"Other errors have the same words. What decides: {entry.decides}.\n"
    if roots := knowledge.roots_of(entry.id):
        yield f"Often a consequence of {', '.join(roots)}.\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
