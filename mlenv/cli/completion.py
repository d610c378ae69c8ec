"""Completion in bash, zsh and fish: candidates, and what click's own scripts lack.

Behind `mlenv exec` stands a command line of its own, which click does not know; bash cuts words
at colons and `=`, and forgets candidates where files are offered beside them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from mlenv.cli.commands import OF_EXEC
from mlenv.paths import venv_path
from mlenv.result import MlenvError

if TYPE_CHECKING:
    from mlenv.speech.transcribe.values import Kind

COMPLETE = "_MLENV_COMPLETE"
LINE = "_MLENV_LINE"  # the command line up to the cursor, from bash
_KINDS = {"files": "file", "folders": "dir"}

Items = list[CompletionItem]

_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' answer kind value word="" cut=""
    answer=$(env _MLENV_LINE="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
        word)
            # readline replaces only what is behind the last of these signs, unless it is quoted
            case ${COMP_WORDS[COMP_CWORD]} in
            *[\\"\\'\\\\]*) ;;
            *)  [[ $COMP_WORDBREAKS == *=* && $value == *=* ]] && cut=${value%%"${value##*=}"}
                [[ $COMP_WORDBREAKS == *:* && $value == *:* ]] && cut=${value%%"${value##*:}"} ;;
            esac ;;
        plain) COMPREPLY+=("${value#"$cut"}") ;;
        dir|file)
            if [[ -n $cut && $value == *:* ]]; then
                compopt -o filenames
                while IFS= read -r word; do
                    [[ -d $word ]] && word+=/ && compopt -o nospace
                    COMPREPLY+=("${word#"$cut"}")
                done < <(compgen "-${kind:0:1}" -- "$value")
            elif [[ $kind == dir ]]; then compopt -o dirnames
            else compopt -o default; fi ;;
        esac
    done <<< "$answer"
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


def register() -> None:
    """Have click complete with the classes below."""
    for kind in (_Bash, _Zsh, _Fish):
        add_completion_class(kind)


def files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Files, for a parameter that is a path."""
    return [CompletionItem(incomplete, type="file")]


