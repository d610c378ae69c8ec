"""`mlenv explain`: paste the error, get the cause."""

from __future__ import annotations

import difflib
import io
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click

from mlenv.cli import completion
from mlenv.cli.table import command, venv_option
from mlenv.doctor import knowledge
from mlenv.doctor.explain import decode
from mlenv.doctor.explain.confirm import Outcome
from mlenv.doctor.explain.documents import (
    CommandExplained,
    DiagnosisRow,
    Entries,
    EntryRow,
    Explained,
    Seen,
)
from mlenv.doctor.explain.outline import outline
from mlenv.doctor.explain.rank import Diagnosis, diagnose
from mlenv.doctor.explain.scan import Scan, scan
from mlenv.doctor.knowledge import Entry
from mlenv.result import DONE, FAILED, WRONG_USAGE, MlenvError, Problem, Result, redacted

_RUN, _JSON = "mlenv.doctor.explain.run", "mlenv.doctor.explain.json"


class _WithCommand(click.Command):
    """Keep the words after `--` apart: they are a command line of their own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            index = args.index("--")
            own, rest = args[:index], args[index + 1 :]
            if not rest:
                raise click.UsageError("After -- comes the command to run.", ctx)
            ctx.meta[_RUN] = rest
            args = own
        ctx.meta[_JSON] = "--json" in args
        return super().parse_args(ctx, args)


@command(
    "explain",
    "mlenv explain build.log\n"
    "some-program 2>&1 | mlenv explain\n"
    "mlenv explain 'RuntimeError: Library libcublas.so.12 is not found'\n"
    "mlenv explain -- python transcribe.py talk.wav\n"
    "mlenv explain cublas-missing",
    cls=_WithCommand,
)
@click.argument(
    "words", metavar="[FILE|ID|TEXT|-]", nargs=-1, shell_complete=completion.known_errors
)
@click.option("--list", "listed", is_flag=True, help="List all known errors and end.")
@click.option(
    "--here/--no-here",
    default=None,
    help="Look at the environment for what decides (default: if there is one).",
)
@venv_option
@click.pass_context
def cli(
    ctx: click.Context, venv: Path, words: tuple[str, ...], listed: bool, here: bool | None
) -> Result[Entries | Explained | CommandExplained]:
    """Name the known error in a log or in a command's output, why it happens and what to do.

    Reads FILE, or standard input, or takes a pasted TEXT; with `-- CMD ARG..` it runs the
    command, shows its output as it comes, and explains if it fails. With an ID it prints the known
    error of that name.

    Exit code: 0 something was recognised, 1 nothing was; after `--` the command's own.
    """
    what = " ".join(words) if words else None
    if what is not None and not what.strip():
        raise click.UsageError("The text is empty: a variable that is not set?")
    as_json: bool = ctx.meta[_JSON]
    if _RUN in ctx.meta:
        if what is not None or listed:
            raise click.UsageError("What is there to explain: the command after --, or the rest?")
        argv = ctx.meta[_RUN]
        return _of_command(argv, as_json, venv, here)
    if listed:
        return Result("explain", Entries(entries=tuple(map(_entry, knowledge.entries().values()))))
    if what in knowledge.entries() and not Path(what or "").exists():
        return Result("explain", Entries(entries=(_entry(knowledge.entries()[what or ""]),)))
    return _of_log(_scanned(what), as_json, venv, here)


def _scanned(what: str | None) -> Scan:
    if what in (None, "-"):
        if what is None and sys.stdin.isatty():
            raise click.UsageError("Nothing to explain: name a file, or pipe a log into it.")
        return scan(sys.stdin.buffer)
    assert what is not None
    try:
        with Path(what).open("rb") as stream:
            return scan(stream)
    except (OSError, ValueError) as error:
        if any(map(str.isspace, what)) and not isinstance(error, PermissionError):
            return scan(io.BytesIO(what.encode("utf-8", "surrogateescape")))  # a pasted line
        near = difflib.get_close_matches(what, knowledge.entries(), n=1)
        raise MlenvError(
            "no-log",
            f"{what} can't be read: {getattr(error, 'strerror', None) or error}.",
            f"Did you mean `mlenv explain {near[0]}`?"
            if near
            else "Give a log file, - for standard input, or an id of `mlenv explain --list`.",
            exit_code=WRONG_USAGE,
        ) from None


def _of_log(scanned: Scan, as_json: bool, venv: Path, here: bool | None) -> Result[Explained]:
    from mlenv.cli.render import explain as shown

    record, problems, look = _explained(scanned, as_json, venv, here)
    code = DONE if record.diagnoses and not record.unrecognised else FAILED
    lines = partial(shown.of_log, record, look)
    in_text = code == FAILED and not problems
    if in_text:
        problems = (Problem("not-recognised", _not_recognised(record)),)
    return Result("explain", record, code, problems, lines=lines, in_text=in_text)


def _not_recognised(record: Explained) -> str:
    if record.unrecognised:
        return f"The last error in this log is not known: {redacted(record.unrecognised)}"
    lines = "1 line" if record.lines == 1 else f"{record.lines} lines"
    return f"No known error in this log ({lines})."


def _of_command(
    argv: Sequence[str], as_json: bool, venv: Path, here: bool | None
) -> Result[CommandExplained]:
    from mlenv.cli.render import explain as shown
    from mlenv.doctor.explain.run import run

    exit_code, scanned = run(argv, stdout=2 if as_json else 1)
    command_line = tuple(map(redacted, argv))
    record = CommandExplained(command=command_line, diagnoses=(), unrecognised="")
    problems: tuple[Problem, ...] = ()
    look: Look | None = None
    if exit_code != DONE:
        explained, problems, look = _explained(scanned, as_json, venv, here)
        record = CommandExplained(
            command=command_line,
            diagnoses=explained.diagnoses,
            numbers=explained.numbers,
            unrecognised=explained.unrecognised,
            looks_like=explained.looks_like,
            lines=explained.lines,
        )
    lines = partial(shown.of_command, record, exit_code, look)
    in_text = exit_code != DONE and not problems
    if in_text:
        message = f"{shlex.join(command_line)} ended with {exit_code}"
        problems = (Problem("command-failed", message),)
    return Result(
        "explain", record, exit_code, problems, lines=lines, to_stderr=True, in_text=in_text
    )


Look = Callable[[], "Seen"]


def _explained(
    scanned: Scan, as_json: bool, venv: Path, here: bool | None
) -> tuple[Explained, tuple[Problem, ...], Look | None]:
    """The diagnoses of a log, and what the environment adds to them.

    The look at the environment takes seconds: for people it is made, by the function that comes
    back, after the log's own diagnoses are on the screen.
    """
    look = here or (here is None and (venv / "pyvenv.cfg").is_file())
    diagnoses = diagnose(scanned, _in_use(venv) if look else {})
    if look and as_json:
        observed = _seen(diagnoses, venv)
        rows, problems = observed.diagnoses, (observed.problem,) if observed.problem else ()
    else:
        rows, problems = tuple(_diagnosis(d, None) for d in diagnoses), ()
    record = _record(scanned, diagnoses, rows)
    later = partial(_seen, diagnoses, venv) if look and diagnoses and not as_json else None
    return record, problems, later


def _record(
    scanned: Scan, diagnoses: Sequence[Diagnosis], rows: tuple[DiagnosisRow, ...]
) -> Explained:
    only_harmless = all(diagnosis.level == "harmless" for diagnosis in diagnoses)
    noise = {diagnosis.matched for diagnosis in diagnoses}
    unknown = not diagnoses or (only_harmless and scanned.last_error not in {"", *noise})
    looks_like = outline(scanned) if unknown else None
    return Explained(
        diagnoses=rows,
        numbers=decode.numbers(scanned.context),
        unrecognised=looks_like.error or scanned.last_error if looks_like else "",
        looks_like=looks_like,
        lines=scanned.lines,
    )


def _seen(diagnoses: Sequence[Diagnosis], venv: Path) -> Seen:
    """The diagnoses with what the environment says to them."""
    from mlenv.doctor.explain.confirm import confirm

    try:
        ordered, outcomes = confirm(diagnoses, venv)
    except MlenvError as error:  # the log is explained all the same
        rows = tuple(_diagnosis(diagnosis, None) for diagnosis in diagnoses)
        return Seen(rows, error.problem())
    rows = tuple(_diagnosis(d, outcomes.get(d.entry.id)) for d in ordered)
    return Seen(rows, None)


def _in_use(venv: Path) -> dict[str, str]:
    """The profile that the environment was built from, if mlenv built it."""
    from mlenv.environment import generations

    try:
        active = generations.read(venv.resolve())
    except MlenvError:  # its record is damaged; the doctor says so
        return {}
    return {"profile": active.profile} if active else {}


def _diagnosis(diagnosis: Diagnosis, here: Outcome | None) -> DiagnosisRow:
    return DiagnosisRow(
        id=diagnosis.entry.id,
        confidence=diagnosis.confidence,
        level=diagnosis.level,
        matched=diagnosis.matched,
        line=diagnosis.line,
        count=diagnosis.count,
        title=diagnosis.entry.title,
        cause=diagnosis.entry.cause,
        remedy=diagnosis.remedy,
        follows=diagnosis.follows or None,
        instead_of=diagnosis.instead_of or None,
        decides=diagnosis.entry.decides or None,
        here=here,
    )


def _entry(entry: Entry) -> EntryRow:
    return EntryRow(
        id=entry.id,
        title=entry.title,
        cause=entry.cause,
        remedy=entry.remedy,
        decides=entry.decides or None,
    )
