"""Facts: what was observed, one collector a source. Collectors never judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlenv.facts import linkage as linkage_facts
from mlenv.facts import loader
from mlenv.facts import target as target_facts
from mlenv.facts.environments import Environment, environments
from mlenv.facts.linkage import Linkage
from mlenv.facts.loader import ProbeRun
from mlenv.facts.target import Interpreter, Target


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was observed of one machine and one environment."""

    venv: str
    interpreter: Interpreter
    environments: tuple[Environment, ...]
    linkage: Linkage
    runs: tuple[ProbeRun, ...]


def collect(target: Target, environ: Mapping[str, str]) -> Facts:
    """Look at everything, children side by side."""
    interpreter = target_facts.interpreter(target, environ)
    linkage = linkage_facts.read(Path(interpreter.packages))
    started = environments(interpreter, environ)
    children = [] if interpreter.error else loader.start_all(interpreter, linkage, started)
    return Facts(
        str(target.venv),
        interpreter,
        tuple(environment for environment, _ in started),
        linkage,
        loader.finish(children),
    )
