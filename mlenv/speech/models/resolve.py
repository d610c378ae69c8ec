"""Find the Whisper model that `--model` names, and fetch it if it is not on this machine."""

from __future__ import annotations

from pathlib import Path

from mlenv.progress import Progress
from mlenv.result import MlenvError
from mlenv.speech import models
from mlenv.speech.models import Model, ModelCopy


def whisper(name: str, venv: Path, progress: Progress, *, offline: bool) -> ModelCopy:
    """A model of the manifest, a folder or a hub id; raises `MlenvError`.

    `venv`: the environment whose hub client fetches it. `offline`: never fetch.
    """
    if name not in models.manifest():
        if (folder := Path(name).expanduser()).is_dir():
            if not (folder / "model.bin").is_file():
                raise MlenvError(
                    "model-unknown",
                    f"{folder} holds no CTranslate2 model: it has no model.bin.",
                    "Convert it with ct2-transformers-converter, or name another.",
                )
            return ModelCopy(folder.absolute(), "folder", False)
        if models.hub_name(name):
            from mlenv.speech.models import hub_models

            return hub_models.model(name, venv, offline=offline, progress=progress)
    model = models.by_name(name)
    if model.kind != "whisper":
        raise MlenvError(
            "model-unknown",
            f"{name} is no model for transcribing ({model.title}).",
            f"`--model {models.default()}` is one; `mlenv models` lists those on this machine.",
        )
    return of_manifest(model, venv, progress, offline=offline)


def of_manifest(model: Model, venv: Path, progress: Progress, *, offline: bool) -> ModelCopy:
    """A model of the manifest, fetched if it is nowhere; raises `MlenvError`."""
    try:
        return models.find(model)
    except MlenvError:
        from mlenv.speech.models import fetch

        return fetch.ensure(model, venv, offline=offline, progress=progress)
