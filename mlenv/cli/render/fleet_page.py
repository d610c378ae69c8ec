"""The page of `mlenv doctor --from DIR --html`."""

from __future__ import annotations

from datetime import UTC, datetime

from mlenv.cli.render import fleet as text
from mlenv.cli.render import pages
from mlenv.doctor.verdict import State
from mlenv.fleet.documents import Fleet
from mlenv.fleet.traits import TOPICS

NAMES, KINDS = 12, 3  # names of hosts, and wordings of a finding, that are shown at once
# The mark of each state of a host: that of the finding's outcome that looks the same.
MARKS: dict[State, str] = {
    "broken": "fail",
    "undiagnosed": "unknown",
    "untried": "unknown",
    "works": "warn",
    "healthy": "ok",
}
OUTCOMES = {"fail": "Fails", "crash": "Check failed", "warn": "Warning"}


def page(record: Fleet, layout: text.Layout, when: datetime | None = None) -> str:
    """The page; `when`: the time that it bears."""
    fleet = pages.without_names(record)
    head, _, rest = fleet.verdict.partition("; ")
    times = sorted(host.when for host in fleet.hosts)
    return pages.page(
        "fleet.html",
        command="mlenv doctor --from",
        when=f"{when or datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        fleet=fleet,
        verdict=(head, rest),
        state=_state(fleet),
        summary=text.summary(fleet),
        times=(times[0], times[-1]) if times else (),
        worse=[host for host in fleet.hosts if host.state != "healthy"],
        well=[host for host in fleet.hosts if host.state == "healthy"],
        findings=[finding for finding in fleet.findings if finding.outcome in OUTCOMES],
        unknown=[finding for finding in fleet.findings if finding.outcome == "unknown"],
        left_out=text.not_tried(fleet.hosts),
        next=text.next_step(fleet, pages.without_names(layout.words)),
        marks=MARKS,
        states={state: word for state, (word, _) in text.STATES.items()},
        outcomes=OUTCOMES,
        absent=TOPICS,
        age=text.age,
        failing=text.failing,
        shell=pages.shell,
        most=NAMES,
        kinds=KINDS,
    )


def _state(fleet: Fleet) -> str:
    """The mark of the whole: that of the worst host, or of a snapshot that could not be judged."""
    if fleet.problems or not fleet.hosts:
        return "fail"
    return MARKS[fleet.hosts[0].state]
