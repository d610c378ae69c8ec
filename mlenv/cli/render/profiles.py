"""Profiles for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlenv.cli.render.style import bold, dim, green, red, yellow
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    show = {"list": _list, "show": _show, "diff": _diff, "why": _why}
    yield from show[result.view["action"]](result.data)


def _machine(machine: Mapping[str, Any]) -> str:
    parts = [machine["platform"]]
    parts += [f"glibc {machine['glibc']}"] if machine["glibc"] else []
    parts += [f"driver {machine['driver']}"] if machine["driver"] else ["no NVIDIA driver"]
    parts += [f"{name} ({capability})" for name, capability in machine["gpus"]]
    return ", ".join(parts)


def _list(data: Mapping[str, Any]) -> Iterator[str]:
    yield f"{bold('this machine:')} {_machine(data['machine'])}"
    for row in data["profiles"]:
        mark = green("can run   ") if row["runs"] else red("can't run ")
        yield f"{mark} {bold(row['name'].ljust(8))} {row['for']}"
        for reason in row["against"]:
            yield f"                    {yellow(reason)}"
    yield dim("`mlenv profiles why` says which one `mlenv install auto` takes.")


def _why(data: Mapping[str, Any]) -> Iterator[str]:
    yield f"{bold('this machine:')} {_machine(data['machine'])}"
    for item in data["passed_over"]:
        yield f"{yellow('passed over')}  {bold(item['profile'])}: {item['reason']}"
    yield f"{green('takes')}        {bold(data['profile'])}: {data['why']}"


def _show(data: Mapping[str, Any]) -> Iterator[str]:
    yield f"{bold(data['name'])}: {data['for']}"
    needs = data["needs"]
    yield bold("needs")
    for label, value in (
        ("platform", ", ".join(data["platforms"])),
        ("Python", data["python"]),
        ("CUDA", needs["cuda"]),
        ("driver", needs["driver"]),
        ("glibc", needs["glibc"]),
        ("GPUs", " ".join(needs["gpu"])),
        ("download", f"{needs['download_mb'] / 1000:.1f} GB"),
        ("disk", f"{needs['disk_mb'] / 1000:.1f} GB"),
    ):
        if value:
            yield f"  {label:<9} {value}"
    yield bold("holds") + dim(f"  ({len(data['pins'])} packages, as of {data['resolved_as_of']})")
    for text in data["requires"]:
        yield f"  {text}"
    for index in data["indexes"]:
        yield f"  {', '.join(index['packages'])} from {index['url']} alone"
    family = data["family"]
    if family["packages"]:
        tag = f", each as +{family['local']}" if family["local"] else ""
        yield f"{bold('together')} from one index{tag}: {', '.join(family['packages'])}"
    if data["overrides"] or data["excludes"]:
        yield bold("against what packages ask for")
    for item in data["overrides"]:
        yield f"  {item['requirement']}: {item['why']}"
    for item in data["excludes"]:
        yield f"  without {item['package']}: {item['why']}"


def _diff(data: Mapping[str, Any]) -> Iterator[str]:
    one, other = data["profiles"]
    for key, (before, after) in data["needs"].items():
        yield f"{yellow('~')} {key}: {_text(before)} -> {_text(after)}"
    for name, (before, after) in data["versions"].items():
        yield f"{yellow('~')} {name} {_text(before)} -> {_text(after)}"
    for sign, colour, side, name in (("-", red, 0, one), ("+", green, 1, other)):
        for package, versions in data["only"][side].items():
            yield f"{colour(sign)} {package} {_text(versions)} {dim(f'only in {name}')}"


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
