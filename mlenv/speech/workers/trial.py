"""Worker: do one part of the job, as far as that goes without a network, and say how it went.

`trial PART [ARGUMENT].. + PART ..`. Of each part a line on standard output says what was done. It
ends with 0, or at the first part that fails, in the words of the library that failed.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from collections.abc import Callable, Set
from types import SimpleNamespace
from typing import Any

# The values of CT2_FORCE_CPU_ISA that CTranslate2 accepts, which reads it only with a model: by
# processor, and the names in /proc/cpuinfo of what the processor must be able to do.
CPU_ISAS = {
    "x86_64": {"AVX": "avx", "AVX2": "avx2", "AVX512": "avx512f avx512cd avx512bw avx512dq"},
    "aarch64": {"NEON": ""},
}

answer = os.fdopen(os.dup(1), "w")  # before a worker takes standard output for its events


def words(request: str = "") -> str:
    """The transcriber up to its model; with a request also the model and some speech."""
    from . import transcriber  # noqa: F401 (first: it keeps torch out of this process)
    from . import transcribe_file  # isort: skip

    if not request:
        return _before_the_model()
    from .load_model import NO_CUDA, load
    from .protocol import FileRequest, TranscriberConfig

    document = json.loads(request)
    config = TranscriberConfig(**document["config"])
    try:
        loaded = load(config, lambda device: device)
    except Exception:
        sys.stderr.write(f"(the model in {config.model})\n")  # libraries don't name it
        raise
    if loaded.why.startswith(NO_CUDA):
        raise RuntimeError(loaded.why)
    events: list[Any] = []
    transcribe_file.transcribe(
        events.append,  # type: ignore[arg-type]
        loaded.engine,
        config,
        FileRequest(0, document["audio"]),
    )
    return f"a second of speech with {document['model']} on {loaded.device} ({loaded.compute_type})"


def _before_the_model() -> str:
    import tokenizers
    from faster_whisper.tokenizer import Tokenizer  # noqa: F401

    from .load_model import warm_up_voice_detection

    check_instruction_set(os.environ.get("CT2_FORCE_CPU_ISA", ""), platform.machine(), _flags())
    tokenizers.Tokenizer(tokenizers.models.BPE())
    warm_up_voice_detection()
    return "imports, tokenizer, voice detection"


def check_instruction_set(name: str, machine: str, flags: Set[str]) -> None:
    """Raise what CTranslate2 would for an instruction set that is none, or not this processor's.

    `flags`: what the processor can do; empty where that is not known.
    """
    if not name or name == "GENERIC" or machine not in CPU_ISAS:
        return
    if name not in CPU_ISAS[machine]:
        raise ValueError(f"Invalid CPU ISA: {name}")
    if flags and not flags >= {*CPU_ISAS[machine][name].split()}:
        raise ValueError(f"The CPU does not support {name}")


def _flags() -> Set[str]:
    try:
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123 (pathlib is not loaded yet)
            return {word for line in lines if line.startswith("flags") for word in line.split()}
    except OSError:
        return frozenset()


def torch(*names: str) -> str:
    """Import torch and its companions."""
    for name in names:
        importlib.import_module(name)
    return f"import {', '.join(names)}"


def speakers() -> str:
    """The diarizer up to its pipeline."""
    from . import campplus, diarizer  # noqa: F401

    return "imports"


def hub() -> str:
    """The hub's client up to the connection: proxies, certificates, a context for TLS."""
    import ssl

    from huggingface_hub import constants, hf_hub_download, snapshot_download  # noqa: F401
    from huggingface_hub.utils import get_session

    if not constants.ENDPOINT.startswith(("https://", "http://")):
        raise ValueError(f"HF_ENDPOINT={constants.ENDPOINT} does not begin with https://")
    ssl.create_default_context()
    session = get_session()
    if hasattr(session, "get_adapter"):  # before 1.0 of the client: requests, which looks late
        settings = session.merge_environment_settings(constants.ENDPOINT, {}, None, None, None)
        adapter = session.get_adapter(constants.ENDPOINT)
        adapter.cert_verify(SimpleNamespace(), constants.ENDPOINT, settings["verify"], None)
    return "imports, proxies, certificates"


PARTS: dict[str, Callable[..., str]] = {
    "words": words,
    "torch": torch,
    "speakers": speakers,
    "hub": hub,
}


def main() -> None:
    """Try the parts that the command line names, one after the other."""
    part: list[str] = []
    for word in sys.argv[2:]:
        if word != "+":
            part.append(word)
            continue
        did = PARTS[part[0]](*part[1:])
        answer.write(f"did: {did}\n")
        answer.flush()
        part = []
    os._exit(0)  # nothing is left to be done, and tearing torch down takes its time
