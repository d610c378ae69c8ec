"""Loading the model: which device, what to compute in, how many files at once.

Runs inside the environment; imports nothing of mlenv and never torch.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import ctranslate2
import numpy as np

# What to compute in, best first, where nothing is asked for.
PREFERRED = {
    "cpu": ("int8", "int8_float32", "float32"),
    "cuda": ("float16", "bfloat16", "int8_float32", "float32"),
}
# The next best of a type that a device lacks.
NEXT_BEST = {
    "int8_float16": ("int8_float32", "int8"),
    "int8_bfloat16": ("int8_float16", "int8_float32", "int8"),
    "int8_float32": ("int8",),
    "int8": ("int8_float32", "float32"),
    "int16": ("int8", "float32"),
    "float16": ("bfloat16", "float32"),
    "bfloat16": ("float16", "float32"),
    "float32": (),
}
# Bytes of model.bin up to which a CPU decodes faster with one thread than with several (seen with
# tiny.en and base on CTranslate2 4.6.2: the threads spend more on waking up than they save).
# A second copy of so small a model costs little.
SMALL = 200 << 20
MOST_THREADS = 8  # for one file, where nothing is asked for; CTranslate2 itself takes four


class Refused(Exception):
    """The request can't be met; `code` for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Loading:
    """A model that is still being loaded; whoever wants something of it waits. It may encode with
    one copy and do everything else with another."""

    def __init__(self, encoder: Future, rest: Future) -> None:
        self._encoder, self._rest = encoder, rest

    def encode(self, *words: object, **options: object) -> ctranslate2.StorageView:
        return self._encoder.result().encode(*words, **options)

    def __getattr__(self, name: str):
        return getattr(self._rest.result(), name)


def cores() -> int:
    """CPUs that this process may use: by its affinity and its control group's quota."""
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # Linux
        count = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(count, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return count


def cuda_trouble() -> str | None:
    """Why CTranslate2 can use no GPU here; None where it sees one."""
    try:
        count = ctranslate2.get_cuda_device_count()
    except RuntimeError as error:
        return str(error)
    return None if count else "CTranslate2 sees no CUDA device"


def compute_type(asked: str, device: str, index: int) -> tuple[str, str | None]:
    """The type to compute in, and a warning where it is not the one that was asked for."""
    supported = ctranslate2.get_supported_compute_types(device, index)
    if asked in ("auto", "default"):
        return next(kind for kind in PREFERRED[device] if kind in supported), None
    if asked not in NEXT_BEST:
        raise Refused("compute-type-unknown", f"There is no compute type `{asked}`.")
    if asked in supported:
        return asked, None
    second = next((kind for kind in NEXT_BEST[asked] if kind in supported), "float32")
    return second, f"this {device} can't compute in {asked}, so it is {second}"


def load(config: dict, trying) -> tuple[object, dict]:
    """The model on the device asked for, and what to say about it: {"device", "why",
    "compute_type", "warning", "at_once"}. `trying(device)` is called before a device is used,
    which may end the process. Raises `Refused`."""
    device, why = config["device"], "asked for"
    if device == "auto":
        trouble = cuda_trouble()
        device, why = ("cpu", trouble) if trouble else ("cuda", "CTranslate2 sees a CUDA device")
    elif device == "cuda" and (trouble := cuda_trouble()):
        raise Refused("cuda-not-available", f"--device cuda was asked for, but {trouble}.")
    try:
        kind, warning = compute_type(config["compute_type"], device, config["device_index"])
        trying(device)
        model, at_once = on_cpu(config, kind) if device == "cpu" else on_gpu(config, kind)
    except (RuntimeError, ValueError, MemoryError, OSError) as error:
        if device == "cuda" and config["device"] == "auto" and not out_of_memory(error):
            model, said = load({**config, "device": "cpu", "device_index": 0}, trying)
            return model, {**said, "why": f"CUDA did not work: {error}"}
        raise explained(error, device, config) from error
    check_language(model, config["options"].get("language"))
    said = {"device": device, "why": why, "compute_type": kind, "warning": warning}
    return model, {**said, "at_once": at_once}


def check_language(model, asked: str | None) -> None:
    if asked is None:
        return
    # faster-whisper lists every language of the newest model; what this one knows is in its tokens
    known = model.hf_tokenizer.token_to_id(f"<|{asked}|>") is not None
    if known and asked in model.supported_languages:
        return
    if not model.model.is_multilingual:
        raise Refused("language-not-in-model", f"This model knows English only, not `{asked}`.")
    raise Refused("language-unknown", f"There is no language `{asked}` in this model.")


def on_gpu(config: dict, kind: str) -> tuple[object, int]:
    index = config["device_index"]
    with ThreadPoolExecutor(1) as beside:
        engine = beside.submit(
            ctranslate2.models.Whisper,
            config["model"],
            device="cuda",
            device_index=index,
            compute_type=kind,
        )
        model = around(Loading(engine, engine), config)
        engine.result()
    # cuDNN and cuBLAS are opened at the first use: have it now
    model.encode(np.zeros((model.feature_extractor.mel_filters.shape[0], 3000), np.float32))
    return model, 1


def on_cpu(config: dict, kind: str) -> tuple[object, int]:
    """One file at a time with all threads, several with few threads each: many threads on one
    file mostly wait for each other."""
    threads = config["threads"] or cores()
    at_once = min(config["at_once"], threads)
    each = max(1, threads // at_once)
    if not config["threads"]:
        each = min(each, MOST_THREADS)
    small = (Path(config["model"]) / "model.bin").stat().st_size <= SMALL
    with ThreadPoolExecutor(2) as beside:

        def engine(intra_threads: int) -> Future:
            return beside.submit(
                ctranslate2.models.Whisper,
                config["model"],
                device="cpu",
                compute_type=kind,
                intra_threads=intra_threads,
                inter_threads=at_once,
            )

        rest = engine(1 if small else each)
        encoder = engine(each) if small and each > 1 else rest
        model = around(Loading(encoder, rest), config)
        rest.result(), encoder.result()
    return model, at_once


def around(engine: Loading, config: dict):
    """faster-whisper's model with that engine in it. Its imports, its tokenizer and the voice
    activity detection take about as long as the engine's weights, so they come meanwhile."""
    from features import Features

    if config["fit_window"]:
        from short_window import FittedModel as Model
    else:
        from faster_whisper import WhisperModel as Model
    real, ctranslate2.models.Whisper = ctranslate2.models.Whisper, lambda *_, **__: engine
    try:
        model = Model(config["model"], local_files_only=True)
    finally:
        ctranslate2.models.Whisper = real
    model.feature_extractor = Features(**model.feat_kwargs)
    if config["options"].get("vad_filter"):
        from faster_whisper.vad import get_vad_model

        get_vad_model()
    return model


def out_of_memory(error: BaseException) -> bool:
    return "out of memory" in str(error).lower() or isinstance(error, MemoryError)


def explained(error: BaseException, device: str, config: dict) -> Refused:
    if out_of_memory(error):
        return Refused("cuda-out-of-memory" if device == "cuda" else "out-of-memory", str(error))
    return Refused("model-not-loaded", f"{config['model']} can't be loaded: {error}")
