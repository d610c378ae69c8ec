"""The operating system: container, C library, the loader's cache, the user's variables."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlenv.machine.children import Child
from mlenv.result import redacted

# Variables of the user that decide something and hold no secret, but for addresses.
_RECORDED = re.compile(
    r"^(LD_LIBRARY_PATH|LD_PRELOAD|CUDA_\w+|NVIDIA_VISIBLE_DEVICES|NVIDIA_DRIVER_CAPABILITIES"
    r"|CONDA_PREFIX|VIRTUAL_ENV|PYTHONPATH|PYTHONHOME|PYTHONNOUSERSITE|TMPDIR|XDG_CACHE_HOME"
    r"|HF_HOME|HF_HUB_CACHE|HF_HUB_OFFLINE|HF_ENDPOINT|TRANSFORMERS_OFFLINE|TORCH_HOME"
    r"|UV_CACHE_DIR|UV_(DEFAULT_)?INDEX(_URL)?|UV_EXTRA_INDEX_URL|UV_TORCH_BACKEND"
    r"|PIP_(EXTRA_)?INDEX_URL|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|KMP_DUPLICATE_LIB_OK|OMP_NUM_THREADS|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy)$"
)
_OF_INTEREST = re.compile(r"lib(cu|nv|npp|nccl|av|sw|sox|stdc\+\+|z\.so|gomp|iomp|omp|sndfile)")


@dataclass(frozen=True, slots=True)
class Machine:
    """The operating system.

    `container`: its kind, or empty. `variables`: those of the user that influence programs.
    `loader_cache`: libraries of interest that `ldconfig -p` lists.
    """

    system: str = ""
    kernel: str = ""
    architecture: str = ""
    distribution: str = ""
    glibc: str = ""
    wsl: bool = False
    container: str = ""
    variables: Mapping[str, str] | None = None
    loader_cache: tuple[str, ...] = ()

    def variable(self, name: str) -> str | None:
        """The user's variable of that name, if it is one of those recorded."""
        return (self.variables or {}).get(name)


def start(environ: Mapping[str, str]) -> Child | None:
    """Start asking for the loader's cache."""
    ldconfig = shutil.which("ldconfig", path=environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return Child([ldconfig, "-p"], environ, 5.0) if ldconfig else None


def finish(child: Child | None, environ: Mapping[str, str], root: Path) -> Machine:
    """The system, once `child` (see `start`) has ended. `root`: where `proc` and `etc` are."""
    kernel = _text(root / "proc/sys/kernel/osrelease").strip() or platform.release()
    return Machine(
        platform.system(),
        kernel,
        platform.machine(),
        distribution(root),
        glibc_version(),
        "microsoft" in kernel.lower(),
        _container(environ, root),
        {name: redacted(v) for name, v in environ.items() if _RECORDED.match(name)},
        _loader_cache(child.ended().stdout) if child else (),
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def distribution(root: Path) -> str:
    """The Linux distribution's own name for itself; empty where it says none."""
    match = re.search(r'^PRETTY_NAME="?([^"\n]*)', _text(root / "etc/os-release"), re.MULTILINE)
    return match[1] if match else ""


def glibc_version() -> str:
    """The version of glibc that runs this process; empty with another C library."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (AttributeError, ValueError, OSError):
        return ""
    return version if name == "glibc" else ""


def _container(environ: Mapping[str, str], root: Path) -> str:
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "kubernetes"
    if match := re.search(r"docker|kubepods|containerd|lxc|podman", _text(root / "proc/1/cgroup")):
        return match[0]
    return "singularity" if "SINGULARITY_CONTAINER" in environ else environ.get("container", "")


def is_of_interest(library: str) -> bool:
    """Tell by a file's name if it is a library that decides here: CUDA's, FFmpeg's, OpenMP's."""
    return _OF_INTEREST.match(library) is not None


def _loader_cache(printed: str) -> tuple[str, ...]:
    """Files in the output of `ldconfig -p`, of libraries that matter here."""
    files = (line.partition("=> ")[2] for line in printed.splitlines() if "=> " in line)
    return tuple(file for file in files if is_of_interest(file.rpartition("/")[2]))
