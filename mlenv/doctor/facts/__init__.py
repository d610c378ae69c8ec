"""Facts: what was observed, one collector a source. Collectors never judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlenv.doctor.facts.builds import Build
from mlenv.doctor.facts.environments import Environment
from mlenv.doctor.facts.files import Files
from mlenv.doctor.facts.generation import Provisioned
from mlenv.doctor.facts.libraries import Linkage
from mlenv.doctor.facts.load_probes import ProbeRun
from mlenv.doctor.facts.network import Network
from mlenv.doctor.facts.packages import Packages
from mlenv.doctor.facts.target import Interpreter, Target
from mlenv.machine.driver import Driver
from mlenv.machine.system import Machine


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was observed of one machine and one environment.

    `quick`: torch's libraries were not opened, ELF files not read, the hub not asked.
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

    def build(self, name: str) -> Build | None:
        return next((build for build in self.builds if build.name == name), None)

    def probes(self, probe: str) -> tuple[ProbeRun, ...]:
        return tuple(run for run in self.runs if run.probe == probe)


def collect(
    target: Target,
    environ: Mapping[str, str],
    *,
    quick: bool = False,
    hashes: bool = False,
    root: Path = Path("/"),
    directory: Path | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Facts:
    """Look at everything, children side by side.

    `environ`: the user's variables. `hashes`: compare file contents with RECORD (reads
    gigabytes). `root` is where proc, sys and dev are; `directory` where programs are started.
    `meanwhile`: work of the caller's to do while the children run.
    """
    from mlenv.doctor.facts import (
        builds,
        environments,
        files,
        generation,
        libraries,
        load_probes,
        network,
        packages,
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
    linked = libraries.read(
        site,
        [place for place in _directories(interpreter) if place != site],
        dict.fromkeys(path for environment, _ in whole for path in environment.library_path),
        where.loader_cache,
        environ.get("CONDA_PREFIX", ""),
    )
    started = (
        [] if interpreter.error else load_probes.start_all(interpreter, linked, whole, quick=quick)
    )
    # While the children run, the files.
    here = directory or Path.cwd()
    own = files.read(environ, Path(interpreter.prefix), here)
    offline = quick or environ.get("HF_HUB_OFFLINE") in ("1", "true", "True", "ON", "YES")
    asked = None if offline else network.Questions(environ, own.token)
    installed = packages.read(_directories(interpreter), hashes=hashes)
    meanwhile()
    if not quick:
        linked = libraries.with_elves(linked, site)
    seen = driver.finish(asked_nvml, root)
    computed = load_probes.on_gpu(interpreter, whole) if seen.gpus and started and not quick else ()
    runs = (*load_probes.finish(started), *computed)
    return Facts(
        str(target.venv),
        quick,
        interpreter,
        where,
        seen,
        tuple(environment for environment, _ in whole),
        installed,
        builds.read(site),
        linked,
        (*runs, *load_probes.reopened(interpreter, runs, whole)),
        own,
        generation.read(
            target.venv, Path(interpreter.prefix), site, seen, environ, here, quick=quick
        ),
        asked.answers() if asked else Network(),
    )


def _directories(interpreter: Interpreter) -> list[Path]:
    """Directories in which the interpreter looks for packages, each once."""
    own = (interpreter.packages, interpreter.platform_packages)
    places = dict.fromkeys(str(Path(entry).resolve()) for entry in (*interpreter.path, *own))
    return [Path(place) for place in places if Path(place).is_dir()]
