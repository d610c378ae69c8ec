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
from mlenv.render.style import bold, red
from mlenv.result import Result


def emit(result: Result, *, as_json: bool) -> int:
    """Print a result, to standard output; its errors, as text, to standard error."""
    try:
        if as_json:
            print(json.dumps(result.document(), indent=2, ensure_ascii=False))
        else:
            stream = sys.stderr if result.view.get("stream") == "stderr" else sys.stdout
            for line in _text(result):
                print(line, file=stream)
            for problem in result.errors:
                print(
                    f"{bold(red('error:', sys.stderr), sys.stderr)} {problem.message}",
                    file=sys.stderr,
                )
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return result.exit_code


def _text(result: Result) -> Iterator[str]:
    module = f"mlenv.render.{result.command}"
    if result.data and find_spec(module):
        yield from importlib.import_module(module).lines(result)
