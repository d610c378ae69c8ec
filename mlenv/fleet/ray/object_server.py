"""Answer mlenv's questions about addresses, in the environment's own Python, which has fsspec.

Standard input brings one JSON object for each: the name of a function of `objects` and its
arguments; standard output has one with its result, or with the trouble.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from . import objects

FUNCTIONS = {
    function.__name__: function
    for function in (
        *(objects.find_each, objects.names, objects.read, objects.sha256, objects.write),
        *(objects.move, objects.try_to_write),
    )
}


def main() -> None:
    """Answer until standard input ends."""
    stream = os.fdopen(os.dup(1), "w", encoding="ascii", buffering=1)
    os.dup2(2, 1)  # whatever else is printed
    for line in sys.stdin.buffer:
        try:
            print(json.dumps(answer(json.loads(line))), file=stream)
        except BrokenPipeError:  # mlenv has ended
            os._exit(0)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The `result` of one question, or what is in the way: `code`, `text`, `package`."""
    try:
        return {"result": FUNCTIONS[request["do"]](**request["with"])}
    except objects.Trouble as error:
        return error.fields()
