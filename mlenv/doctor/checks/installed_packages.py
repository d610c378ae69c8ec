"""The environment's packages: the interpreter, what is installed, what fits together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import PurePath

from mlenv.doctor.checks.common import (
    Check,
    Finding,
    Outcome,
    fail,
    ok,
    skip,
    unique,
    unknown,
    warn,
    way,
    worst,
)
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.packages import Distribution
from mlenv.doctor.facts.record import FOREIGN
from mlenv.machine.versions import release

INTERPRETER = "interpreter-does-not-start"
DAMAGED = "package-files-damaged"
MIXED_MAJORS = "nvidia-wheels-mixed-cuda-majors"
REPLACED = "dependency-replaced-torch"
PYTHON = "python-version-unsupported"
ABSENT = "package-not-in-this-interpreter"
SHADOWED = "local-file-shadows-module"
ONNX = "onnxruntime-missing-or-broken"
FFMPEG = "ffmpeg-binary-missing-or-broken"

SHOWN = 8  # damaged files that are listed

# Distributions whose name is not that of their module.
_DISTRIBUTIONS = {"whisper": "openai-whisper", "pyannote": "pyannote-audio"}

# Packages that people come here for: what they need must be there.
_SPEECH = ("faster-whisper", "ctranslate2", "torch", "pyannote-audio", "whisperx", "openai-whisper")


def judge_interpreter(facts: Facts) -> Iterator[Finding]:
    if facts.interpreter.error:
        gone = (
            f"pyvenv.cfg names {path} ({name}), which is gone" for name, path in facts.below.gone
        )
        why = f"{facts.interpreter.executable}: {facts.interpreter.error}"
        yield fail(INTERPRETER, why, *gone)
    else:
        yield ok(INTERPRETER, f"Python {facts.interpreter.version}, {facts.interpreter.executable}")


def judge_damaged(facts: Facts) -> Iterator[Finding]:
    """Files that differ from their package's RECORD."""
    # A cuDNN part that is gone, and that a probe did not find, is that probe's finding.
    unfound = [run.unfound for run in facts.probes("cudnn") if run.unfound]
    misfits = {f"{d.name} {d.version}" for d in _misfits(facts)}
    damages = [
        damage
        for damage in facts.packages.damages
        if not (unfound and damage.what == "missing" and "/libcudnn" in damage.file)
        and not (damage.what == FOREIGN and damage.owner in misfits)  # the wheel says it
    ]
    if not damages and facts.packages.damages:
        yield skip(DAMAGED, "another finding says what follows from the damage")
        return
    if not damages:
        how = "sizes and contents are" if facts.packages.hashed else "sizes are"
        whose = "torch's, ctranslate2's and NVIDIA's libraries" if facts.quick else "every file"
        yield ok(DAMAGED, f"{how} as installed: {whose}")
        return
    # What somebody edited and what runs is no damage; a program that is gone breaks no package.
    own = (facts.interpreter.packages, facts.interpreter.platform_packages)
    places = {f"{place}/" for place in (*own, *(d.location for d in facts.packages.distributions))}
    inside = [d for d in damages if f"{d.file}/".startswith(tuple(places))]
    harmless = all(d.what.startswith(("changed", "left over", FOREIGN)) for d in inside)
    works = harmless and ((facts.works and not facts.quick) or not inside)
    words = "\n".join(tried.last_words for tried in facts.trial)
    damages.sort(key=lambda damage: (damage.file not in words, damage not in inside))
    lines = []
    for damage in damages[:SHOWN]:
        sizes = f" ({damage.size} bytes of {damage.expected_size})" if damage.size else ""
        lines.append(f"{damage.what}: {damage.file}{sizes}, of {damage.owner}")
    if (more := len(damages) - SHOWN) > 0:
        lines.append(f"and {more} files more")
    owners = unique(d.owner for d in damages if not d.what.startswith(("left over", "unreadable")))
    pins = [owner.replace(" ", "==") for owner in owners]
    python = facts.interpreter.executable
    argv = ("uv", "pip", "install", "--python", python, "--no-deps", "--reinstall", *pins)
    outcome: Outcome = "warn" if works else "fail"
    yield Finding(DAMAGED, outcome, tuple(lines), (argv,) if pins else ())


def judge_majors(facts: Facts) -> Iterator[Finding]:
    """Variants of one NVIDIA wheel for several CUDA majors."""
    stems: dict[str, list[Distribution]] = {}
    for distribution in facts.packages.distributions:
        stem, separator, major = distribution.name.rpartition("-cu")
        if separator and major.isdigit() and distribution.name.startswith("nvidia-"):
            stems.setdefault(stem, []).append(distribution)
    double = [f"{d.name} {d.version}" for group in stems.values() if len(group) > 1 for d in group]
    clashes = [
        f"{clash.file} was written by {' and by '.join(clash.owners)}"
        for clash in facts.packages.clashes
        if "/nvidia/" in clash.file or "/torch/" in clash.file
    ]
    if clashes:
        yield fail(MIXED_MAJORS, *clashes[:6])
    elif double:
        yield ok(MIXED_MAJORS, *double, "they own no file in common")
    else:
        yield ok(MIXED_MAJORS, "one variant of each NVIDIA wheel")


