"""Other projects: the same versions, as a constraints file that uv, pip and Poetry's pip read."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path

from mlenv.environment import launch
from mlenv.environment.launchers import owned
from mlenv.environment.launchers.launcher import Place, Shim

FILE = "constraints-mlenv.txt"


def install(place: Place) -> Shim:
    shim = owned.install_file(place.project / FILE, _text(place))
    return replace(shim, todo=f"Use it: `uv pip install -c {FILE} ..`, `pip install -c {FILE} ..`.")


def remove(place: Place) -> Shim:
    return owned.remove_file(place.project / FILE)


def look(place: Place) -> Shim:
    return owned.look_at_file(place.project / FILE, _text(place))


def _text(place: Place) -> str:
    packages: Path = launch.site_packages(place.venv)
    pins = {
        distribution.name.lower(): distribution.version
        for distribution in distributions(path=[str(packages)])
    }
    lines = "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))
    where = str(place.venv).replace("\n", "\\n")
    return f"# {owned.MARK}: what {where} holds.\n{lines}"
