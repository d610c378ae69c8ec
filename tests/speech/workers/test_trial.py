"""Instruction sets that CTranslate2 accepts, as CTranslate2 4.6.2 does with a model."""

from __future__ import annotations

import pytest

from mlenv.speech.workers.trial import check_instruction_set

OLD = {"avx", "avx2"}
NEW = {*OLD, "avx512f", "avx512cd", "avx512bw", "avx512dq"}


@pytest.mark.parametrize(
    ("name", "machine", "flags", "said"),
    [
        ("", "x86_64", OLD, ""),
        ("GENERIC", "x86_64", OLD, ""),
        ("AVX2", "x86_64", OLD, ""),
        ("AVX512", "x86_64", NEW, ""),
        ("AVX512", "x86_64", set(), ""),
        ("AVX512", "x86_64", OLD, "The CPU does not support AVX512"),
        ("NEON", "x86_64", NEW, "Invalid CPU ISA: NEON"),
        ("avx2", "x86_64", NEW, "Invalid CPU ISA: avx2"),
        ("NEON", "aarch64", {"asimd"}, ""),
        ("AVX2", "aarch64", set(), "Invalid CPU ISA: AVX2"),
        ("VSX", "ppc64le", set(), ""),
    ],
)
def test_instruction_sets(name: str, machine: str, flags: set[str], said: str) -> None:
    if not said:
        check_instruction_set(name, machine, flags)
        return
    with pytest.raises(ValueError, match=said):
        check_instruction_set(name, machine, flags)
