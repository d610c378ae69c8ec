"""Files and lines that give some launcher the launch environment: one module a launcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mlenv.shims import posix

# How each shell sets a variable and exports it: (name, value) -> one command.
SHELLS: Mapping[str, Callable[[str, str], str]] = {
    "bash": posix.export,
    "zsh": posix.export,
    "sh": posix.export,
}
