"""Terminal sessions in the documentation: blocks of commands with the output that they gave.

A block of language `console` has commands (`$ mlenv doctor`). Below a line
`<!-- session: PLACE -->` it also has their output, recorded in that place:

- `empty`: a home with nothing in it;
- `small`: a home with an environment of small packages made for the tests;
- `hosts`: a home with a directory of snapshots, of hosts that the tests made from recorded facts;
- `real`: a home in which the page itself installs the real environment, with `talk.flac`, the
  sample that ships with mlenv.

A line `<!-- walk: HOME -->` stands above what `tests/heavy/test_first_five_minutes.py` recorded.

All sessions of one page and place share a home. `PLACE, words vary` allows for other words here
and there, as another processor hears them.
"""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from documentation import DOCS

ROOT = DOCS.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))
HOME, CHECKOUT = "/home/me", "/home/me/mlenv"  # as they are written in a page
ALIKE = 0.8  # share of words that are the same, where words vary
_BLOCK = re.compile(
    r"^(?:<!-- (?:session: (?P<place>\w+)(?P<vary>, words vary)?|(?P<walk>walk: \S+)) -->\n)?"
    r"(?P<indent> *)```console\n(?P<body>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_VARIES = re.compile(
    r"\d{4}-\d\d-\d\d[T ]?[\d:]*(\+00:00|Z| UTC)?"  # times
    r"|\d+(\.\d+)?\s?(ms|s|MB|GB|%)(?!\w)"
    r"|\d+ (checks|ok\b|warn\b|not applicable|could not)"
    r"|just now|\d+ (second|minute|hour)s? ago"
    r"|Python \d+\.\d+\.\d+|python3\.\d+|cp3\d+"
)
_LATE = re.compile(r"[^:]+ \.\.")  # a step that took long, named in files only where it did


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and the lines that it printed."""

    command: str
    output: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a page; `place` is None where no output is recorded."""

    page: Path
    line: int
    place: str | None
    words_vary: bool
    indent: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def text(self) -> str:
        """The block as it stands in the page, without its comment."""
        lines = [f"{self.indent}```console"]
        for step in self.steps:
            lines += [f"{self.indent}$ {step.command}"]
            lines += [f"{self.indent}{line}".rstrip() for line in step.output]
        return "\n".join([*lines, f"{self.indent}```"])


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in their order."""
    text = page.read_text("utf-8")
    return [_block(page, text, match) for match in _BLOCK.finditer(text)]


def _block(page: Path, text: str, match: re.Match[str]) -> Block:
    indent = match["indent"]
    lines = [line.removeprefix(indent) for line in match["body"].splitlines()]
    steps: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif steps:
            steps[-1][1].append(line)
        else:
            raise ValueError(f"{page}: a block of console begins with a command, not `{line}`")
    return Block(
        page,
        text.count("\n", 0, match.start()) + 1,
        match["place"] or match["walk"],
        bool(match["vary"]),
        indent,
        tuple(Step(command, tuple(output)) for command, output in steps),
    )


def run(block: Block, home: Path, variables: Mapping[str, str]) -> Block:
    """Run the commands in `home`; the same block with what they print now."""
    return Block(
        block.page,
        block.line,
        block.place,
        block.words_vary,
        block.indent,
        tuple(Step(s.command, tuple(_output(s.command, home, variables))) for s in block.steps),
    )


def _output(command: str, home: Path, variables: Mapping[str, str]) -> Iterator[str]:
    done = subprocess.run(
        ["bash", "-c", command], cwd=home, env={**variables, "HOME": str(home)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    text = as_in_pages(done.stdout, home, variables)
    lines = text.rstrip("\n").splitlines()
    yield from (line.rstrip() for line in lines if not _LATE.fullmatch(line))


def as_in_pages(text: str, home: Path, variables: Mapping[str, str]) -> str:
    """What was printed, with the places of a reader's machine for those of this one."""
    places = {
        str(ROOT): CHECKOUT,
        str(home): HOME,
        variables.get("UV_CACHE_DIR") or f"{HOME}/.cache/uv": f"{HOME}/.cache/uv",
        sys.base_prefix: "/usr",
    }
    for place, name in places.items():
        text = text.replace(place, name)
    return text


def differences(block: Block, now: Block) -> list[str]:
    """Words of the output that are others now; times, sizes and counts may differ."""
    old, new = _words(block), _words(now)
    if block.words_vary:
        ratio = difflib.SequenceMatcher(None, old, new, autojunk=False).ratio()
        return [] if ratio >= ALIKE else [f"only {ratio:.0%} of the words are the same"]
    changes = difflib.ndiff(old, new) if old != new else ()
    return [word for word in changes if word[0] in "+-"]


def _words(block: Block) -> list[str]:
    text = "\n".join(line for step in block.steps for line in step.output)
    return _VARIES.sub("#", text).split()


def rewrite(old: Block, new: Block) -> None:
    """Put the new output into the page."""
    text = old.page.read_text("utf-8")
    old.page.write_text(text.replace(old.text(), new.text(), 1), "utf-8")
