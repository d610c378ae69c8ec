"""The launch environment as commands that a shell can evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mlenv.environment.launchers import quoting


class Language(NamedTuple):
    """The commands of a shell that export a variable (name, value) and remove one (name)."""

    export: Callable[[str, str], str]
    unset: Callable[[str], str]
    head: str = ""  # what the commands need, where a value has a newline in it


def _nu(name: str, value: str) -> str:
    if name == "PATH":
        return f'$env.PATH = ({quoting.nu(value)} | split row ":")'
    return f"$env.{name} = {quoting.nu(value)}"


_POSIX = Language(
    lambda name, value: f"export {name}={quoting.posix(value)}", lambda name: f"unset {name}"
)
_CSH = Language(
    lambda name, value: f"setenv {name} {quoting.csh(value)};",
    lambda name: f"unsetenv {name};",
    "set _mlenv_newline = '\\\n';",
)
LANGUAGES: Mapping[str, Language] = {
    "bash": _POSIX,
    "zsh": _POSIX,
    "sh": _POSIX,
    "fish": Language(
        lambda name, value: f"set -gx {name} {quoting.fish(value)}", lambda name: f"set -e {name}"
    ),
    "csh": _CSH,
    "tcsh": _CSH,
    "nu": Language(_nu, lambda name: f"hide-env --ignore-errors {name}"),
    "powershell": Language(
        lambda name, value: f"$env:{name} = {quoting.powershell(value)}",
        lambda name: f"Remove-Item Env:\\{name} -ErrorAction SilentlyContinue",
    ),
}


def commands(shell: str, variables: Mapping[str, str], removed: tuple[str, ...]) -> list[str]:
    """The commands that set `variables` and remove `removed`, in the language of `shell`."""
    language = LANGUAGES[shell]
    head = [language.head] if language.head and any("\n" in v for v in variables.values()) else []
    return (
        head
        + [language.unset(name) for name in removed]
        + [language.export(name, value) for name, value in variables.items()]
    )
