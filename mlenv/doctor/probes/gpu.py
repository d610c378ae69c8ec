"""Compute something small on the GPU, with torch and with CTranslate2.

Runs in the examined interpreter, in the launch environment, and only where the driver lists a
GPU. Plain Python 3.8, imports nothing of mlenv.

Prints one JSON document a line: {"begin": STEP}, then {"end": STEP} or {"end": STEP, "error":
..}; at the end {"mapped": [files]}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


def say(**document: Any) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def step(name: str, act: Callable[[], Any]) -> bool:
    say(begin=name)
    try:
        act()
    except Exception as error:
        say(end=name, error=f"{type(error).__name__}: {str(error).strip()[:500]}")
        return False
    say(end=name)
    return True


def with_torch() -> None:
    import torch

    if not step("torch:start", torch.cuda.init):
        return

    def convolution() -> None:
        layer = torch.nn.Conv1d(8, 8, 3).cuda().half()
        layer(torch.ones(1, 8, 64, device="cuda", dtype=torch.float16))
        torch.cuda.synchronize()

    def product() -> None:
        square = torch.ones(64, 64, device="cuda")
        if float((square @ square)[0, 0]) != 64.0:
            raise ArithmeticError("a product of ones is not 64")

    step("torch:convolution", convolution)
    step("torch:matrix product", product)


def with_ctranslate2() -> None:
    import ctranslate2
    import numpy

    def devices() -> None:
        if not ctranslate2.get_cuda_device_count():
            raise RuntimeError("ctranslate2 sees no CUDA device")

    def there_and_back() -> None:
        ones = numpy.ones((4, 4), dtype=numpy.float32)
        view = ctranslate2.StorageView.from_array(ones)
        view.to_device(ctranslate2.Device.cuda).to_device(ctranslate2.Device.cpu)

    if step("ctranslate2:devices", devices):
        step("ctranslate2:memory", there_and_back)
        step(
            "ctranslate2:compute types",
            lambda: ctranslate2.get_supported_compute_types("cuda"),
        )


def main() -> None:
    # CTranslate2 first: what it loads must be found without torch's help.
    for name, act in (("ctranslate2", with_ctranslate2), ("torch", with_torch)):
        try:
            __import__(name)
        except ImportError:
            continue
        except Exception as error:
            say(begin=name + ":import")
            say(end=name + ":import", error=str(error)[:500])
            continue
        act()
    try:
        with open("/proc/self/maps") as maps:  # noqa: PTH123
            files = {line.split(None, 5)[5].strip() for line in maps if "/" in line}
        say(mapped=sorted(files))
    except (OSError, IndexError):
        pass


main()
