"""The trial: the job was started, part by part, and ran or did not.

These checks say whether; all others say why. The cause of a part that fails is what it fails
without, or damaged files and missing packages that its last words name, or what the table of
known errors says of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePath

from mlenv.doctor.checks.below import (
    LIMITED,
    MEMORY,
    NOEXEC,
    PROC,
    PROCESS,
    STANDARD,
    met_a_limit,
    was_killed,
    without_proc,
)
from mlenv.doctor.checks.common import Check, Finding, ending, fail, ok, skip, unique, unknown
from mlenv.doctor.checks.hub import INCOMPLETE, PERMISSION
from mlenv.doctor.checks.installed_packages import ABSENT, DAMAGED, SHADOWED
from mlenv.doctor.checks.requirements import CONFLICT, UNMET
from mlenv.doctor.checks.root_causes import Judged, listed_under
from mlenv.doctor.explain.last_words import known, last_line
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.packages import normalized
from mlenv.doctor.facts.trial import FOLDER, Tried

IDS = {
    "words": "main-job-fails",
    "speakers": "speakers-job-fails",
    "torch": "torch-import-fails",
    "hub": "hub-client-fails",
}
_NO_METADATA = re.compile(r"No package metadata was found for ([\w.-]+)")
SURROUNDINGS = "surroundings-break-the-job"
UNSEEN = "not-looked-at"
NOTHING = "nothing-was-tried"
TOPIC = "the trial"


def judge_part(name: str, facts: Facts) -> Iterator[Finding]:
    """One part of the job."""
    tried = next((each for each in facts.trial if each.part == name), None)
    if tried is None:
        yield skip(IDS[name], "not tried")
    elif tried.left_out:
        yield skip(IDS[name], f"not tried ({tried.left_out})")
    elif tried.did:
        yield ok(IDS[name], tried.did)
    elif tried.lacks:
        yield fail(IDS[name], f"{tried.lacks} is neither in this environment nor in its lock")
    else:
        ended = "" if tried.exit_code == 1 else f"its process {ending(tried)}"
        yield fail(IDS[name], *filter(None, (last_line(tried.last_words), ended)))


def with_causes(judged: Judged, facts: Facts) -> Judged:
    """List each part that failed under its cause, where that is known."""
    for tried in sorted(facts.trial, key=lambda each: [*IDS].index(each.part), reverse=True):
        failed = next((pair for pair in judged if pair[1].id == IDS[tried.part]), None)
        if failed is None or not failed[1].bad:
            continue
        findings = {finding.id: finding for _, finding in judged}
        cause = _cause(tried, facts, findings) or _twin(tried, facts, findings)
        if cause is None:
            continue
        known = findings.get(cause.id)
        if known and known.bad and known is not cause:  # it has more to say of the same thing
            evidence = unique((*cause.evidence, *known.evidence))
            cause = replace(known, evidence=evidence, outcome="fail")
        root, consequence = listed_under(cause, failed[1])
        changed = {consequence.id: consequence, root.id: root}
        if not known or not known.bad:  # only the trial has seen it
            judged = [(failed[0], root), *(pair for pair in judged if pair[1].id != root.id)]
        judged = [(check, changed.get(each.id, each)) for check, each in judged]
    return judged


def _cause(tried: Tried, facts: Facts, findings: Mapping[str, Finding]) -> Finding | None:
    """Find the cause of a failed part: a missing file, another finding, or a known error."""
    if tried.lacks:
        return fail(ABSENT, commands=(("mlenv", "add", tried.lacks),))
    if tried.alone:
        return _surroundings(tried, facts)
    if name := _unregistered(tried, facts):
        packages, python = facts.interpreter.packages, facts.interpreter.executable
        argv = ("uv", "pip", "install", "--python", python, "--no-deps", "--reinstall", name)
        return fail(DAMAGED, f"missing: the dist-info of {name} in {packages}", commands=(argv,))
    for check_id, named in _NAMED.items():
        finding = findings.get(check_id)
        decided = finding and (finding.outcome == "fail" or check_id == PERMISSION)
        if finding and decided and finding.bad and named(tried, facts):
            return finding
    if diagnosis := known(tried.last_words):
        wordings = {diagnosis.matched} - {last_line(tried.last_words)}
        return fail(diagnosis.entry.id, *wordings, commands=diagnosis.remedy.commands)
    conflict = findings.get(CONFLICT)
    return conflict if conflict and conflict.outcome == "fail" else None


def _surroundings(tried: Tried, facts: Facts) -> Finding:
    """The variables, the directory or the files in it that break a part."""
    names = tried.blamed or ("the variables of this shell",)
    if tried.hiding:
        names = tuple(name for name in names if name != FOLDER)
    lines = [f"it does not work with {_variable(name, facts)}" for name in names]
    if tried.hiding:
        hidden = (f"{file} is imported in place of a package" for file in tried.hiding)
        return fail(SHADOWED, *hidden, *lines)
    return replace(fail(SURROUNDINGS, *lines), fields={"variables": ", ".join(names)})


def _twin(tried: Tried, facts: Facts, findings: Mapping[str, Finding]) -> Finding | None:
    """Another part that failed with the same words, of those that matter more."""
    ids = [*IDS]
    for other in sorted(facts.trial, key=lambda each: ids.index(each.part)):
        if ids.index(other.part) >= ids.index(tried.part):
            return None
        finding = findings.get(IDS[other.part])
        same = last_line(other.last_words) == last_line(tried.last_words)
        if finding and finding.bad and same:
            return finding
    return None


def _variable(name: str, facts: Facts) -> str:
    value = facts.machine.variable(name)
    return f"{name}={value}" if value is not None else name


def _unregistered(tried: Tried, facts: Facts) -> str:
    """The package whose metadata is gone: it is asked for by a module of its own, or nothing."""
    match = _NO_METADATA.search(last_line(tried.last_words))
    name = normalized(match[1]) if match else ""
    return "" if facts.packages.version(name) else name


def _names_damage(tried: Tried, facts: Facts) -> bool:
    """Tell if the last words name a file that is not as its package installed it."""
    for damage in facts.packages.damages:
        file = PurePath(damage.file)
        if damage.file in tried.last_words:
            return True
        if damage.what == "changed" and damage.size == damage.expected_size:
            return True  # contents were compared because a part failed
        if file.name == "METADATA" and "importlib/metadata" in tried.last_words:
            return True
        if ".so" in file.name and (
            file.name in tried.last_words or f"{file.parent}/" in tried.last_words
        ):
            return True
        if damage.what == "unreadable" and "No module named" in tried.last_words:
            return True
        if not file.is_relative_to(facts.interpreter.packages):
            continue
        parts = file.relative_to(facts.interpreter.packages).with_suffix("").parts
        for count in range(1, len(parts) + 1):
            if f"No module named '{'.'.join(parts[:count])}'" in tried.last_words:
                return True
    return False


def _names_missing(tried: Tried, facts: Facts) -> bool:
    """Tell if a module or a package is what the part did not find."""
    last = last_line(tried.last_words)
    return last.startswith(("ModuleNotFoundError", "PackageNotFoundError")) or "metadata" in last


def judge_nothing(facts: Facts) -> Iterator[Finding]:
    """A look that started no part of the job has seen nothing that works."""
    left_out = [f"{tried.part}: {tried.left_out}" for tried in facts.trial if tried.left_out]
    if not left_out or len(left_out) < len(facts.trial) or facts.interpreter.error:
        yield skip(NOTHING, *(left_out or ["no part was asked for, or each was tried"]))
    else:
        yield fail(NOTHING, *left_out)


def judge_unseen(facts: Facts) -> Iterator[Finding]:
    """Things that the system did not let the doctor look at."""
    if facts.unseen:
        yield unknown(UNSEEN, *facts.unseen)
    else:
        yield ok(UNSEEN, "nothing was refused")


def _names_standard(tried: Tried, facts: Facts) -> bool:
    """Tell if a module is missing that the base Python does not have."""
    return any(f"'{name}'" in tried.last_words for name in facts.interpreter.lacking)


def _maps_nothing(tried: Tried, _facts: Facts) -> bool:
    """Tell if the loader could not map a library, or there were no addresses left."""
    words = ("failed to map segment", "annot allocate memory", "MemoryError")
    return any(word in tried.last_words for word in words)


def _loaded_one_of_them(tried: Tried, facts: Facts) -> bool:
    """Tell if the model that was loaded is one that is not whole."""
    return any(f"{PurePath(each.file).parent})" in tried.last_words for each in facts.files.partial)


# Findings that are the cause of a part's failure if its last words tell so, in this order.
_NAMED: Mapping[str, Callable[[Tried, Facts], bool]] = {
    STANDARD: _names_standard,
    PROC: lambda tried, _facts: without_proc(tried),
    PROCESS: met_a_limit,
    MEMORY: lambda tried, facts: was_killed(tried),
    NOEXEC: _maps_nothing,
    LIMITED: _maps_nothing,
    INCOMPLETE: _loaded_one_of_them,
    DAMAGED: _names_damage,
    UNMET: _names_missing,
    # A warning by itself: pyannote.database looks into a HOME that it may not read, and fails.
    PERMISSION: lambda tried, _facts: last_line(tried.last_words).startswith("PermissionError"),
}

CHECKS = (
    *(Check(TOPIC, (IDS[name],), partial(judge_part, name)) for name in IDS),
    Check(TOPIC, (NOTHING,), judge_nothing),
    Check(TOPIC, (UNSEEN,), judge_unseen),
)
