"""Load the Whisper model: which device, which compute type, how many files at once.

Never imports torch.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np

from . import inner
from .cores import cores
from .fallback import steady
from .protocol import Ready, TranscriberConfig

# Compute types for `auto`, best first.
PREFERRED = {
    "cpu": ("int8", "int8_float32", "float32"),
    "cuda": ("float16", "bfloat16", "int8_float32", "float32"),
}
# Substitutes for a compute type that a device lacks.
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
# tiny.en and base on CTranslate2 4.6.2: waking the threads costs more than they save).
# A second copy of so small a model costs little.
SMALL = 200 << 20
MOST_THREADS = 8  # for one file, without --threads; CTranslate2 itself takes four
NO_CUDA = "CUDA did not work"  # begins the reason for the CPU


class Refusal(Exception):
    """The request can't be met; `code` for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Loaded:
    """A model on a device. `engine` is faster-whisper's `WhisperModel`; `why` that device."""

    engine: Any
    device: str
    why: str
    compute_type: str
    warning: str | None = None
    at_once: int = 1
    notes: tuple[str, ...] = ()

    def ready(self, seconds: dict[str, float]) -> Ready:
        """The event that announces this model."""
        return Ready(
            self.device,
            seconds,
            self.why,
            self.compute_type,
            self.warning,
            self.at_once,
            self.notes,
        )


class PendingEngine:
    """CTranslate2's Whisper while it is still being loaded; each use waits for it.

    It may encode with one copy of the model and do everything else with another. Unless `samples`,
    it gives the same answer each time.
    """

    def __init__(self, encoder: Future[Any], rest: Future[Any], *, samples: bool) -> None:
        self._encoder, self._rest, self._samples = encoder, rest, samples

    def encode(self, *arguments: object, **options: object) -> ctranslate2.StorageView:
        """Encode features, as CTranslate2's `Whisper.encode`."""
        return self._encoder.result().encode(*arguments, **options)

    def generate(self, *arguments: object, **options: Any) -> Any:
        """Find the text of encoded features, as CTranslate2's `Whisper.generate`."""
        if not self._samples:
            options = steady(options)
        return self._rest.result().generate(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rest.result(), name)


def cuda_trouble() -> str | None:
    """The reason why CTranslate2 can use no GPU; None if it sees one."""
    try:
        count = ctranslate2.get_cuda_device_count()
    except RuntimeError as error:
        return str(error)
    return None if count else "CTranslate2 sees no CUDA device"


def compute_type(requested: str, device: str, index: int) -> tuple[str, str | None]:
    """The type to compute in, and a warning where it is not the requested one."""
    supported = ctranslate2.get_supported_compute_types(device, index)
    if requested in ("auto", "default"):
        return next(kind for kind in PREFERRED[device] if kind in supported), None
    if requested not in NEXT_BEST:
        raise Refusal("compute-type-unknown", f"There is no compute type `{requested}`.")
    if requested in supported:
        return requested, None
    second = next((kind for kind in NEXT_BEST[requested] if kind in supported), "float32")
    return second, f"this {device} can't compute in {requested}, so it is {second}"


def load(config: TranscriberConfig, trying: Callable[[str], object]) -> Loaded:
    """Load the model on the requested device; raises `Refusal`.

    `trying(device)` is called before a device is used, which may end the process.
    """
    if config.seed is not None:
        ctranslate2.set_random_seed(config.seed)
    device, why = config.device, "asked for"
    if device == "auto":
        trouble = cuda_trouble()
        device, why = ("cpu", trouble) if trouble else ("cuda", "CTranslate2 sees a CUDA device")
    elif device == "cuda" and (trouble := cuda_trouble()):
        raise Refusal("cuda-not-available", f"--device cuda was asked for, but {trouble}.")
    try:
        kind, warning = compute_type(config.compute_type, device, config.device_index)
        trying(device)
        loaded = on_cpu(config, kind) if device == "cpu" else on_gpu(config, kind)
    except (RuntimeError, ValueError, MemoryError, OSError) as error:
        if device == "cuda" and config.device == "auto" and not out_of_memory(error):
            on_the_cpu = load(replace(config, device="cpu", device_index=0), trying)
            return replace(on_the_cpu, why=f"{NO_CUDA}: {error}")
        raise explained(error, device, config) from error
    check_task(loaded.engine, config.options.get("task"))
    note = check_language(loaded.engine, config.options.get("language"))
    return replace(loaded, why=why, warning=warning, notes=(*loaded.notes, *note))


def check_task(model: Any, requested: object) -> None:
    """Refuse to translate with a model that knows one language."""
    if requested == "translate" and not model.model.is_multilingual:
        message = "This model knows English only and can't translate."
        raise Refusal("language-not-in-model", message)


def check_language(model: Any, requested: str | None) -> tuple[str, ...]:
    """Refuse a language that the model does not know; returns a note if it can't be told."""
    if requested is None:
        return ()
    if lacking := inner.missing(model, inner.TOKENIZER):
        return (inner.note("faster-whisper", lacking, "the language is not checked before"),)
    # faster-whisper lists every language of the newest model; this model has tokens for its own
    token = model.hf_tokenizer.token_to_id(f"<|{requested}|>")
    if token is not None and requested in model.supported_languages:
        return ()
    if not model.model.is_multilingual:
        message = f"This model knows English only, not `{requested}`."
        raise Refusal("language-not-in-model", message)
    raise Refusal("language-unknown", f"There is no language `{requested}` in this model.")


