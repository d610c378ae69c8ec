"""Which models fit into which memory."""

from __future__ import annotations

import pytest

from mlenv.machine import memory as machine
from mlenv.speech.transcribe import memory
from mlenv.speech.transcribe.options import parse

GB = memory.GB


@pytest.mark.parametrize(
    ("free", "model", "fits"),
    [(4.0, "base", True), (2.4, "base", False), (4.0, "large-v3", False), (4.1, "large-v3", True)],
)
def test_both_on_a_cpu(
    free: float, model: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "available", lambda: free * GB)
    options = parse(["a.wav", "--diarize", "--device", "cpu", "--model", model])
    assert memory.for_both(options) is fits


@pytest.mark.parametrize(("free", "fits"), [(6.0, False), (8.0, True)])
def test_both_on_a_gpu(free: float, fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "on_gpu", lambda *_: free * GB)
    options = parse(["a.wav", "--diarize", "--device", "cuda", "--model", "large-v3"])
    assert memory.for_both(options) is fits


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (4.0, "4.0 GB of GPU memory are free: --model large-v3 --compute-type int8 would fit."),
        (
            2.5,
            "2.5 GB of GPU memory are free: --model large-v3-turbo --compute-type int8 would fit.",
        ),
        (1.5, "1.5 GB of GPU memory are free: --model base --compute-type int8 would fit."),
        (
            1.0,
            "1.0 GB of GPU memory are free, too little for any other model: end what uses it. Or "
            "use --device cpu.",
        ),
    ],
)
def test_what_would_fit_on_a_gpu(free: float, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "on_gpu", lambda *_: free * GB)
    assert memory.advice(parse(["a.wav", "--model", "large-v3"]), "cuda") == said


def test_what_would_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available", lambda: 2.0 * GB)
    said = "2.0 GB of memory are free: --model large-v3-turbo --compute-type int8 would fit."
    assert memory.advice(parse(["a.wav", "--model", "large-v3"]), "cpu") == said


def test_what_one_file_has_no_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available", lambda: 0.5 * GB)
    said = "0.5 GB of memory are free: split the file, or end what uses memory."
    assert memory.advice(parse(["a.wav", "--model", "tiny"]), "cpu", file=True) == said


@pytest.mark.parametrize(
    ("free", "model", "files"), [(1.0, "base", 1), (5.0, "base", 7), (5.0, "large-v3", 5)]
)
def test_how_many_files_at_once(
    free: float, model: str, files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "available", lambda: free * GB)
    assert memory.files_at_once(parse(["a.wav", "--model", model])) == files
