"""Mending: a plan made of findings, shown before it is carried out. Nothing is taken away.

What mlenv built is mended by building it again from its lock, beside the old one; another
tool's environment by installing single packages again. Then come links and activation.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlenv.doctor.checks import (
    cudnn,
    hub,
    installed_packages,
    libraries,
    provisioned,
    requirements,
    torch_family,
    trial,
)
from mlenv.doctor.checks.common import Finding
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.files import Partial
from mlenv.doctor.facts.target import Target
from mlenv.progress import Progress
from mlenv.result import MlenvError

# What another installation of the same packages mends.
_BY_INSTALLING = (
    *(
        installed_packages.DAMAGED,
        requirements.UNMET,
        installed_packages.MIXED_MAJORS,
        installed_packages.REPLACED,
    ),
    *(
        provisioned.DRIFT,
        installed_packages.INTERPRETER,
        installed_packages.ONNX,
        libraries.NOT_BESIDE,
    ),
    *(torch_family.VISION, torch_family.AUDIO, torch_family.CUDA, torch_family.FLAVOUR),
    *(cudnn.SUBLIB, libraries.CUBLAS, libraries.NVRTC),
)
COMPILED = "compiled-module-damaged"  # named by the last words of a part of the job
_BY_LINKING = (cudnn.SUBLIB, libraries.CUBLAS, provisioned.LINKS)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a repair.

    `ids`: the findings that it repairs; `command`: a command that does the same, if there is one.
    """

    what: str
    ids: tuple[str, ...]
    act: Callable[[Progress], None]
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was tried, and why it failed, if it did."""

    step: Step
    error: str = ""


def plan(facts: Facts, findings: Sequence[Finding], target: Target) -> tuple[Step, ...]:
    """Plan the repair of these findings, in the order in which it must be done."""
    bad = {finding.id: finding for finding in findings if finding.bad}
    steps = _installing(facts, bad, _of_the_trial(facts, findings), target)
    mended = {check_id for step in steps for check_id in step.ids}
    site = Path(facts.interpreter.packages)
    roots = {*mended, *_BY_LINKING}  # what follows from another fault goes with that one
    followed = {finding.id for finding in findings if finding.root in roots}
    if linking := _linking(facts, {*bad, *followed}, mended):
        steps.append(Step("Link cuDNN and cuBLAS beside CTranslate2", linking, _link(site)))
    rebuilt = facts.provisioned.managed and bool(mended)  # with its launchers
    if provisioned.ACTIVATION in bad and not rebuilt:
        steps.append(
            Step("Write bin/activate again", (provisioned.ACTIVATION,), _activate(facts, target))
        )
    if provisioned.SHIMS in bad and not rebuilt:
        for shim in facts.provisioned.shims:
            if shim.state == "outdated":
                argv = ("mlenv", "shim", "install", shim.launcher)
                act = _shim(target.venv, shim.launcher)
                what = f"Write the shim for {shim.launcher} again"
                steps.append(Step(what, (provisioned.SHIMS,), act, argv))
    if COMPILED in bad and not rebuilt:
        what = "Remove the compiled modules of the environment (Python writes them again)"
        steps.append(Step(what, (COMPILED,), _remove_compiled(site)))
    unusable = [partial for partial in facts.files.partial if partial.what != "unreadable"]
    if hub.INCOMPLETE in bad and unusable:
        steps.append(Step(_clearing(unusable), (hub.INCOMPLETE,), _clear(unusable)))
    return tuple(steps)


def carry_out(steps: Sequence[Step], progress: Progress) -> tuple[Done, ...]:
    """Do one step after the other; one that fails does not stop those behind it."""
    done = []
    for step in steps:
        progress.step(step.what)
        try:
            step.act(progress)
        except (MlenvError, OSError, ImportError) as error:  # the last: see `LD_LIBRARY_PATH`
            message = error.message if isinstance(error, MlenvError) else str(error)
            done.append(Done(step, message))
        else:
            done.append(Done(step))
    progress.end()
    return tuple(done)


def _of_the_trial(facts: Facts, findings: Sequence[Finding]) -> set[str]:
    """The parts that fail in any surroundings and for no known cause: the files may be to blame."""
    failed = {trial.IDS[t.part] for t in facts.trial if t.failed and not t.alone and not t.lacks}
    roots = {finding.root or finding.id for finding in findings if finding.id in failed}
    return roots & {*trial.IDS.values(), installed_packages.ABSENT}


def _installing(
    facts: Facts, bad: dict[str, Finding], tried: set[str], target: Target
) -> list[Step]:
    """One step that installs, or several for an environment of another tool.

    `tried`: ids of what the trial showed.
    """
    if facts.provisioned.managed:
        worth = [
            check_id
            for check_id in dict.fromkeys((*_BY_INSTALLING, *sorted(tried)))
            if check_id in bad and _lacks_files(bad[check_id])
        ]
        if not worth:
            return []
        what = f"Build the environment again from its lock (profile {facts.provisioned.profile})"
        return [Step(what, tuple(worth), _rebuild(target.venv), ("mlenv", "install"))]
    steps: dict[tuple[str, ...], Step] = {}
    for check_id in _BY_INSTALLING:
        for argv in bad[check_id].commands if check_id in bad else ():
            names = _requirements(argv)
            if argv[:3] != ("uv", "pip", "install") or not names or "--index" in argv:
                continue
            before = steps[argv].ids if argv in steps else ()
            act = _install(Path(facts.interpreter.executable), names, "--no-deps" not in argv)
            steps[argv] = Step(f"Install {', '.join(names)}", (*before, check_id), act, argv)
    return list(steps.values())


def _lacks_files(finding: Finding) -> bool:
    """A library that is there and only not on a path needs no installation."""
    return finding.id not in _BY_LINKING or bool(finding.commands)


def _linking(facts: Facts, ids: set[str], mended: set[str]) -> tuple[str, ...]:
    """The findings that links mend, alone or together with what is installed before."""
    if facts.provisioned.managed and mended:
        return ()  # a new generation has its links
    if facts.provisioned.links_obstacle and not mended:
        return ()
    return tuple(
        check_id for check_id in _BY_LINKING if check_id in ids and facts.linkage.ctranslate2_opens
    )


def _requirements(argv: Sequence[str]) -> tuple[str, ...]:
    rest = list(argv[3:])
    if "--python" in rest:
        at = rest.index("--python")
        del rest[at : at + 2]
    return tuple(word for word in rest if not word.startswith("-"))


def _install(
    python: Path, requirements: Sequence[str], dependencies: bool
) -> Callable[[Progress], None]:
    def act(_progress: Progress) -> None:
        from mlenv.environment import uv

        uv.reinstall(python, requirements, dependencies=dependencies)

    return act


def _rebuild(venv: Path) -> Callable[[Progress], None]:
    def act(progress: Progress) -> None:
        from mlenv.environment.install.build import install
        from mlenv.environment.install.request import Request

        install(venv, Request(rebuild=True), progress)

    return act


def _link(site: Path) -> Callable[[Progress], None]:
    def act(_progress: Progress) -> None:
        from mlenv.environment.generations import links

        links.link(site)

    return act


def _activate(facts: Facts, target: Target) -> Callable[[Progress], None]:
    def act(_progress: Progress) -> None:
        from mlenv.environment.launchers import activate

        activate.write(Path(facts.interpreter.prefix), target.venv)

    return act


def _shim(venv: Path, name: str) -> Callable[[Progress], None]:
    def act(_progress: Progress) -> None:
        from mlenv.environment.launchers import launcher

        launcher.load(name).install(launcher.Place(venv, Path.cwd(), os.environ))

    return act


def _remove_compiled(site: Path) -> Callable[[Progress], None]:
    def act(_progress: Progress) -> None:
        for folder in list(site.rglob("__pycache__")):
            for file in folder.glob("*.pyc"):
                file.unlink(missing_ok=True)

    return act


def _clearing(unusable: Sequence[Partial]) -> str:
    files = sum(partial.what != "missing" for partial in unusable)
    if not files:  # links and folders of models, which lack others
        models = ", ".join(sorted({partial.model for partial in unusable}))
        return f"Take away what is left of {models} (it is downloaded again)"
    return f"Remove {files} unusable files of models (they are downloaded again)"


def _clear(unusable: Sequence[Partial]) -> Callable[[Progress], None]:
    def act(_progress: Progress) -> None:
        for partial in unusable:
            file = Path(partial.file)
            if file.is_symlink():  # the hub's client would link to the same bytes again
                file.resolve().unlink(missing_ok=True)
            file.unlink(missing_ok=True)
        for partial in unusable:
            if partial.what != "incomplete":
                _give_up(Path(partial.file), partial.resumes)

    return act


def _give_up(file: Path, resumes: str) -> None:
    """Take away the folder of a model that is no longer whole, and keep its whole files.

    A folder of the hub's cache has links to files that stay; mlenv's own is where it goes on.
    """
    parts = file.parts
    if "snapshots" in parts[:-2]:
        shutil.rmtree(Path(*parts[: parts.index("snapshots") + 2]), ignore_errors=True)
    elif resumes and file.parent.is_dir():
        if os.path.exists(resumes):  # noqa: PTH110
            shutil.rmtree(file.parent)
        else:
            file.parent.rename(resumes)