def on_gpu(config: TranscriberConfig, kind: str) -> Loaded:
    """Load the model on a GPU, one file at a time."""
    index = config.device_index
    where = {"device": "cuda", "device_index": index, "compute_type": kind}
    with ThreadPoolExecutor(1) as beside:
        engine = beside.submit(ctranslate2.models.Whisper, config.model, **where)
        model, notes = around(_pending(engine, engine, config), config, where)
        engine.result()
    if not inner.missing(model, inner.WHISPER_MODEL):
        # cuDNN and cuBLAS are opened at the first use: have it now
        bins = model.feature_extractor.mel_filters.shape[0]
        model.encode(np.zeros((bins, 3000), np.float32))
    return Loaded(model, "cuda", "", kind, notes=notes)


def on_cpu(config: TranscriberConfig, kind: str) -> Loaded:
    """Load the model on the CPU: for one file with all threads, or several with few each.

    Many threads on one file mostly wait for each other. Where files come one by one (`stays`), each
    gets as many as help it: a small model encodes file by file, and decodes several at once with a
    thread for each.
    """
    threads = config.threads or cores()
    small = (Path(config.model) / "model.bin").stat().st_size <= SMALL
    at_once = min(config.at_once, threads) if config.seed is None else 1
    most = threads if config.threads else MOST_THREADS
    if config.stays and not small:
        at_once = min(at_once, max(1, threads // most))
    each = min(threads if config.stays else max(1, threads // at_once), most)
    with ThreadPoolExecutor(2) as beside:

        def engine(intra_threads: int, inter_threads: int = at_once) -> Future[Any]:
            return beside.submit(
                ctranslate2.models.Whisper,
                config.model,
                device="cpu",
                compute_type=kind,
                intra_threads=intra_threads,
                inter_threads=inter_threads,
            )

        rest = engine(1 if small else each)
        encoder = rest
        if small and each > 1:
            encoder = engine(each, 1 if config.stays else at_once)
        where = {"device": "cpu", "compute_type": kind, "cpu_threads": each, "num_workers": at_once}
        model, notes = around(_pending(encoder, rest, config), config, where)
        rest.result(), encoder.result()
    return Loaded(model, "cpu", "", kind, at_once=at_once, notes=notes)


def _pending(encoder: Future[Any], rest: Future[Any], config: TranscriberConfig) -> PendingEngine:
    return PendingEngine(encoder, rest, samples=config.seed is not None)


def around(
    engine: PendingEngine, config: TranscriberConfig, where: dict[str, Any]
) -> tuple[Any, tuple[str, ...]]:
    """faster-whisper's model with that engine in it, and notes.

    Its imports, its tokenizer and the voice activity detection take about as long as the engine's
    weights, so they are loaded meanwhile. `where`: the arguments for faster-whisper's plain way,
    which is taken where this version does not build its engine by `ctranslate2.models.Whisper`.
    """
    from faster_whisper import WhisperModel
    from faster_whisper.feature_extractor import FeatureExtractor

    notes: tuple[str, ...] = ()
    real, ctranslate2.models.Whisper = ctranslate2.models.Whisper, lambda *_, **__: engine
    try:
        model = WhisperModel(config.model, local_files_only=True)
    finally:
        ctranslate2.models.Whisper = real
    if getattr(model, "model", None) is not engine:
        model = WhisperModel(config.model, local_files_only=True, **where)
        text = "it loads the model by itself, which takes longer, and words may differ between runs"
        notes += (inner.note("faster-whisper", ("replaceable engine",), text),)
    lacking = inner.missing(model, inner.WHISPER_MODEL)
    if not lacking:
        lacking = inner.missing(model.feature_extractor, inner.FEATURE_EXTRACTOR)
    if lacking or not isinstance(model.feature_extractor, FeatureExtractor):
        text = "long files take more memory"
        notes += (inner.note("faster-whisper", lacking or ("FeatureExtractor",), text),)
    else:
        from .features import Features

        model.feature_extractor = Features(**model.feat_kwargs)
    if config.options.get("vad_filter"):
        warm_up_voice_detection()
    return model, notes


def warm_up_voice_detection() -> None:
    """Load the voice activity model now, if this version has it where it was."""
    from faster_whisper import vad

    if hasattr(vad, "get_vad_model"):
        vad.get_vad_model()


def out_of_memory(error: BaseException) -> bool:
    """Tell lack of memory, on the GPU or the CPU, from other errors."""
    return "out of memory" in str(error).lower() or isinstance(error, MemoryError)


def explained(error: BaseException, device: str, config: TranscriberConfig) -> Refusal:
    """The refusal for an error that came while the model was loaded."""
    if out_of_memory(error):
        return Refusal("cuda-out-of-memory" if device == "cuda" else "out-of-memory", str(error))
    return Refusal("model-not-loaded", f"{config.model} can't be loaded: {error}")
