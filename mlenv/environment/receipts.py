"""What `verify` saw, kept so that a later run, `status` and `doctor` can say what has changed.

One JSON file for each run, in `$XDG_STATE_HOME/mlenv/receipts` (`~/.local/state` without it), in a
folder for each environment.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlenv import __version__
from mlenv.environment import generations
from mlenv.files import write_atomically
from mlenv.machine import host
from mlenv.result import MlenvError

KEPT = 20
SLOWER = 1.5  # times as long as the last time; less is the weather
WORSE = 0.02  # error rate above the last one


def folder(venv: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the receipts of an environment are."""
    state = Path(environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser().absolute()
    name = f"{venv.name}-{hashlib.sha256(os.fsencode(venv)).hexdigest()[:12]}"
    return state / "mlenv" / "receipts" / name


def latest(venv: Path, environ: Mapping[str, str] = os.environ) -> dict[str, Any] | None:
    """The last receipt of an environment; None where it was never verified."""
    for path in reversed(_all(venv, environ)):
        try:
            receipt: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        return receipt
    return None


def made(venv: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A receipt of now: the lock, the driver, the GPUs, the library files, the rows."""
    machine = host.collect()
    active = generations.active(venv)
    libraries = sorted({path for row in rows for path in row["libraries"]})
    return {
        "schema": 1,
        "mlenv": __version__,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "venv": str(venv),
        "generation": active.name if active else None,
        "profile": active.profile if active else None,
        "lock_sha256": active.lock_sha256 if active else None,
        "driver": machine.driver,
        "gpus": [list(gpu) for gpu in machine.gpus],
        "libraries": [{"path": path, "bytes": _size(path)} for path in libraries],
        "rows": [{k: v for k, v in row.items() if k != "libraries"} for row in rows],
    }


def keep(venv: Path, receipt: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Path:
    """Write a receipt; the oldest beyond twenty go."""
    directory = folder(venv, environ)
    name = receipt["when"].replace(":", "").replace("+0000", "Z")
    path = directory / f"{name}.json"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MlenvError("not-writable", f"{directory} can't be made: {error.strerror}.") from error
    write_atomically(path, json.dumps(receipt, indent=2) + "\n")
    for old in _all(venv, environ)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def changes(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> list[str]:
    """What is different from the last time, and what got slower or worse, in words."""
    return [] if before is None else list(_changes(before, now))


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, title in (
        ("lock_sha256", "the lock"),
        ("driver", "the NVIDIA driver"),
        ("gpus", "the GPUs"),
    ):
        if before.get(name) != now[name]:
            yield f"{title}: {_short(before.get(name))} before, {_short(now[name])} now"
    files = [{entry["path"]: entry["bytes"] for entry in r["libraries"]} for r in (before, now)]
    if files[0] and files[1]:
        for path in sorted(files[0].keys() ^ files[1].keys()):
            yield f"{path} is {'loaded now' if path in files[1] else 'no longer loaded'}"
        for path in sorted(files[0].keys() & files[1].keys()):
            if files[0][path] != files[1][path]:
                yield f"{path} is another file than before"
    old = {(row["model"], row["device"]): row for row in before["rows"]}
    for row in now["rows"]:
        if known := old.get((row["model"], row["device"])):
            yield from _row_changes(known, row)


def _row_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    where = f"{now['model']} on {now['device']}"
    for name in ("load", "inference"):
        was, is_ = before.get(name), now.get(name)
        if was and is_ and is_ > was * SLOWER and is_ - was > 0.5:
            yield f"{where}: {name} takes {is_:.1f} s, {was:.1f} s before"
    was, is_ = before.get("error_rate"), now.get("error_rate")
    if was is not None and is_ is not None and is_ > was + WORSE:
        yield f"{where}: the {now['measure']} is {is_:.3f}, {was:.3f} before"


def _all(venv: Path, environ: Mapping[str, str]) -> list[Path]:
    return sorted(folder(venv, environ).glob("*.json"))


def _short(value: object) -> str:
    return "none" if not value else str(value)[:60]


def _size(path: str) -> int | None:
    try:
        return Path(path).stat().st_size
    except OSError:
        return None
