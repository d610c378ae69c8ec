"""The same errors in everything that wraps them on the way into a log."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable

import pytest

from tests.support.logs import ids

ERRORS = {
    "cudnn9-sublib-not-on-loader-path": (
        "INFO:faster_whisper:Processing audio with duration 00:30.000\n"
        "Unable to load any of {libcudnn_ops.so.9.2.1, libcudnn_ops.so.9.2, libcudnn_ops.so.9}\n"
        "Invalid handle. Cannot load symbol cudnnCreateTensorDescriptor"
    ),
    "driver-too-old": (
        "RuntimeError: The NVIDIA driver on your system is too old (found version 11060). "
        "Please update your GPU driver by downloading and installing a new version"
    ),
    "cublas-missing": "RuntimeError: Library cublas64_12.dll is not found or cannot be loaded",
    "cuda-oom": (
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; "
        "8.00 GiB total capacity)"
    ),
    "package-not-in-this-interpreter": "ModuleNotFoundError: No module named 'faster_whisper'",
    "torch-cpu-only-build": "AssertionError: Torch not compiled with CUDA enabled",
    "container-toolkit-missing": (
        'docker: Error response from daemon: could not select device driver "" with '
        "capabilities: [[gpu]]."
    ),
    "windows-torch-dll-dependency": (
        "OSError: [WinError 126] Das angegebene Modul wurde nicht gefunden. Error loading "
        '"C:\\venv\\Lib\\site-packages\\torch\\lib\\fbgemm.dll" or one of its dependencies.'
    ),
    "disk-full-or-tmp-too-small": "OSError: [Errno 28] No space left on device: '/tmp/x'",
}


def each_line(prefix: str) -> Callable[[str], str]:
    return lambda log: "\n".join(prefix + line for line in log.splitlines())


def coloured(log: str) -> str:
    return "".join(f"\x1b[1;31m{word}\x1b[0m " for word in log.split(" "))


def framed(log: str) -> str:
    lines = [row for line in log.splitlines() for row in textwrap.wrap(line, 60) or [""]]
    inside = "\n".join(f"│ {row:<60} │" for row in lines)
    return f"╭{'─' * 62}╮\n{inside}\n╰{'─' * 62}╯"


DRESSINGS: dict[str, Callable[[str], str | bytes]] = {
    "plain": str,
    "windows-line-ends": lambda log: log.replace("\n", "\r\n"),
    "compose": each_line("whisper-asr-1  | "),
    "kubernetes": each_line("2026-02-03T04:05:06.789012345Z stderr F "),
    "journal": each_line("Feb 03 04:05:06 host whisper[1234]: "),
    "logging": each_line("2026-02-03 04:05:06,789 - app.worker - ERROR - "),
    "ray": each_line("(Worker pid=77) ERROR 02-03 04:05:06 [core.py:99] "),
    "buildkit": each_line("#12 34.56 "),
    "pytest": each_line("E   "),
    "quoted": each_line("> "),
    "colours": coloured,
    "progress-bar": lambda log: f"\r  3%|▎      | 1/30\r100%|██████████| 30/30 [00:09<00:00]{log}",
    "spinner": lambda log: f"⠦ Transcribing... 0:00:06{log}",
    "json": lambda log: json.dumps({"level": "error", "exc_info": f"Traceback:\n{log}\n"}),
    "json-of-json": lambda log: json.dumps({"log": json.dumps({"message": log})}),
    "docker-json": lambda log: "\n".join(
        json.dumps({"log": line + "\n", "stream": "stderr"}) for line in log.splitlines()
    ),
    "python-repr": lambda log: f"CalledProcessError(stderr={log.encode()!r})",
    "rich-frame": framed,
    "wrapped": lambda log: "\n".join(textwrap.wrap(log, 50, break_long_words=False)),
    "utf-16": lambda log: log.encode("utf-16"),
    "utf-16-without-mark": lambda log: f"start of the log\n{log}".encode("utf-16-le"),
    "bad-utf-8": lambda log: b"\xff\xfe\xfa\xc3( \n" + log.encode() + b"\n\x80\x80",
    "nul-bytes": lambda log: b"\0\0\0\0" + log.encode() + b"\0\0",
    "after-chinese": lambda log: f"运行报错{log}",
    "in-the-middle-of-much": lambda log: "ok\n" * 100_000 + log + "\nok" * 100_000,
}


@pytest.mark.parametrize("dressing", DRESSINGS)
@pytest.mark.parametrize("error", ERRORS)
def test_recognised_in(error: str, dressing: str) -> None:
    log = DRESSINGS[dressing](ERRORS[error])
    assert ids(log)[:1] == [error], log[:600]
