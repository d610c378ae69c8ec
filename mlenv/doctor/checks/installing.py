"""Obstacles to installing packages: indexes, platform, interpreter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlenv.doctor.checks.common import Check, Finding, fail, ok, skip, warn
from mlenv.doctor.facts import Facts
from mlenv.machine.versions import at_least, below

INDEX = "uv-index-or-tag-unsatisfiable"
PLATFORM = "platform-has-no-torch-wheel"
PYAV = "pyav-builds-from-source"
TOOLKIT = "container-toolkit-missing"

# Variables that put another index in the place of the package index.
_REPLACING = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_WHEELS = re.compile(r"^(linux-(x86_64|aarch64)|macosx-[\d.]+-(arm64|universal2)|win-amd64)$")


def judge_index(facts: Facts) -> Iterator[Finding]:
    wrong = [
        f"{name}={value} replaces the package index, and PyTorch's index holds only PyTorch's "
        "packages"
        for name in _REPLACING
        if "download.pytorch.org" in (value := facts.machine.variable(name) or "")
    ]
    if wrong:
        yield warn(INDEX, *wrong)
    else:
        yield ok(INDEX, "no variable replaces the package index by PyTorch's")


def judge_platform(facts: Facts) -> Iterator[Finding]:
    interpreter = facts.interpreter
    if not interpreter.platform:
        yield skip(PLATFORM, "the interpreter does not say its platform")
    elif facts.build("torch"):
        yield ok(PLATFORM, f"torch is installed on {interpreter.platform}")
    elif not _WHEELS.match(interpreter.platform):
        yield fail(PLATFORM, f"there are no torch wheels for {interpreter.platform}")
    elif interpreter.platform.startswith("linux") and not interpreter.libc:
        yield fail(PLATFORM, "this Python is not built for glibc (musl): there are no torch wheels")
    elif interpreter.libc and below(interpreter.libc.removeprefix("glibc "), "2.28"):
        yield warn(PLATFORM, f"{interpreter.libc}: torch 2.7 and later need glibc 2.28")
    else:
        yield ok(PLATFORM, f"{interpreter.platform}, {interpreter.libc}")


def judge_pyav(facts: Facts) -> Iterator[Finding]:
    whisper, av = facts.packages.version("faster-whisper"), facts.packages.version("av")
    if not whisper:
        yield skip(PYAV, "faster-whisper is not installed")
    elif not av and below(whisper, "1.1") and at_least(facts.interpreter.version, "3.13"):
        yield warn(
            PYAV,
            f"faster-whisper {whisper} wants an av that has no wheel for Python "
            f"{facts.interpreter.version}",
        )
    else:
        yield ok(PYAV, f"av {av or '(none)'}")


def judge_toolkit(facts: Facts) -> Iterator[Finding]:
    """Only a note: a machine whose containers need no GPU is a healthy one."""
    files = facts.files
    if not files.program("docker") or not facts.driver.gpus:
        yield skip(TOOLKIT, "no Docker beside a GPU")
    elif files.program("nvidia-ctk"):
        yield ok(TOOLKIT, f"{files.program('nvidia-ctk')} is beside {files.program('docker')}")
    else:
        yield skip(TOOLKIT, "Docker is here without nvidia-ctk: its containers get no GPU")


TOPIC = "installing"
CHECKS = (
    Check(TOPIC, (INDEX,), judge_index),
    Check(TOPIC, (PLATFORM,), judge_platform),
    Check(TOPIC, (PYAV,), judge_pyav),
    Check(TOPIC, (TOOLKIT,), judge_toolkit),
)
