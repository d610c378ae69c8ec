"""torch and the packages that are compiled against it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from mlenv.doctor.checks.common import Check, Finding, fail, ok, skip, unique, unknown, warn, worst
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.builds import Build
from mlenv.doctor.facts.load_probes import ProbeRun
from mlenv.doctor.tables import table
from mlenv.machine.versions import at_least, below, major_minor, release

CPU_BUILD = "torch-cpu-only-build"
VISION = "torchvision-torch-mismatch"
AUDIO = "torchaudio-torch-abi-mismatch"
CUDA = "torch-companion-cuda-mismatch"
FLAVOUR = "torch-companion-flavour-mismatch"
AUDIO_API = "torchaudio-api-removed"
CODEC = "torchcodec-torch-mismatch"
CODEC_FFMPEG = "torchcodec-ffmpeg-missing"
CODEC_CUDA = "torchcodec-cuda-lib-missing"
WEIGHTS = "torch-weights-only-default"
COMPANIONS = {"torchvision": VISION, "torchaudio": AUDIO}

_TORCH = re.compile(r"torch\s*\(?={2,3}\s*(\d[\d.]*\d)")


def pinned(facts: Facts, name: str) -> str:
    """The release of torch that a companion was made for, by its metadata; nothing where open."""
    requires = companion.requires if (companion := facts.packages.get(name)) else ()
    return next((match[1] for each in requires if (match := _TORCH.match(each))), "")


def pair(build: Build, name: str) -> str:
    """The release of a companion that belongs to this torch, or nothing where unknown.

    By the table: no wheel of torch names its companions.
    """
    row = table("torch_matrix")["torch"].get(major_minor(build.version), {})
    return str(row.get(f"{name}_release", ""))


def _commands(facts: Facts, torch: Build, name: str) -> tuple[tuple[str, ...], ...]:
    """Commands that install the release that belongs to this torch, from its index."""
    if not (release := pair(torch, name)):
        return ()
    argv = ["uv", "pip", "install", "--python", facts.interpreter.executable, "--no-deps"]
    served = table("torch_matrix")["torch"][major_minor(torch.version)]["pypi_cuda"].replace(
        ".", ""
    )
    if torch.tag and torch.tag != f"cu{served}":
        index = f"https://download.pytorch.org/whl/{torch.tag}"
        return ((*argv, "--index", index, f"{name}=={release}+{torch.tag}"),)
    if facts.packages.version(name) == release:  # without a tag: the same would come again
        return ()
    return ((*argv, f"{name}=={release}"),)


def _openings(facts: Facts, name: str) -> list[tuple[ProbeRun, str]]:
    """(run, error) for each try to open that package's library; the error may be empty."""
    return [
        (run, step.error)
        for run in facts.probes("torch")
        for step in run.steps
        if step.finished and step.name.startswith(f"{name}/") and step.name.endswith(":open")
    ]


def _torch_opened(facts: Facts) -> bool:
    return any(
        all(not step.error for step in run.steps if step.name.startswith("torch/lib/"))
        for run in facts.probes("torch")
    )


def judge_companions(facts: Facts) -> Iterator[Finding]:
    """Does each companion load beside this torch? What was observed beats the table."""
    torch = facts.build("torch")
    for name, check_id in COMPANIONS.items():
        build = facts.build(name)
        if torch is None or build is None:
            yield skip(check_id, f"{name if torch else 'torch'} is not installed")
            continue
        both = f"{name} {build.version} beside torch {torch.version}"
        expected, needs = pair(torch, name), pinned(facts, name)
        openings = _openings(facts, name)
        failing = [(run, error) for run, error in openings if error]
        if failing and _torch_opened(facts):
            lines = [both, *(error for _, error in failing)]
            if needs:
                lines.append(f"{name} {build.version} is made for torch {needs}")
            if expected:
                lines.append(f"{name} {expected} belongs to torch {torch.release}")
            commands = _commands(facts, torch, name)
            yield Finding(check_id, worst(r for r, _ in failing), unique(lines), commands)
        elif failing:
            yield unknown(check_id, f"{both}: torch itself does not load")
        elif openings:
            yield ok(check_id, f"{both} loads")
        else:
            yield _by_release(facts, torch, build, check_id)


