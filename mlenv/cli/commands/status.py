"""`mlenv status`: what is installed, how old and large it is, and whether it is as it was."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlenv.cli.table import command, venv_option
from mlenv.environment import generations
from mlenv.environment.generations import Generation, history
from mlenv.result import DONE, FAILED, Result


@command("status", "mlenv status\nmlenv status --json")
@venv_option
def cli(venv: Path) -> Result[Any]:
    """Show the profile, generation and lock in use, other generations, and what has drifted.

    Sizes are bytes on disk; a generation shares most of its files with uv's cache. Exits with
    1 where there is no environment, or it is not what its lock names.
    """
    active = generations.active(venv)
    drift = active.drift() if active else ()
    previous = history.previous(venv)
    data: dict[str, Any] = {
        "venv": str(venv),
        "managed": active is not None,
        "exists": venv.exists(),
        "generation": generations.as_data(active) if active else None,
        "age_seconds": _age(active) if active else None,
        "lock_changed": not active.inputs_unchanged() if active else False,
        "drift": list(drift),
        "verified": _verified(venv),
        "generations": [_row(g, active) for g in generations.all_of(venv)],
        "previous": str(previous) if previous else None,
        "kept": [str(path) for path in history.kept(venv)],
    }
    return Result("status", data, DONE if active and not drift else FAILED)


def _verified(venv: Path) -> dict[str, Any] | None:
    """When `verify` last looked, and at which generation."""
    from mlenv.environment import receipts

    receipt = receipts.latest(venv)
    return {key: receipt.get(key) for key in ("when", "generation")} if receipt else None


def _row(generation: Generation, active: Generation | None) -> dict[str, Any]:
    size = history.size(generation.path)
    return {
        "name": generation.name,
        "number": generation.number,
        "profile": generation.profile,
        "created": generation.created,
        "active": generation == active,
        "bytes": size.total,
        "own_bytes": size.own,
    }


def _age(generation: Generation) -> int | None:
    """Seconds since it was built; None where a clock was wrong, then or now."""
    age = datetime.now(UTC) - datetime.fromisoformat(generation.created)
    return int(age.total_seconds()) if age.total_seconds() >= 0 else None
