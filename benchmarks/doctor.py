"""mlenv doctor and other doctors on the same broken environments: time, faults found, false alarms.

    uv run python benchmarks/doctor.py [--venv DIR] [--repeat N] [--cost]

`--cost`: only what a look at a healthy environment costs, in turn with what it is compared to. A
full look and `import pyannote.audio`, a quick one and `import faster_whisper`: seconds by the clock
and of the processor, and the memory of the doctor's own process.

Each fault is made in a copy (hard links) of a real environment. The others are installed beside
it, with `--target`, and run by the environment's own Python. What counts, for all alike:

- found: on the broken environment the tool says something marked as a warning or an error that
  it does not say on the healthy one, and that names the fault (a generous pattern);
- false alarm: a line that begins with such a mark on the healthy environment, other than that
  this machine has no GPU, no driver, no nvidia-smi (which is true where it is so).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from timing import RESULTS

from mlenv import paths
from mlenv.environment import uv
from mlenv.environment.generations import links

OTHERS = {
    "env-doctor 0.3.5": (
        "env-doctor==0.3.5",
        "import sys; sys.argv = ['env-doctor', 'check']; from env_doctor.cli import main; main()",
    ),
    "cuda-doctor 0.2.0": (
        "cuda-doctor==0.2.0",
        "import sys; sys.argv = ['cuda-doctor', 'diagnose']\n"
        "from cuda_doctor.cli import main; main()",
    ),
    "ai-infradr 0.1.0": (
        "ai-infradr==0.1.0",
        "import sys; sys.argv = ['ai-infradr', '--verbose']\n"
        "from ai_infradr.cli.main import main; main()",
    ),
    "gpumedic 0.1.0": (
        "gpumedic==0.1.0",
        "import sys; sys.argv = ['gpumedic', 'scan']; from gpumedic.cli import main; main()",
    ),
    "torch.utils.collect_env": ("", "import torch.utils.collect_env as c; c.main()"),
}
# What depends on the machine's network.
_NETWORK = ("hf-download-offline", "hf-download-ssl")
_MARKED = re.compile(
    r"⚠|❌|✗|\berror\b|warning|mismatch|Traceback|not found|^(CRITICAL|HIGH|MEDIUM)\b",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^(⚠|❌|✗|Traceback|(CRITICAL|HIGH|MEDIUM)\b)")
_TRUE_HERE = re.compile(
    r"none detected|driver|nvidia-smi|\bGPU\b|cuda.*(unavailable|not available)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Fault:
    """`broken` changes a copy of the environment and returns variables for the shell; `id`
    is the finding that says it, `named` a pattern that any tool's words may match."""

    name: str
    id: str
    named: str
    broken: Callable[[Path], Mapping[str, str]]


@dataclass
class Score:
    seconds: list[float] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


def site(venv: Path) -> Path:
    return next(venv.glob("lib/python3*/site-packages"))


def wheel(requirement: str, folder: Path) -> Path:
    target = folder / re.sub(r"\W", "_", requirement)
    if not target.is_dir():
        argv = [uv.binary(), "pip", "install", "--quiet", "--no-deps", "--target", target]
        subprocess.run([*argv, "--python", sys.executable, requirement], check=True)
    return target


def copied(source: Path, target: Path) -> None:
    """A copy by hard links. Whatever is there already is replaced, never written into."""
    for root, _, names in os.walk(source):
        there = target / Path(root).relative_to(source)
        there.mkdir(parents=True, exist_ok=True)
        for name in names:
            (there / name).unlink(missing_ok=True)
            (there / name).hardlink_to(
                Path(root, name),
            )


def fresh(source: Path, folder: Path) -> Path:
    """A healthy copy of the environment, linked as `mlenv install` links it."""
    venv = Path(tempfile.mkdtemp(dir=folder)) / "venv"
    subprocess.run(
        [uv.binary(), "venv", "-q", "--python", source / "bin" / "python", venv], check=True
    )
    for part in site(source).iterdir():
        if part.is_dir() and part.name != "__pycache__":
            shutil.copytree(
                part,
                site(venv) / part.name,
                copy_function=os.link,
                symlinks=True,
                dirs_exist_ok=True,
            )
        elif part.is_file() and part.name != links.RECORD:
            (site(venv) / part.name).unlink(missing_ok=True)
            os.link(part, site(venv) / part.name)
    for link in (site(venv) / "ctranslate2.libs").iterdir():
        if link.is_symlink():
            link.unlink()
    links.link(site(venv))
    return venv


