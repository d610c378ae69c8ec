"""The models of a bundle: copied into it, and from it into mlenv's store.

DIR/models/NAME/     one model's files
DIR/models/pinned/   records of models that the manifest does not name
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlenv.files import sha256
from mlenv.progress import Progress
from mlenv.result import MlenvError
from mlenv.speech import models
from mlenv.speech.models import Model, pinned

_RECORDS = "models/pinned"


def places(names: Iterable[str], environ: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Directories of the named models; raises `MlenvError` for one that is not here."""
    return {name: models.find(pinned.by_name(name, environ), environ).path for name in names}


def copy_into(bundle: Path, model_places: Mapping[str, Path], progress: Progress) -> None:
    """Copy models, by name and directory, into the bundle at `bundle`."""
    for name, place in model_places.items():
        progress.step(f"Copying the model {name}")
        shutil.copytree(place, bundle / "models" / name, dirs_exist_ok=True)
    pinned.carry(model_places, pinned.folder(), bundle / _RECORDS)


def check(bundle: Path, names: Iterable[str], environ: Mapping[str, str] = os.environ) -> None:
    """Raise `MlenvError` for a model in the bundle at `bundle` that is not the right one."""
    for name in names:
        if wrong := _wrong(bundle, name, bundle / "models" / name, environ):
            raise MlenvError(
                "broken-bundle",
                f"{wrong} in the bundle is not the model's: its sha256 differs.",
                "Copy the bundle again, or make it again with `mlenv bundle`. Nothing was changed.",
            )


def _wrong(bundle: Path, name: str, place: Path, environ: Mapping[str, str]) -> Path | None:
    """The first file of a model at `place` that is missing or another; None where all is right."""
    files = ((place / f.name, f.sha256) for f in _model(bundle, name, environ).files)
    return next((path for path, digest in files if sha256(path) != digest), None)


def _model(bundle: Path, name: str, environ: Mapping[str, str]) -> Model:
    """The model as it is known here; only one that is not known as the bundle has recorded it."""
    known = pinned.known(environ).get(name) or pinned.recorded(name, bundle / _RECORDS)
    return known or pinned.by_name(name, environ)


def copy_from(bundle: Path, names: Iterable[str], environ: Mapping[str, str] = os.environ) -> None:
    """Copy the named models of the bundle at `bundle` into mlenv's store, if not whole there."""
    selected = tuple(names)
    for name in selected:
        home = models.store(environ) / name
        if _wrong(bundle, name, home, environ):
            home.parent.mkdir(parents=True, exist_ok=True)
            partial = home.with_name(f".{home.name}.bundle")
            shutil.rmtree(partial, ignore_errors=True)
            for file in _model(bundle, name, environ).files:
                (partial / file.name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(bundle / "models" / name / file.name, partial / file.name)
            if home.exists():
                shutil.rmtree(home)
            partial.rename(home)
    unknown = [name for name in selected if not pinned.find(name, environ)]
    pinned.carry(unknown, bundle / _RECORDS, pinned.folder(environ))
