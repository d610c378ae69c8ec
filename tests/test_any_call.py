"""Any arguments and variables of `exec`, `env` and `status`: words, and no traceback."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as any_of

from mlenv.cli import table
from mlenv.cli.commands import env, exec_
from mlenv.files import locks
from mlenv.result import MlenvError
from tests.test_any_bytes import few

# Bytes that are no text come as lone surrogates (PEP 383).
LETTERS = any_of.characters(exclude_characters="\0", exclude_categories=["Cs"]) | any_of.characters(
    min_codepoint=0xDC80, max_codepoint=0xDCFF
)
TEXT = any_of.text(LETTERS, max_size=30)
PLACES = any_of.sampled_from(
    [
        "",
        "/",
        ".",
        "..",
        "~",
        "~nobody",
        "/dev/null",
        "/proc/self",
        "a:b",
        "VENV",
        "VENV/bin",
        "x" * 300,
    ]
)
VARIABLES = [
    *("HOME", "PATH", "TMPDIR", "SHELL", "LANG", "LC_ALL", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("MLENV_VENV", "MLENV_CONFIG", "MLENV_CACHE_DIR", "MLENV_MODELS", "MLENV_LOCK_TIMEOUT"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "HF_HOME", "HF_TOKEN"),
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "PYTHONHOME", "NO_COLOR", "COLUMNS"),
]
WORDS = any_of.sampled_from(
    [
        "--venv",
        "--venv=VENV",
        "--explain",
        "--",
        "--json",
        "--shell",
        "bash",
        "fish",
        "python",
        "-c",
    ]
)
ENVIRON = any_of.dictionaries(any_of.sampled_from(VARIABLES), PLACES | TEXT, max_size=6)
ARGUMENTS = any_of.lists(WORDS | PLACES | TEXT, max_size=5)


@functools.cache
def venv() -> Path:
    """A venv with nothing in it, for all examples."""
    folder = Path(tempfile.mkdtemp(prefix="any-call-"))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    (folder / f"lib/python{version}/site-packages").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}.0\n")
    return folder


class _Started(Exception):
    """The program would run now."""


def _start(_file: str, arguments: list[str], environ: dict[str, str]) -> NoReturn:
    for text in (*arguments, *environ, *environ.values()):  # what the kernel takes
        assert b"\0" not in os.fsencode(text)
    raise _Started


@contextlib.contextmanager
def called(environ: dict[str, str]) -> Iterator[io.StringIO]:
    """Nothing but these variables; nothing is started, and what is printed is kept."""
    printed = io.StringIO()
    there = {name: value.replace("VENV", str(venv())) for name, value in environ.items()}
    with (
        mock.patch.dict(os.environ, {"HOME": str(venv()), "PATH": "/usr/bin", **there}, clear=True),
        mock.patch("os.execvpe", _start),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        yield printed


def _placed(words: list[str]) -> list[str]:
    return [word.replace("VENV", str(venv())) for word in words]


@few
@given(ARGUMENTS, ENVIRON)
@example(["--venv=VENV", "python", "-c", "1"], {"LD_LIBRARY_PATH": ":::", "PYTHONHOME": "/"})
@example(["python"], {"MLENV_VENV": "VENV", "TMPDIR": "/dev/null"})
def test_calls_of_exec(words: list[str], environ: dict[str, str]) -> None:
    words = [word for word in words if word not in ("transcribe", "--explain")]
    with called(environ) as printed:
        try:
            code = exec_.main(_placed(words))
        except _Started:
            return
        except SystemExit as end:  # --help
            code = int(end.code or 0)
    assert code in (0, 1, 2, 126, 127) and printed.getvalue()


@few
@given(ARGUMENTS, ENVIRON)
@example(["--venv=VENV", "--shell", "bash"], {"LD_PRELOAD": "\udcff"})
def test_calls_of_env(words: list[str], environ: dict[str, str]) -> None:
    with called(environ) as printed:
        try:
            code = env.main(_placed(words))
        except SystemExit as end:
            code = int(end.code or 0)
        if code is None:
            code = table.main(["env", *_placed([word for word in words if word != "--"])])
    assert code in (0, 1, 2) and printed.getvalue()


@few
@given(any_of.sampled_from(["status", "models", "profiles", "shim list"]), ENVIRON)
@example("status", {"XDG_STATE_HOME": "\n"})
def test_variables_of_commands_that_read(name: str, environ: dict[str, str]) -> None:
    with called(environ) as printed:
        code = table.main(name.split())
    assert code in (0, 1, 2) and printed.getvalue()


@pytest.mark.parametrize("text", ["x", "/", "nan", "-1", "1e400"])
def test_a_time_limit_that_is_none(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLENV_LOCK_TIMEOUT", text)
    lock = locks.exclusive(tmp_path / "busy", "trying")
    with pytest.raises(MlenvError, match="is not a number of seconds"), lock:
        raise AssertionError
    monkeypatch.setenv("MLENV_LOCK_TIMEOUT", "")
    with locks.exclusive(tmp_path / "busy", "trying") as outermost:
        assert outermost


def test_an_empty_home_is_not_the_root_directory() -> None:
    with called({"HOME": ""}) as printed:
        codes = [table.main(["rollback"]), exec_.main(["python"]), table.main(["models"])]
    told = printed.getvalue().count("HOME is empty: a variable that is not set?")
    assert (codes, told) == ([1, 1, 1], 3)
