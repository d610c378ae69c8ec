"""The GPUs themselves: visible, free, sound, and covered by the code in the builds."""

from __future__ import annotations

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
from mlenv.doctor.checks.nvidia_driver import builds, cudas
from mlenv.doctor.facts import Facts
from mlenv.doctor.tables import table
from mlenv.machine.versions import at_least, below, major_minor, release

VISIBLE = "cuda-visible-devices-wrong"
BUSY = "gpu-busy-or-unavailable"
ECC = "gpu-hardware-ecc"
NEWER, OLDER = "gpu-newer-than-wheel", "gpu-older-than-wheel"
OOM = "cuda-oom"
HANDLE = "cudnn-not-initialized"
COMPUTE_TYPE = "compute-type-unsupported"
COMPUTES = "gpu-computation-fails"

PROHIBITED, EXCLUSIVE = 2, 3  # NVML compute modes
NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
LEAST_MEMORY = 1024**3  # the smallest useful model with its buffers

# CTranslate2 4.0 to 4.8 (cuobjdump of the wheels).
CTRANSLATE2_ARCH = ("5.3", "6.0", "6.1", "7.0", "7.5", "8.0", "8.6+PTX")


def covered(capability: tuple[int, int], arch: tuple[str, ...]) -> str:
    """The kind of code with which a build reaches a GPU: `cubin`, `ptx`, or nothing.

    A cubin runs on an equal or higher minor of its major; PTX goes forward, compiled by the
    driver. Compared as numbers: 8.6 code runs on 8.9.
    """
    for entry in arch:
        if release(entry)[0] == capability[0] and release(entry)[1] <= capability[1]:
            return "cubin"
    if any(e.endswith("+PTX") and release(e)[:2] <= capability for e in arch):
        return "ptx"
    return ""


def judge_visible(facts: Facts) -> Iterator[Finding]:
    gpus = facts.driver.gpus
    if not gpus:
        yield skip(VISIBLE, "no GPU is listed")
        return
    value = facts.machine.variable("CUDA_VISIBLE_DEVICES")
    if value is None:
        yield ok(VISIBLE, f"CUDA_VISIBLE_DEVICES is not set, {len(gpus)} GPUs")
        return
    wrong = []
    for word in (part.strip() for part in value.split(",")):
        if word.lstrip("-").isdigit():
            if not 0 <= int(word) < len(gpus):
                wrong.append(f"{word} is none of 0 to {len(gpus) - 1}")
        elif word.startswith("GPU-") and not any(gpu.uuid.startswith(word) for gpu in gpus):
            wrong.append(f"{word} is the UUID of no GPU here")
        elif not word:
            wrong.append("it is empty, which hides every GPU")
    hidden = [cuda for cuda in cudas(facts) if cuda.init == NO_DEVICE or cuda.count == 0]
    if wrong:
        evidence = [f"CUDA sees no device {way(c.run.environments)}" for c in hidden]
        yield warn(VISIBLE, f"CUDA_VISIBLE_DEVICES={value}", *wrong, *evidence)
    else:
        yield ok(VISIBLE, f"CUDA_VISIBLE_DEVICES={value} names GPUs that are here")


def judge_state(facts: Facts) -> Iterator[Finding]:
    """Compute mode, memory errors, free memory."""
    gpus = [gpu for gpu in facts.driver.gpus if not gpu.error]
    if not gpus:
        for check_id in (BUSY, ECC, OOM):
            yield skip(check_id, "no GPU is listed")
        return
    busy = [
        f"GPU {g.index} {g.name}: compute mode prohibited"
        for g in gpus
        if g.compute_mode == PROHIBITED
    ]
    busy += [
        f"GPU {g.index} {g.name}: exclusive, and {g.processes} process uses it"
        for g in gpus
        if g.compute_mode == EXCLUSIVE and g.processes
    ]
    dead = [f"GPU {g.index}: {g.error}" for g in facts.driver.gpus if g.error]
    yield fail(BUSY, *busy, *dead) if busy or dead else ok(BUSY, "every GPU takes programs")

    failed = [f"GPU {g.index} {g.name}: row remapping has failed" for g in gpus if g.remap_failed]
    errors = [
        f"GPU {g.index} {g.name}: {g.ecc_uncorrected} uncorrected memory errors since the start"
        for g in gpus
        if g.ecc_uncorrected
    ]
    errors += [f"GPU {g.index} {g.name}: a row waits for a reset" for g in gpus if g.remap_pending]
    if failed:
        yield fail(ECC, *failed, *errors)
    else:
        yield warn(ECC, *errors) if errors else ok(ECC, "no uncorrected memory error")

    full = [
        f"GPU {g.index} {g.name}: {g.memory_free / 1024**3:.1f} of {g.memory_total / 1024**3:.0f} "
        f"GiB free, {g.processes if g.processes is not None else 'unknown'} processes"
        for g in gpus
        if g.memory_total and g.memory_free is not None and g.memory_free < LEAST_MEMORY
    ]
    if full and len(full) == len(gpus):
        yield warn(OOM, *full)
    else:
        yield ok(
            OOM, *(f"GPU {g.index}: {(g.memory_free or 0) / 1024**3:.0f} GiB free" for g in gpus)
        )


