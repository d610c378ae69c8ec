"""The document of `mlenv doctor --from DIR`: hosts, findings over hosts, differences between them.

Lists of hosts are whole, however long; only the text shortens them.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from mlenv.doctor.checks.common import Outcome
from mlenv.doctor.verdict import State


class Counts(Struct, frozen=True, kw_only=True):
    """Hosts by what their findings add up to, and snapshots that could not be judged.

    `untried`: no fault was found, but no part of the job ran either. `outdated`: those of the
    judged snapshots that are much older than the newest.
    """

    healthy: int
    works: int
    untried: int
    undiagnosed: int
    broken: int
    unreadable: int
    outdated: int


class Host(Struct, frozen=True, kw_only=True):
    """One host: its verdict, and the ids of its findings.

    `host`: its name, from the name of its file. `exit_code`: that of `mlenv doctor --from` for it
    alone. `when`: the time of the snapshot (ISO 8601), and
    `dated_by` where that is from: `snapshot`, or `file` (when that was written) for a snapshot
    without a time. `not_tried`: parts of the job, and why. `behind`: seconds by which the snapshot
    is older than the newest; null where that is not much, negative where it is dated after now.
    """

    host: str
    file: str
    state: State
    verdict: str
    exit_code: int
    fail: tuple[str, ...]
    crash: tuple[str, ...]
    warn: tuple[str, ...]
    unknown: tuple[str, ...]
    ok: int
    skip: int
    not_tried: dict[str, str]
    unseen: tuple[str, ...]
    mlenv: str
    when: str
    dated_by: str
    behind: int | None = None


class Remedy(Struct, frozen=True, kw_only=True):
    """The explanation and the remedy of a finding, on the hosts where they are the same."""

    title: str
    cause: str
    prose: str
    commands: tuple[tuple[str, ...], ...]
    hosts: tuple[str, ...]


class Evidence(Struct, frozen=True, kw_only=True):
    """The evidence, on the hosts where it is the same."""

    lines: tuple[str, ...]
    hosts: tuple[str, ...]


class FleetFinding(Struct, frozen=True, kw_only=True):
    """One finding on all hosts that have it with this outcome; the most frequent words first."""

    id: str
    outcome: Outcome
    hosts: tuple[str, ...]
    remedies: tuple[Remedy, ...]
    evidence: tuple[Evidence, ...]


class Group(Struct, frozen=True, kw_only=True):
    """Hosts with the same values; `failing` of them are broken.

    `values` by subject; null: what it names is not there.
    """

    hosts: tuple[str, ...]
    failing: int
    values: dict[str, str | None]


class Difference(Struct, frozen=True, kw_only=True):
    """Subjects in which the same hosts differ; the largest group first.

    `usual`: more than half of the hosts are in the first group, so the others deviate from it.
    `unknown`: hosts of which it is not known.
    """

    topic: str
    subjects: tuple[str, ...]
    groups: tuple[Group, ...]
    usual: bool
    unknown: tuple[str, ...]


class Alike(Struct, frozen=True, kw_only=True):
    """A subject that is the same on all hosts but those of which it is not known."""

    topic: str
    subject: str
    value: str
    unknown: tuple[str, ...]


class FileProblem(Struct, frozen=True, kw_only=True):
    """A file or directory that gave no host, or a name that several hosts share."""

    file: str
    code: str
    message: str


class PassedOver(Struct, frozen=True, kw_only=True):
    """A file in a directory of snapshots that is no snapshot by its name."""

    file: str
    why: str


class Fleet(Struct, frozen=True, kw_only=True):
    """The document of several snapshots judged together; `html` is there with `--html` only.

    `hosts`: the worst first. `findings`: failures first, those on most hosts before others.
    `differences`: those first whose deviating hosts are broken more often than the others.
    """

    verdict: str
    counts: Counts
    hosts: tuple[Host, ...]
    findings: tuple[FleetFinding, ...]
    differences: tuple[Difference, ...]
    alike: tuple[Alike, ...]
    problems: tuple[FileProblem, ...]
    passed_over: tuple[PassedOver, ...]
    html: str | UnsetType | None = UNSET