def _by_release(facts: Facts, torch: Build, build: Build, check_id: str) -> Finding:
    """Judge a companion that was not opened: its metadata decides, the table where that is open."""
    name, both = build.name, f"{build.name} {build.version} beside torch {torch.version}"
    expected, needs = pair(torch, name), pinned(facts, name)
    if not expected and not needs:
        return unknown(check_id, f"{both}: not in the table of releases, and not opened")
    lines = [both]
    if needs:
        lines.append(f"{name} {build.version} is made for torch {needs}")
    if _belongs(facts, torch, build):
        return ok(check_id, f"{both}: releases that belong together")
    if expected:
        lines.append(f"{name} {expected} belongs to torch {torch.release}")
    return fail(check_id, *lines, commands=_commands(facts, torch, name))


def _belongs(facts: Facts, torch: Build, build: Build) -> bool:
    """Tell if a companion's release is made for this torch's, as far as is known."""
    if needs := pinned(facts, build.name):
        return major_minor(needs) == major_minor(torch.version)
    expected = pair(torch, build.name)
    return not expected or major_minor(expected) == major_minor(build.version)


def _is_of_other_cuda(build: Build, torch: Build, *, to_the_second: bool) -> bool:
    """Tell if a companion refuses this torch at its import, for the CUDA that both were built for.

    torchvision compares the first number of CUDA's version, torchaudio the second too, which is
    asked for with `to_the_second`.
    """
    ours, torchs = build.cuda.split("."), torch.cuda.split(".")
    if not build.cuda or not torch.cuda:
        return False
    if ours[0] != torchs[0]:
        return True
    have_both = len(ours) > 1 and len(torchs) > 1
    return to_the_second and build.name == "torchaudio" and have_both and ours != torchs


def _torch_ran(facts: Facts) -> bool:
    return any(each.part == "torch" and each.did for each in facts.trial)


def judge_tags(facts: Facts) -> Iterator[Finding]:
    """CUDA versions and flavours of the builds."""
    torch = facts.build("torch")
    others = [b for b in facts.builds if b.name in COMPANIONS and b.flavour]
    if torch is None or not others:
        yield skip(CUDA, "torch has no companion here that names its CUDA")
        yield skip(FLAVOUR, "torch has no companion here that names its flavour")
        return
    flavours = [b for b in others if b.flavour != torch.flavour]
    # Both were seen to load, or the companion is of another release: that says more than a tag.
    seen = _torch_ran(facts)
    apart = [
        b
        for b in others
        if _is_of_other_cuda(b, torch, to_the_second=not seen and _belongs(facts, torch, b))
    ]
    cuda = f"torch {torch.version} is built for CUDA {torch.cuda or 'none'}"
    if apart:
        yield fail(
            CUDA,
            cuda,
            *(f"{b.name} {b.version} is built for CUDA {b.cuda}" for b in apart),
            commands=tuple(chain(*(_commands(facts, torch, b.name) for b in apart))),
        )
    else:
        yield ok(CUDA, cuda)
    if not flavours:
        yield ok(FLAVOUR, f"torch and its companions are {torch.flavour} builds")
        return
    # A pure-Python or CPU-only companion may load all the same: what was seen decides.
    attempts = [openings for b in flavours if (openings := _openings(facts, b.name))]
    works = bool(attempts) and all(not error for openings in attempts for _, error in openings)
    lines = [
        f"torch {torch.version} is a {torch.flavour} build",
        *(f"{b.name} {b.version} is a {b.flavour} build" for b in flavours),
    ]
    commands = tuple(chain(*(_commands(facts, torch, b.name) for b in flavours)))
    if works and torch.flavour == "cuda":
        yield warn(FLAVOUR, *lines, "they load, but only on the CPU", commands=commands)
    elif works:
        yield ok(FLAVOUR, *lines, "they load")
    else:
        yield fail(FLAVOUR, *lines, commands=commands)


def judge_cpu_build(facts: Facts) -> Iterator[Finding]:
    torch = facts.build("torch")
    if torch is None:
        yield skip(CPU_BUILD, "torch is not installed")
    elif torch.flavour != "cpu":
        yield ok(CPU_BUILD, f"torch {torch.version} is a {torch.flavour} build")
    elif facts.driver.gpus:
        names = ", ".join(gpu.name for gpu in facts.driver.gpus)
        yield fail(CPU_BUILD, f"torch {torch.version} has no CUDA, and there is a GPU: {names}")
    else:
        yield ok(CPU_BUILD, f"torch {torch.version} has no CUDA, and there is no GPU")


