"""Text of `mlenv doctor --from DIR`: hosts, findings over hosts, differences between hosts."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mlenv.cli.render.fitting import columns, fit, width
from mlenv.cli.render.style import bold, dim, green, red, yellow
from mlenv.doctor.checks.common import Outcome
from mlenv.doctor.verdict import State, many
from mlenv.fleet.documents import Difference, Fleet, FleetFinding, Host
from mlenv.fleet.traits import PACKAGES, TOPICS

COMMAND = " " * 10  # before a command line
# What is shown at most, without --verbose.
NAMES, HOSTS, KINDS, SUBJECTS, GROUPS = 8, 20, 3, 4, 6
DIFFERENCES = 20
LONGEST = 300  # characters of a line of evidence
WIDTH = 10  # of a number of hosts
STATES: dict[State, tuple[str, Callable[[str], str]]] = {
    "broken": ("broken", red),
    "undiagnosed": ("not diagnosed", red),
    "untried": ("not known", yellow),
    "works": ("warnings", yellow),
    "healthy": ("healthy", green),
}
_WIDEST_STATE = max(len(word) for word, _ in STATES.values())
_OUTCOMES: dict[Outcome, tuple[str, Callable[[str], str]]] = {
    "fail": ("FAIL", red),
    "crash": ("CHECK FAILED", red),
    "warn": ("WARN", yellow),
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Layout:
    """Values that the text needs beside the record; `words`: those after `--from`."""

    seconds: float
    verbose: bool
    words: tuple[str, ...]


def report(fleet: Fleet, layout: Layout) -> Iterator[str]:
    """The report, no wider than the terminal but for commands, which are copied."""
    for line in _Text(fleet, layout).lines():
        yield from [line] if line.startswith(COMMAND) else fit(line, columns())


def summary(fleet: Fleet) -> str:
    """The number of things that were compared, in words."""
    differing = sum(len(each.subjects) for each in fleet.differences)
    compared = differing + len(fleet.alike)
    verb = "differs" if differing == 1 else "differ"
    return f"{many(compared, 'trait')} compared, {differing} of them {verb}"


def next_step(fleet: Fleet, words: Sequence[str]) -> str:
    """The advice that a report ends with."""
    again = shlex.join(["mlenv", "doctor", "--from", *words])
    if fleet.counts.broken or fleet.counts.works or fleet.counts.undiagnosed:
        return f"follow the remedies, gather the snapshots again, then {again}"
    if fleet.problems:
        return f"gather again what could not be judged, then {again}"
    if fleet.counts.untried:
        return "run mlenv doctor without --quick on the hosts where nothing was tried."
    return "nothing to do."


def not_tried(hosts: Iterable[Host]) -> dict[str, list[str]]:
    """Group the hosts by what was left out, with the reason."""
    left_out: dict[str, list[str]] = {}
    for host in hosts:
        for part, why in host.not_tried.items():
            left_out.setdefault(f"{part} not tried ({why})", []).append(host.host)
        for each in host.unseen:
            left_out.setdefault(each, []).append(host.host)
    return left_out


def age(seconds: int) -> str:
    """The distance of a snapshot from the newest."""
    if seconds < 0:
        return "dated in the future: its clock or that of this machine is wrong"
    return f"{many(seconds // 86_400, 'day')} older than the newest"


def failing(number: int, hosts: int) -> str:
    """The broken ones of a group of hosts; nothing if there are none."""
    if not number:
        return ""
    return ("broken" if hosts == 1 else "all broken") if number == hosts else f"{number} broken"


def _clean(text: str) -> str:
    """The text without what a terminal would obey: it comes from other machines."""
    return _CONTROL.sub("\ufffd", text)


@dataclass(frozen=True)
class _Text:
    fleet: Fleet
    layout: Layout

    def lines(self) -> Iterator[str]:
        fleet = self.fleet
        counts = fleet.counts
        bad = counts.broken or counts.undiagnosed or fleet.problems or not fleet.hosts
        colour = red if bad else yellow if counts.works or counts.untried else green
        yield bold(colour(fleet.verdict))
        yield dim(f"({summary(fleet)}, in {self.layout.seconds:.1f} s)")
        yield from self._problems()
        yield from self._hosts()
        for finding in fleet.findings:
            if finding.outcome in _OUTCOMES:
                yield ""
                yield from self._finding(finding)
        yield from self._left_out()
        yield from self._differences()
        yield ""
        if isinstance(fleet.html, str):
            yield f"The same as a page: {fleet.html}"
        yield f"{bold('Next:')} {_clean(next_step(fleet, self.layout.words))}"

    def _names(self, hosts: Sequence[str], most: int = NAMES) -> str:
        shown = hosts if self.layout.verbose else hosts[:most]
        rest = len(hosts) - len(shown)
        return _clean(", ".join(shown)) + (f" and {rest} more" if rest else "")

    def _where(self, hosts: Sequence[str]) -> str:
        return "all hosts" if len(hosts) == len(self.fleet.hosts) else self._names(hosts)

    def _problems(self) -> Iterator[str]:
        if self.fleet.problems:
            yield ""
            yield bold("Not judged, or not told apart")
            for each in self.fleet.problems:
                yield f"  {red(each.code)}  {_clean(each.message)}"
        if self.fleet.passed_over:
            whys: dict[str, list[str]] = {}
            for passed in self.fleet.passed_over:
                whys.setdefault(passed.why, []).append(passed.file)
            yield ""
            for why, files in whys.items():
                yield f"Passed over ({_clean(why)}): {self._names(files)}"

    def _hosts(self) -> Iterator[str]:
        fleet = self.fleet
        well = [host.host for host in fleet.hosts if host.state == "healthy"]
        worse = [host for host in fleet.hosts if host.state != "healthy"]
        if not fleet.hosts:
            return
        yield ""
        yield bold("Hosts, the worst first")
        shown = worse if self.layout.verbose else worse[:HOSTS]
        widest = max((len(host.host) for host in shown), default=0)
        for host in shown:
            word, colour = STATES[host.state]
            name = _clean(host.host).ljust(widest)
            yield f"  {colour(word.ljust(_WIDEST_STATE))}  {name}  {_clean(host.verdict)}"
        if rest := worse[HOSTS:] if not self.layout.verbose else []:
            yield f"  and {len(rest)} more (--verbose shows all): {self._names(_of(rest))}"
        if well:
            word, colour = STATES["healthy"]
            names = f"{many(len(well), 'host')}: {self._names(well)}"
            yield f"  {colour(word.ljust(_WIDEST_STATE))}  {names}"
        ages: dict[str, list[str]] = {}
        for host in fleet.hosts:
            if host.behind is not None:
                ages.setdefault(age(host.behind), []).append(host.host)
        for words, names_of in ages.items():
            yield f"  {yellow('old'.ljust(_WIDEST_STATE))}  {words}: {self._where(names_of)}"
        if dated := [host.host for host in fleet.hosts if host.dated_by == "file"]:
            yield f"  no time in the snapshot, that of its file counts: {self._where(dated)}"

    def _finding(self, finding: FleetFinding) -> Iterator[str]:
        word, colour = _OUTCOMES[finding.outcome]
        first = finding.remedies[0]
        on = f"on {many(len(finding.hosts), 'host')}"
        yield f"{colour(word)} {on}: {bold(_clean(first.title))}"
        yield f"  {dim(finding.id)}"
        yield from _wrapped("on:   ", self._names(finding.hosts))
        seen = finding.evidence if self.layout.verbose else finding.evidence[:1]
        for evidence in seen:
            where = "" if len(finding.evidence) == 1 else self._names(evidence.hosts, KINDS)
            for number, line in enumerate(map(self._short, evidence.lines)):
                yield from _wrapped("seen: ", f"{line} ({where})" if where and not number else line)
        yield from _more(len(finding.evidence) - len(seen), "more in other words")
        cause = ""
        known = finding.remedies if self.layout.verbose else finding.remedies[:KINDS]
        for remedy in known:
            if remedy.cause != cause:
                cause = remedy.cause
                yield from _wrapped("why:  ", cause)
            alone = len(finding.remedies) == 1
            where = "" if alone else f"on {self._names(remedy.hosts, KINDS)}: "
            yield from _wrapped("do:   ", where + remedy.prose)
            for argv in remedy.commands:
                yield f"{COMMAND}{_clean(shlex.join(argv))}"
        yield from _more(len(finding.remedies) - len(known), "more remedies of this kind")

    def _left_out(self) -> Iterator[str]:
        left_out = not_tried(self.fleet.hosts)
        for finding in self.fleet.findings:
            if finding.outcome == "unknown":
                left_out[f"could not be looked at: {finding.id}"] = list(finding.hosts)
        if left_out:
            yield ""
            yield bold("Not tried, not looked at")
        for words, hosts in left_out.items():
            yield f"  {_clean(words)}: {self._where(hosts)}"

    def _differences(self) -> Iterator[str]:
        if len(self.fleet.hosts) < 2:
            return
        yield ""
        yield bold("Differences between the hosts")
        if not self.fleet.differences:
            yield "  none"
        shown = self.fleet.differences
        if not self.layout.verbose:
            shown = shown[:DIFFERENCES]
        for difference in shown:
            yield from self._difference(difference)
        if rest := len(self.fleet.differences) - len(shown):
            yield f"  {rest} more differences (--verbose shows all)"
        if alike := [each for each in self.fleet.alike if not each.unknown]:
            packages = sum(each.topic == PACKAGES for each in alike)
            yield f"  Alike on all: {many(len(alike), 'trait')}, {packages} of them packages"
        if partly := len(self.fleet.alike) - len(alike):
            yield f"  Alike wherever it is known: {many(partly, 'trait')}"

    def _difference(self, difference: Difference) -> Iterator[str]:
        subjects = difference.subjects
        alone = len(subjects) == 1
        title = subjects[0] if alone else f"{len(subjects)} traits differ between the same hosts"
        yield f"  {bold(difference.topic)}: {_clean(title)}"
        shown = difference.groups if self.layout.verbose else difference.groups[:GROUPS]
        for number, group in enumerate(shown):
            names = "" if difference.usual and not number else f": {self._names(group.hosts)}"
            note = failing(group.failing, len(group.hosts))
            note = f" ({red(note)})" if note else ""
            head = many(len(group.hosts), "host").rjust(WIDTH)
            if alone:
                value = _value(group.values[subjects[0]], difference.topic)
                yield f"    {head}  {value}{names}{note}"
                continue
            yield f"    {head}{names}{note}"
            some = subjects if self.layout.verbose else subjects[:SUBJECTS]
            for subject in some:
                value = _value(group.values[subject], difference.topic)
                yield f"    {' ' * WIDTH}  {_clean(subject)}: {value}"
            if rest := len(subjects) - len(some):
                yield f"    {' ' * WIDTH}  and {rest} more"
        if rest := len(difference.groups) - len(shown):
            hosts = sum(len(group.hosts) for group in difference.groups[GROUPS:])
            yield f"    {' ' * WIDTH}  {rest} more values on {many(hosts, 'host')}"
        if difference.unknown:
            yield f"    {' ' * WIDTH}  not known of {self._names(difference.unknown)}"

    def _short(self, line: str) -> str:
        long = len(line) > LONGEST and not self.layout.verbose
        return f"{line[:LONGEST]} .." if long else line


def _of(hosts: Iterable[Host]) -> list[str]:
    return [host.host for host in hosts]


def _value(value: str | None, topic: str) -> str:
    return TOPICS[topic] if value is None else _clean(value)


def _more(number: int, words: str) -> Iterator[str]:
    if number:
        yield f"        {dim(f'{number} {words} (--verbose shows all)')}"


def _wrapped(label: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        _clean(text),
        width(),
        initial_indent=f"  {label}",
        subsequent_indent=" " * (2 + len(label)),
        break_long_words=False,
        break_on_hyphens=False,
    )
