"""`mlenv doctor --from FILE.. | DIR`: the snapshots of several hosts, judged together."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from mlenv.cli.page_file import with_page
from mlenv.fleet.documents import Fleet
from mlenv.progress import Progress
from mlenv.result import DONE, FAILED, NOT_DIAGNOSED, Problem, Result

STDIN = "-"


def is_several(words: Sequence[str]) -> bool:
    """Tell if the words after `--from` come to a fleet: several files, or a directory."""
    return len(words) > 1 or any(map(os.path.isdir, words))


def split(
    ids: Sequence[str], words: Sequence[str], known: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ids, and the words after `--from`: a pattern of the shell (`hosts/*.json`) gives more.

    A word behind them that is no id is a file where it looks like one or is there.
    """
    more = [word for word in ids if words and _is_file(word, known)]
    return tuple(word for word in ids if word not in more), (*words, *more)


def _is_file(word: str, known: Collection[str]) -> bool:
    if word in known:
        return False
    return "/" in word or word.endswith(".json") or word == STDIN or os.path.lexists(word)


def judged(
    words: Sequence[str],
    only: Sequence[str],
    skip: Sequence[str],
    progress: Progress,
    *,
    quick: bool,
    strict: bool,
    verbose: bool,
    page_file: Path | None,
) -> Result[Fleet]:
    """The report on a fleet; raises a usage error for what does not go with it."""
    from mlenv.cli.render import fleet as shown
    from mlenv.fleet import judge

    if STDIN in words:
        raise click.UsageError("--from - is one snapshot: it goes with no others.")
    if quick:
        raise click.UsageError(
            "--quick says how to look, and snapshots are looks already taken: "
            "leave it out, or name checks (--only)."
        )
    begun = time.monotonic()
    record, code = judge.fleet(words, only, skip, progress, strict=strict)
    layout = shown.Layout(time.monotonic() - begun, verbose, tuple(words))
    problems = tuple(_problems(record, strict=strict)) if code else ()
    errors: tuple[Problem, ...] = ()
    if page_file:
        from mlenv.cli.render import fleet_page  # its library is loaded for pages only

        record, errors = with_page(record, page_file, partial(fleet_page.page, layout=layout))
        problems = (*problems, *errors)
        code = code or (FAILED if errors else DONE)
    lines, unwritten = partial(shown.report, record, layout), tuple(e.message for e in errors)
    return Result("doctor", record, code, problems, unwritten, lines=lines, in_text=True)


def _problems(fleet: Fleet, *, strict: bool) -> Iterator[Problem]:
    """List the files, then the hosts, that the exit code stands for."""
    for each in fleet.problems:
        yield Problem(each.code, each.message, each.file)
    for host in fleet.hosts:
        text = f"{host.host}: {host.verdict}"
        if host.fail:
            yield Problem("host-broken", text, host.file)
        elif host.exit_code == NOT_DIAGNOSED:
            yield Problem("host-not-diagnosed", text, host.file)
        elif host.exit_code and host.warn:
            yield Problem("host-warned", text, host.file)
        elif host.exit_code:
            yield Problem("host-untried", text, host.file)
        elif strict and host.behind:
            yield Problem("snapshot-old", text, host.file)
