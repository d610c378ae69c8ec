"""Models of the hub, downloaded by the environment's own client in a worker."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from mlenv.environment import launch
from mlenv.machine import hub_cache
from mlenv.machine.children import last_printed
from mlenv.progress import Progress, Silent, growing
from mlenv.result import MlenvError
from mlenv.speech import models
from mlenv.speech.models import Hub, Model, ModelCopy, pinned
from mlenv.speech.transcribe.worker_process import command

DISK_FULL = "disk-full-or-tmp-too-small"

Answer = Mapping[str, object]


def model(
    name: str,
    venv: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    offline: bool = False,
    progress: Progress | None = None,
) -> ModelCopy:
    """A Whisper model that the manifest does not name, fetched into the hub's own cache.

    `name`: one of the manifest's `hub-names` or a hub id. What comes at the first use is pinned
    (see `pinned`): the same revision and the same bytes from then on. Raises `MlenvError`.
    """
    record = pinned.find(name, environ) or _in_a_folder(name, environ)
    if record:
        copy, refused = models.look(record, environ)
        if copy:
            return copy
        if not record.hub or any(not each.is_missing for each in refused):
            raise _changed(record, models.missing_error(record, refused))
    repo = record.hub.repo if record and record.hub else models.hub_name(name, environ)
    assert repo is not None
    progress = progress or Silent()
    progress.step(f"{name} from the hub ({repo})")
    request = {
        "repo": repo,
        "revision": record.hub.revision if record and record.hub else None,
        "files": list(pinned.FILES),
        "target": None,
        "offline": offline,
    }
    blobs = hub_cache.repository(repo, environ) / "blobs"
    with growing(progress, blobs, record.size if record else None):
        answer = ask(venv, request, environ)
    if not answer["ok"]:
        progress.failed(str(answer["message"]))
        raise _unavailable(name, repo, answer, offline=offline)
    progress.end()
    snapshot = Path(str(answer["path"]))
    if record is None:
        hub, licence = Hub(repo=repo, revision=snapshot.name), str(answer.get("licence") or "")
        record = pinned.pin(name, snapshot, hub, licence, environ)
    copy, refused = models.look(record, environ)
    if copy is None:
        raise _changed(record, models.missing_error(record, refused))
    return copy


def ask_access(venv: Path, repo: str, environ: Mapping[str, str]) -> Answer:
    """Ask the hub if this account may read a repository: {"ok"} or {"reason", "message"}."""
    return ask(venv, {"repo": repo, "access": True}, environ)


def ask(venv: Path, request: Mapping[str, object], environ: Mapping[str, str]) -> Answer:
    """Send one request to the worker `hub_download`; returns its answer."""
    built = launch.build(venv.resolve(), environ)
    done = subprocess.run(
        command(built.python, "hub_download"),
        input=json.dumps(request),
        env=built.applied_to(environ),
        capture_output=True,
        text=True,
        errors="replace",
    )
    try:
        answer: dict[str, object] = json.loads(last_printed(done.stdout))
    except ValueError:
        lines = done.stderr.strip().splitlines()
        return {"ok": False, "message": lines[-1] if lines else f"exit code {done.returncode}"}
    return answer


def _in_a_folder(name: str, environ: Mapping[str, str]) -> Model | None:
    """Pin the model of that name in $MLENV_MODELS; None if there is none."""
    for directory, _ in models.places(
        Model(name=name, kind="whisper", title="", licence="", files=()), environ
    ):
        if (directory / "model.bin").is_file():
            return pinned.pin(name, directory, environ=environ)
    return None


def _changed(record: Model, error: MlenvError) -> MlenvError:
    """The error for a pinned model whose files changed."""
    forget = f"`mlenv models remove {record.name}` forgets what it was, and takes what is there"
    if error.code == "model-missing":
        return MlenvError(error.code, error.message, f"It was {record.title}. {forget}.")
    return MlenvError(error.code, error.message, f"Delete what is wrong and try again; {forget}.")


def _unavailable(name: str, repo: str, answer: Answer, *, offline: bool) -> MlenvError:
    if offline:
        return MlenvError(
            "model-missing",
            f"The model {name} is not on this machine, and --offline was asked for.",
            f"Run `mlenv models pull {name}` with a network, "
            f"or put its files into a folder {name}/ below $MLENV_MODELS.",
        )
    message = f"The model {name} could not be fetched from the hub ({repo}): {answer['message']}."
    if answer.get("reason") in ("gated", "no-token"):
        return MlenvError(
            "gated-model-no-access",
            message,
            f"Accept its conditions at https://huggingface.co/{repo} and log in with "
            "`hf auth login`.",
        )
    if answer.get("reason") in ("disk-full", "not-writable"):
        code = DISK_FULL if answer["reason"] == "disk-full" else "not-writable"
        return MlenvError(code, message, "Make room there, or name another place with HF_HOME.")
    hint = "Check the name and the network, or name a folder that holds it."
    return MlenvError("model-unavailable", message, hint)
