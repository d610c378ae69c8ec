"""The question before gigabytes are fetched or something is taken away."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mlenv.cli.render.style import bold
from mlenv.result import MlenvError


def ask(reasons: Sequence[str]) -> None:
    """Show the reasons and ask; raises `MlenvError` for no, and where nobody can answer."""
    if not sys.stdin.isatty():
        raise MlenvError(
            "needs-consent",
            f"Not done without being asked: {'; '.join(reasons)}.",
            "Add --yes to do it, or --dry-run to see all of it.",
        )
    for reason in reasons:
        print(f"{bold(reason, sys.stderr)}.", file=sys.stderr)
    print("Do this? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise MlenvError("declined", "Nothing was changed: the answer was not yes.")