def folders(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Directories, for a parameter that is one."""
    return [CompletionItem(incomplete, type="dir")]


def models(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """The models of the manifest, and those that were used before."""
    from mlenv.speech.models import pinned

    return _matching(pinned.known(), incomplete)


def known_errors(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Files first, and the ids of known errors."""
    from mlenv.doctor import knowledge

    own = _matching(knowledge.entries(), incomplete) if incomplete else []
    return [CompletionItem(incomplete, type="file"), *own]


def checks(ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """The ids of the doctor's checks; behind `--from FILE` more files too."""
    from mlenv.doctor.checks import CHECKS

    more = [CompletionItem(incomplete, type="file")] if ctx.params.get("sources") else []
    own = _matching([check_id for check in CHECKS for check_id in check.ids], incomplete)
    return [*more, *own]


def words(*known: str) -> Callable[[click.Context, click.Parameter, str], Items]:
    """Candidates that are always the same."""
    return lambda _ctx, _param, incomplete: _matching(known, incomplete)


def _matching(words: Iterable[str], incomplete: str) -> Items:
    return [CompletionItem(w) for w in words if w.lower().startswith(incomplete.lower())]


class _Own(ShellComplete):
    """Completion of `mlenv exec`, whose words click would read as options of its own."""

    def get_completions(self, args: list[str], incomplete: str) -> Items:
        if args[:1] == ["exec"]:
            return list(_of_exec(args[1:], incomplete))
        return super().get_completions(args, incomplete)


class _Bash(_Own, BashComplete):
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get(LINE)
        if line is None:
            return super().get_completion_args()
        words = split_arg_string(line)
        incomplete = "" if line[-1:].isspace() or len(words) < 2 else words.pop()
        return words[1:], incomplete

    def complete(self) -> str:
        _, incomplete = self.get_completion_args()
        return f"word,{incomplete}\n{super().complete()}"


class _Zsh(_Own, ZshComplete):
    # a path behind `--name=` is a word of its own
    source_template = ZshComplete.source_template.replace(
        "_path_files", "compset -P '--*='; _path_files"
    )

    def format_completion(self, item: CompletionItem) -> str:
        """Three lines, none of them empty: the script's loop over them would lose its step."""
        return super().format_completion(item if item.value else _unnamed(item))


def _unnamed(item: CompletionItem) -> CompletionItem:
    """The item with a value that zsh does not use: where files are offered, it looks itself."""
    return CompletionItem("_", type=item.type, help=item.help)


class _Fish(_Own, FishComplete):
    # a comma may belong to a value
    source_template = FishComplete.source_template.replace(
        "echo $metadata[2]", "string join , -- $metadata[2..-1]"
    )


def _of_exec(args: Sequence[str], incomplete: str) -> Iterator[CompletionItem]:
    """Candidates behind `mlenv exec ARGS`."""
    rest = list(args)
    venv: str | None = None
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name == "--venv" and not equals:
            if not rest:
                yield CompletionItem(incomplete, type="dir")
                return
            value = rest.pop(0)
        venv = value or venv
    if rest:
        yield from _of_transcribe(rest[1:], incomplete) if rest[0] in OF_EXEC else _file(incomplete)
    elif incomplete.startswith("-"):
        yield from _matching(("--venv", "--explain", "--help"), incomplete)
    else:
        yield CompletionItem(incomplete, type="file")
        yield from _matching([*OF_EXEC, *_programs(venv, incomplete)], incomplete)


def _file(incomplete: str) -> Iterator[CompletionItem]:
    yield CompletionItem(incomplete, type="file")


def _programs(venv: str | None, incomplete: str) -> list[str]:
    """The environment's programs whose names begin like this."""
    if not incomplete or "/" in incomplete:
        return []
    try:
        folder = venv_path(venv, os.environ) / "bin"
        return sorted(path.name for path in folder.glob(f"{incomplete}*") if path.is_file())
    except (MlenvError, OSError, ValueError):
        return []


def _of_transcribe(args: Sequence[str], incomplete: str) -> Iterator[CompletionItem]:
    """Candidates behind `mlenv exec transcribe ARGS`: options, their values, files."""
    from mlenv.speech.transcribe import option_table

    known = option_table.names()
    before = args[-1].replace("_", "-") if args else ""
    if "--" in args:
        yield from _file(incomplete)
    elif before in known and not known[before].is_switch:
        yield from _values(known[before].kind, incomplete, "")
    elif incomplete.startswith("-") and "=" in incomplete:
        name, _, value = incomplete.partition("=")
        if option := known.get(name.replace("_", "-")):
            yield from _values(option.kind, value, f"{name}=")
    elif incomplete.startswith("-"):
        for option in option_table.OPTIONS:
            if option.name.startswith(incomplete.replace("_", "-")):
                yield CompletionItem(option.name, help=option.text)
    else:
        yield from _file(incomplete)


def _values(kind: Kind, incomplete: str, before: str) -> Iterator[CompletionItem]:
    """The values of an option; `before` is what stands before them in the same word."""
    from mlenv.speech.models import pinned
    from mlenv.speech.transcribe.values import Choices, Text

    offers = kind.offers if isinstance(kind, Text) else ""
    if offers in _KINDS:
        yield CompletionItem(incomplete, type=_KINDS[offers])
    words = kind.words
    if offers == "models":
        yield CompletionItem(incomplete, type="dir")
        words = [name for name, model in pinned.known().items() if model.kind == "whisper"]
    last = incomplete
    if isinstance(kind, Choices):  # `srt,vt`
        done, comma, last = incomplete.rpartition(",")
        before += done + comma
    for item in _matching(words, last):
        yield CompletionItem(before + item.value)
