"""Text of `mlenv models`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlenv.cli.render.style import bold, dim, green, red
from mlenv.speech.models.documents import Listing, Removed, Row, Where

_STATES = {"here": green("here          "), "wrong": red("wrong         ")}


def lines(record: Listing | Where) -> Iterator[str]:
    """A table of models, or the directory of one."""
    if isinstance(record, Where):
        yield record.path
    else:
        yield from _table(record)


def removed(record: Removed, forgotten: Sequence[str]) -> Iterator[str]:
    """Models that were removed; `forgotten`: those of which only the record was."""
    for name, size in record.removed.items():
        if size:
            yield f"removed {bold(name)}, {size / 1e6:.0f} MB"
        if name in forgotten:
            yield f"forgot {bold(name)}: its next use records its files anew"
    if record.removed:
        yield dim(f"`mlenv models pull {' '.join(record.removed)}` downloads it again.")


def _table(listing: Listing) -> Iterator[str]:
    rows = listing.models
    width = max((len(row.name) for row in rows), default=0)
    licences = max((len(row.licence) for row in rows), default=0)
    for row in rows:
        state = _STATES.get(row.state, dim("not downloaded"))
        name = bold(row.name) + " " * (width - len(row.name))
        default = " (default)" if row.name == listing.default else ""
        where = f"  {dim(row.path)}" if row.path else ""
        yield (
            f"{state}  {name}  {row.bytes / 1e6:5.0f} MB  {row.licence:{licences}}  "
            f"{row.title}{default}{where}"
        )
    missing = [row.name for row in rows if row.state == "missing"]
    if missing:
        name = listing.default if listing.default in missing else missing[0]
        yield dim(f"`mlenv models pull {name}` downloads it.")
    elif here := [row for row in rows if row.state == "here"]:
        yield dim(f"`mlenv exec transcribe {_option(here)} FILE` uses it.")


def _option(rows: Sequence[Row]) -> str:
    """The option by which a transcription uses the first Whisper model, or the diarizer's."""
    named = [row.name for row in rows if row.kind == "whisper"]
    return f"--model {named[0]}" if named else "--diarize"