def judge_api(facts: Facts) -> Iterator[Finding]:
    """Packages whose versions do not go together, known by their versions alone."""
    audio, pyannote = facts.packages.version("torchaudio"), facts.packages.version("pyannote-audio")
    if not audio or not pyannote:
        yield skip(AUDIO_API, "not both torchaudio and pyannote.audio are installed")
    elif at_least(audio, "2.9") and below(pyannote, "4"):
        yield fail(
            AUDIO_API,
            f"pyannote.audio {pyannote} uses functions that torchaudio {audio} no longer has",
        )
    else:
        yield ok(AUDIO_API, f"pyannote.audio {pyannote} with torchaudio {audio}")
    torch, lightning = facts.build("torch"), facts.packages.version("lightning")
    if torch is None or not pyannote:
        yield skip(WEIGHTS, "not both torch and pyannote.audio are installed")
    elif (
        at_least(torch.version, "2.6")
        and below(pyannote, "4")
        and (at_least(lightning, "2.6") or below(pyannote, "3.3"))
    ):
        yield fail(
            WEIGHTS,
            f"pyannote.audio {pyannote} and lightning {lightning or '(none)'} load checkpoints "
            f"in a way that torch {torch.version} refuses",
        )
    else:
        yield ok(
            WEIGHTS, f"pyannote.audio {pyannote} loads checkpoints beside torch {torch.version}"
        )


def judge_codec(facts: Facts) -> Iterator[Finding]:
    version = facts.packages.version("torchcodec")
    torch = facts.build("torch")
    runs = facts.probes("torchcodec")
    if not version or torch is None:
        for check_id in (CODEC, CODEC_FFMPEG, CODEC_CUDA):
            yield skip(
                check_id, "torchcodec is not installed" if torch else "torch is not installed"
            )
        return
    errors = [s.error for run in runs for s in run.steps if "torchcodec/" in s.name and s.error]
    loads = [s for run in runs for s in run.steps if "torchcodec/" in s.name and s.finished]
    loads = [step for step in loads if not step.error]
    both = f"torchcodec {version} beside torch {torch.version}"
    missing = [e for e in errors if "libav" in e and "cannot open" in e]
    cuda = [e for e in errors if ("libnpp" in e or "libnvrtc" in e) and "cannot open" in e]
    other = [e for e in errors if e not in missing and e not in cuda]
    if loads:
        for check_id in (CODEC, CODEC_FFMPEG, CODEC_CUDA):
            yield ok(check_id, f"{both} loads: {loads[0].name}")
        return
    expected = (
        table("torch_matrix")["torch"].get(major_minor(torch.version), {}).get("torchcodec", [])
    )
    fits = not expected or any(
        major_minor(version) == w or (w.endswith("+") and release(version)[:2] >= release(w))
        for w in expected
    )
    advice = (
        f"torchcodec {' or '.join(expected)} belongs to torch {torch.release}" if expected else both
    )
    # pyannote.audio decodes nothing itself if it is handed a waveform: a warning, no failure.
    if not fits:
        yield warn(CODEC, both, advice, *unique(other)[:2])
        yield skip(CODEC_FFMPEG, f"follows from {CODEC}")
        yield skip(CODEC_CUDA, f"follows from {CODEC}")
        return
    yield warn(CODEC, both, *unique(other)[:2]) if other else ok(CODEC, both)
    if missing and not cuda and not other:
        yield warn(CODEC_FFMPEG, both, *unique(missing)[:5])
    else:
        yield (
            ok(CODEC_FFMPEG, "FFmpeg is not what is missing")
            if errors
            else unknown(CODEC_FFMPEG, "torchcodec's libraries were not opened")
        )
    yield warn(CODEC_CUDA, both, *unique(cuda)) if cuda else ok(CODEC_CUDA, both)


TOPIC = "torch and its companions"
CHECKS = (
    Check(TOPIC, (CPU_BUILD,), judge_cpu_build),
    Check(TOPIC, (VISION, AUDIO), judge_companions),
    Check(TOPIC, (CUDA, FLAVOUR), judge_tags),
    Check(TOPIC, (AUDIO_API, WEIGHTS), judge_api),
    Check(TOPIC, (CODEC, CODEC_FFMPEG, CODEC_CUDA), judge_codec, full=True),
)
