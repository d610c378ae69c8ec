"""Text of `mlenv verify`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mlenv.cli.render.fitting import columns
from mlenv.cli.render.style import dim, green, red, yellow

if TYPE_CHECKING:
    from mlenv.speech.verify.documents import Verified
    from mlenv.speech.verify.measure import Row

_HEAD = ("", "model", "device", "load", "inference", "real time", "errors", "limit")


def lines(verified: Verified) -> Iterator[str]:
    """A table with a row for each model on each device, then what changed."""
    yield from _rows(verified.rows)
    for what, why in verified.not_tried.items():
        yield f"{yellow('not tried')}  {what}: {why}"
    for change in verified.changes:
        yield f"{yellow('changed')}  {change}"
    before = verified.compared_with
    compared = f", compared with {before}" if before else ""
    yield dim(f"receipt: {verified.receipt or 'none'}{compared}")
    if isinstance(verified.html, str):
        yield f"The same as a page: {verified.html}"
    elif all(row.ok for row in verified.rows):
        yield dim(
            "`mlenv verify --html FILE` shows each word; `mlenv exec transcribe FILE` is next."
        )


def _rows(rows: Sequence[Row]) -> Iterator[str]:
    """The table; where the terminal is too narrow for it, some lines for each row."""
    table: list[tuple[str, ...]] = [_HEAD]
    for row in rows:
        times = (row.load, row.inference)
        seconds = ["-" if time is None else f"{time:.2f} s" for time in times]
        factor = row.real_time_factor
        rate = row.error_rate
        short = {"word error rate": "WER", "diarization error rate": "DER"}.get(row.measure, "")
        device = f"{row.device} {row.compute_type or ''}".strip()
        table.append(
            (
                "ok" if row.ok else "fail",
                row.model,
                device,
                *seconds,
                f"{factor:.3f}" if factor is not None else "-",
                f"{short} {rate:.3f}" if rate is not None else "-",
                f"{row.limit:.2f}" if row.limit is not None else "-",
            )
        )
    widths = [max(len(cells[column]) for cells in table) for column in range(len(_HEAD))]
    if 0 < columns() < sum(widths) + 2 * (len(widths) - 1):
        for cells in table[1:]:
            mark = green if cells[0] == "ok" else red
            yield f"{mark(cells[0])} {cells[1]} on {cells[2]}"
            named = zip(_HEAD[3:], cells[3:], strict=True)
            if known := ", ".join(f"{name} {cell}" for name, cell in named if cell != "-"):
                yield f"     {known}"
        return
    for number, cells in enumerate(table):
        padded = "  ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
        padded = padded.rstrip()
        mark = {"ok": green, "fail": red}.get(cells[0], dim)
        yield dim(padded) if number == 0 else mark(padded[: widths[0]]) + padded[widths[0] :]
