"""Models that the manifest does not name: what was got the first time is what they stay.

A Whisper model may be any of the hub's, or lie in a folder of $MLENV_MODELS. At its first use the
revision and the sha256 of every file are written down, and from then on it is a model like those
of the manifest. Where the hub's cache tells what the hub named (a file there is called by its
ETag: the sha256 of a Git LFS file, the Git blob id of a small one), the bytes must be that.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from mlenv.files import write_atomically
from mlenv.result import MlenvError
from mlenv.speech import models
from mlenv.speech.models import Hub, Model, ModelFile
from mlenv.speech.models.checked import Checks

# What faster-whisper reads of a model's folder.
FILES = ("model.bin", "config.json", "preprocessor_config.json", "tokenizer.json", "vocabulary.*")


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the records are, one a model."""
    return models.store(environ) / "pinned"


def known(environ: Mapping[str, str] = os.environ) -> dict[str, Model]:
    """Every model with known hashes, by name: the manifest's, then those with a record."""
    found = models.manifest(environ)
    for path in sorted(folder(environ).glob("*.json")):
        if model := _read(path):
            found.setdefault(model.name, model)
    return found


def named(name: str, environ: Mapping[str, str] = os.environ) -> Model:
    """The model of that name; raises `MlenvError` where none is known by it."""
    if model := known(environ).get(name):
        return model
    if repo := models.hub_name(name, environ):
        raise MlenvError(
            "model-missing",
            f"The model {name} ({repo} on the model hub) has not been used here yet.",
            f"Run `mlenv models pull {name}`.",
        )
    return models.named(name, environ)


def find(name: str, environ: Mapping[str, str] = os.environ) -> Model | None:
    """The record of a model; None before its first use."""
    return _read(_path(name, environ))


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
    """Write down what lies in `directory`, which is the model from now on.

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
        ModelFile(path.name, path.stat().st_size, _digest(path, checks)) for path in paths
    )
    checks.save()
    origin = f"{hub.repo} at {hub.revision[:8]}" if hub else str(directory)
    model = Model(
        name, "whisper", f"{origin}, as at its first use", licence or "unknown", files, hub=hub
    )
    _write(model, environ)
    return model


def forget(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Remove the record: the next use writes down what there is then. False if there was none."""
    path = _path(name, environ)
    if not path.is_file():
        return False
    path.unlink()
    return True


def _digest(path: Path, checks: Checks) -> str:
    """The sha256 of a file, which must be what the hub named where its cache tells that."""
    digest, etag = checks.digest(path), path.resolve().name
    if not _ETAG.fullmatch(etag):
        return digest
    got = digest if len(etag) == len(digest) else _git_blob(path.read_bytes())
    if got != etag:
        raise MlenvError(
            "hash-mismatch",
            f"{path.resolve()} is not what the hub named: it has {got[:12]}.. "
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


def _read(path: Path) -> Model | None:
    try:
        table = json.loads(path.read_text("utf-8"))
        return models.from_table(table["name"], table)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(model: Model, environ: Mapping[str, str]) -> None:
    """A store that can't be written has no records; the model works all the same."""
    path = _path(model.name, environ)
    table = {key: value for key, value in asdict(model).items() if value}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(table, indent=2))
    except (OSError, MlenvError):
        return
