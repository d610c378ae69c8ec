"""Loader truth: what children saw that opened the libraries and called them.

Each child opens libraries in one environment and in one order, makes real calls, and lists
the files that its process had mapped. That it dies is an answer too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlenv.facts.children import Child, Ended
from mlenv.facts.environments import Whole
from mlenv.facts.linkage import Linkage
from mlenv.facts.target import PROBES, Interpreter

# The calls that make a cuDNN front library open its parts: graph, ops, cnn; then a handle,
# which needs a device and otherwise answers 1001 (CUDNN_STATUS_NOT_INITIALIZED).
CUDNN_CALLS = (
    ("cudnnGetVersion", "size"),
    ("cudnnCreateTensorDescriptor", "create"),
    ("cudnnCreateConvolutionDescriptor", "create"),
    ("cudnnCreate", "create"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a probe, `LIBRARY:open` or `LIBRARY:FUNCTION`. `error` is the loader's."""

    name: str
    finished: bool = False
    value: int | None = None
    status: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class ProbeRun:
    """One child. `libraries` maps each library's name in `steps` to the file asked for."""

    environments: tuple[str, ...]
    libraries: Mapping[str, str]
    steps: tuple[Step, ...]
    mapped: tuple[str, ...]
    exit_code: int | None
    timed_out: bool = False
    stderr: str = ""
    error: str = ""

    @property
    def died_at(self) -> Step | None:
        """The step that the child did not survive."""
        return next((step for step in self.steps if not step.finished), None)

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A library for a probe to open: a path, or a bare name that the loader must find."""

    name: str
    file: str
    calls: Sequence[tuple[str, str]] = ()


def start_all(
    interpreter: Interpreter, linkage: Linkage, environments: Sequence[Whole]
) -> list[tuple[tuple[str, ...], tuple[Wanted, ...], Child]]:
    """Start every probe, side by side; `finish` waits for them."""
    started = []
    for environment, variables in environments:
        for group in _groups(linkage):
            child = _start(interpreter, group, variables)
            started.append((environment.names, group, child))
    return started


def finish(
    started: Sequence[tuple[tuple[str, ...], tuple[Wanted, ...], Child]],
) -> tuple[ProbeRun, ...]:
    return tuple(_run(names, group, child.ended()) for names, group, child in started)


def _groups(linkage: Linkage) -> tuple[tuple[Wanted, ...], ...]:
    """Who loads cuDNN first decides what the other gets: both orders."""
    fronts = tuple(
        Wanted(name, file, CUDNN_CALLS)
        for name, file in (
            ("ctranslate2", linkage.ctranslate2_cudnn),
            ("torch", linkage.torch_cudnn),
        )
        if file
    )
    return (fronts, fronts[::-1]) if len(fronts) > 1 else (fronts,) if fronts else ()


def _start(
    interpreter: Interpreter, group: Sequence[Wanted], variables: Mapping[str, str]
) -> Child:
    asked = [{"name": w.name, "file": w.file, "calls": list(w.calls)} for w in group]
    # -I -S: no packages are needed, and a broken one must not decide the answer.
    script = [interpreter.executable, "-I", "-S", str(PROBES / "open.py"), json.dumps(asked)]
    return Child(script, variables)


def _run(names: tuple[str, ...], group: Sequence[Wanted], ended: Ended) -> ProbeRun:
    steps: dict[str, Step] = {}
    mapped: tuple[str, ...] = ()
    for line in ended.stdout.splitlines():
        said = _document(line)
        if "begin" in said:
            steps[said["begin"]] = Step(said["begin"])
        elif "end" in said:
            steps[said["end"]] = Step(
                said["end"], True, said.get("value"), said.get("status"), said.get("error", "")
            )
        elif "mapped" in said:
            mapped = tuple(said["mapped"])
    return ProbeRun(
        names,
        {wanted.name: wanted.file for wanted in group},
        tuple(steps.values()),
        mapped,
        ended.exit_code,
        ended.timed_out,
        ended.stderr[-2000:].strip(),
        ended.error,
    )


def _document(line: str) -> dict[str, Any]:
    """One line of a probe; a library may have written between them, or cut the last one."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