def judge_generation(facts: Facts) -> Iterator[Finding]:
    """GPUs for which a build carries no code."""
    gpus = [gpu for gpu in facts.driver.gpus if gpu.capability]
    carried = _carried(facts)
    if not gpus or not carried:
        why = "no GPU is listed" if not gpus else "no build here carries GPU code that is known"
        yield skip(NEWER, why)
        yield skip(OLDER, why)
        return
    newer: list[str] = []
    older: list[str] = []
    notes: list[str] = []
    for name, arch in carried:
        newest = max(release(entry)[:2] for entry in arch)
        for gpu in gpus:
            assert gpu.capability is not None
            label = f"{gpu.name} (compute capability {gpu.capability[0]}.{gpu.capability[1]})"
            if computed(facts, "torch") and name.startswith("torch "):
                notes.append(f"{name} was seen to compute on {label}")
                continue
            line = f"{name} has code for {', '.join(arch)}; {label}"
            match covered(gpu.capability, arch):
                case "cubin":
                    notes.append(f"{name} runs on {label}")
                case "ptx" if problem := _too_old_for_ptx(facts, name):
                    newer.append(f"{line}; {problem}")
                case "ptx":
                    notes.append(f"{name} runs on {label}, compiled by the driver at first start")
                case _:
                    (newer if gpu.capability > newest else older).append(line)
    yield fail(NEWER, *unique(newer)) if newer else ok(NEWER, *unique(notes))
    yield fail(OLDER, *unique(older)) if older else ok(OLDER, *unique(notes))


def _carried(facts: Facts) -> list[tuple[str, tuple[str, ...]]]:
    findings = []
    torch = facts.build("torch")
    if torch and torch.cuda:
        row = table("torch_matrix")["torch"].get(major_minor(torch.version), {})
        if arch := row.get("arch", {}).get(f"cu{torch.cuda.replace('.', '')}"):
            findings.append((f"torch {torch.version}", tuple(arch)))
    version = facts.packages.version("ctranslate2")
    is_affected = at_least(version, "4") and below(version, "4.9")
    if is_affected and facts.linkage.ctranslate2_opens:
        findings.append((f"ctranslate2 {version}", CTRANSLATE2_ARCH))
    return findings


def _too_old_for_ptx(facts: Facts, name: str) -> str:
    """PTX is outside minor version compatibility: the driver must be as new as its toolkit."""
    driver = facts.driver.nvml.driver or facts.driver.kernel
    cuda = dict(builds(facts)).get(name, "")
    minimum = table("cuda_driver_table")["toolkit"].get(cuda, "")
    if driver and minimum and below(driver, minimum):
        return f"its PTX needs driver {minimum} or later, here is {driver}"
    return ""


def judge_computing(facts: Facts) -> Iterator[Finding]:
    """Computations of torch and CTranslate2 on the GPU."""
    runs = facts.probes("gpu")
    if not runs:
        yield skip(COMPUTES, "no GPU is listed, or a quick look")
        return
    steps = [step for run in runs for step in run.steps]
    failed = [f"{step.name}: {step.error}" for step in steps if step.error]
    failed += [f"{step.name} {ending(run)}" for run in runs if (step := run.died_at)]
    if failed:
        yield fail(COMPUTES, *failed)
    elif steps:
        yield ok(COMPUTES, f"done: {', '.join(step.name for step in steps)}")
    else:
        yield unknown(COMPUTES, *(f"the probe {ending(run)}" for run in runs))


def computed(facts: Facts, name: str) -> bool:
    """Tell if that package has computed on the GPU."""
    steps = [s for run in facts.probes("gpu") for s in run.steps if s.name.startswith(f"{name}:")]
    return len(steps) > 1 and all(step.finished and not step.error for step in steps)


def judge_handle(facts: Facts) -> Iterator[Finding]:
    """The start of cuDNN on a GPU."""
    if not any(cuda.count for cuda in cudas(facts)):
        yield skip(HANDLE, "no GPU that CUDA sees")
        return
    failing, lines = [], []
    for run in facts.probes("cudnn"):
        for step in run.steps:
            if step.name.endswith(":cudnnCreate") and step.status:
                name = step.name.partition(":")[0]
                failing.append(run)
                lines.append(
                    f"{way(run.environments)}: cudnnCreate through {name} says {step.status}"
                )
    if failing:
        yield Finding(HANDLE, worst(failing), unique(lines))
    else:
        yield (
            ok(HANDLE, "cuDNN starts on the GPU")
            if facts.probes("cudnn")
            else skip(HANDLE, "no cuDNN here")
        )


def judge_compute_type(facts: Facts) -> Iterator[Finding]:
    old = [g for g in facts.driver.gpus if g.capability and g.capability < (7, 0)]
    if old and facts.packages.version("ctranslate2"):
        yield ok(
            COMPUTE_TYPE,
            *(f"GPU {g.index} {g.name}: no fast float16; int8 or float32 work" for g in old),
        )
    else:
        yield skip(COMPUTE_TYPE, "every compute type works on these devices, or no GPU is listed")


TOPIC = "devices"
CHECKS = (
    Check(TOPIC, (VISIBLE,), judge_visible),
    Check(TOPIC, (BUSY, ECC, OOM), judge_state),
    Check(TOPIC, (NEWER, OLDER), judge_generation),
    Check(TOPIC, (HANDLE,), judge_handle),
    Check(TOPIC, (COMPUTES,), judge_computing, full=True),
    Check(TOPIC, (COMPUTE_TYPE,), judge_compute_type),
)
