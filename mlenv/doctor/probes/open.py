"""Open shared libraries as a program would, call functions in them, and say what happened.

Runs in the examined interpreter, in a child of the doctor: a library may abort the process,
and where the output ends is the evidence. Plain Python 3.8, imports nothing of mlenv.

argv[1]: JSON, a list of {"name", "file" (a path, or a name for the loader to find),
"global" (RTLD_GLOBAL), "calls": [[function, kind], ..]}. Kinds: `size` (no argument, returns
a size_t), `int` (no argument, returns an int), `create` (fills one pointer, returns a
status), `value` (fills one int, returns a status), `flags` (takes 0, returns a status).

Prints one JSON document a line: {"begin": STEP} before each step, then {"end": STEP,
"value": .., "status": ..} or {"end": STEP, "error": ..}; {"mapped": [files]} after each library.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any


def say(**document: Any) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def mapped_files() -> list[str]:
    files: list[str] = []
    try:
        with open("/proc/self/maps", errors="surrogateescape") as maps:  # noqa: PTH123
            for line in maps:
                fields = line.rstrip("\n").split(None, 5)
                if len(fields) == 6 and "/" in fields[5] and fields[5] not in files:
                    files.append(fields[5])
    except OSError:
        pass
    return files


def call(library: ctypes.CDLL, function: str, kind: str) -> dict[str, int]:
    entry = getattr(library, function)
    if kind == "size":
        entry.restype = ctypes.c_size_t
        return {"value": entry()}
    if kind == "int":
        return {"value": entry()}
    if kind == "flags":
        return {"status": entry(ctypes.c_uint(0))}
    if kind == "value":
        value = ctypes.c_int(0)
        return {"status": entry(ctypes.byref(value)), "value": value.value}
    pointer = ctypes.c_void_p()
    return {"status": entry(ctypes.byref(pointer))}


def main() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass
    for request in json.loads(sys.argv[1]):
        name = request["name"]
        say(begin=name + ":open")
        try:
            mode = ctypes.RTLD_GLOBAL if request.get("global") else ctypes.DEFAULT_MODE
            library = ctypes.CDLL(request["file"], mode=mode)
        except OSError as error:
            say(end=name + ":open", error=str(error))
            continue
        say(end=name + ":open")
        for function, kind in request.get("calls", ()):
            step = name + ":" + function
            say(begin=step)
            try:
                say(end=step, **call(library, function, kind))
            except AttributeError as error:
                say(end=step, error=str(error))
        say(mapped=mapped_files())


main()
