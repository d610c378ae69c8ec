"""Libraries from elsewhere that the loader takes instead of the environment's own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlenv.doctor.checks.common import Check, Finding, ok, skip, unique, warn, way, worst
from mlenv.doctor.checks.cudnn import TOPIC, last_line
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.libraries import Copy, file_name, folder, loader_name
from mlenv.doctor.facts.load_probes import ProbeRun

SHADOWS = "ld-library-path-shadows-wheel"
EMPTY = "library-path-has-empty-element"


def judge_shadows(facts: Facts) -> Iterator[Finding]:
    """Libraries from elsewhere that are loaded instead of the environment's own."""
    if not facts.runs:
        yield skip(SHADOWS, "no library was opened")
        return
    own = {loader_name(copy.name): copy for copy in facts.linkage.copies if copy.origin == "wheel"}
    inside = facts.interpreter.packages
    failing, lines, notes = [], [], []
    for run in facts.runs:
        if run.probe == "reopened":
            continue
        broken = run.exit_code != 0 or any(s.error for s in run.steps if run.probe == "torch")
        path = _entries(facts, run)
        foreign = [
            f for f in run.mapped if loader_name(file_name(f)) in own and not f.startswith(inside)
        ]
        if broken:  # it may have died before it could list what it had loaded
            foreign += [c.real for c in facts.linkage.copies if loader_name(c.name) in own]
        for file in dict.fromkeys(foreign):
            mine, directory = own[loader_name(file_name(file))], folder(file)
            if file.startswith(inside) or _size(facts, file) == mine.size:
                continue
            entry = path.get(directory) or _entry_with_link(facts, file, path)
            if entry is None or not _before(entry, mine, path):
                if file in run.mapped:
                    notes.append(f"{file} is loaded {way(run.environments)}, and it works")
                continue
            failing.append(run)
            lines.append(
                f"{way(run.environments)}: {file} is taken instead of {mine.file}, because "
                f"LD_LIBRARY_PATH has {entry}"
            )
    if failing:
        errors = [e for run in failing for s in run.steps if (e := s.error)]
        errors += [last_line(run.stderr) for run in failing if run.died_at and run.stderr]
        yield Finding(
            SHADOWS, worst(failing), unique([*lines[:6], *(f"it said: {e}" for e in errors)])
        )
    else:
        yield ok(SHADOWS, "every library comes from the environment itself", *unique(notes))


def judge_empty(facts: Facts) -> Iterator[Finding]:
    """An empty element of LD_LIBRARY_PATH, which stands for the current directory."""
    path, here = facts.machine.variable("LD_LIBRARY_PATH"), facts.files.libraries
    if not path or "" not in re.split("[:;]", path):
        yield ok(EMPTY, "LD_LIBRARY_PATH has no empty element")
    elif here:
        lines = (f"LD_LIBRARY_PATH={path} lets the loader take {file}" for file in here[:6])
        yield warn(EMPTY, *lines, "the launch environment (`mlenv exec`) has no empty element")
    else:
        yield ok(EMPTY, f"LD_LIBRARY_PATH={path}: no library is in the current directory")


def _entries(facts: Facts, run: ProbeRun) -> dict[str, str]:
    """LD_LIBRARY_PATH in order: the real directory, and how it is written."""
    for e in facts.environments:
        if e.names == run.environments:
            return dict(zip(e.real_library_path, e.library_path, strict=True))
    return {}


def _size(facts: Facts, file: str) -> int | None:
    return next((copy.size for copy in facts.linkage.copies if copy.real == file), None)


def _entry_with_link(facts: Facts, file: str, path: dict[str, str]) -> str | None:
    for copy in facts.linkage.copies:
        if copy.real == file and copy.directory in path.values():
            return copy.directory
    return None


def _before(entry: str, mine: Copy, path: dict[str, str]) -> bool:
    """Tell if the loader reaches `entry` before the environment's own directory."""
    order = list(path.values())
    own = folder(mine.real)
    return own not in path or order.index(entry) < order.index(path[own])


CHECKS = (Check(TOPIC, (SHADOWS,), judge_shadows), Check(TOPIC, (EMPTY,), judge_empty))
