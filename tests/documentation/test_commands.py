"""Every command in the documentation is one that the command line takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from documentation.commands import context
from documentation.sessions import PAGES, ROOT, blocks
from mlenv.cli.commands import OF_EXEC, exec_
from mlenv.cli.table import COMMANDS, mlenv
from mlenv.result import MlenvError
from mlenv.speech.transcribe import options
from mlenv.speech.transcribe.parser import build

# Programs beside mlenv that the pages call: a misspelt one is found.
OTHERS = {
    *(
        ".",
        "ansible-galaxy",
        "ansible-playbook",
        "direnv",
        "docker",
        "echo",
        "eval",
        "export",
        "head",
        "nvidia-smi",
        "pip",
        "poetry",
    ),
    *("python", "some-program", "srun", "sudo", "systemctl", "uv", "source", "cat", "grep"),
    *("find", "sbatch"),
}
ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
MORE_PAGES = [ROOT / "examples/node/README.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md"]


def simple_commands(line: str) -> Iterator[list[str]]:
    """The simple commands of a line of shell, also those in `$(..)` and in backticks."""
    for inner in re.findall(r"\$\(([^)]*)\)|`([^`]*)`", line):
        yield from simple_commands("".join(inner))
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    redirected = False
    for word in lexer:
        if set(word) <= set("|&;"):
            yield words
            words = []
        elif set(word) <= set("<>&"):
            redirected = True
            if words and words[-1].isdecimal():
                words.pop()
        elif redirected:
            redirected = False
        else:
            words.append(word)
    if words:
        yield words


def take(words: list[str]) -> None:
    """Hand one command to the parser that it is for; raises for wrong usage."""
    while words and ASSIGNMENT.fullmatch(words[0]):
        words = words[1:]
    if not words:
        return
    assert words[0] == "mlenv" or words[0] in OTHERS, f"what is {words[0]}?"
    if "mlenv" not in words or (words[0] in ("docker", "pip", "uv") and words[:2] != ["uv", "run"]):
        return
    name, *arguments = words[words.index("mlenv") + 1 :]
    if name in {option for each in mlenv.params for option in each.opts}:
        return  # `mlenv --version`
    if name == "exec" and arguments != ["--help"]:
        _, command, _ = exec_._parse(arguments)
        if command[0] in OF_EXEC:
            options.parse(command[1:], diarize_only=command[0] == "diarize")
    else:
        parse(name, arguments)


def command_of(name: str) -> click.Command:
    command = mlenv.get_command(context(mlenv, None, "mlenv"), name)
    assert command is not None, f"there is no command {name}"
    return command


def parse(name: str, arguments: list[str]) -> None:
    command, parent = command_of(name), context(mlenv, None, "mlenv")
    if isinstance(command, click.Group) and arguments and arguments[0] in command.commands:
        parent = context(command, parent, name)
        name, *arguments = arguments
        command = command.commands[name]
    command.make_context(name, arguments, parent)


COMMAND_LINES = [
    pytest.param(step.command, id=f"{block}-{number}")
    for page in PAGES
    for block in blocks(page)
    for number, step in enumerate(block.steps)
]


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_command_line_is_understood(line: str) -> None:
    try:
        for words in simple_commands(line.partition("  #")[0]):
            take(words)
    except (click.UsageError, MlenvError) as error:
        pytest.fail(f"{line}: {error}")


def test_only_recorded_sessions_show_output() -> None:
    others = [block for page in PAGES for block in blocks(page) if not block.place]
    assert [str(block) for block in others if any(step.output for step in block.steps)] == []


def in_text(page: Path) -> Iterator[str]:
    """What a page calls in its sentences and tables: `mlenv doctor --fix`."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    yield from (" ".join(each.split()) for each in re.findall(r"`(mlenv\s[^`]+)`", text))
    yield from re.findall(r"^    (mlenv .+)$", text, re.MULTILINE)


def known_options(words: list[str]) -> set[str]:
    """The options of the command that the words begin with."""
    if words[0] == "exec" and words[1:2] and words[1] in OF_EXEC:
        return {name for action in build(words[1])._actions for name in action.option_strings}
    command = command_of(words[0])
    own = context(command, context(mlenv, None, "mlenv"), words[0])
    if isinstance(command, click.Group) and words[1:2] and words[1] in command.commands:
        command = command.commands[words[1]]
        own = context(command, own, words[1])
    return {name for each in command.get_params(own) for name in (*each.opts, *each.secondary_opts)}


@pytest.mark.parametrize(
    "page", [*PAGES, *MORE_PAGES], ids=lambda page: str(page.relative_to(ROOT))
)
def test_commands_in_sentences_exist_with_their_options(page: Path) -> None:
    for text in in_text(page):
        words = text.split()[1:]
        if words[0] in ("COMMAND", "--help", "--version", ".."):
            continue
        assert words[0] in COMMANDS, text
        head = words[: words.index("--")] if "--" in words else words
        if head[0] == "exec" and not set(head[1:2]) & set(OF_EXEC):
            head = head[:2]
        named = {word.partition("=")[0] for word in head if word.startswith("-")}
        assert named <= known_options(head), text
