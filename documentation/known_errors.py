"""The page of known errors, from the table in `mlenv/doctor/knowledge/`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from documentation import markdown as md
from mlenv.doctor import knowledge
from mlenv.doctor.knowledge import Entry

_SPOKEN = {"profile": "mlenv built the environment at hand"}

_TOP = """\
What `mlenv explain` recognises and `mlenv doctor` looks for. `mlenv explain ID` prints one of them.

To add an error: an entry (or another `signature` of one that is there) in the file of its topic,
with the wording that programs use and an example line in your own words. The head of
`mlenv/doctor/knowledge/__init__.py` explains the fields. `uv run pytest tests/doctor` checks that
the example is recognised as this error, and shows what else has changed.
"""


def markdown() -> str:
    """The whole page."""
    sections = (line for e in knowledge.entries().values() for line in _section(e))
    return "\n".join([md.head("Known errors", _TOP), *sections])


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