def judge_replaced(facts: Facts) -> Iterator[Finding]:
    """Another torch than the one that its companions were installed with."""
    torch = facts.build("torch")
    if torch is None:
        yield skip(REPLACED, "torch is not installed")
        return
    recorded = facts.packages.version("torch")
    lines = []
    if recorded and recorded.partition("+")[0] != torch.release:
        lines.append(f"torch's metadata says {recorded}, its files are {torch.version}")
    twice = [d for d in facts.packages.distributions if d.name == "torch"]
    if len({d.version for d in twice}) > 1:
        lines += [f"torch {d.version} is in {d.location}" for d in twice]
    if lines:
        yield fail(REPLACED, *lines)
    else:
        yield ok(REPLACED, f"one torch, {torch.version}, and its metadata agrees")


def judge_python(facts: Facts) -> Iterator[Finding]:
    """Wheels that don't fit this interpreter."""
    version = facts.interpreter.version
    if not version:
        yield unknown(PYTHON, "the interpreter does not say its version")
        return
    wrong = [
        f"{d.name} {d.version} is a wheel for {d.tags[0]}, and this is Python {version}"
        for d in _misfits(facts)
    ]
    unfit = [
        f"{d.name} {d.version} requires Python {d.requires_python}, and this is {version}"
        for d in facts.packages.distributions
        if not _admits(d.requires_python, version)
    ]
    if wrong or (unfit and not facts.works):
        yield fail(PYTHON, *[*wrong, *unfit][:6])
    elif unfit:  # a bound that somebody set too low
        yield ok(PYTHON, "all that was tried runs", *unfit[:6])
    else:
        yield ok(PYTHON, f"every wheel fits Python {version}")


@cache  # the packages of many hosts ask for the same
def _admits(requires: str, version: str) -> bool:
    """Tell if a Requires-Python admits this Python; a text that is none admits all."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(requires).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True


def _misfits(facts: Facts) -> list[Distribution]:
    """The distributions whose wheels were for another Python, by their tags."""
    tag = "cp" + "".join(map(str, release(facts.interpreter.version)[:2]))
    return [
        d
        for d in facts.packages.distributions
        if facts.interpreter.implementation == "cpython"
        and d.tags
        and all(_other_python(t, tag) for t in d.tags)
    ]


def _other_python(wheel: str, own: str) -> bool:
    """Tell if a wheel tag (`cp311-cp311-linux_x86_64`) excludes this Python."""
    python, _, rest = wheel.partition("-")
    return python.startswith("cp3") and own not in python.split(".") and not rest.startswith("abi3")


def judge_absent(facts: Facts) -> Iterator[Finding]:
    present = [name for name in _SPEECH if facts.packages.version(name)]
    own = ", ".join(f"{name} {facts.packages.version(name)}" for name in present)
    if present:
        yield ok(ABSENT, f"{own} in {facts.interpreter.packages}")
    else:
        yield warn(ABSENT, f"none of {', '.join(_SPEECH)} is in {facts.interpreter.packages}")


def judge_shadowed(facts: Facts) -> Iterator[Finding]:
    if shadows := [file for file in facts.files.shadows if _hides(file, facts)]:
        yield warn(SHADOWED, *(f"{file} hides the package" for file in shadows))
    else:
        yield ok(SHADOWED, "no file in the working directory has a package's name")


def _hides(file: str, facts: Facts) -> bool:
    """Tell if the module of that file is installed too, or if it isn't known what is."""
    path = PurePath(file)
    module = path.parent.name if path.name == "__init__.py" else path.stem
    name = _DISTRIBUTIONS.get(module, module.replace("_", "-"))
    return not facts.packages.distributions or bool(facts.packages.get(name))


def judge_onnx(facts: Facts) -> Iterator[Finding]:
    needed = facts.packages.version("faster-whisper")
    version = next(
        (d.version for d in facts.packages.distributions if d.name.startswith("onnxruntime")), ""
    )
    errors = [
        (run, step.error)
        for run in facts.probes("extensions")
        for step in run.steps
        if step.name.startswith("onnxruntime/") and step.error
    ]
    if not needed:
        yield skip(ONNX, "nothing here needs it: faster-whisper is not installed")
    elif not version:
        yield fail(ONNX, f"faster-whisper {needed} needs onnxruntime, which is not installed")
    elif errors:
        outcome = "warn" if facts.works else worst(r for r, _ in errors)
        yield Finding(ONNX, outcome, unique(e for _, e in errors))
    else:
        yield ok(ONNX, f"onnxruntime {version}" + ("" if facts.quick else " loads"))


def judge_ffmpeg(facts: Facts) -> Iterator[Finding]:
    """Only a note: mlenv decodes with PyAV, which brings its own FFmpeg."""
    program = facts.files.program("ffmpeg")
    if wrong := facts.packages.get("ffmpeg"):
        yield warn(
            FFMPEG, f"the package ffmpeg {wrong.version} is not FFmpeg; ffmpeg-python is meant"
        )
    elif program or not facts.packages.version("whisperx"):
        yield ok(FFMPEG, program or "not on PATH, and nothing here starts it")
    else:
        yield fail(FFMPEG, f"whisperx starts ffmpeg, which is not on PATH {way(('bare',))}")


TOPIC = "packages"
CHECKS = (
    Check(TOPIC, (INTERPRETER,), judge_interpreter),
    Check(TOPIC, (ABSENT,), judge_absent),
    Check(TOPIC, (DAMAGED,), judge_damaged),
    Check(TOPIC, (MIXED_MAJORS,), judge_majors),
    Check(TOPIC, (REPLACED,), judge_replaced),
    Check(TOPIC, (PYTHON,), judge_python),
    Check(TOPIC, (ONNX,), judge_onnx),
    Check(TOPIC, (FFMPEG,), judge_ffmpeg),
    Check(TOPIC, (SHADOWED,), judge_shadowed),
)
