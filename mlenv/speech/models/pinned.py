"""Models that the manifest does not name, pinned at their first use.

A Whisper model may be any of the hub's, or lie in a folder of $MLENV_MODELS. At its first use its
revision and the sha256 of every file are recorded; from then on it is a model like those of
the manifest. Where the hub's cache tells what the hub named (a file there is called by its
ETag: the sha256 of a Git LFS file, the Git blob id of a small one), the bytes must be that.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import structs

from mlenv.files import check_schema, decode, read_bytes, stays_below, write_atomically
from mlenv.result import MlenvError
from mlenv.speech import models
from mlenv.speech.models import Hub, Model, ModelFile
from mlenv.speech.models.checked import Checks

SCHEMA = 1
# The files of a model's folder that faster-whisper reads.
FILES = ("model.bin", "config.json", "preprocessor_config.json", "tokenizer.json", "vocabulary.*")


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The directory of the records, one for each model."""
    return models.store(environ) / "pinned"


def known(environ: Mapping[str, str] = os.environ) -> dict[str, Model]:
    """Every model with known hashes, by name: the manifest's, then those with a record."""
    by_name = models.manifest(environ)
    for path in _records(environ):
        try:
            model = _read(path)
        except MlenvError:  # `damaged` tells
            continue
        if model:
            by_name.setdefault(model.name, model)
    return by_name


def _records(environ: Mapping[str, str]) -> list[Path]:
    """The files of the records; none in a home that may not be read."""
    try:
        return sorted(folder(environ).glob("*.json"))
    except OSError:
        return []


def damaged(environ: Mapping[str, str] = os.environ) -> list[str]:
    """One line for each record that can't be read."""
    problems = []
    for path in _records(environ):
        try:
            _read(path)
        except MlenvError as error:
            problems.append(error.message)
    return problems


def by_name(name: str, environ: Mapping[str, str] = os.environ) -> Model:
    """The model of that name; raises `MlenvError` where none is known by it."""
    if model := known(environ).get(name):
        return model
    if repo := models.hub_name(name, environ):
        raise MlenvError(
            "model-missing",
            f"The model {name} ({repo} on the model hub) has not been used here yet.",
            f"Run `mlenv models pull {name}`.",
        )
    return models.by_name(name, environ)


def find(name: str, environ: Mapping[str, str] = os.environ) -> Model | None:
    """The record of a model; None before its first use. Raises `MlenvError` for a damaged one."""
    return _read(_path(name, environ))


def recorded(name: str, folder: Path) -> Model | None:
    """The record of a model in another folder of records; None where that has none."""
    return _read(_in(folder, name))


def carry(names: Iterable[str], source: Path, target: Path) -> None:
    """Copy the records that `source` has of these models."""
    for name in names:
        record = _in(source, name)
        if record.is_file():
            target.mkdir(parents=True, exist_ok=True)
            write_atomically(_in(target, name), record.read_bytes())


def pin(
    name: str,
    directory: Path,
    hub: Hub | None = None,
    licence: str = "",
    environ: Mapping[str, str] = os.environ,
) -> Model:
    """Record the files in `directory`: they are the model from now on.

    Raises `MlenvError` where it is no whole model, or a file is not what the hub named.
    """
    paths = sorted(path for pattern in FILES for path in directory.glob(pattern))
    for needed in ("model.bin", "config.json", "vocabulary"):
        if not any(path.name.startswith(needed) for path in paths):
            raise MlenvError(
                "model-incomplete",
                f"{directory} holds no {needed}: it is no CTranslate2 model, or not all of it "
                "has been downloaded.",
                f"Run `mlenv models pull {name}` with a network, or name another model.",
            )
    checks = Checks(environ)
    files = tuple(
        ModelFile(name=path.name, size=path.stat().st_size, sha256=_digest(path, checks))
        for path in paths
    )
    checks.save()
    origin = f"{hub.repo} at {hub.revision[:8]}" if hub else str(directory)
    model = Model(
        name=name,
        kind="whisper",
        title=f"{origin}, as at its first use",
        licence=licence or "unknown",
        files=files,
        hub=hub,
    )
    _write(model, environ)
    return model


def forget(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Remove the record, so that the next use makes a new one. False if there was none."""
    path = _path(name, environ)
    if not path.is_file():
        return False
    path.unlink()
    return True


def _digest(path: Path, checks: Checks) -> str:
    """The sha256 of a file; raises `MlenvError` if the hub's cache names it by another."""
    digest, etag = checks.digest(path), path.resolve().name
    if not _ETAG.fullmatch(etag):
        return digest
    actual = digest if len(etag) == len(digest) else _git_blob(path.read_bytes())
    if actual != etag:
        raise MlenvError(
            "hash-mismatch",
            f"{path.resolve()} is not what the hub named: it has {actual[:12]}.. "
            f"where {etag[:12]}.. was named.",
            "Delete it and try again: the hub's cache is not mlenv's to change.",
        )
    return digest


_ETAG = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def _git_blob(content: bytes) -> str:
    """The id that Git gives a file's contents."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _path(name: str, environ: Mapping[str, str]) -> Path:
    return _in(folder(environ), name)


def _in(folder: Path, name: str) -> Path:
    return folder / f"{name.replace('/', '--')}.json"


class _Record(Model, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A record's file: the model as in the manifest, and the format's number."""

    schema: int = 1


def _read(path: Path) -> Model | None:
    try:
        content = read_bytes(path)
    except OSError:
        return None
    try:
        record = decode(content, _Record, path)
        check_schema(record.schema, SCHEMA, path)
        _check_names(record, path)
    except MlenvError as error:
        hint = "Delete the file: the next use of the model records it anew."
        raise MlenvError(error.code, error.message, hint) from error
    fields = structs.asdict(record)
    del fields["schema"]
    return Model(**fields)


def _check_names(record: _Record, path: Path) -> None:
    """Raise `MlenvError` for names of directories and files that lead out of the store."""
    names = (record.name, *(file.name for file in record.files))
    if wrong := next((name for name in names if not stays_below(name)), None):
        raise MlenvError("bad-record", f"{path} names `{wrong}`, which leads out of the store.")
    if path != _in(path.parent, record.name):
        raise MlenvError("bad-record", f"{path} is the record of another model, {record.name}.")


def _write(model: Model, environ: Mapping[str, str]) -> None:
    """Write the record; the model works without one, where the store can't be written."""
    path = _path(model.name, environ)
    fields = {"schema": SCHEMA, **msgspec.to_builtins(model)}
    table = {key: value for key, value in fields.items() if value}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(table, indent=2))
    except (OSError, MlenvError):
        return
