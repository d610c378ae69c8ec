"""The user's own profiles by name: `mlenv add` writes them, and generations carry them."""

from __future__ import annotations

from pathlib import Path

from mlenv.environment import generations
from mlenv.result import MlenvError


def of(venv: Path) -> dict[str, Path]:
    """The file of each own profile of an environment: the active one's, else the newest."""
    files = {path.stem: path for path in (generations.store(venv) / "profiles").glob("*.toml")}
    carried = [each for each in generations.all_of(venv) if each.origin == "own"]
    try:
        active = generations.active(venv)
    except MlenvError:
        active = None
    if active and active.origin == "own":
        carried.append(active)
    return files | {each.profile: each.profile_file for each in carried}
