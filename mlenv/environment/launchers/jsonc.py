"""JSON with comments, as VS Code writes it: read it, and add members without touching the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mlenv.result import MlenvError

_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)


def _blank(text: str) -> str:
    """The text with comments and trailing commas made blank: every other offset stays."""

    def blank(match: re.Match[str]) -> str:
        token = match[0]
        return token if token.startswith('"') else re.sub(r"[^\n]", " ", token)

    # Twice: a comma may be seen to trail only when the comment behind it is gone.
    return _TOKEN.sub(blank, _TOKEN.sub(blank, text))


def parse(path: Path, text: str) -> dict[str, Any]:
    """The members of the file's object; raises `MlenvError` with line and column."""
    if not text.strip("\ufeff \t\r\n"):
        return {}
    try:
        members = json.loads(_blank(text).lstrip("\ufeff"))
    except json.JSONDecodeError as error:
        raise MlenvError(
            "broken-json",
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}.",
            "Mend the file, then try again: mlenv has not changed it.",
        ) from error
    if not isinstance(members, dict):
        raise MlenvError("broken-json", f"{path} holds no JSON object.")
    return members


def inside(text: str) -> int:
    """The offset behind the brace that opens the file's object."""
    return _blank(text).index("{") + 1
