"""cuDNN, judged by what child processes saw that called it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mlenv.doctor.checks.common import (
    Check,
    Finding,
    ending,
    ok,
    skip,
    unique,
    unknown,
    way,
    worst,
)
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.environments import LAUNCH
from mlenv.doctor.facts.libraries import folder
from mlenv.doctor.facts.load_probes import ProbeRun

SUBLIB = "cudnn9-sublib-not-on-loader-path"
CUDNN8 = "cudnn8-required-but-absent"
MIXED = "cudnn-mixed-versions"
NEED = "ctranslate2-cudnn-need"

_SYMBOL = re.compile(r"undefined symbol|Could not load symbol|symbol \S+ not defined|MISMATCH")


def wants_gpu(facts: Facts) -> bool:
    """Tell if this environment is made for a GPU, or the machine has one."""
    torch = facts.build("torch")
    return bool(
        facts.driver.gpus
        or (torch and torch.flavour == "cuda")
        or any(d.name.startswith("nvidia-cu") for d in facts.packages.distributions)
    )


def judge_need(facts: Facts) -> Iterator[Finding]:
    """The cuDNN that this ctranslate2 needs: 8, 9, or none."""
    version = facts.packages.version("ctranslate2")
    if not version:
        yield skip(NEED, "ctranslate2 is not installed")
    elif not (front := facts.linkage.ctranslate2_cudnn):
        yield ok(NEED, f"ctranslate2 {version} bundles no cuDNN and needs none")
    else:
        major = "8" if ".so.8" in front else "9"
        yield ok(
            NEED, f"ctranslate2 {version} needs the parts of cuDNN {major}: it bundles {front}"
        )


def _cudnn_runs(facts: Facts, check_id: str) -> tuple[ProbeRun, ...] | Finding:
    if runs := facts.probes("cudnn"):
        return runs
    if facts.interpreter.error:
        return unknown(check_id, f"the interpreter does not run: {facts.interpreter.error}")
    return skip(check_id, "nothing here brings a cuDNN front library")


def judge_sublibraries(facts: Facts) -> Iterator[Finding]:
    """Front libraries of cuDNN 9 that don't find their parts, in each environment."""
    runs = _cudnn_runs(facts, SUBLIB)
    if isinstance(runs, Finding):
        yield runs
        return
    failing = [run for run in runs if run.unfound and ".so.8" not in run.unfound]
    if not failing:
        yield _well(facts, runs)
    elif not wants_gpu(facts):
        yield skip(SUBLIB, "an environment for the CPU: ctranslate2 never calls its cuDNN here")
    else:
        lines = [line for run in failing for line in _unfound(facts, run)]
        launched = [run for run in runs if LAUNCH in run.environments]
        if launched and all(run.exit_code == 0 for run in launched):
            lines.append("the launch environment (`mlenv exec`) finds all parts")
        yield Finding(SUBLIB, worst(failing), unique(lines), _wheel(facts, "cudnn", failing))


def _wheel(facts: Facts, stem: str, failing: list[ProbeRun]) -> tuple[tuple[str, ...], ...]:
    """Commands that install the cuDNN wheel, if the environment has no cuDNN at all."""
    parts = {run.unfound.partition(".so")[0] for run in failing}
    if all(any(c.size for c in facts.linkage.in_environment(part)) for part in parts):
        return ()
    return (install_wheel(facts, f"nvidia-{stem}-cu12", ">=9,<10"),)


def install_wheel(facts: Facts, name: str, otherwise: str) -> tuple[str, ...]:
    """The command that installs an NVIDIA wheel: the version that torch pins, or any that fits."""
    torch = facts.packages.get("torch")
    pins = (r.partition(";")[0] for r in (torch.requires if torch else ()) if r.startswith(name))
    version = re.sub(r"[()\s]", "", next(pins, name + otherwise).removeprefix(name))
    python = facts.interpreter.executable
    return ("uv", "pip", "install", "--python", python, "--no-deps", "--reinstall", name + version)


def _well(facts: Facts, runs: tuple[ProbeRun, ...]) -> Finding:
    seen = []
    for run in runs:
        for name in run.libraries:
            step = run.step(f"{name}:cudnnGetVersion")
            if step and step.value:
                seen.append(f"{name} loads cuDNN {dotted(step.value)} {way(run.environments)}")
    if seen:
        return ok(SUBLIB, *unique(seen))
    return unknown(SUBLIB, *unique(f"the probe {way(r.environments)} {ending(r)}" for r in runs))


def dotted(version: int) -> str:
    """`9.1.0` for 90100 (cuDNN 9) and `8.9.7` for 8907 (cuDNN 8)."""
    if version >= 90000:
        return f"{version // 10000}.{version // 100 % 100}.{version % 100}"
    return f"{version // 1000}.{version // 100 % 10}.{version % 100}"


def _unfound(facts: Facts, run: ProbeRun) -> Iterator[str]:
    died = run.died_at
    assert died is not None
    name, _, function = died.name.partition(":")
    yield f"{way(run.environments)}: {function} through {run.libraries[name]} {ending(run)}"
    stem = run.unfound.partition(".so")[0]
    reasons = [
        step.error
        for other in facts.probes("reopened")
        if other.environments == run.environments
        for step in other.steps
        if step.error and step.name.startswith(stem)
    ]
    named = facts.linkage.in_environment(stem)
    there = [copy for copy in named if copy.size is not None]
    on_path = set(library_path(facts, run))
    if reasons:
        yield from (f"{run.unfound} is there but can't be loaded: {why}" for why in reasons)
    elif there and folder(there[0].real) not in on_path and there[0].directory not in on_path:
        yield (
            f"missing: {run.unfound}; it lies in {there[0].directory}, which is not on the "
            "loader's path"
        )
    elif there:
        yield f"missing: {run.unfound}; there is {there[0].file}, of another cuDNN major"
    elif named:
        yield f"missing: {run.unfound}; {named[0].file} leads to {named[0].real}, which is gone"
    else:
        yield f"missing: {run.unfound}; no {stem} is in {facts.interpreter.packages}"
        for copy in facts.linkage.copies:
            if copy.origin == "elsewhere" and copy.name == run.unfound:
                yield f"it lies in {copy.directory}, away from ctranslate2"
        if not facts.packages.variants("cudnn"):
            yield "no nvidia-cudnn wheel is installed"


