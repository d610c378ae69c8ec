"""Open the driver's device nodes, and ask the driver through NVML, with nvidia-ml-py.

Runs in mlenv's own interpreter (nvidia-ml-py is no part of the examined environment), in a
child, because a broken driver may hang or crash its caller. Imports nothing of mlenv.
Takes the root directory that `dev` is below. Prints two lines, each a JSON document: the nodes,
each with the name of the errno that opening it ended with, then NVML's answer.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import sys
from typing import Any


def mapped() -> str:
    try:
        with open("/proc/self/maps") as maps:  # noqa: PTH123
            return next(
                (line.split(None, 5)[5].strip() for line in maps if "nvidia-ml" in line), ""
            )
    except (OSError, IndexError):
        return ""


def device(nvml: Any, index: int) -> dict[str, Any]:
    answers: dict[str, Any] = {"index": index}
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
    except nvml.NVMLError as error:
        return {**answers, "error": str(error)}

    def ask(name: str, function: Any) -> None:
        # Not every GPU answers every question (MIG, ECC, WSL): what it does not say is left out.
        with contextlib.suppress(nvml.NVMLError, AttributeError, UnicodeDecodeError):
            answers[name] = function()

    ask("name", lambda: str(nvml.nvmlDeviceGetName(handle)))
    ask("uuid", lambda: str(nvml.nvmlDeviceGetUUID(handle)))
    ask("capability", lambda: list(nvml.nvmlDeviceGetCudaComputeCapability(handle)))
    ask("memory_total", lambda: nvml.nvmlDeviceGetMemoryInfo(handle).total)
    ask("memory_free", lambda: nvml.nvmlDeviceGetMemoryInfo(handle).free)
    ask("mig", lambda: bool(nvml.nvmlDeviceGetMigMode(handle)[0]))
    ask("compute_mode", lambda: int(nvml.nvmlDeviceGetComputeMode(handle)))
    ask("processes", lambda: len(nvml.nvmlDeviceGetComputeRunningProcesses(handle)))
    ask(
        "ecc_uncorrected",
        lambda: int(
            nvml.nvmlDeviceGetTotalEccErrors(
                handle, nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
            )
        ),
    )

    def remapped() -> None:
        _, _, pending, failed = nvml.nvmlDeviceGetRemappedRows(handle)
        answers["remap_pending"], answers["remap_failed"] = bool(pending), bool(failed)

    ask("_", remapped)
    answers.pop("_", None)
    return answers


def nodes(root: str) -> dict[str, str]:
    """The device nodes and, where one can't be opened, the errno's name."""
    opened = {}
    for name in ("nvidiactl", "nvidia-uvm", "dxg", *(f"nvidia{index}" for index in range(16))):
        path = os.path.join(root, "dev", name)  # noqa: PTH118 (pathlib takes as long as NVML)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        except FileNotFoundError:
            continue
        except OSError as error:
            opened[path] = errno.errorcode.get(error.errno or 0, str(error))
        else:
            opened[path] = ""
    return opened


def main() -> None:
    sys.stdout.write(json.dumps(nodes(sys.argv[1])) + "\n")
    sys.stdout.flush()  # known even where NVML hangs
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError as error:
        json.dump({"present": False, "error": str(error)}, sys.stdout)
        return
    import pynvml as nvml  # slow to import, so only where there is a driver

    answer: dict[str, Any] = {"present": True, "library": mapped()}
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        json.dump({**answer, "error": str(error), "code": error.value}, sys.stdout)
        return
    try:
        answer["driver"] = str(nvml.nvmlSystemGetDriverVersion())
        answer["cuda"] = int(nvml.nvmlSystemGetCudaDriverVersion_v2())
        answer["gpus"] = [device(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError as error:
        answer.update(error=str(error), code=error.value)
    json.dump(answer, sys.stdout)


main()
