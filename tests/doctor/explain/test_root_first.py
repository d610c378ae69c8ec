"""Several errors in one log: the root first, what followed from it under it, noise last."""

from __future__ import annotations

import pytest

from tests.support.logs import explained, ids

NOISE = (
    "Lightning automatically upgraded your loaded checkpoint from v1.5.4 to v2.5.1.\n"
    "Model was trained with pyannote.audio 0.0.1, yours is 3.3.2.\n"
    "UserWarning: torchaudio._backend.list_audio_backends has been deprecated.\n"
    "ReproducibilityWarning: TensorFloat-32 (TF32) has been disabled as it might lead to\n"
)
SSL = (
    "(Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate "
    "verify failed: unable to get local issuer certificate (_ssl.c:1006)')))\n"
)
OFFLINE = (
    "huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the "
    "files on the Hub and we cannot find the requested files in the local cache.\n"
)
INCOMPLETE = "RuntimeError: Unable to open file 'model.bin' in model '/models/small'\n"
OLD_DRIVER = "UserWarning: The NVIDIA driver on your system is too old (found version 11040).\n"
NO_GPUS = "RuntimeError: No CUDA GPUs are available\n"
DISK = "OSError: [Errno 28] No space left on device\n"
MISSING = "ModuleNotFoundError: No module named 'whisperx'\n"
OOM = "RuntimeError: CUDA failed with error out of memory\n"


def chain(log: str) -> list[tuple[str, str]]:
    """(id, what it follows from) in order."""
    return [(diagnosis.entry.id, diagnosis.follows) for diagnosis in explained(log)]


@pytest.mark.parametrize("before", ["", NOISE])
def test_a_chain_of_consequences(before: str) -> None:
    assert chain(before + SSL + OFFLINE + INCOMPLETE)[:3] == [
        ("hf-download-ssl", ""),
        ("hf-download-offline", "hf-download-ssl"),
        ("model-file-incomplete", "hf-download-ssl"),
    ]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            OLD_DRIVER + NO_GPUS,
            [("driver-too-old", ""), ("cuda-visible-devices-wrong", "driver-too-old")],
        ),
        (
            DISK + MISSING,
            [
                ("disk-full-or-tmp-too-small", ""),
                ("package-not-in-this-interpreter", "disk-full-or-tmp-too-small"),
            ],
        ),
        (
            MISSING + DISK,  # a full disk explains both, wherever it stands
            [
                ("disk-full-or-tmp-too-small", ""),
                ("package-not-in-this-interpreter", "disk-full-or-tmp-too-small"),
            ],
        ),
        (OOM + MISSING, [("cuda-oom", ""), ("package-not-in-this-interpreter", "")]),
    ],
)
def test_root_and_consequence(log: str, expected: list[tuple[str, str]]) -> None:
    assert chain(log) == expected


def test_noise_comes_last_and_is_counted() -> None:
    *_, noise = explained(NOISE + OOM)
    assert (noise.entry.id, noise.level, noise.count) == ("benign-warning", "harmless", 4)


def test_noise_alone() -> None:
    assert ids(NOISE) == ["benign-warning"]


@pytest.mark.parametrize(
    ("log", "first"),
    [
        ("RuntimeError: CUDA failed with error CUDA driver version is insufficient for CUDA "
         "runtime version\n| NVIDIA-SMI 470.103.01   Driver Version: 470.103.01   "
         "CUDA Version: 11.4 |\n", "driver-too-old"),
        ("whisper-1  | RuntimeError: CUDA failed with error CUDA driver version is insufficient "
         "for CUDA runtime version\n", "container-without-gpu"),
        ("Installer: CPU-only machine (no NVIDIA GPU)\nRuntimeError: CUDA failed with error CUDA "
         "driver version is insufficient for CUDA runtime version\n", "no-nvidia-driver"),
        ("Step 7/9 : RUN python load.py\nRuntimeError: Found no NVIDIA driver on your system.\n",
         "container-without-gpu"),
        ("RuntimeError: Found no NVIDIA driver on your system.\n", "no-nvidia-driver"),
        ("GPU: NVIDIA GeForce RTX 5080\nRuntimeError: CUDA error: no kernel image is available "
         "for execution on the device\n", "gpu-newer-than-wheel"),
        ("GPU: NVIDIA GeForce GTX 1060\nRuntimeError: CUDA error: no kernel image is available "
         "for execution on the device\n", "gpu-older-than-wheel"),
        ("NVIDIA GeForce RTX 4090 with CUDA capability sm_89 is not compatible with the current "
         "PyTorch installation.\nThe current PyTorch install supports CUDA capabilities sm_80 "
         "sm_86 sm_90.\n", "benign-warning"),  # code for 8.6 runs on 8.9
        ("CUDA_VISIBLE_DEVICES=3\nRuntimeError: CUDA error: no CUDA-capable device is detected\n",
         "cuda-visible-devices-wrong"),
        ("ImportError: libcuda.so.1: cannot open shared object file: No such file or directory\n"
         "Linux host 5.15.0-microsoft-standard-WSL2\n", "wsl-libcuda-not-on-path"),
        ("Could not load library libcudnn_cnn_infer.so.8. Error: libnvrtc.so: cannot open shared "
         "object file: No such file or directory\n", "nvrtc-missing"),
        ("Could not load library libcudnn_cnn_infer.so.8. Error: /usr/lib/libcudnn_cnn_infer.so.8: "
         "undefined symbol: cudnnX, version libcudnn_ops_infer.so.8\n", "cudnn-mixed-versions"),
        ('  File "/v/torch/__init__.py", line 290, in <module>\n    from torch._C import *\n'
         "ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory\n",
         "nvidia-wheels-not-beside-torch"),
        ("Failed to load library libonnxruntime_providers_cuda.so: libcudnn.so.9: cannot "
         "open shared object file: No such file or directory\n",
         "cudnn9-sublib-not-on-loader-path"),
        ("RuntimeError: Could not load libtorchcodec. Likely causes:\n 2. The PyTorch version "
         "(2.6.0) is not compatible\nWe support versions 4, 5, 6, 7, and 8.\n",
         "torchcodec-torch-mismatch"),
        ("RuntimeError: Could not load libtorchcodec. Likely causes:\nOSError: libnvrtc.so.13: "
         "cannot open shared object file: No such file or directory\n",
         "torchcodec-cuda-lib-missing"),
    ],
)  # fmt: skip
def test_the_rest_of_the_log_decides(log: str, first: str) -> None:
    assert ids(log)[0] == first


def test_where_nothing_decides_the_candidates_come_in_order() -> None:
    log = "CUDA failed with error CUDA driver version is insufficient for CUDA runtime version"
    found = [(d.entry.id, d.confidence, d.instead_of) for d in explained(log)]
    assert found == [
        ("driver-too-old", "medium", ""),
        ("no-nvidia-driver", "low", "driver-too-old"),
        ("container-without-gpu", "low", "driver-too-old"),
    ]
    assert "libcuda.so.1" in explained(log)[0].entry.decides