def library_path(facts: Facts, run: ProbeRun) -> tuple[str, ...]:
    """The directories on this run's LD_LIBRARY_PATH, and those that they are links to."""
    for environment in facts.environments:
        if environment.names == run.environments:
            return (*environment.library_path, *environment.real_library_path)
    return ()


def judge_cudnn8(facts: Facts) -> Iterator[Finding]:
    """The cuDNN libraries of packages that were built against cuDNN 8."""
    runs = _cudnn_runs(facts, CUDNN8)
    if isinstance(runs, Finding):
        yield runs
        return
    if not any(".so.8" in file for run in runs for file in run.libraries.values()):
        yield skip(CUDNN8, "nothing here was built for cuDNN 8")
        return
    failing = [run for run in runs if ".so.8" in run.unfound]
    if not failing:
        yield ok(CUDNN8, "the parts of cuDNN 8 are found")
    elif not wants_gpu(facts):
        yield skip(CUDNN8, "an environment for the CPU: ctranslate2 never calls its cuDNN here")
    else:
        lines = [line for run in failing for line in _unfound(facts, run)]
        version = facts.packages.version("ctranslate2")
        if version and ".so.8" in facts.linkage.ctranslate2_cudnn:
            lines.append(f"ctranslate2 {version} was built for cuDNN 8")
        lines += [f"{d.name} {d.version} is installed" for d in facts.packages.variants("cudnn")]
        yield Finding(CUDNN8, worst(failing), unique(lines))


def judge_mixed(facts: Facts) -> Iterator[Finding]:
    """Parts of cuDNN that come from several directories into one process."""
    runs = _cudnn_runs(facts, MIXED)
    if isinstance(runs, Finding):
        yield runs
        return
    failing: list[ProbeRun] = []
    lines: list[str] = []
    notes: list[str] = []
    for run in runs:
        died = run.died_at
        own = [file for file in run.mapped if "libcudnn" in file and not _bundled(facts, file)]
        directories = tuple(dict.fromkeys(folder(file) for file in own))
        mixed = len(directories) > 1 and not _alike(facts, own)
        if died and not run.unfound and _SYMBOL.search(run.stderr):
            failing.append(run)
            lines.append(f"{way(run.environments)}: {died.name.partition(':')[2]} {ending(run)}")
            lines.append(f"it said: {last_line(run.stderr)}")
            lines += [f"libcudnn files lie in {d}" for d in _directories_on(facts, run, own)]
        elif mixed:
            failing.append(run)
            lines.append(
                f"{way(run.environments)}: one process has parts from "
                + " and ".join(f"{d} ({_names(own, d)})" for d in directories)
            )
        notes += _older_front(facts, run)
    if failing:
        yield Finding(MIXED, worst(failing), unique(lines))
    else:
        yield ok(MIXED, "all parts of cuDNN in a process come from one directory", *unique(notes))


def _bundled(facts: Facts, file: str) -> bool:
    return file == facts.linkage.ctranslate2_cudnn


def _names(files: list[str], directory: str) -> str:
    return ", ".join(Path(file).name for file in files if folder(file) == directory)


def last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _directories_on(facts: Facts, run: ProbeRun, own: list[str]) -> list[str]:
    """Directories of cuDNN that the loader could have taken parts from."""
    on_path = [
        copy.directory
        for copy in facts.linkage.copies
        if copy.name.startswith("libcudnn_") and copy.directory in library_path(facts, run)
    ]
    return list(dict.fromkeys([*(folder(file) for file in own), *on_path]))


def _alike(facts: Facts, files: list[str]) -> bool:
    """Tell if the directories of these files hold the same cuDNN.

    Judged by the sizes of the files that they have in common: two builds never agree in all.
    """
    by_directory: dict[str, dict[str, int | None]] = {}
    folders = {folder(file) for file in files}
    for copy in facts.linkage.copies:
        directory = folder(copy.real)
        if directory in folders and copy.name.startswith("libcudnn_"):
            by_directory.setdefault(directory, {})[copy.name] = copy.size
    first, *others = [by_directory.get(directory, {}) for directory in folders]
    return bool(first) and all(
        (common := first.keys() & other.keys())
        and all(first[name] == other[name] for name in common)
        for other in others
    )


def _older_front(facts: Facts, run: ProbeRun) -> Iterator[str]:
    """An older front library with newer parts loads and works: worth a note, no alarm."""
    front = re.search(r"\.so\.(\d+\.\d+\.\d+)$", facts.linkage.ctranslate2_cudnn)
    step = run.step("ctranslate2:cudnnGetVersion")
    if front and step and step.value and dotted(step.value) != front[1]:
        yield (
            f"{way(run.environments)}: ctranslate2's front library is cuDNN {front[1]}, the parts "
            f"that it loads are {dotted(step.value)}; they answer"
        )


TOPIC = "cuDNN"
CHECKS = (
    Check(TOPIC, (NEED,), judge_need),
    Check(TOPIC, (SUBLIB,), judge_sublibraries),
    Check(TOPIC, (CUDNN8,), judge_cudnn8),
    Check(TOPIC, (MIXED,), judge_mixed),
)
