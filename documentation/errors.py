"""The page of exit codes and error codes, from every place in the source that makes an error."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from operator import itemgetter

from documentation import markdown as md
from documentation import source
from mlenv import result
from mlenv.doctor import knowledge
from mlenv.result import next_steps

_TOP = """\
A command that fails prints `error:` and one or two lines on standard error: what happened, where,
and what to do. With `--json` the same stands in `errors`, each with a `code` that stays what it is
while the wording may change.
"""
_EXIT = {
    result.DONE: "All that was asked for is done. (`doctor`: nothing is broken; there may be "
    "warnings, which `--strict` counts too.)",
    result.FAILED: "Something failed or is broken: `errors` and the text say what.",
    result.WRONG_USAGE: "The command line is wrong; nothing was done.",
    result.NOT_DIAGNOSED: "`doctor`: there is nothing that could be examined; with several "
    "snapshots, none could be.",
    126: "`exec`: the command is there and can't be started.",
    127: "`exec`: there is no such command.",
}
_MAKERS = {
    *("MlenvError", "Problem", "UvError", "FileFailed", "FileProblem", "Refused"),
    *("Undecodable", "Refusal", "_error"),
}
_HINT_AT = {"MlenvError": 2, "UvError": 2, "_error": 2, "Problem": 3}


def markdown() -> str:
    """The whole page."""
    rows = (
        (md.code(code), _cell(code, messages), next_steps.of_code(code))
        for code, messages in sorted(codes().items())
    )
    return "\n".join(
        [
            md.head("Exit codes and error codes", _TOP),
            "## Exit codes\n",
            md.table(("code", ""), ((str(code), text) for code, text in _EXIT.items())),
            "128 + N: signal N ended it (130: Ctrl-C, 143: TERM).\n",
            "`mlenv exec COMMAND` ends with COMMAND's own code, or by the signal that ended "
            "COMMAND; `mlenv explain -- COMMAND` likewise.\n",
            "## Error codes\n",
            "What to do about an error of the system (a full disk, a mount for reading, a lock, a "
            "network) goes by its number; `mlenv/result/next_steps.toml` has both lists.\n",
            "`…` stands for what differs from case to case. A code that links to a known error "
            "is one that `mlenv doctor` and `mlenv explain` name too. Where a library of the "
            "environment fails, the code of a file can be any of the "
            "[known errors](known-errors.md).\n",
            md.table(("code", "message", "what to do, unless its second line says better"), rows),
        ]
    )


def _cell(code: str, messages: frozenset[str]) -> str:
    texts = [md.plain(message) for message in sorted(messages)] or ["*The message names it.*"]
    if code in knowledge.entries():
        texts.append(f"[Known error](known-errors.md#{code})")
    return "<br>".join(texts)


@cache
def codes() -> dict[str, frozenset[str]]:
    """Every error code that the source names, with the messages that have it."""
    collected: defaultdict[str, set[str]] = defaultdict(set)
    for module, tree in source.trees().items():
        for function in source.functions(tree):
            for name, call in source.calls(function):
                for code, messages in filter(itemgetter(0), _errors(name, call, module, function)):
                    collected[code].update(messages)
    for failure in _uv_failures():
        collected[failure["code"]].add(_without_fields(failure["message"]))
    return {
        code: frozenset(text for text in messages if re.search(r"\w", text))
        for code, messages in collected.items()
    }


def _errors(
    name: str, call: ast.Call, module: str, function: ast.AST
) -> Iterator[tuple[str, list[str]]]:
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in _MAKERS:
        at = 1 if name == "FileFailed" else 0  # behind the number of the file
        code = call.args[at] if len(call.args) > at else named.get("code")
        message = call.args[at + 1] if len(call.args) > at + 1 else named.get("message")
        for each in source.strings(code, module):
            yield each, list(source.texts(message, function))
    else:
        for each in source.strings(named.get("code"), module):
            yield each, []


def stepless() -> Iterator[str]:
    """The places in the source that make an error which may be without anything to do next.

    A hint that is written out will do, and so does a step of the code (`next_steps.toml`). A code
    that is passed on (`error.code`) has its step from where it was made.
    """
    for module, tree in source.trees().items():
        for name, call in source.calls(tree):
            named = {keyword.arg: keyword.value for keyword in call.keywords}
            at = 1 if name == "FileFailed" else 0
            positional = call.args[at] if name in _MAKERS and len(call.args) > at else None
            found = [*source.strings(positional or named.get("code"), module)]
            place = _HINT_AT.get(name, len(call.args))
            hint = call.args[place] if len(call.args) > place else named.get("hint")
            if found and not _is_written(hint):
                missing = [code for code in found if code and not next_steps.of_code(code)]
                yield from (f"{module}:{call.lineno}: {code}" for code in missing)
    for failure in _uv_failures():
        if not failure["hint"]:
            yield f"failures.toml: {failure['code']}"


def _is_written(hint: ast.AST | None) -> bool:
    """Tell if a hint can't be empty: it is text, in part at least, whatever is put in."""
    match hint:
        case ast.Constant(value=str(text)):
            return bool(text)
        case ast.JoinedStr(values=parts):
            return any(map(_is_written, parts))
        case ast.BinOp(left=left, right=right):
            return _is_written(left) or _is_written(right)
        case ast.IfExp(body=yes, orelse=no):
            return _is_written(yes) and _is_written(no)
    return False


def _uv_failures() -> list[dict[str, str]]:
    text = files("mlenv.environment.uv").joinpath("failures.toml").read_text("utf-8")
    failures: list[dict[str, str]] = tomllib.loads(text)["failure"]
    return failures


def _without_fields(message: str) -> str:
    return re.sub(r"\{\w+\}", "…", message)
