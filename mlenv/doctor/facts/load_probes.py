"""Loader truth: what children saw that opened the libraries and called them.

Each child opens libraries in one environment and in one order, makes real calls, and lists
the files that its process had mapped. That it dies is an answer too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlenv.doctor.facts.environments import LAUNCH, Whole
from mlenv.doctor.facts.libraries import FAMILIES, Linkage
from mlenv.doctor.facts.target import PROBES, Interpreter
from mlenv.machine.children import Child, Ended

# The calls that make a cuDNN front library open its parts: graph, ops, cnn; then a handle,
# which needs a device and otherwise answers 1001 (CUDNN_STATUS_NOT_INITIALIZED).
CUDNN_CALLS = (
    ("cudnnGetVersion", "size"),
    ("cudnnCreateTensorDescriptor", "create"),
    ("cudnnCreateConvolutionDescriptor", "create"),
    ("cudnnCreate", "create"),
)

CUDA_CALLS = (("cuInit", "flags"), ("cuDriverGetVersion", "value"), ("cuDeviceGetCount", "value"))

# The words of cuDNN 9 and of cuDNN 8 where a part is found under none of its names.
_UNFOUND_9 = re.compile(r"Unable to load any of \{([^}]+)\}")
_UNFOUND_8 = re.compile(r"Could not load library (libcudnn\w*\.so\.8)")


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
    """One child. `libraries` maps each library's name in `steps` to the file asked for.

    `brought`: the files of CUDA's libraries that came into memory with each of them.

    `probe`: `cudnn`, `names` (opened by bare name, the driver too), `torch`, `torchcodec`,
    `extensions`, `gpu` (computed on it), or `reopened` (opened by path, to hear the loader's
    reason).
    """

    probe: str
    environments: tuple[str, ...]
    libraries: Mapping[str, str]
    steps: tuple[Step, ...]
    mapped: tuple[str, ...]
    exit_code: int | None
    timed_out: bool = False
    stderr: str = ""
    error: str = ""
    brought: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def died_at(self) -> Step | None:
        """The step that the child did not survive."""
        return next((step for step in self.steps if not step.finished), None)

    @property
    def unfound(self) -> str:
        """The cuDNN part that the loader had not found when the child died.

        Such as `libcudnn_ops.so.9`; otherwise empty.
        """
        if not (died := self.died_at) or died.name.endswith(":open"):
            return ""
        if match := _UNFOUND_9.search(self.stderr):
            names = [name.strip() for name in match[1].split(",")]
            return next((name for name in names if re.search(r"\.so\.\d+$", name)), names[0])
        return match[1] if (match := _UNFOUND_8.search(self.stderr)) else ""

    @property
    def directories(self) -> tuple[str, ...]:
        """The directories of cuDNN files that this child had in its memory."""
        mapped = (file for file in self.mapped if "libcudnn" in file)
        return tuple(dict.fromkeys(file.rpartition("/")[0] for file in mapped))

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A library for a probe to open: a path, or a bare name that the loader must find."""

    name: str
    file: str
    calls: Sequence[tuple[str, str]] = ()
    everywhere: bool = False  # RTLD_GLOBAL


Started = tuple[str, tuple[str, ...], tuple[Wanted, ...], Child]


def start_all(
    interpreter: Interpreter,
    linkage: Linkage,
    environments: Sequence[Whole],
    *,
    quick: bool,
) -> list[Started]:
    """Start every probe, side by side; `finish` waits for them.

    `quick` leaves out those that open torch's own libraries.
    """
    packages = Path(interpreter.packages)
    groups = [*_cudnn(linkage), *_by_name(linkage, packages)]
    if not quick:
        groups += _families(packages)
    return [
        (probe, environment.names, group, _start(interpreter, group, variables))
        for probe, group in reversed(groups)  # the long ones first
        for environment, variables in environments
    ]


def finish(started: Sequence[Started]) -> tuple[ProbeRun, ...]:
    return tuple(_run(probe, names, group, child.ended()) for probe, names, group, child in started)


def reopened(
    interpreter: Interpreter, runs: Sequence[ProbeRun], environments: Sequence[Whole]
) -> tuple[ProbeRun, ...]:
    """Re-open by path each library that exists but was not found by name.

    In the same environment, to capture the loader's error.
    """
    started: list[Started] = []
    for run in runs:
        stem = run.unfound.partition(".so")[0]
        for environment, variables in environments:
            if not stem or environment.names != run.environments:
                continue
            for directory in {*environment.library_path, *run.directories}:
                for file in sorted(Path(directory).glob(f"{stem}.so*")):
                    group = (Wanted(file.name, str(file)),)
                    child = _start(interpreter, group, variables)
                    started.append(("reopened", environment.names, group, child))
    return finish(started)


