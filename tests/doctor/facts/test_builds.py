"""Builds of torch's companions: by their own words, and by what their libraries are linked to."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from mlenv.doctor.facts import builds, libraries
from mlenv.doctor.facts.builds import Build


def library(*needed: str) -> bytes:
    """A shared library without code that is linked against these."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    offsets = [names.index(b"\0" + name.encode() + b"\0") + 1 for name in needed]
    at = 64 + 2 * 56
    tags = [*((1, offset) for offset in offsets), (5, at), (10, len(names)), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    after, end = at + len(names), at + len(names) + len(dynamic)
    kind = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, end, end, 4096)
    where = struct.pack("<IIQQQQQQ", 2, 4, after, after, after, len(dynamic), len(dynamic), 8)
    return kind + head + load + where + names + dynamic


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write(tmp_path / "torch", "__version__ = '2.5.1+cu124'\ncuda: Optional[str] = '12.4'\n")
    return tmp_path


def write(folder: Path, version: str, **libraries: bytes) -> None:
    (folder / "lib").mkdir(parents=True)
    (folder / "version.py").write_text(version)
    for name, content in libraries.items():
        (folder / "lib" / f"{name}.so").write_bytes(content)


def test_what_a_library_is_linked_against(tmp_path: Path) -> None:
    (tmp_path / "a.so").write_bytes(library("libcudart.so.12", "libc.so.6"))
    seen = libraries.elf(tmp_path / "a.so")
    assert (seen.needed, seen.executable_stack, seen.error) == (
        ("libcudart.so.12", "libc.so.6"),
        False,
        "",
    )


TORCH = Build("torch", "2.5.1+cu124", "12.4", "cuda")


@pytest.mark.parametrize(
    ("version", "needed", "cuda", "flavour"),
    [
        ("2.5.1", "libcudart.so.12", "12", "cuda"),
        ("2.5.1", "libcudart.41118559.so.12", "12", "cuda"),
        ("2.5.1", "libcudart-d0da41ae.so.11.0", "11", "cuda"),
        ("2.5.1", "libtorch_hip.so", "", "rocm"),
        ("2.5.1", "libtorch_cpu.so", "", ""),
        ("2.5.1+cpu", "libtorch_cpu.so", "", "cpu"),
        ("2.5.1+rocm6.2", "libtorch_hip.so", "", "rocm"),
        ("2.5.1+cu124", "libcudart.so.12", "12.4", "cuda"),
        ("2.5.1+cu124", "libcudart.so.13", "13", "cuda"),
        ("2.5.1+cu124", "libtorch_cpu.so", "12.4", "cuda"),
    ],
)
def test_libraries_say_what_a_version_leaves_out(
    site: Path, version: str, needed: str, cuda: str, flavour: str
) -> None:
    text = f"__version__ = '{version}'\n"
    write(site / "torchaudio", text, core=library(needed), cut=library(needed)[:100])
    assert builds.read(site) == (TORCH, Build("torchaudio", version, cuda, flavour))


def test_a_quick_look_reads_no_library(site: Path) -> None:
    write(site / "torchaudio", "__version__ = '2.5.1'\n", core=library("libcudart.so.13"))
    assert builds.read(site, quick=True) == (TORCH, Build("torchaudio", "2.5.1"))