def faults(folder: Path) -> tuple[Fault, ...]:
    def cudnn(venv: Path, name: str = "") -> Path:
        return site(venv) / "nvidia" / "cudnn" / "lib" / name

    def gone(venv: Path) -> Mapping[str, str]:
        shutil.rmtree(cudnn(venv).parent)
        return {}

    def truncated(venv: Path) -> Mapping[str, str]:
        content = cudnn(venv, "libcudnn_ops.so.9").read_bytes()[:5000]
        cudnn(venv, "libcudnn_ops.so.9").unlink()
        cudnn(venv, "libcudnn_ops.so.9").write_bytes(content)
        return {}

    def unlinked(venv: Path) -> Mapping[str, str]:
        links.unlink(site(venv))
        return {}

    def shadowed(venv: Path) -> Mapping[str, str]:
        other = wheel("nvidia-nvjitlink-cu12==12.1.105", folder)
        return {"LD_LIBRARY_PATH": str(other / "nvidia" / "nvjitlink" / "lib")}

    def exchanged(name: str, requirement: str) -> Callable[[Path], Mapping[str, str]]:
        def act(venv: Path) -> Mapping[str, str]:
            for old in [site(venv) / name, *site(venv).glob(f"{name}-*.dist-info")]:
                shutil.rmtree(old)
            copied(wheel(requirement, folder), site(venv))
            return {}

        return act

    def removed(pattern: str) -> Callable[[Path], Mapping[str, str]]:
        def act(venv: Path) -> Mapping[str, str]:
            for old in site(venv).glob(pattern):
                shutil.rmtree(old)
            return {}

        return act

    return (
        Fault("cuDNN's files are gone", "cudnn9-sublib-not-on-loader-path", "cudnn", gone),
        Fault("a cuDNN part is truncated", "package-files-damaged", "cudnn", truncated),
        Fault(
            "a bare start can't find cuDNN", "cudnn9-sublib-not-on-loader-path", "cudnn", unlinked
        ),
        Fault(
            "LD_LIBRARY_PATH has another nvJitLink",
            "ld-library-path-shadows-wheel",
            "nvjitlink|LD_LIBRARY_PATH.*(shadow|conflict|before|differ)",
            shadowed,
        ),
        Fault(
            "torchaudio of another torch",
            "torchaudio-torch-abi-mismatch",
            "torchaudio",
            exchanged("torchaudio", "torchaudio==2.8.0"),
        ),
        Fault(
            "torchvision of another torch",
            "torchvision-torch-mismatch",
            "torchvision",
            exchanged("torchvision", "torchvision==0.23.0"),
        ),
        Fault("tokenizers was removed", "requirement-unmet", "tokenizers", removed("tokenizers*")),
        Fault(
            "cuSPARSE was removed under torch",
            "requirement-unmet",
            "cusparse",
            removed("nvidia_cusparse_cu12-*"),
        ),
    )


def ours(venv: Path, environ: Mapping[str, str], *options: str) -> tuple[float, dict[str, str]]:
    argv = [sys.executable, "-m", "mlenv", "doctor", "--json", "--venv", str(venv), *options]
    seconds, said = timed(argv, environ)
    findings = json.loads(said)["data"]["findings"]
    return seconds, {f["id"]: f["outcome"] for f in findings if f["outcome"] in ("fail", "warn")}


def theirs(
    venv: Path, environ: Mapping[str, str], target: Path | None, code: str
) -> tuple[float, list[str]]:
    more = {"PYTHONPATH": str(target)} if target else {}
    argv = [str(venv / "bin" / "python"), "-c", code]
    seconds, said = timed(argv, {**environ, **more, "PYTHONIOENCODING": "utf-8", "COLUMNS": "200"})
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    return seconds, [line.strip() for line in plain.splitlines() if _MARKED.search(line)]


def timed(argv: Sequence[str], environ: Mapping[str, str]) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(argv, env=dict(environ), capture_output=True, text=True, errors="replace")
    own = argv[1] == "-m"
    return time.perf_counter() - began, done.stdout if own else done.stdout + done.stderr


# Runs the command line in a process that says on its standard error what memory it took (KiB).
_COMMAND_LINE = (
    "import resource, sys; from mlenv.cli.table import main; code = main(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
)


