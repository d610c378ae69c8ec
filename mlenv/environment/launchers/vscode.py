"""VS Code: the interpreter and an environment file in a workspace's settings.

`python.envFile` holds one `NAME=value` a line and can't say "what was there before", so the
library path that is set when the shim is made is written into it, behind the environment's.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from mlenv.environment import launch
from mlenv.environment.launchers import jsonc, owned
from mlenv.environment.launchers.launcher import ABSENT, INSTALLED, OUTDATED, Place, Shim
from mlenv.environment.launchers.owned import Block
from mlenv.result import MlenvError

INTERPRETER, ENV_FILE = "python.defaultInterpreterPath", "python.envFile"
_SETTINGS = Block("//")
_VARIABLES = Block("#")
_FOLDER = "${workspaceFolder}"
_WAS_EMPTY = "// There was nothing here before."


def install(place: Place) -> Shim:
    settings = place.project / ".vscode" / "settings.json"
    text = owned.read(settings)
    bare = _without_block(settings, text)
    expected = _settings(place, settings, text, bare)
    variables = _VARIABLES.install(_env_file(place, settings, text), _lines(place))
    new = _with_block(bare, expected, new_file=not settings.exists() or _made(settings, text))
    if new != text:
        owned.write(settings, new)
    return Shim(
        INSTALLED,
        (settings, *variables.files),
        new != text or variables.changed,
        todo="" if new == text else "Reload the VS Code window, or choose the interpreter anew.",
    )


def remove(place: Place) -> Shim:
    settings = place.project / ".vscode" / "settings.json"
    text = owned.read(settings)
    bare = _without_block(settings, text)
    variables = _VARIABLES.remove(_env_file(place, settings, text))
    if bare == text:
        return replace(variables, state=ABSENT)
    if _made(settings, text) and not bare:
        settings.unlink()
    else:
        owned.write(settings, bare)
    owned.remove_empty(settings.parent)
    return Shim(ABSENT, (settings, *variables.files), changed=True)


def look(place: Place) -> Shim:
    settings = place.project / ".vscode" / "settings.json"
    text = owned.read(settings)
    bare = _without_block(settings, text)
    variables = _VARIABLES.look(_env_file(place, settings, text), _lines(place))
    if bare == text:
        return Shim(ABSENT if variables.state == ABSENT else OUTDATED, variables.files)
    expected = _with_block(
        bare, _settings(place, settings, text, bare), new_file=_made(settings, text)
    )
    same = expected == text and variables.state == INSTALLED
    return Shim(INSTALLED if same else OUTDATED, (settings, *variables.files))


def _settings(place: Place, settings: Path, text: str, bare: str) -> dict[str, str]:
    """The settings to add; those that the user has made stay the user's."""
    theirs = jsonc.parse(settings, bare)
    python = str(place.venv / "bin" / "python")
    expected = {}
    if theirs.get(INTERPRETER, python) != python:
        raise MlenvError(
            "not-ours",
            f"{settings} sets {INTERPRETER} to {theirs[INTERPRETER]}.",
            f"Remove that line, or set it to {python} yourself.",
        )
    if INTERPRETER not in theirs:
        expected[INTERPRETER] = python
    if ENV_FILE not in theirs:
        file = _env_file(place, settings, text).relative_to(place.project)
        expected[ENV_FILE] = f"{_FOLDER}/{file.as_posix()}"
    return expected


def _env_file(place: Place, settings: Path, text: str) -> Path:
    """The file that the workspace reads already, else one of our own."""
    if env_file := jsonc.parse(settings, text).get(ENV_FILE):
        path = str(env_file).replace(_FOLDER, str(place.project))
        if "${" in path:
            raise MlenvError(
                "not-ours",
                f"{settings} sets {ENV_FILE} to {env_file}, which only VS Code can resolve.",
                "Put the line that `mlenv env` prints for LD_LIBRARY_PATH into that file.",
            )
        return place.project / path
    default = place.project / ".env"
    return default if default.exists() else place.project / ".vscode" / "mlenv.env"


def _lines(place: Place) -> str:
    variables = launch.build(place.venv, place.environ).variables
    value = variables.get(launch.LIBRARY_PATH)
    return f"{launch.LIBRARY_PATH}={_quoted(value)}" if value else ""


def _quoted(value: str) -> str:
    """As the extension reads it: `\\$` is no variable; only in quotes `\\n` is a newline."""
    value = value.replace("$", "\\$")
    if "\n" not in value:
        return value
    if "\\n" in value:
        raise MlenvError(
            "path-not-expressible",
            "A path with both a newline and `\\n` in it can't stand in VS Code's environment file.",
            "Put the environment into another directory.",
        )
    return '"' + value.replace("\n", "\\n") + '"'


def _with_block(bare: str, expected: dict[str, str], *, new_file: bool) -> str:
    if not expected:
        return bare
    empty = not bare.strip("\ufeff \t\r\n")
    if empty:
        bare = "{\n}\n"
    at = jsonc.inside(bare)
    more = bool(jsonc.parse(Path(), bare))
    members = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in expected.items()]
    body = ",\n".join(members) + ("," if more else "")
    if empty:
        body = f"{_WAS_EMPTY}\n{body}"
    block = _SETTINGS.text(body, new_file=new_file, indent="    ")
    return bare[:at] + "\n" + block + bare[at:]


def _without_block(settings: Path, text: str) -> str:
    span = _SETTINGS.find(settings, text)
    if span is None:
        return text
    if _WAS_EMPTY in text[slice(*span)]:
        return ""
    return text[: span[0] - 1] + text[span[1] :]  # with the newline that was put before it


def _made(settings: Path, text: str) -> bool:
    return (
        f"{_SETTINGS.begin} made this file" in text and _SETTINGS.find(settings, text) is not None
    )
