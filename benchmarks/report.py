"""The document, the table and the plots of `python -m benchmarks`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import pygal
from pygal.style import CleanStyle
from timing import RESULTS, Comparison

ALL = RESULTS / "all.json"
TABLE = RESULTS / "table.md"
Kept = dict[str, dict[str, Any]]  # by part: its machine and its rows


def merged(runs: Sequence[Sequence[Comparison]]) -> list[Comparison]:
    """One row for each comparison of several runs: medians of the medians, the widest spread."""
    found: dict[tuple[str, str, str], list[Comparison]] = {}
    for row in (row for run in runs for row in run):
        found.setdefault((row.what, row.ours, row.theirs), []).append(row)
    return [_one(rows) for rows in found.values()]


def _one(rows: Sequence[Comparison]) -> Comparison:
    if len(rows) == 1:
        return rows[0]
    ends = [end for row in rows for end in (row.spread or (row.ratio, row.ratio))]
    middle = sorted(rows, key=lambda row: row.ratio)[len(rows) // 2]
    count = sum(row.runs for row in rows)
    return Comparison(**{**vars(middle), "runs": count, "spread": (min(ends), max(ends))})


def keep(part: str, title: str, machine: Mapping[str, Any], rows: Sequence[Comparison]) -> Kept:
    """Replace one part in `results/all.json`; returns all parts."""
    RESULTS.mkdir(exist_ok=True)
    parts: Kept = json.loads(ALL.read_text("utf-8")) if ALL.exists() else {}
    parts[part] = {"title": title, "machine": dict(machine), "rows": [vars(row) for row in rows]}
    ALL.write_text(json.dumps(parts, indent=2) + "\n", "utf-8")
    return parts


def write(parts: Kept) -> None:
    """Write the table and the plots of all parts."""
    TABLE.write_text("\n".join(_table(parts)), "utf-8")
    for name, part in parts.items():
        if rows := [row for row in part["rows"] if row["ratio"]]:
            _plot(name, part["title"], rows)


def _table(parts: Kept) -> list[str]:
    lines = [
        "# Measured",
        "",
        "Written by `uv run python -m benchmarks`. A ratio is ours by theirs, the median of turns "
        "in one run; behind it the lowest and the highest. Below 1: mlenv takes less.",
        "",
    ]
    for part in parts.values():
        machine = part["machine"]
        lines += [
            f"## {part['title']}",
            "",
            f"{machine['date'][:10]}, {machine['processor']}, {machine['cores']} cores, "
            f"load {machine['load']} when it began, Python {machine['python']}, "
            f"mlenv {machine['mlenv']} ({machine['commit']})",
            "",
            "| what | ours | theirs | ratio | turns | goal | also |",
            "|---|---|---|---|---|---|---|",
            *(_row(row) for row in part["rows"]),
            "",
        ]
    return lines


def _row(row: Mapping[str, Any]) -> str:
    spread = row.get("spread")
    ratio = f"{row['ratio']:.2f}" + (f" ({spread[0]:.2f} to {spread[1]:.2f})" if spread else "")
    goal = "" if row["goal"] is None else f"{row['goal']:g}"
    also = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in row["more"].items())
    ours, theirs = (f"{row[side]}: {row[f'{side}_s']:.3f} s" for side in ("ours", "theirs"))
    return f"| {row['what']} | {ours} | {theirs} | {ratio} | {row['runs']} | {goal} | {also} |"


def _plot(name: str, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    chart = pygal.HorizontalBar(
        title=f"{title}: seconds, on a scale of powers of ten",
        style=CleanStyle,
        js=(),
        width=900,
        height=130 + 70 * len(rows),
        truncate_label=-1,
        logarithmic=True,
        legend_at_bottom=True,
        print_values=True,
        value_formatter=lambda value: f"{value:.3g} s",
        disable_xml_declaration=True,
        no_prefix=True,
    )
    chart.x_labels = [f"{row['what']} / {row['theirs']}"[:70] for row in rows]
    chart.add("mlenv", [max(row["ours_s"], 1e-4) for row in rows])
    chart.add("the other", [max(row["theirs_s"], 1e-4) for row in rows])
    drawing = ElementTree.fromstring(chart.render())
    for parent in list(drawing.iter()):  # what makes it move does not belong into a page
        for script in parent.findall("{*}script"):
            parent.remove(script)
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    text = ElementTree.tostring(drawing, encoding="unicode")
    (RESULTS / f"{name}.svg").write_text(text + "\n", "utf-8")
