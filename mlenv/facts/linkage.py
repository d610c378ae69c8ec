"""Which libraries lie where, read from the file system."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Linkage:
    """Files of the environment that decide about cuDNN.

    `ctranslate2_cudnn`: the front library bundled in CTranslate2's wheel (4.0 to 4.6.2).
    `torch_cudnn`: the front library that torch's RPATH leads to.
    `cudnn_parts`: all other libcudnn files of the environment.
    """

    ctranslate2_cudnn: str = ""
    torch_cudnn: str = ""
    cudnn_parts: tuple[str, ...] = ()


def read(packages: Path) -> Linkage:
    bundled = sorted(packages.glob("ctranslate2.libs/libcudnn-*.so*"))
    wheel = sorted(packages.glob("nvidia/cudnn/lib/libcudnn.so.*"))
    parts = sorted(packages.glob("nvidia/cudnn/lib/libcudnn_*.so*"))
    return Linkage(
        str(bundled[0]) if bundled else "",
        str(wheel[0]) if wheel and (packages / "torch").is_dir() else "",
        tuple(map(str, parts)),
    )
