"""Results as text or JSON: the only package that prints.

`cli.render.NAME` has `lines(record)`: the text of command NAME, line by line.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from mlenv import __version__
from mlenv.cli import streams
from mlenv.cli.render import fitting, home
from mlenv.cli.render import progress as progress
from mlenv.cli.render.style import bold, red, yellow
from mlenv.result import FAILED, Result, redacted

SCHEMA = 1

Ask = Callable[[Sequence[str]], None]


def emit(result: Result[Any], *, as_json: bool) -> int:
    """Print a result, to standard output; its errors, as text, to standard error.

    Returns the exit code: that of the result, or 1 where it could not be printed.
    """
    result = _without_secrets(result)
    try:
        warn(result.warnings)
        if as_json:
            print(to_json(result))
        else:
            stream = sys.stderr if result.to_stderr else sys.stdout
            for line in _fitted(result):
                print(line, file=stream, flush=result.lines is not None)
            for problem in () if result.in_text else result.errors:
                print(
                    f"{bold(red('error:', sys.stderr), sys.stderr)} {problem.text}",
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


def warn(warnings: Sequence[str]) -> None:
    """Print warnings, a line each, to standard error."""
    for text in warnings:
        print(f"{yellow('warning:', sys.stderr)} {text}", file=sys.stderr)


def _without_secrets(result: Result[Any]) -> Result[Any]:
    """Errors and warnings quote addresses and arguments of the user's, and are handed on."""
    if not result.errors and not result.warnings:
        return result
    errors = tuple(
        each._replace(message=redacted(each.message), hint=redacted(each.hint))
        for each in result.errors
    )
    return result._replace(errors=errors, warnings=tuple(map(redacted, result.warnings)))


def to_json(result: Result[Any]) -> str:
    """The JSON document (envelope) of a result, as every `--json` prints it."""
    document = {
        "schema": SCHEMA,
        "mlenv": __version__,
        "command": result.command,
        "ok": result.ok,
        "exit_code": result.exit_code,
        "data": _builtins(result.data),
        "errors": [problem.document() for problem in result.errors],
    }
    return json.dumps(document, indent=2, ensure_ascii=not streams.is_unicode())


def _builtins(data: object) -> object:
    """A record as JSON can carry it; what is plain already (`env`) needs no library."""
    if data is None or isinstance(data, Mapping):
        return dict(data or {})
    import msgspec

    return msgspec.to_builtins(data, enc_hook=_encoded)


def _encoded(value: object) -> object:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise NotImplementedError(f"no JSON for {type(value).__name__}")


def asking(yes: bool) -> Ask:
    """The function by which a command asks before it goes on; with `--yes` it asks nothing."""
    if yes:
        return lambda _reasons: None
    from mlenv.cli.render import consent

    return consent.ask


def say(text: str) -> None:
    """Print a text that is ready, such as the help."""
    print(text)


def silence_stdout() -> None:
    """Python flushes the stream once more when it ends, and would fail again."""
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 (it lives as long as the process)


# Commands whose text is copied into other programs, or is fitted by their own renderers.
AS_IT_IS = ("env", "export", "doctor", "explain")


def _fitted(result: Result[Any]) -> Iterator[str]:
    """The text of a result, no wider than the terminal."""
    limit = 0 if result.command in AS_IT_IS else fitting.columns()
    is_report = result.command in home.COMMANDS
    for text in _text(result):
        yield from fitting.fit(home.shortened(text) if is_report else text, limit)


def _text(result: Result[Any]) -> Iterator[str]:
    module = f"{__name__}.{result.command}"
    if result.lines is not None:
        yield from result.lines()
    elif result.data is not None:
        if find_spec(module):
            yield from importlib.import_module(module).lines(result.data)
        else:
            yield from plain(_builtins(result.data))


def plain(value: object, indent: str = "") -> Iterator[str]:
    """Any record as `key: value` lines, for a command without a renderer of its own."""
    rows = value.items() if isinstance(value, Mapping) else [("", value)]
    for key, item in rows:
        if isinstance(item, Mapping):
            yield f"{indent}{key}:"
            yield from plain(item, f"{indent}  ")
        elif isinstance(item, list | tuple) and any(isinstance(each, Mapping) for each in item):
            yield f"{indent}{key}:"
            for each in item:
                first, *rest = plain(each, f"{indent}    ")
                yield f"{indent}  - {first.strip()}"
                yield from rest
        else:
            text = ", ".join(map(str, item)) if isinstance(item, list | tuple) else item
            yield f"{indent}{key}: {'-' if text in (None, '') else text}"
