"""Markdown: tables, code blocks, and click's help texts."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence

from documentation import MAKE


def head(title: str, text: str) -> str:
    """The beginning of a generated page."""
    return (
        f"# {title}\n\n<!-- Generated. Change the code, then run `{MAKE}`. -->\n\n{text.strip()}\n"
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; signs that would end a cell are escaped."""
    lines = [columns, ["---"] * len(columns), *([cell(text) for text in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(text: str) -> str:
    """One line of text that can stand in a table."""
    return " ".join(text.replace("|", "\\|").split())


def code(text: str) -> str:
    """Text as code, in a line."""
    return f"`{text}`"


def block(text: str, language: str = "text") -> str:
    """Text as a code block."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def prose(docstring: str) -> str:
    """A help text or docstring as paragraphs; those that click must not wrap, as blocks."""
    paragraphs = []
    for paragraph in inspect.cleandoc(docstring).split("\n\n"):
        if paragraph.lstrip().startswith("\b"):
            paragraphs.append(block(textwrap.dedent(paragraph.lstrip("\b\n"))))
        else:
            paragraphs.append(f"{plain(paragraph)}\n")
    return "\n".join(paragraphs)


def plain(text: str) -> str:
    """Text whose angle brackets and stars are no markup, outside of code."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [part.replace("<", "&lt;").replace("*", r"\*") for part in parts[::2]]
    return "".join(parts)


def slug(heading: str) -> str:
    """The anchor of a heading, as Zensical and GitHub make it."""
    text = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
    return re.sub(r"[\s]+", "-", text)