def cost(argv: Sequence[str], environ: Mapping[str, str]) -> tuple[float, float, str]:
    """Seconds by the clock, seconds of the processor with all children, standard error."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(argv, env=dict(environ), capture_output=True, text=True, cwd="/")
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{argv} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, cpu, done.stderr


def costs(venv: Path, environ: Mapping[str, str], repeat: int) -> dict[str, object]:
    """A healthy environment's look and the import that it is compared to, in turn."""
    python = str(venv / "bin" / "python")
    document: dict[str, object] = {}
    for name, options, module, goal in (
        ("full", [], "pyannote.audio", 1.3),
        ("quick", ["--quick"], "faster_whisper", 0.6),
    ):
        doctor = [sys.executable, "-c", _COMMAND_LINE, "doctor", "--json", "--venv", str(venv)]
        doctor += [*options, *(word for id in _NETWORK for word in ("--skip", id))]
        plain = [python, "-c", f"import {module}"]
        cost(doctor, environ), cost(plain, environ)  # the files are in memory from here on
        pairs = [(cost(doctor, environ), cost(plain, environ)) for _ in range(repeat)]
        row = {
            "look_s": statistics.median(ours[0] for ours, _ in pairs),
            "import_s": statistics.median(theirs[0] for _, theirs in pairs),
            "ratio": statistics.median(ours[0] / theirs[0] for ours, theirs in pairs),
            "cpu_ratio": statistics.median(ours[1] / theirs[1] for ours, theirs in pairs),
            "goal": goal,
            "own_mib": max(int(ours[2].split()[-1]) for ours, _ in pairs) / 1024,
            "load": os.getloadavg()[0],
        }
        document[name] = {key: round(value, 2) for key, value in row.items()}
        print(f"{name} look and import {module}: {document[name]}", flush=True)
    return document


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv", type=Path, default=paths.venv_path(None, os.environ))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--cost", action="store_true")
    options = parser.parse_args()
    source = options.venv.resolve()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LD_", "PYTHON", "VIRTUAL_"))}
    if options.cost:
        document = costs(options.venv, kept, options.repeat)
        (RESULTS / "doctor-cost.json").write_text(json.dumps(document, indent=2) + "\n")
        return
    # On the file system of the environment, so that hard links can be made.
    with tempfile.TemporaryDirectory(dir=source.parent, prefix=".bench-") as place:
        folder = Path(place)
        environ = {**kept, "HOME": str(folder)}
        targets = {}
        for name, (requirement, _) in OTHERS.items():
            if requirement:
                targets[name] = folder / requirement
                argv = [uv.binary(), "pip", "install", "-q", "--target", targets[name]]
                subprocess.run([*argv, "--python", source / "bin/python", requirement], check=True)
        scores = {name: Score() for name in ("mlenv doctor", *OTHERS)}
        healthy = fresh(source, folder)
        baseline = {}
        for turn in range(options.repeat + 1):  # the first one warms up
            seconds, alarms = ours(healthy, environ)
            score = scores["mlenv doctor"]
            score.seconds += [seconds] if turn else []
            score.alarms = list(alarms)
        for name, (_, code) in OTHERS.items():
            seconds, lines = theirs(healthy, environ, targets.get(name), code)
            baseline[name] = set(lines)
            scores[name].seconds.append(seconds)
            scores[name].alarms = [
                line for line in lines if _HEADING.match(line) and not _TRUE_HERE.search(line)
            ]
        quick = statistics.median(
            ours(healthy, environ, "--quick")[0] for _ in range(options.repeat)
        )
        cold = [str(healthy / "bin" / "python"), "-c", "import torch"]
        importing = statistics.median(timed(cold, environ)[0] for _ in range(options.repeat))
        for fault in faults(folder):
            venv = fresh(source, folder)
            told = {**environ, **fault.broken(venv)}
            seconds, bad = ours(venv, told)
            scores["mlenv doctor"].seconds.append(seconds)
            if fault.id in bad:
                scores["mlenv doctor"].found.append(fault.name)
            scores["mlenv doctor"].alarms += [f"{fault.name}: {id}" for id in bad if id != fault.id]
            for name, (_, code) in OTHERS.items():
                seconds, lines = theirs(venv, told, targets.get(name), code)
                scores[name].seconds.append(seconds)
                new = [line for line in lines if line not in baseline[name]]
                if any(re.search(fault.named, line, re.IGNORECASE) for line in new):
                    scores[name].found.append(fault.name)
            print(f"{fault.name}: {bad}", flush=True)
            shutil.rmtree(venv.parent)
        count = len(faults(folder))
    report(scores, count, quick, importing)


def report(scores: Mapping[str, Score], count: int, quick: float, importing: float) -> None:
    whole = statistics.median(scores["mlenv doctor"].seconds)
    print(f"\n{'':<26}{'seconds':>8}{'faults found':>15}{'false alarms':>15}")
    for name, score in scores.items():
        seconds = statistics.median(score.seconds)
        print(f"{name:<26}{seconds:8.2f}{len(score.found):>10} of {count}{len(score.alarms):>13}")
    print(f"\nmlenv doctor --quick {quick:.2f} s, mlenv doctor {whole:.2f} s")
    print(f"one import torch {importing:.2f} s; see --cost for what a look costs")
    RESULTS.mkdir(exist_ok=True)
    document = {
        "faults": count,
        "quick_s": quick,
        "import_torch_s": importing,
        "tools": {
            name: {
                "seconds": statistics.median(score.seconds),
                "found": score.found,
                "false_alarms": score.alarms,
            }
            for name, score in scores.items()
        },
    }
    (RESULTS / "doctor.json").write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
