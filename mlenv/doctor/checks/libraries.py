"""The other shared libraries: cuBLAS, NVRTC, the C libraries, compiled packages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlenv.doctor.checks.common import (
    Check,
    Finding,
    ending,
    fail,
    ok,
    skip,
    unique,
    unknown,
    warn,
    way,
    worst,
)
from mlenv.doctor.checks.cudnn import install_wheel, wants_gpu
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.environments import LAUNCH
from mlenv.doctor.facts.load_probes import ProbeRun
from mlenv.machine.versions import at_least, below

CUBLAS = "cublas-missing"
NVRTC = "nvrtc-missing"
EXECSTACK = "ctranslate2-execstack"
CPU_ONLY = "ctranslate2-cpu-only-build"
GLIBC = "glibc-too-old"
LIBSTDCXX = "libstdcxx-too-old"
OTHER_CUDA = "extension-built-for-other-cuda"
NOT_BESIDE = "nvidia-wheels-not-beside-torch"
OPENMP = "openmp-duplicate-runtime"
CRASH = "library-crashes-when-loaded"

_CUDA_LIBRARY = re.compile(
    r"(lib(?:cudart|cublas|cublasLt|cudnn|cufft|curand|cusolver|cusparse|nvrtc|nvJitLink|nccl"
    r"|cupti|nvToolsExt|npp\w+)\.so\.(\d+))[\w.]*: cannot open shared object file"
)
_EXECSTACK = re.compile(r"cannot enable executable stack", re.IGNORECASE)
_GLIBC_REFUSES_EXECSTACK = "2.41"


def judge_cublas(facts: Facts) -> Iterator[Finding]:
    """CTranslate2 opens cuBLAS by name at its first inference on a GPU."""
    runs = [run for run in facts.probes("names") if "cublas" in run.libraries]
    if not runs:
        yield skip(CUBLAS, "ctranslate2 is not here, or opens no cuBLAS")
        return
    failing = [run for run in runs if _errors(run, "cublas")]
    soname = runs[0].libraries["cublas"]
    if not failing:
        file = next((f for run in runs for f in run.mapped if "libcublas." in f), soname)
        yield ok(CUBLAS, f"{soname} is found by name: {file}")
        return
    if not wants_gpu(facts):
        yield skip(CUBLAS, "an environment for the CPU: cuBLAS is not needed")
        return
    version = facts.packages.version("ctranslate2")
    torch = facts.build("torch")
    brought = bool(torch and torch.cuda.startswith("12.")) and below(version, "4.8.2")
    if worst(failing) == "warn" and brought:
        yield ok(
            CUBLAS,
            f"{soname} is found {way((LAUNCH,))}; in a bare shell torch brings it, which "
            f"ctranslate2 {version} imports",
        )
        return
    beside = f"/ctranslate2.libs/{soname}"
    linked = next((c.file for c in facts.linkage.copies if c.file.endswith(beside) and c.size), "")
    if worst(failing) == "warn" and linked:
        # What CTranslate2 opens by name is looked for beside it first (DT_RPATH).
        yield ok(CUBLAS, f"{soname} is found {way((LAUNCH,))}, and by ctranslate2 as {linked}")
        return
    lines = [f"{way(r.environments)}: {e}" for r in failing for e in _errors(r, "cublas")]
    there = facts.linkage.in_environment("libcublas")
    lines += [f"it lies in {copy.directory}" for copy in there if copy.name == soname][:1]
    if there and all(copy.name != soname for copy in there):
        lines.append(f"there is {there[0].file}, of another CUDA major than ctranslate2 wants")
    if not there:
        lines.append(f"no libcublas is in {facts.interpreter.packages}")
    present = any(copy.name == soname and copy.size for copy in there)
    install = () if present else (install_wheel(facts, "nvidia-cublas-cu12", ">=12,<13"),)
    yield Finding(CUBLAS, worst(failing), unique(lines), install)


def judge_nvrtc(facts: Facts) -> Iterator[Finding]:
    runs = [r for r in facts.probes("names") if "nvrtc" in r.libraries and LAUNCH in r.environments]
    failing = [line for run in runs for line in _errors(run, "nvrtc")]
    if failing:
        yield warn(NVRTC, *failing)
    elif runs:
        yield ok(NVRTC, f"{runs[0].libraries['nvrtc']} is found by name")
    else:
        yield skip(NVRTC, "no NVRTC wheel is installed")


def _errors(run: ProbeRun, name: str) -> list[str]:
    return [step.error for step in run.steps if step.error and step.name == f"{name}:open"]


def _opened(facts: Facts) -> list[ProbeRun]:
    return [r for p in ("extensions", "torch", "torchcodec") for r in facts.probes(p)]


def _failures(facts: Facts, pattern: re.Pattern[str]) -> list[tuple[ProbeRun, str, str]]:
    """(run, file, the loader's words) of every failed opening that matches."""
    return [
        (run, run.libraries.get(step.name.removesuffix(":open"), step.name), step.error)
        for run in _opened(facts)
        for step in run.steps
        if pattern.search(step.error)
    ]


def judge_execstack(facts: Facts) -> Iterator[Finding]:
    if failures := _failures(facts, _EXECSTACK):
        yield Finding(
            EXECSTACK, worst(r for r, _, _ in failures), unique(e for _, _, e in failures)
        )
        return
    ours = [elf.file for elf in facts.linkage.elves if elf.executable_stack]
    if not ours:
        yield ok(EXECSTACK, "ctranslate2 asks for no executable stack")
    elif at_least(facts.machine.glibc, _GLIBC_REFUSES_EXECSTACK) and not _opened(facts):
        yield fail(EXECSTACK, f"{ours[0]} asks for one, and glibc is {facts.machine.glibc}")
    else:
        yield ok(EXECSTACK, f"{ours[0]} asks for one; glibc {facts.machine.glibc} allows it")


def judge_cpu_only(facts: Facts) -> Iterator[Finding]:
    version = facts.packages.version("ctranslate2")
    if not version:
        yield skip(CPU_ONLY, "ctranslate2 is not installed")
    elif facts.linkage.ctranslate2_opens:
        yield ok(CPU_ONLY, f"ctranslate2 {version} is built with CUDA")
    elif facts.driver.gpus:
        yield warn(CPU_ONLY, f"ctranslate2 {version} names no CUDA library in its files")
    else:
        yield skip(CPU_ONLY, f"ctranslate2 {version} is a build for the CPU, and there is no GPU")


def _judge_symbols(check_id: str, pattern: str, well: str, facts: Facts) -> Iterator[Finding]:
    if errors := _failures(facts, re.compile(pattern)):
        yield Finding(check_id, worst(r for r, _, _ in errors), unique(e for _, _, e in errors))
    elif not _opened(facts):
        yield skip(check_id, "no compiled package was opened")
    else:
        yield ok(check_id, well)


def judge_glibc(facts: Facts) -> Iterator[Finding]:
    well = f"glibc {facts.machine.glibc} is new enough for every library that was opened"
    yield from _judge_symbols(GLIBC, r"`GLIBC_\d[\d.]*' not found", well, facts)


def judge_libstdcxx(facts: Facts) -> Iterator[Finding]:
    well = "libstdc++ is new enough for every library that was opened"
    yield from _judge_symbols(LIBSTDCXX, r"`(GLIBCXX|CXXABI)_\d[\d.]*' not found", well, facts)


def judge_missing_cuda(facts: Facts) -> Iterator[Finding]:
    """CUDA libraries that a compiled package is linked against and that are missing.

    torch's own, or one of another major that only a foreign package needs.
    """
    errors = _failures(facts, _CUDA_LIBRARY)
    torch = facts.build("torch")
    major = torch.cuda.partition(".")[0] if torch else ""
    beside, other = [], []
    for run, file, error in errors:
        match = _CUDA_LIBRARY.search(error)
        assert match is not None
        own = "/torch/lib/" in file
        beside += [(run, f"{file} needs {match[1]}: {error}")] if own else []
        other += [] if own else [(run, f"{file} needs {match[1]}, torch here is CUDA {major}")]
    # cuDNN's front library and its parts lie in one wheel: gone together, told once.
    if any(run.unfound for run in facts.probes("cudnn") if LAUNCH in run.environments):
        beside = [(run, line) for run, line in beside if "needs libcudnn" not in line]
    if beside:
        lines = [line for _, line in beside]
        yield Finding(NOT_BESIDE, worst(r for r, _ in beside), unique([*lines, *_apart(facts)]))
    elif apart := _apart(facts):
        yield warn(NOT_BESIDE, *apart)
    elif torch is None:
        yield skip(NOT_BESIDE, "torch is not installed")
    else:
        yield ok(NOT_BESIDE, "torch finds every NVIDIA library that it is linked against")
    if other and not beside:
        yield Finding(OTHER_CUDA, worst(r for r, _ in other), unique(line for _, line in other))
    else:
        yield ok(OTHER_CUDA, "no compiled package asks for another CUDA")


def _apart(facts: Facts) -> list[str]:
    """nvidia-* wheels in another directory than torch."""
    torch = facts.packages.get("torch")
    if torch is None or not (build := facts.build("torch")) or build.flavour != "cuda":
        return []
    places = {(d.name, d.location) for d in facts.packages.distributions}
    return [
        f"{d.name} {d.version} is in {d.location}, torch in {torch.location}"
        for d in facts.packages.distributions
        if d.name.startswith("nvidia-cu")
        and d.location != torch.location
        and (d.name, torch.location) not in places
    ]


def judge_openmp(facts: Facts) -> Iterator[Finding]:
    for run in _opened(facts):
        intel = {file for file in run.mapped if "libiomp5" in file}
        if len(intel) > 1 or "OMP: Error #15" in run.stderr:
            yield Finding(OPENMP, worst([run]), unique(sorted(intel) or [run.stderr]))
            return
    if _opened(facts):
        yield ok(OPENMP, "no process has two copies of Intel's OpenMP runtime")
    else:
        yield skip(OPENMP, "no compiled package was opened")


def judge_crash(facts: Facts) -> Iterator[Finding]:
    """A library ended its process in a way that no other check knows."""
    lines, failing = [], []
    for run in facts.runs:
        if facts.works and run.probe in ("extensions", "torch") and LAUNCH in run.environments:
            continue  # the trial loaded them
        died = run.died_at
        explained = (
            run.unfound or "undefined symbol" in run.stderr or "Could not load" in run.stderr
        )
        if died and not explained and run.exit_code not in (0, None):
            name, _, function = died.name.partition(":")
            file = run.libraries.get(name, name)
            failing.append(run)
            lines.append(f"{way(run.environments)}: {function} of {file} {ending(run)}")
            lines += [f"it said: {line}" for line in run.stderr.splitlines()[-2:]]
    if failing:
        yield Finding(CRASH, worst(failing), unique(lines))
    elif facts.runs:
        yield ok(CRASH, f"{len(facts.runs)} children opened libraries and called them")
    else:
        yield unknown(CRASH, facts.interpreter.error or "no library was opened")


TOPIC = "libraries"
CHECKS = (
    Check(TOPIC, (CUBLAS,), judge_cublas),
    Check(TOPIC, (NVRTC,), judge_nvrtc),
    Check(TOPIC, (CPU_ONLY,), judge_cpu_only),
    Check(TOPIC, (EXECSTACK,), judge_execstack, full=True),
    Check(TOPIC, (NOT_BESIDE, OTHER_CUDA), judge_missing_cuda, full=True),
    Check(TOPIC, (GLIBC,), judge_glibc, full=True),
    Check(TOPIC, (LIBSTDCXX,), judge_libstdcxx, full=True),
    Check(TOPIC, (OPENMP,), judge_openmp, full=True),
    Check(TOPIC, (CRASH,), judge_crash),
)