def on_gpu(interpreter: Interpreter, environments: Sequence[Whole]) -> tuple[ProbeRun, ...]:
    """Compute something small on the GPU in the launch environment. Imports torch: seconds."""
    for environment, variables in environments:
        if LAUNCH in environment.names:
            script = [interpreter.executable, str(PROBES / "gpu.py")]
            return finish([("gpu", environment.names, (), Child(script, variables, 60.0))])
    return ()


def _cudnn(linkage: Linkage) -> Iterator[tuple[str, tuple[Wanted, ...]]]:
    """Probes that load cuDNN in both orders: the first to load it decides for the other."""
    fronts = tuple(
        Wanted(name, file, CUDNN_CALLS)
        for name, file in (
            ("ctranslate2", linkage.ctranslate2_cudnn),
            ("cuDNN's wheel", linkage.wheel_cudnn),
        )
        if file
    )
    if fronts:
        yield "cudnn", fronts
    if len(fronts) > 1:
        yield "cudnn", fronts[::-1]


def _by_name(linkage: Linkage, packages: Path) -> Iterator[tuple[str, tuple[Wanted, ...]]]:
    """Libraries opened by bare name: cuBLAS by CTranslate2, NVRTC by cuDNN, the driver by all."""
    libraries = []
    for name in linkage.ctranslate2_opens:
        if name.startswith("libcublas.so"):
            libraries.append(Wanted("cublas", name, (("cublasGetCudartVersion", "size"),)))
            lt = name.replace("libcublas", "libcublasLt")
            libraries.append(Wanted("cublasLt", lt, (("cublasLtGetVersion", "size"),)))
    if linkage.wheel_cudnn or linkage.ctranslate2_cudnn:
        for file in sorted(packages.glob("nvidia/cuda_nvrtc/lib/libnvrtc.so.*")):
            libraries.append(Wanted("nvrtc", file.name))
    # The driver last: where it hangs or crashes, the answers before it have been given.
    yield "names", (*libraries, Wanted("cuda", "libcuda.so.1", CUDA_CALLS))


def _families(packages: Path) -> Iterator[tuple[str, tuple[Wanted, ...]]]:
    """Torch's libraries and those of its companions, opened as `import` opens them."""

    def matching(*patterns: str) -> list[Wanted]:
        files = [file for pattern in patterns for file in sorted(packages.glob(pattern))]
        return [Wanted(str(file.relative_to(packages)), str(file)) for file in files]

    extensions = matching("ctranslate2/_ext*.so", "onnxruntime/capi/onnxruntime_pybind11*.so")
    if extensions:
        yield "extensions", tuple(extensions)
    torch = [
        *(Wanted(w.name, w.file, (), True) for w in matching("torch/lib/libtorch_global_deps.so")),
        *matching("torch/lib/libtorch_cpu.so", "torch/lib/libtorch_cuda.so"),
        *matching("torch/lib/libtorch_python.so"),
    ]
    companions = matching("torchaudio/lib/libtorchaudio.so", "torchvision/_C.so")
    codecs = matching("torchcodec/libtorchcodec_core*.so")
    if torch:
        yield "torch", (*torch, *companions)
    if torch and codecs:
        yield "torchcodec", (*torch, *codecs)


def _start(
    interpreter: Interpreter, group: Sequence[Wanted], variables: Mapping[str, str]
) -> Child:
    asked = [
        {"name": w.name, "file": w.file, "calls": list(w.calls), "global": w.everywhere}
        for w in group
    ]
    # -I -S: no packages are needed, and a broken one must not decide the answer.
    script = [interpreter.executable, "-I", "-S", str(PROBES / "open.py"), json.dumps(asked)]
    return Child(script, variables)


def _run(probe: str, names: tuple[str, ...], group: Sequence[Wanted], ended: Ended) -> ProbeRun:
    steps: dict[str, Step] = {}
    mapped: tuple[str, ...] = ()
    brought: dict[str, tuple[str, ...]] = {}
    for line in ended.stdout.splitlines():
        document = _document(line)
        if "begin" in document:
            steps[document["begin"]] = Step(document["begin"])
        elif "end" in document:
            steps[document["end"]] = Step(
                document["end"],
                True,
                document.get("value"),
                document.get("status"),
                document.get("error", ""),
            )
        elif "mapped" in document:
            library = next(reversed(steps), "").rpartition(":")[0]
            new = [file for file in document["mapped"] if file not in mapped and _is_cuda(file)]
            brought |= {library: tuple(new)} if new else {}
            mapped = tuple(document["mapped"])
    return ProbeRun(
        probe,
        names,
        {library.name: library.file for library in group},
        tuple(steps.values()),
        mapped,
        ended.exit_code,
        ended.timed_out,
        ended.stderr[-2000:].strip(),
        ended.error,
        brought,
    )


def _is_cuda(file: str) -> bool:
    return file.rpartition("/")[2].startswith((*FAMILIES, "libcuda."))


def _document(line: str) -> dict[str, Any]:
    """One line of a probe; a library may have written between them, or cut the last one."""
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
