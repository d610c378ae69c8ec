"""bash, zsh, dash and every other POSIX shell."""

from __future__ import annotations

import shlex


def export(name: str, value: str) -> str:
    """One command that sets and exports a variable."""
    return f"export {name}={shlex.quote(value)}"
