"""The next step after an error that names none itself: `next_steps.toml`.

Read only when something has failed: `exec` starts with each recording.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

OTHER = "other"


@cache
def table() -> Mapping[str, Any]:
    """The whole file: `system` by the name of an error number, `code` by an error's code."""
    import tomllib
    from pathlib import Path

    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def of_code(code: str) -> str:
    """The step for an error's code; empty for a code that has none."""
    step: str = table()["code"].get(code, "")
    return step


def of_cause(cause: BaseException | None) -> str:
    """The step for what made mlenv raise an error; empty for what is no error of the system."""
    if isinstance(cause, UnicodeDecodeError):
        return "It is not text: write it anew in UTF-8."
    return of_system(cause) if isinstance(cause, OSError) and cause.errno else ""


def of_system(error: OSError) -> str:
    """The step for an error of the system, by its number."""
    import shlex

    name = error.filename
    at = f" {shlex.quote(os.fsdecode(name))}" if isinstance(name, str | bytes) and name else ""
    step: str = _system(error)["step"]
    return step.format(at=at, user=os.getuid())


def code_of_system(error: OSError) -> str:
    """The code of an error of the system of which nothing more is known."""
    code: str = _system(error)["code"]
    return code


def _system(error: OSError) -> Mapping[str, str]:
    rows: Mapping[str, Mapping[str, str]] = table()["system"]
    names = [name for name in rows if getattr(errno, name, None) == error.errno]
    return rows[names[0] if names and error.errno else OTHER]
