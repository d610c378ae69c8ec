"""Whole logs of real runs, well and ill."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.logs import DATA, explained, ids

HEALTHY = sorted((DATA / "healthy").glob("*.log"))
FAILED = sorted((DATA / "failed").glob("*.log"))


@pytest.mark.parametrize("log", HEALTHY, ids=lambda path: path.stem)
def test_a_run_that_went_well_gives_nothing_but_noise(log: Path) -> None:
    assert set(ids(log.read_bytes())) <= {"benign-warning"}


def test_there_are_healthy_runs_of_every_kind() -> None:
    kinds = {path.stem.split("-")[0] for path in HEALTHY}
    assert {"pip", "uv", "pytest", "train", "faster", "pyannote", "whisper"} <= kinds


# Where the words alone don't tell, the first diagnosis is the likeliest of the candidates.
OTHERWISE = {"driver-too-old-or-none": "driver-too-old"}


@pytest.mark.parametrize("log", FAILED, ids=lambda path: path.stem)
def test_a_run_that_failed_is_named_by_its_cause(log: Path) -> None:
    causes = [d.entry.id for d in explained(log.read_bytes())]
    wanted = OTHERWISE.get(log.stem)
    assert causes[0] == wanted if wanted else log.stem.startswith(causes[0])


@pytest.mark.parametrize(
    "prose",
    [
        "The cuDNN and cuBLAS documentation explains out of memory handling for CUDA streams.",
        "We removed libcudnn from the image; driver and torch versions are checked in CI.",
        "test_cuda_out_of_memory PASSED\ntest_no_space_left PASSED\n12 passed in 3.20s",
        "error rate: 3.2 %, word error rate (WER) 11.0 %, failed requests: 0",
        "INFO loading model whisper-large-v3 on cuda:0 with float16, torch 2.8.0+cu128",
        "Downloading nvidia_cudnn_cu12-9.1.0.70-py3-none-manylinux2014_x86_64.whl (664.8 MB)",
        "Successfully installed torch-2.5.1 torchaudio-2.5.1 ctranslate2-4.6.2 numpy-2.2.6",
        "def handle(e):\n    # CUDA errors, permission problems and timeouts end here\n    raise e",
        "Permission denied (publickey).",
        "HTTP 403 Forbidden for url: https://example.org/private",
        "",
    ],
)
def test_words_alone_are_no_error(prose: str) -> None:
    assert ids(prose) == []


def test_an_unknown_error_is_not_guessed() -> None:
    log = (
        "Traceback (most recent call last):\n"
        '  File "/srv/app/whisper/run.py", line 3, in <module>\n'
        "    torch.cuda.frobnicate()\n"
        "ValueError: the flux compensator needs CUDA and 1.21 gigawatts\n"
    )
    assert ids(log) == []
