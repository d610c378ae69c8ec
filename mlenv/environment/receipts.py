"""Receipts of `mlenv verify`: its results, kept to be compared with the next run's.

One JSON file for each run, in `$XDG_STATE_HOME/mlenv/receipts` (`~/.local/state` without it), in a
folder for each environment. `status` and `doctor` read the last one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from mlenv import __version__
from mlenv.environment import generations
from mlenv.files import check_schema, decode, read_bytes, write_atomically
from mlenv.machine import host
from mlenv.paths import state_dir
from mlenv.result import MlenvError

SCHEMA = 1
KEPT = 20
SLOWER = 1.5  # times as long as the last time; less is noise
WORSE = 0.02  # error rate above the last one


class Library(Struct, frozen=True, kw_only=True):
    """A library that was loaded; `bytes` is None for a file that is gone."""

    path: str
    bytes: int | None


class Row(Struct, frozen=True, kw_only=True):
    """The result of one model on one device.

    `load` and `inference` in seconds; `real_time_factor`: seconds of work for a second of audio.
    `measure` names the error rate, `limit` is its limit. `problem` is empty where all is well.
    """

    model: str
    device: str
    compute_type: str | None = None
    load: float | None = None
    inference: float | None = None
    real_time_factor: float | None = None
    measure: str = ""
    error_rate: float | None = None
    limit: float | None = None
    speakers: int | None = None
    problem: str = ""


class Receipt(Struct, frozen=True, kw_only=True):
    """One run of `verify`; `gpus` are (name, compute capability)."""

    schema: int
    mlenv: str
    when: str
    venv: str
    generation: str | None
    profile: str | None
    lock_sha256: str | None
    driver: str | None
    gpus: tuple[tuple[str, str], ...]
    libraries: tuple[Library, ...]
    rows: tuple[Row, ...]


def failures(receipt: Receipt) -> tuple[str, ...]:
    """The failures of a run, a line for each row."""
    return tuple(
        f"{row.model} on {row.device}: {row.problem}" for row in receipt.rows if row.problem
    )


def folder(venv: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The directory of an environment's receipts."""
    name = f"{venv.name}-{hashlib.sha256(os.fsencode(venv)).hexdigest()[:12]}"
    return state_dir(environ) / "receipts" / name


def latest(venv: Path, environ: Mapping[str, str] = os.environ) -> Receipt | None:
    """The last receipt of an environment that can be read; None where there is none."""
    return next(_newest_first(venv, environ), None)


def history(venv: Path, environ: Mapping[str, str] = os.environ) -> tuple[Receipt, ...]:
    """All receipts of an environment that can be read, the oldest first."""
    return tuple(_newest_first(venv, environ))[::-1]


def _newest_first(venv: Path, environ: Mapping[str, str]) -> Iterator[Receipt]:
    for path in reversed(_all(venv, environ)):
        try:
            receipt = decode(read_bytes(path), Receipt, path)
            check_schema(receipt.schema, SCHEMA, path)
        except (OSError, MlenvError):
            continue
        yield receipt


def of_now(venv: Path, rows: Sequence[Row], libraries: Sequence[str]) -> Receipt:
    """A receipt of this moment: the lock, the driver, the GPUs, the library files, the rows."""
    machine = host.collect()
    active = generations.active(venv)
    return Receipt(
        schema=SCHEMA,
        mlenv=__version__,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        venv=str(venv),
        generation=active.name if active else None,
        profile=active.profile if active else None,
        lock_sha256=active.lock_sha256 if active else None,
        driver=machine.driver,
        gpus=machine.gpus,
        libraries=tuple(library(path) for path in sorted(set(libraries))),
        rows=tuple(msgspec.convert(row, Row, from_attributes=True) for row in rows),
    )


def library(path: str) -> Library:
    """The library file as it is now."""
    try:
        return Library(path=path, bytes=Path(path).stat().st_size)
    except OSError:
        return Library(path=path, bytes=None)


def keep(venv: Path, receipt: Receipt, environ: Mapping[str, str] = os.environ) -> Path:
    """Write a receipt and remove the oldest beyond twenty; returns its file."""
    directory = folder(venv, environ)
    name = receipt.when.replace(":", "").replace("+0000", "Z")
    path = directory / f"{name}.json"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MlenvError("not-writable", f"{directory} can't be made: {error.strerror}.") from error
    write_atomically(path, msgspec.json.format(msgspec.json.encode(receipt), indent=2) + b"\n")
    for old in _all(venv, environ)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def changes(before: Receipt | None, now: Receipt) -> list[str]:
    """Differences from the last time, and what got slower or worse, in words."""
    return [] if before is None else list(_changes(before, now))


def _changes(before: Receipt, now: Receipt) -> Iterator[str]:
    for old, new, title in (
        (before.lock_sha256, now.lock_sha256, "the lock"),
        (before.driver, now.driver, "the NVIDIA driver"),
        (list(map(list, before.gpus)), list(map(list, now.gpus)), "the GPUs"),
    ):
        if old != new:
            yield f"{title}: {_short(old)} before, {_short(new)} now"
    yield from _library_changes(before, now)
    rows = {(row.model, row.device): row for row in before.rows}
    for row in now.rows:
        if previous := rows.get((row.model, row.device)):
            yield from _row_changes(previous, row)


def _library_changes(before: Receipt, now: Receipt) -> Iterator[str]:
    old, new = ({each.path: each.bytes for each in r.libraries} for r in (before, now))
    if not old or not new:
        return
    for path in sorted(old.keys() ^ new.keys()):
        yield f"{path} is {'loaded now' if path in new else 'no longer loaded'}"
    for path in sorted(old.keys() & new.keys()):
        if old[path] != new[path]:
            yield f"{path} is another file than before"


def _row_changes(before: Row, now: Row) -> Iterator[str]:
    where = f"{now.model} on {now.device}"
    for name, was, is_ in (
        ("load", before.load, now.load),
        ("inference", before.inference, now.inference),
    ):
        if was and is_ and is_ > was * SLOWER and is_ - was > 0.5:
            yield f"{where}: {name} takes {is_:.1f} s, {was:.1f} s before"
    was, is_ = before.error_rate, now.error_rate
    if was is not None and is_ is not None and is_ > was + WORSE:
        yield f"{where}: the {now.measure} is {is_:.3f}, {was:.3f} before"


def _all(venv: Path, environ: Mapping[str, str]) -> list[Path]:
    return sorted(folder(venv, environ).glob("*.json"))


def _short(value: object) -> str:
    return "none" if not value else str(value)[:60]
