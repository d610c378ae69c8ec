"""Inputs that a stranger made, by kind: the tests of any bytes, for as long as time allows."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

os.environ["MLENV_TEST_EXAMPLES"] = "200"  # in each round; read when the tests are imported

from hypothesis import is_hypothesis_test, seed

from tests import test_any_bytes, test_any_call
from tests.environment import test_any_input


def kinds() -> dict[str, Any]:
    """The tests by what they read."""
    return {
        name.removeprefix("test_").replace("_", " "): test
        for module in (test_any_bytes, test_any_call, test_any_input)
        for name, test in vars(module).items()
        if is_hypothesis_test(test)
    }


def read(seconds: float, chance: random.Random) -> tuple[Counter[str], list[str]]:
    """Read such inputs for so long; returns how many of each kind, and what is wrong."""
    counts, broken, end = Counter[str](), list[str](), time.monotonic() + seconds
    tests = kinds()
    for kind, test in tests.items():
        test.hypothesis.inner_test = _counted(kind, test.hypothesis.inner_test, counts)
    while time.monotonic() < end and tests:
        for kind, test in list(tests.items()):
            try:
                seed(chance.random())(test)()
            except Exception as error:  # whatever it is, it is to be named
                broken.append(f"{kind}: {error!r}: {' '.join(getattr(error, '__notes__', ()))}")
                del tests[kind]
            if time.monotonic() > end:
                break
    return counts, broken


def _counted(kind: str, inner: Callable[..., Any], counts: Counter[str]) -> Callable[..., Any]:
    def test(*arguments: Any, **named: Any) -> Any:
        counts[kind] += 1
        return inner(*arguments, **named)

    return test
