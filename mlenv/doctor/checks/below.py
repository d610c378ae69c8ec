"""The Python below the environment: whole, the same as before, and where it was."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

from mlenv.doctor.checks.common import Check, Finding, fail, ok, skip, unique, warn
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.trial import Tried
from mlenv.machine.versions import major_minor

STANDARD = "python-lacks-standard-modules"
EXCHANGED = "python-was-exchanged"
MOVED = "environment-was-moved"
NOEXEC = "environment-on-noexec-mount"
LIMITED = "address-space-limited"
PROCESS = "process-limits-too-low"
MEMORY = "system-ram-oom-killed"
PROC = "proc-not-mounted"
TOPIC = "packages"

# The words for each limit of a process (`facts.below`), by its option of `ulimit`.
_REACHED = {
    "-n": "Too many open files",
    "-u": "Resource temporarily unavailable|can't start new thread|pthread_create failed",
    "-f": "File too large|File size limit exceeded|No usable temporary directory",
}


def judge_standard(facts: Facts) -> Iterator[Finding]:
    """Modules of the standard library that the base Python was built or installed without."""
    if facts.interpreter.error:
        yield skip(STANDARD, "the interpreter does not start")
    elif lacking := facts.interpreter.lacking:
        line = f"{facts.interpreter.base_prefix or facts.interpreter.prefix} has no "
        lines = tuple(line + name for name in lacking)
        yield Finding(STANDARD, "warn" if facts.works else "fail", lines)
    else:
        yield ok(STANDARD, "all modules that the job needs are there")


def judge_exchanged(facts: Facts) -> Iterator[Finding]:
    """Packages of another Python than the one that bin/python leads to now."""
    version, made_for = facts.interpreter.version, facts.below.made_for
    exchanged = made_for and version and major_minor(made_for) != major_minor(version)
    line = f"pyvenv.cfg is of Python {made_for}, and bin/python is {version}"
    if others := facts.below.other_packages:
        lines = [f"the packages are in {o}; this is Python {version}" for o in others]
        yield fail(EXCHANGED, *lines, *([line] if exchanged else []))
    elif exchanged and not facts.works:
        yield fail(EXCHANGED, line) if _failed(facts) else warn(EXCHANGED, line)
    else:
        yield ok(EXCHANGED, "the packages are where this Python looks for them")


def judge_moved(facts: Facts) -> Iterator[Finding]:
    """Programs of `bin/` whose first line names an interpreter that is gone."""
    if elsewhere := facts.below.elsewhere:
        yield warn(
            MOVED, *(f"{program} starts {python}, which is gone" for python, program in elsewhere)
        )
    else:
        yield ok(MOVED, "the programs in bin/ name a Python that is there")


def judge_mapping(facts: Facts) -> Iterator[Finding]:
    """Limits of the system on mapping libraries into memory."""
    if facts.below.noexec:
        line = f"{facts.interpreter.prefix} is on a file system that is mounted with noexec"
        yield Finding(NOEXEC, "warn" if facts.works else "fail", (line,))
    else:
        yield ok(NOEXEC, "libraries may be mapped from where the environment is")
    space = facts.below.address_space
    if space is None or facts.works:
        yield ok(LIMITED, "no limit" if space is None else f"{space >> 20} MiB, which are enough")
    else:
        line = f"a process here may have {space >> 20} MiB of addresses (ulimit -v)"
        yield fail(LIMITED, line) if _failed(facts) else warn(LIMITED, line)


def judge_proc(facts: Facts) -> Iterator[Finding]:
    """The system's own files below /proc, which a bare chroot lacks."""
    if facts.below.proc:
        yield ok(PROC, "/proc is mounted")
    elif any(without_proc(tried) for tried in facts.trial):
        yield fail(PROC, "/proc is not mounted here, and a library ended its process for it")
    else:
        yield skip(PROC, "/proc is not mounted here, and nothing that was tried needs it")


def without_proc(tried: Tried) -> bool:
    """Tell if a part was ended by a library, as ONNX Runtime does where it counts no processors."""
    return tried.failed and tried.exit_code == -signal.SIGABRT and "what():" in tried.last_words


def judge_process(facts: Facts) -> Iterator[Finding]:
    """Limits of the shell that a part of the job, or the interpreter, has met."""
    lines = [*_met(facts.interpreter.error, facts)]
    lines += [line for tried in facts.trial for line in _met(tried.error + tried.last_words, facts)]
    yield fail(PROCESS, *unique(lines)) if lines else ok(PROCESS, "no limit was met")


def met_a_limit(tried: Tried, facts: Facts) -> bool:
    """Tell if the last words of a part are those of a limit that this shell sets."""
    return any(_met(tried.error + tried.last_words, facts))


def _met(words: str, facts: Facts) -> Iterator[str]:
    for name, most in facts.below.limits.items():
        if any(o in name and re.search(reached, words) for o, reached in _REACHED.items()):
            yield f"a process here may have {most} {name}"


def judge_memory(facts: Facts) -> Iterator[Finding]:
    """Parts of the job that the kernel ended, which it does when memory runs out."""
    limit = facts.below.memory
    line = f"a control group allows {limit >> 20} MiB" if limit else "no control group has a limit"
    killed = [t.part for t in facts.trial if was_killed(t)]
    if killed:
        yield fail(MEMORY, *(f"{part} was ended by SIGKILL" for part in killed), line)
    else:
        yield skip(MEMORY, "nothing was ended by SIGKILL", line)


def was_killed(tried: Tried) -> bool:
    """Tell if another than the doctor ended this part by SIGKILL."""
    return tried.exit_code == -signal.SIGKILL and not tried.timed_out


def _failed(facts: Facts) -> bool:
    return any(each.failed for each in facts.trial)


CHECKS = (
    Check(TOPIC, (STANDARD,), judge_standard),
    Check(TOPIC, (EXCHANGED,), judge_exchanged),
    Check(TOPIC, (MOVED,), judge_moved),
    Check(TOPIC, (NOEXEC, LIMITED), judge_mapping),
    Check(TOPIC, (PROC,), judge_proc),
    Check(TOPIC, (PROCESS,), judge_process),
    Check(TOPIC, (MEMORY,), judge_memory),
)
