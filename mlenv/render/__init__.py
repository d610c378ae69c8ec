"""Results as text or JSON: the only package that prints.

`mlenv.render.NAME` has `lines(result)`: the text of command NAME, line by line.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec

from mlenv.render import progress as progress
from mlenv.render.style import bold, red, yellow
from mlenv.result import FAILED, Result


def emit(result: Result, *, as_json: bool) -> int:
    """Print a result, to standard output; its errors, as text, to standard error.

    Returns the exit code: that of the result, or 1 where it could not be printed.
    """
    try:
        if as_json:
            print(json.dumps(result.document(), indent=2, ensure_ascii=False))
        else:
            stream = sys.stderr if result.view.get("stream") == "stderr" else sys.stdout
            for line in _text(result):
                print(line, file=stream)
            for text in result.view.get("warnings", ()):
                print(f"{yellow('warning:', sys.stderr)} {text}", file=sys.stderr)
            for problem in result.errors:
                print(
                    f"{bold(red('error:', sys.stderr), sys.stderr)} {problem.message}",
                    file=sys.stderr,
                )
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        silence_stdout()
    except (OSError, ValueError) as error:  # a full disk, or a stream that is closed
        silence_stdout()
        reason = getattr(error, "strerror", None) or error
        print(f"error: standard output can't be written to: {reason}.", file=sys.stderr)
        return result.exit_code or FAILED
    return result.exit_code


def say(text: str) -> None:
    """Print a text that is ready, such as the help."""
    print(text)


def silence_stdout() -> None:
    """Python flushes the stream once more when it ends, and would fail again."""
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 (it lives as long as the process)


def _text(result: Result) -> Iterator[str]:
    module = f"mlenv.render.{result.command}"
    if result.data and find_spec(module):
        yield from importlib.import_module(module).lines(result)
