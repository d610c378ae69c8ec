"""Jupyter: a kernel that runs in the environment.

The kernel's own packages (ipykernel) are no part of the environment, whose content is pinned.
They lie beside the kernelspec and come last on its `sys.path`: nothing of the environment is
shadowed. The kernel starts through the command shim, which keeps the library path that Jupyter
has; the kernelspec's own `env` could only replace it.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mlenv.environment import launch, uv
from mlenv.environment.launchers import commands, owned
from mlenv.environment.launchers.launcher import ABSENT, INSTALLED, OUTDATED, Place, Shim
from mlenv.result import MlenvError

REQUIREMENTS = ("ipykernel>=6.29,<8",)

_LAUNCHER = """\
# Made by mlenv: starts ipykernel in the environment, with the packages that lie beside this file.
import os
import sys
from pathlib import Path

here = Path(__file__).parent
sys.path[0] = ""  # as in every notebook: what lies beside it can be imported
sys.path.append(str(here / "packages"))
tools = str(Path(os.environ["VIRTUAL_ENV"]) / "shims")
os.environ["PATH"] = os.pathsep.join([tools, os.environ.get("PATH") or os.defpath])

from ipykernel.kernelapp import launch_new_instance

launch_new_instance()
"""


def install(place: Place) -> Shim:
    folder, spec = _folder(place), _spec(place)
    if folder.exists() and not _is_ours(folder):
        raise MlenvError(
            "not-ours",
            f"{folder} is a Jupyter kernel that mlenv did not make.",
            "Remove it with `jupyter kernelspec remove`, or rename it.",
        )
    if look(place).state == INSTALLED:
        return Shim(INSTALLED, (folder / "kernel.json",), todo=_todo(place))
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        uv.install_apart(REQUIREMENTS, folder / "packages", place.venv / "bin" / "python")
        owned.write(folder / "kernel.py", _LAUNCHER)
        owned.write(folder / "kernel.json", json.dumps(spec, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise MlenvError("not-writable", f"{folder} can't be made: {error.strerror}.") from error
    except MlenvError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Shim(INSTALLED, (folder / "kernel.json",), changed=True, todo=_todo(place))


def remove(place: Place) -> Shim:
    folder = _folder(place)
    if not _is_ours(folder):
        return Shim(ABSENT)
    shutil.rmtree(folder)
    return Shim(ABSENT, (folder / "kernel.json",), changed=True)


def look(place: Place) -> Shim:
    folder = _folder(place)
    if not _is_ours(folder):
        return Shim(ABSENT)
    same = _read(folder) == _spec(place) and owned.read(folder / "kernel.py") == _LAUNCHER
    return Shim(INSTALLED if same else OUTDATED, (folder / "kernel.json",))


def kernel_name(venv: Path) -> str:
    """Jupyter allows ASCII letters, digits, `-`, `.` and `_` in it."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "_" for c in venv.name)
    return f"mlenv-{safe.lower()}"


def _folder(place: Place) -> Path:
    """The directory of a user's Jupyter kernels (Linux, macOS)."""
    import sys

    home = "Library/Jupyter" if sys.platform == "darwin" else ".local/share/jupyter"
    data = place.home / home
    if directory := place.environ.get("JUPYTER_DATA_DIR"):
        data = Path(directory)
    elif (directory := place.environ.get("XDG_DATA_HOME")) and sys.platform != "darwin":
        data = Path(directory) / "jupyter"
    return data / "kernels" / kernel_name(place.venv)


def _spec(place: Place) -> dict[str, Any]:
    packages = launch.site_packages(place.venv)
    python = place.venv / commands.FOLDER / "python"
    return {
        "argv": [str(python), str(_folder(place) / "kernel.py"), "-f", "{connection_file}"],
        "display_name": f"{place.venv.name} (mlenv)",
        "language": "python",
        # `$` begins a variable there.
        "env": {"VIRTUAL_ENV": str(place.venv).replace("$", "$$")},
        "metadata": {
            "debugger": True,
            # What was built for one version of Python does not run in another.
            "mlenv": {"venv": str(place.venv), "python": packages.parent.name},
        },
    }


def _is_ours(folder: Path) -> bool:
    return "mlenv" in _read(folder).get("metadata", {})


def _read(folder: Path) -> dict[str, Any]:
    try:
        spec = json.loads((folder / "kernel.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return spec if isinstance(spec, dict) else {}


def _todo(place: Place) -> str:
    return f"Choose the kernel `{place.venv.name} (mlenv)` in Jupyter."
