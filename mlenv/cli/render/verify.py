"""One table: each model on each device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlenv.cli.render.style import dim, green, red, yellow
from mlenv.result import Result

_HEAD = ("", "model", "device", "load", "inference", "real time", "errors", "limit")


def lines(result: Result[Any]) -> Iterator[str]:
    table = [_HEAD]
    for row in result.data["rows"]:
        seconds = [f"{row[n]:.2f} s" if row[n] is not None else "-" for n in ("load", "inference")]
        factor = row["real_time_factor"]
        rate = row["error_rate"]
        short = {"word error rate": "WER", "diarization error rate": "DER"}.get(row["measure"], "")
        device = f"{row['device']} {row['compute_type'] or ''}".strip()
        table.append(
            (
                "ok" if row["ok"] else "fail",
                row["model"],
                device,
                *seconds,
                f"{factor:.3f}" if factor is not None else "-",
                f"{short} {rate:.3f}" if rate is not None else "-",
                f"{row['limit']:.2f}" if row["limit"] is not None else "-",
            )
        )
    widths = [max(len(cells[column]) for cells in table) for column in range(len(_HEAD))]
    for number, cells in enumerate(table):
        padded = "  ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
        mark = {"ok": green, "fail": red}.get(cells[0], dim)
        yield dim(padded) if number == 0 else mark(padded[: widths[0]]) + padded[widths[0] :]
    for change in result.data["changes"]:
        yield f"{yellow('changed')}  {change}"
    before = result.data["compared_with"]
    compared = f", compared with {before}" if before else ""
    yield dim(f"receipt: {result.data['receipt']}{compared}")
