"""Input that is no log: memory stays bounded, and it ends."""

from __future__ import annotations

import io
import os
import tracemalloc

import pytest

from mlenv.doctor.explain.scan import scan
from tests.support.logs import explained

SIZE = 8_000_000
ERROR = b"\nRuntimeError: Library libcublas.so.12 is not found or cannot be loaded\n"

HOSTILE = {
    "one-endless-line": b"x" * SIZE,
    "nuls": b"\0" * SIZE,
    "no-newline-words": b"cuda error torch module named no " * (SIZE // 33),
    "random": os.urandom(SIZE),
    "escapes-only": b"\x1b[31m" * (SIZE // 5),
    "open-escapes": b"\x1b]0;" * (SIZE // 4),
    "backslashes": b"\\" * SIZE,
    "beginnings-of-patterns": b"Could not load library libcudnn_" * (SIZE // 32),
    "almost": b"unable to load any of {libcudnn_ops " * (SIZE // 36),
    "carriage-returns": b"\r 50%|#####     |" * (SIZE // 17),
    "invalid-utf-8": b"\xc3\x28\xa0\xa1\xe2\x28\xa1" * (SIZE // 7),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_error_after_it_is_found_in_bounded_memory(kind: str) -> None:
    stream = io.BytesIO(HOSTILE[kind] + ERROR)
    tracemalloc.start()
    scanned = scan(stream)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "cublas-missing" in {hit.id for hit in scanned.hits}
    assert peak < 30_000_000


def test_an_error_across_the_border_of_two_blocks() -> None:
    from mlenv.doctor.explain.scan import BLOCK

    for before in range(BLOCK - 100, BLOCK, 7):
        log = b"." * (before - 1) + ERROR
        diagnoses = [(d.entry.id, d.count) for d in explained(log)]
        assert diagnoses == [("cublas-missing", 1)], before


def test_line_numbers_count_through_all_blocks() -> None:
    log = b"fine\n" * 500_000 + ERROR.lstrip()
    assert explained(log)[0].line == 500_001
