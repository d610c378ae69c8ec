"""Facts: what was observed, one collector a source. Collectors never judge."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from mlenv.doctor.facts.below import Below
from mlenv.doctor.facts.builds import Build
from mlenv.doctor.facts.environments import Environment
from mlenv.doctor.facts.files import Files
from mlenv.doctor.facts.generation import Provisioned
from mlenv.doctor.facts.libraries import Linkage
from mlenv.doctor.facts.load_probes import ProbeRun
from mlenv.doctor.facts.network import Network
from mlenv.doctor.facts.packages import Packages
from mlenv.doctor.facts.target import Interpreter, Target
from mlenv.doctor.facts.trial import Job, Tried
from mlenv.machine.driver import Driver
from mlenv.machine.system import Machine
from mlenv.result import MlenvError

Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was observed of one machine and one environment.

    `quick`: torch's libraries were not opened, ELF files not read, the hub not asked. `unseen`:
    what could not be looked at, and why.
    """

    venv: str
    quick: bool
    interpreter: Interpreter
    machine: Machine = field(default_factory=Machine)
    driver: Driver = field(default_factory=Driver)
    environments: tuple[Environment, ...] = ()
    packages: Packages = field(default_factory=Packages)
    builds: tuple[Build, ...] = ()
    linkage: Linkage = field(default_factory=Linkage)
    runs: tuple[ProbeRun, ...] = ()
    files: Files = field(default_factory=Files)
    provisioned: Provisioned = field(default_factory=Provisioned)
    network: Network = field(default_factory=Network)
    trial: tuple[Tried, ...] = ()
    unseen: tuple[str, ...] = ()
    below: Below = field(default_factory=Below)

    @property
    def works(self) -> bool:
        """All that was tried of the job runs, if need be in other surroundings."""
        tried = [each for each in self.trial if not each.left_out]
        return bool(tried) and all(each.did or each.alone for each in tried)

    def build(self, name: str) -> Build | None:
        return next((build for build in self.builds if build.name == name), None)

    def probes(self, probe: str) -> tuple[ProbeRun, ...]:
        return tuple(run for run in self.runs if run.probe == probe)


def collect(
    target: Target,
    environ: Mapping[str, str],
    job: Job | None = None,
    *,
    quick: bool = False,
    hashes: bool = False,
    root: Path = Path("/"),
    directory: Path | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Facts:
    """Look at everything, children side by side.

    `environ`: the user's variables. `job`: what to try. `hashes`: compare file contents with
    RECORD (reads gigabytes). `root` is where proc, sys and dev are; `directory` where programs are
    started. `meanwhile`: work of the caller's to do while the children run.
    """
    from mlenv.doctor.facts import (
        below,
        builds,
        contents,
        environments,
        files,
        generation,
        libraries,
        load_probes,
        network,
        packages,
        trial,
    )
    from mlenv.doctor.facts import target as target_facts
    from mlenv.machine import driver, system

    asked_python = target_facts.start(target, environ)
    asked_shell = environments.start(target, environ)
    asked_cache = system.start(environ)
    asked_nvml = driver.start(environ, root)
    interpreter = target_facts.finish(target, asked_python)
    whole = environments.finish(asked_shell, interpreter, environ)
    where = system.finish(asked_cache, environ, root)
    site = Path(interpreter.packages)
    folders = _directories(interpreter)
    others = [place for place in folders if place != site]
    on_path = dict.fromkeys(path for environment, _ in whole for path in environment.library_path)
    conda = environ.get("CONDA_PREFIX", "")
    look = _Looker()
    linked = look.at(
        "libraries",
        Linkage(),
        lambda: libraries.read(site, others, on_path, where.loader_cache, conda),
    )
    place = trial.place(interpreter, environ, directory, quick=quick)
    *first, last = job.children if job else [()]
    begun = [trial.start(job.script, parts, place) for parts in first] if job else []
    started = (
        [] if interpreter.error else load_probes.start_all(interpreter, linked, whole, quick=quick)
    )
    seen = driver.finish(asked_nvml, root)
    if job:
        begun.append(trial.start(job.script, last, place, gpu=bool(seen.gpus)))
    # While the children run, the files.
    prefix = Path(interpreter.prefix)
    here = directory or look.at("the working directory", Path("/"), Path.cwd)
    known = job.models if job else ()
    own = look.at("disks and caches", Files(), lambda: files.read(environ, prefix, here, known))
    offline = quick or environ.get("HF_HUB_OFFLINE") in ("1", "true", "True", "ON", "YES")
    asked = None
    if not offline:
        asked = look.at("the hub", None, lambda: network.Questions(environ, own.token))
    read_packages = partial(
        packages.read, folders, interpreter.executable, interpreter.extension_suffixes
    )
    installed = look.at("packages", Packages(), lambda: read_packages(quick=quick, hashes=hashes))
    beneath = look.at("the environment's own files", Below(), lambda: below.read(interpreter, root))
    meanwhile()
    if not quick:
        linked = look.at("ELF files", linked, partial(libraries.with_elves, linked, site))
    built = look.at(
        "what mlenv built",
        Provisioned(),
        lambda: generation.read(target.venv, prefix, site, seen, environ, here, quick=quick),
    )
    computed = load_probes.on_gpu(interpreter, whole) if seen.gpus and started and not quick else ()
    runs = (*load_probes.finish(started), *computed)
    tried = trial.finish(begun)
    installed = look.at(
        "the contents of packages",
        installed,
        lambda: contents.compared(
            installed, tried, lambda names: read_packages(hashes=True, only=names)
        ),
    )
    return Facts(
        str(target.venv),
        quick,
        interpreter,
        where,
        seen,
        tuple(environment for environment, _ in whole),
        installed,
        look.at("builds", (), partial(builds.read, site, quick=quick)),
        linked,
        (*runs, *load_probes.reopened(interpreter, runs, whole)),
        own,
        built,
        asked.answers() if asked else Network(),
        tried,
        tuple(look.trouble),
        beneath,
    )


class _Looker:
    """Looks at one thing after the other; what the system refuses is told, and the rest goes on."""

    def __init__(self) -> None:
        self.trouble: list[str] = []

    def at(self, what: str, otherwise: Fact, look: Callable[[], Fact]) -> Fact:
        """Return what `look` sees, or `otherwise` where that is not possible."""
        try:
            return look()
        # RuntimeError: there is no home directory; ValueError: an address that is none;
        # ImportError: the surroundings break a part of the doctor's own Python too (zlib, ssl)
        except (OSError, RuntimeError, ValueError, ImportError, MlenvError) as error:
            words = error.message if isinstance(error, MlenvError) else str(error)
            self.trouble.append(f"{what}: {words}")
            return otherwise


def _directories(interpreter: Interpreter) -> list[Path]:
    """Directories in which the interpreter looks for packages, each once."""
    own = (interpreter.packages, interpreter.platform_packages)
    places = dict.fromkeys(str(Path(entry).resolve()) for entry in (*interpreter.path, *own))
    return [Path(place) for place in places if os.path.isdir(place)]  # noqa: PTH112 (never raises)
