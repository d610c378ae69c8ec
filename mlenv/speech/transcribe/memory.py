"""Memory: whether words and speakers can be found at once, and which model would fit.

Estimates, on the safe side. Of a GPU: faster-whisper's published figures (its issue 1030: large-v3
4521 MB in float16 and 2953 MB in int8, turbo 2537 and 1545) are the weights and 0.7 to 1.4 GB;
pyannote.audio's peak is 2.6 GB (its issue 1963), and more where cuDNN takes a hungrier algorithm,
for which the diarizer has smaller batches. Of a CPU, measured: 0.4 GB, the weights, and 0.7 GB
for each hour of a file; speakers take 0.9 GB.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

GB = 10**9

# Millions of parameters, from the model cards of OpenAI and distil-whisper; best models first.
PARAMETERS = {
    "large-v3": 1550,
    "large-v3-turbo": 809,
    "medium": 769,
    "small": 244,
    "base": 74,
    "tiny": 39,
    "large-v2": 1550,
    "large-v1": 1550,
    "large": 1550,
    "turbo": 809,
    "distil-large-v3": 756,
    "distil-large-v2": 756,
    "distil-medium": 394,
    "distil-small": 166,
}
ADVISED = tuple(PARAMETERS)[:6]
BYTES = {"int8": 1, "int8_float16": 1, "int8_bfloat16": 1, "int8_float32": 1}
BYTES |= {"int16": 2, "float16": 2, "bfloat16": 2, "float32": 4}
BEST = {"cuda": "float16", "cpu": "int8"}  # what `auto` computes in
BESIDE_WEIGHTS = {"cuda": 1.4 * GB, "cpu": 1.0 * GB}
EACH_FILE = 0.6 * GB  # large-v3's attention over 30 seconds, or most of an hour of samples
DIARIZER = {"cuda": 2.6 * GB, "cpu": 1.5 * GB}


def needed(model: str | None, compute_type: str, device: str) -> float:
    """Bytes that transcribing takes on cuda or cpu.

    `model`: a name or folder; None: the default.
    """
    kind = compute_type if compute_type in BYTES else BEST[device]
    return _parameters(model) * BYTES[kind] + BESIDE_WEIGHTS[device]


def for_both(options: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell if the transcriber and the diarizer have room side by side."""
    gpu = None if options.device == "cpu" else _free_on_gpu(options, environ)
    device = "cpu" if gpu is None else "cuda"
    free = of_machine() if gpu is None else gpu
    both = needed(options.model, options.compute_type, device) + DIARIZER[device]
    return free is None or free >= both


def for_diarizer(options: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell if the diarizer has room beside a transcriber that is loaded."""
    gpu = None if options.device == "cpu" else _free_on_gpu(options, environ)
    free = of_machine() if gpu is None else gpu
    return free is None or free >= DIARIZER["cpu" if gpu is None else "cuda"]


def of_machine() -> float | None:
    """Bytes that are free; None if unknown."""
    from mlenv.machine import memory  # late: `exec` starts with each recording

    return memory.available()


def files_at_once(options: argparse.Namespace) -> int:
    """Number of files that a CPU's memory has room for; at least one."""
    free = of_machine()
    if free is None:
        return 1
    left = free - needed(options.model, options.compute_type, "cpu")
    return 1 + max(0, int(left / EACH_FILE))


def advice(
    options: argparse.Namespace,
    device: str,
    environ: Mapping[str, str] = os.environ,
    *,
    file: bool = False,
) -> str:
    """Advice on a model that fits into the memory that is free now, in one sentence.

    `file`: the model had room, and one file had not.
    """
    free = _free_on_gpu(options, environ) if device == "cuda" else of_machine()
    if free is None:
        return "Try --compute-type int8, a smaller --model or --batch-size."
    fitting = [
        f"--model {name} --compute-type {kind}"
        for name in ADVISED
        for kind in (BEST[device], "int8")
        if needed(name, kind, device) <= free
        and needed(name, kind, device) < needed(options.model, options.compute_type, device)
    ]
    where = "GPU memory" if device == "cuda" else "memory"
    there = f"{free / GB:.1f} GB of {where} are free"
    if fitting:
        return f"{there}: {fitting[0]} would fit."
    if file and device == "cpu":
        return f"{there}: split the file, or end what uses memory."
    elsewhere = " Or use --device cpu." if device == "cuda" else ""
    return f"{there}, too little for any other model: end what uses it.{elsewhere}"


def _free_on_gpu(options: argparse.Namespace, environ: Mapping[str, str]) -> float | None:
    from mlenv.machine import memory  # late: `exec` starts with each recording

    return memory.on_gpu(options.device_index, environ)


def _parameters(model: str | None) -> float:
    """Number of parameters of a model; of an unknown one, by the size of its file."""
    if model is None:
        from mlenv.speech import models  # late, as the worker is to start first

        model = models.default()
    name = model.removesuffix(".en")
    if name in PARAMETERS:
        return PARAMETERS[name] * 10**6
    for known in sorted(PARAMETERS, key=len, reverse=True):
        if known in model.rpartition("/")[2]:
            return PARAMETERS[known] * 10**6
    try:
        return (Path(model).expanduser() / "model.bin").stat().st_size / 2  # float16, mostly
    except OSError:
        return PARAMETERS["large-v3"] * 10**6
