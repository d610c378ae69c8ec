"""The page of `mlenv doctor --html`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec import UnsetType

from mlenv.cli.render import doctor, load_drawing, pages
from mlenv.doctor import loaded, verdict
from mlenv.doctor.checks import nvidia_driver
from mlenv.doctor.documents import Diagnosed
from mlenv.doctor.examine import FindingDocument
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.environments import ACTIVATED, BARE, LAUNCH
from mlenv.doctor.facts.libraries import folder
from mlenv.doctor.facts.packages import Distribution

# The mark of each state of the verdict, by the finding's outcome that looks the same.
MARKS = {"healthy": "ok", "works": "warn", "untried": "warn"}
WAYS = {BARE: "your shell", ACTIVATED: "after activate", LAUNCH: "mlenv exec"}
LARGEST = 12  # packages that are shown at once
LIBRARY_PATH = "LD_LIBRARY_PATH"
OUTCOMES = {
    "fail": "Fails",
    "crash": "Check failed",
    "warn": "Warning",
    "unknown": "Not known",
    "ok": "Fine",
    "skip": "Does not apply",
}


@dataclass(frozen=True, slots=True)
class Command:
    """A command to copy; `note` says what to put in first."""

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A library that is missing, broken or from outside, and where it is from or why."""

    library: str
    state: loaded.State
    reason: str = ""
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """A drawing for some ways to start programs, and the same as a table."""

    names: str
    faults: tuple[Fault, ...]
    drawing: load_drawing.Placed
    edges: tuple[tuple[str, str, loaded.Edge, str], ...]


@dataclass(frozen=True, slots=True)
class Way:
    """One of the three ways to start programs, and the libraries that they find there.

    `opened`: whether all libraries that are drawn were opened, a part of them, or none.
    """

    title: str
    python: str = ""
    library_path: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    like: str = ""
    faults: tuple[Fault, ...] = ()
    driver: str = ""
    opened: str = "none"
    seen: bool = True


def page(diagnosed: Diagnosed, layout: doctor.Layout, when: datetime | None = None) -> str:
    """The page; `when`: the time that it bears."""
    original, diagnosed = diagnosed, pages.without_names(diagnosed)
    facts, findings = diagnosed.facts, diagnosed.findings
    state = verdict.state(findings, facts.trial)
    head, _, rest = diagnosed.verdict.partition(":")
    planned = not isinstance(diagnosed.fix, UnsetType) and bool(diagnosed.fix.plan)
    named = pages.without_names(tuple(layout.named))
    step = doctor.next_step(findings, named, planned=planned)
    drawings = loaded.drawings(facts)
    driver, level = nvidia_driver.driver_level(facts)
    return pages.page(
        "doctor.html",
        command="mlenv doctor",
        when=f"{when or datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        facts=facts,
        layout=layout,
        state=MARKS.get(state, "fail"),
        verdict=(head, rest.strip()),
        not_tried=diagnosed.not_tried,
        unknown=[f for f in findings if f.outcome == "unknown"],
        urgent=[f for o in ("crash", "fail", "warn") for f in findings if f.outcome == o],
        commands=_commands(original, diagnosed),
        fix=None if isinstance(diagnosed.fix, UnsetType) else diagnosed.fix,
        shell=pages.shell,
        outcomes=OUTCOMES,
        topics=_topics(findings, layout.topics),
        next=step if isinstance(step, str) else "",
        repair="" if isinstance(step, str) else pages.shell(step),
        drawings=[_view(each, facts.interpreter.packages) for each in drawings],
        words=load_drawing.WORDS,
        ways=list(_ways(facts, drawings)),
        driver=driver,
        level=level,
        needs=nvidia_driver.needs(facts),
        packages=_by_size(facts),
        largest=LARGEST,
    )


def _view(drawing: loaded.Drawing, packages: str) -> View:
    return View(
        _names(drawing),
        tuple(_faults(drawing)),
        load_drawing.placed(drawing, packages),
        tuple(load_drawing.rows_of(drawing)),
    )


def _names(drawing: loaded.Drawing) -> str:
    """The ways to start programs that a drawing is for."""
    return " and ".join(WAYS[each] for each in drawing.environments if each in WAYS)


def _commands(original: Diagnosed, shown: Diagnosed) -> dict[str, list[Command]]:
    """The commands of each finding; those with a name taken out of a path say so."""
    result: dict[str, list[Command]] = {}
    for before, after in zip(original.findings, shown.findings, strict=True):
        pairs = zip(before.remedy.commands, after.remedy.commands, strict=True)
        result[after.id] = [
            Command(
                pages.shell(argv),
                "Put the right name in the place of “user”."
                if any(
                    "user" in new and "user" not in old for old, new in zip(was, argv, strict=True)
                )
                else "",
            )
            for was, argv in pairs
        ]
    return result


def _topics(
    findings: Sequence[FindingDocument], topics: Sequence[str]
) -> dict[str, list[FindingDocument]]:
    groups: dict[str, list[FindingDocument]] = {}
    for finding, topic in zip(findings, topics, strict=True):
        groups.setdefault(topic, []).append(finding)
    return groups


def _ways(facts: Facts, drawings: Sequence[loaded.Drawing]) -> Iterator[Way]:
    """The shell as it is, the activated one, and `mlenv exec`."""
    for name, title in WAYS.items():
        environment = next((each for each in facts.environments if name in each.names), None)
        drawing = next((each for each in drawings if name in each.environments), None)
        if environment is None or drawing is None:
            yield Way(title, seen=False)
            continue
        others = [WAYS[each] for each in environment.names if each != name and each in WAYS]
        driver = next((node for node in drawing.nodes if node.key == "driver"), None)
        yield Way(
            title,
            environment.pythons.get(name, ""),
            environment.library_path,
            tuple((k, v) for k, v in environment.variables.items() if k != LIBRARY_PATH),
            " and ".join(others),
            tuple(_faults(drawing)),
            (driver.note or ", ".join(driver.files)) if driver else "",
            _opened(drawing),
        )


def _opened(drawing: loaded.Drawing) -> str:
    states = {node.state for node in drawing.nodes} | {edge.state for edge in drawing.edges}
    return "part" if "unseen" in states else "all" if drawing.edges else "none"


def _faults(drawing: loaded.Drawing) -> Iterator[Fault]:
    """The nodes of a drawing that are not as they should be."""
    for node in drawing.nodes:
        if node.state in ("missing", "broken", "outside"):
            folders = dict.fromkeys(map(folder, node.files)) if node.state == "outside" else ()
            yield Fault(node.title, node.state, node.note, tuple(folders))


def _by_size(facts: Facts) -> list[Distribution]:
    """The packages of which the size is known, the largest first."""
    known = [each for each in facts.packages.distributions if each.bytes is not None]
    return sorted(known, key=lambda each: -(each.bytes or 0))
