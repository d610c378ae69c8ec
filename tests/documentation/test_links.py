"""Links between the pages lead somewhere, down to the heading."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from documentation import DOCS
from documentation.markdown import slug
from documentation.sessions import ROOT

OUTSIDE = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "NOTICE.md", "CHANGELOG.md")
PAGES = [
    *(ROOT / name for name in OUTSIDE),
    ROOT / "examples/node/README.md",
    ROOT / "benchmarks/NOTES.md",
    *sorted(DOCS.rglob("*.md")),
]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@cache
def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {slug(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)) for heading in headings}


def links(page: Path) -> Iterator[str]:
    """The addresses of a page's links to other files here."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    yield from (each for each in LINK.findall(text) if "://" not in each)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = Path(os.path.normpath(page.parent / name)) if name else page
        assert target.exists(), link
        assert not page.is_relative_to(DOCS) or target.is_relative_to(DOCS), f"{link} is no page"
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_navigation_once() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"]
    named = list(leaves(nav))
    assert sorted(named) == sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))


def leaves(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for each in node.values():
            yield from leaves(each)
    elif isinstance(node, list):
        for each in node:
            yield from leaves(each)


def test_the_first_two_lines_of_code_of_the_readme_are_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    code = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    assert code[:2] == ["pip install uv && uv run mlenv install", "uv run pytest"]


def test_messages_of_the_program_name_pages_that_exist() -> None:
    for module in sorted((ROOT / "mlenv").rglob("*.py")):
        for name in re.findall(r"\bdocs/[\w/-]+\.md", module.read_text("utf-8")):
            assert (ROOT / name).exists(), f"{module}: {name}"
