"""Dev Containers: a configuration of its own beside any that the project has."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from mlenv.environment.launchers import docker, owned
from mlenv.environment.launchers.launcher import Place, Shim
from mlenv.environment.lockfile.dockerfile import HOME

_CONFIGURATION = {
    "name": "ml (mlenv)",
    "build": {"dockerfile": f"../../{docker.DOCKERFILE}", "context": "../.."},
    "hostRequirements": {"gpu": "optional"},
    "customizations": {
        "vscode": {
            "extensions": ["ms-python.python"],
            "settings": {"python.defaultInterpreterPath": f"{HOME}/bin/python"},
        }
    },
}
_TEXT = f"// {owned.MARK}\n{json.dumps(_CONFIGURATION, indent=2)}\n"


def install(place: Place) -> Shim:
    image = docker.built_from(place)
    shim = owned.install_file(_file(place), _TEXT)
    return replace(
        shim,
        files=(*shim.files, *image.files),
        changed=shim.changed or image.changed,
        todo="Reopen the folder in the container and choose `ml (mlenv)`.",
    )


def remove(place: Place) -> Shim:
    """The Dockerfile stays: it is the launcher `docker`'s."""
    file = _file(place)
    shim = owned.remove_file(file)
    owned.remove_empty(file.parent, file.parent.parent)
    return shim


def look(place: Place) -> Shim:
    return owned.look_at_file(_file(place), _TEXT)


def _file(place: Place) -> Path:
    return place.project / ".devcontainer" / "mlenv" / "devcontainer.json"
