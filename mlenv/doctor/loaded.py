"""The libraries that each package loads, as a drawing: packages, files, and the ways between.

Made of what the probes' processes had in memory (`facts.load_probes`) and of what the files are
linked against (`facts.libraries`). It repeats no judgement: that is the checks' part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from mlenv.doctor.checks.common import ending
from mlenv.doctor.checks.cudnn import last_line, wants_gpu
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.environments import LAUNCH
from mlenv.doctor.facts.libraries import folder, loader_name
from mlenv.doctor.facts.load_probes import ProbeRun, Step

# `outside`: loaded from outside the environment. `absent`: not here, and nothing needs it.
State = Literal["ok", "outside", "missing", "broken", "absent", "unseen"]
Column = Literal["package", "torch", "library", "driver"]

FAMILIES = {"libcudart": "CUDA runtime", "libcudnn": "cuDNN", "libcublas": "cuBLAS"}
COMPANIONS = {
    "torchaudio": "torchaudio/lib/libtorchaudio.so",
    "torchvision": "torchvision/_C.so",
}
LINKED, BY_NAME, BUILT_IN = "linked", "opened by name", "built in"


@dataclass(frozen=True, slots=True)
class Node:
    """A package, the files of one library in one directory, or the driver."""

    key: str
    column: Column
    title: str
    files: tuple[str, ...] = ()
    state: State = "ok"
    note: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """One loads the other. `files`: those that were mapped; `note` says why there are none."""

    source: str
    target: str
    how: str
    files: tuple[str, ...] = ()
    state: State = "ok"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The libraries that load each other in programs started so (`bare`, `activated`, `launch`)."""

    environments: tuple[str, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def drawings(facts: Facts) -> tuple[Drawing, ...]:
    """A drawing for each environment that differs, that of `mlenv exec` first."""
    names = [environment.names for environment in facts.environments]
    names.sort(key=lambda each: LAUNCH not in each)
    return tuple(_Sketch(facts, each).drawing() for each in names)


@dataclass(slots=True)
class _Sketch:
    """A drawing under way."""

    facts: Facts
    names: tuple[str, ...]
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def drawing(self) -> Drawing:
        self._companions()
        self._torch()
        self._ctranslate2()
        self._driver()
        return Drawing(self.names, tuple(self.nodes.values()), tuple(self.edges))

    def _run(self, probe: str, first: str = "") -> ProbeRun | None:
        """The process of a probe in this environment, in which `first` was opened first."""
        return next(
            (
                run
                for run in self.facts.probes(probe)
                if run.environments == self.names
                and (not first or next(iter(run.libraries), "") == first)
            ),
            None,
        )

    def _torch(self) -> None:
        if not (build := self.facts.build("torch")):
            return
        run = self._run("torch")
        state, note = _outcome(run, "torch/lib/")
        self.nodes["torch"] = Node("torch", "torch", "torch", (), state, note, build.version)
        if run:
            self._linked("torch", "/torch/lib/", run, "torch/lib/")
        front = f"{FAMILIES['libcudnn']} {folder(self.facts.linkage.wheel_cudnn)}"
        called = self._run("cudnn", "cuDNN's wheel")
        if called and called.exit_code and front in self.nodes:
            note = f"the process {ending(called)}: {last_line(called.stderr)}"
            self.nodes[front] = replace(self.nodes[front], state="broken", note=note)

    def _companions(self) -> None:
        run = self._run("torch")
        for name, library in COMPANIONS.items():
            if not (build := self.facts.build(name)):
                continue
            state, note = _outcome(run, library)
            self.nodes[name] = Node(name, "package", name, (), state, note, build.version)
            if run and self.facts.build("torch"):
                files = tuple(file for file in run.mapped if file.endswith("/libtorch.so"))
                state, note = ("ok", "") if files else _outcome(run, library)
                self.edges.append(Edge(name, "torch", LINKED, files, state, note))
                self._linked(name, f"/{name}/", run, library)

    def _linked(self, package: str, place: str, run: ProbeRun, step: str) -> None:
        """Edges to the libraries that the package's files are linked against."""
        elves = [elf for elf in self.facts.linkage.linked if place in elf.file]
        for name in dict.fromkeys(need for elf in elves for need in elf.needed):
            if not (title := _title(name)):
                continue
            if files := _mapped(run, name):
                self._library(package, LINKED, title, files)
                continue
            errors = [each.error for each in _steps(run, step) if name in each.error]
            state: State = "missing" if errors else "unseen"
            note = errors[0] if errors else _outcome(run, step)[1]
            self._without(package, LINKED, name, state, note)

    def _library(self, source: str, how: str, title: str, files: Iterable[str]) -> None:
        """Edges to the files, one for each directory."""
        places: dict[str, list[str]] = {}
        for file in files:
            places.setdefault(folder(file), []).append(file)
        for place, group in places.items():
            key = f"{title} {place}"
            state: State = "ok" if all(map(self._is_own, group)) else "outside"
            before = self.nodes.get(key) or Node(key, "library", title, (), state)
            together = tuple(sorted({*before.files, *group}))
            self.nodes[key] = replace(before, files=together)
            self.edges.append(Edge(source, key, how, tuple(sorted(group)), state))

    def _without(self, source: str, how: str, name: str, state: State, note: str) -> None:
        """An edge to a library that was not found, or not seen."""
        self.nodes.setdefault(name, Node(name, "library", name, (), state, note))
        self.edges.append(Edge(source, name, how, (), state, note))

    def _is_own(self, file: str) -> bool:
        python = self.facts.interpreter
        copies = self.facts.linkage.copies
        return file.startswith((f"{python.prefix}/", f"{python.packages}/")) or any(
            copy.real == file and copy.origin in ("wheel", "torch") for copy in copies
        )

    def _ctranslate2(self) -> None:
        version = self.facts.packages.version("ctranslate2")
        if not version:
            return
        state, note = _outcome(self._run("extensions"), "ctranslate2/")
        name = "ctranslate2"
        self.nodes[name] = Node(name, "package", name, (), state, note, version)
        if self.facts.linkage.ctranslate2_cudnn:
            self._front(self.facts.linkage.ctranslate2_cudnn)
        run = self._run("names")
        for name in self.facts.linkage.ctranslate2_opens:
            if not run or not name.startswith("libcublas."):
                continue
            step = run.step("cublas:open")
            if step and step.error:
                self._without("ctranslate2", BY_NAME, name, self._missing(), step.error)
            elif files := _mapped(run, name):
                self._library("ctranslate2", BY_NAME, "cuBLAS", files)
            else:
                self._without("ctranslate2", BY_NAME, name, "unseen", ending(run))

    def _missing(self) -> State:
        return "missing" if wants_gpu(self.facts) else "absent"

    def _front(self, front: str) -> None:
        """The cuDNN front library in CTranslate2's wheel, and the parts that it opens by name."""
        self._library("ctranslate2", LINKED, "cuDNN front", [front])
        source = f"cuDNN front {folder(front)}"
        self.nodes[source] = replace(self.nodes[source], column="torch")
        if not (run := self._run("cudnn", "ctranslate2")):
            return
        if run.unfound:
            said = f"the process {ending(run)}: {last_line(run.stderr)}"
            self._without(source, BY_NAME, run.unfound, self._missing(), said)
            return
        if run.died_at or run.exit_code:
            note = f"the process {ending(run)}"
            self.nodes[source] = replace(self.nodes[source], state="broken", note=note)
        parts = [file for file in run.brought.get("ctranslate2", ()) if file != front]
        parts = [file for file in parts if "libcudnn" in file]
        self._library(source, BY_NAME, "cuDNN", parts)

    def _driver(self) -> None:
        run = self._run("names")
        driver = self.facts.driver
        here = bool(driver.pci or driver.kernel or driver.nvml.present)
        opened = run.step("cuda:open") if run else None
        started = run.step("cuda:cuInit") if run else None
        files = tuple(file for file in run.mapped if "/libcuda." in file) if run else ()
        version = driver.nvml.driver or driver.kernel
        state: State = "ok"
        note = ""
        if opened is None:
            state, note = "unseen", "libcuda.so.1 was not opened"
        elif opened.error:
            state = "missing" if here else "absent"
            note = opened.error if here else "no NVIDIA driver here: programs run on the CPU"
        elif started is None or started.status or not started.finished:
            state = "broken"
            note = (
                f"cuInit says {started.status}"
                if started and started.finished
                else "cuInit does not end"
            )
        loading = [key for key, node in self.nodes.items() if node.title == FAMILIES["libcudart"]]
        if self.facts.linkage.ctranslate2_opens and "ctranslate2" in self.nodes:
            loading.append("ctranslate2")
        if loading or here:
            self.nodes["driver"] = Node(
                "driver", "driver", "NVIDIA driver", files, state, note, version
            )
        for key in loading:
            how = BUILT_IN if key == "ctranslate2" else BY_NAME
            self.edges.append(Edge(key, "driver", how, files, state, note))


def _title(name: str) -> str:
    """The family's name of a library that is drawn; empty for any other."""
    return FAMILIES.get(loader_name(name)[0], "")


def _mapped(run: ProbeRun, name: str) -> tuple[str, ...]:
    """The files that stand for a library's name in the memory of a process."""
    return tuple(f for f in run.mapped if loader_name(f.rpartition("/")[2]) == loader_name(name))


def _steps(run: ProbeRun, beginning: str) -> Iterator[Step]:
    return (step for step in run.steps if step.name.startswith(beginning))


def _outcome(run: ProbeRun | None, beginning: str) -> tuple[State, str]:
    """The way in which a package's libraries were opened, and the reason where they could not."""
    if run is None:
        return "unseen", "not opened in a quick look"
    steps = list(_steps(run, beginning))
    error = next((step.error for step in steps if step.error), "")
    if error:
        return "broken", error
    if any(not step.finished for step in steps):
        return "broken", f"the process {ending(run)}"
    return ("ok", "") if steps else ("unseen", f"not reached: the process {ending(run)}")
