"""`mlenv models`: where the models are, and whether they are the right ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mlenv.cli.table import command, venv_option
from mlenv.progress import Progress
from mlenv.result import DONE, FAILED, MlenvError, Problem, Result
from mlenv.speech import models
from mlenv.speech.models import Model, Refused, fetch, pinned

JSON = click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document.")


@click.group(
    "models",
    invoke_without_command=True,
    params=[JSON],
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n  mlenv models\n  mlenv models pull base\n  mlenv models where tiny.en",
)
@click.pass_context
def cli(ctx: click.Context, as_json: bool) -> Result[Any] | None:
    """List the models, or pull, verify, remove or find one.

    Folders named in $MLENV_MODELS are looked through first, then mlenv's own store, then the
    model hub's cache. A file counts only with the sha256 that the manifest names.
    """
    return None if ctx.invoked_subcommand else _listed()


@cli.command("list")
@click.option("--json", is_flag=True, expose_value=False, help="Print one JSON document.")
def list_() -> Result[Any]:
    """All known models: size, licence, where each one is, whether its hashes hold."""
    return _listed()


@command("where", "mlenv models where base --json")
@click.argument("name")
def where(name: str) -> Result[Any]:
    """Where a model is."""
    found = models.find(pinned.named(name))
    data = {
        "name": name,
        "path": str(found.path),
        "source": found.source,
        "sha256_ok": found.sha256_ok,
    }
    if found.refused:
        data["refused"] = _refused(found.refused)
    return Result("models", data, view={"part": "where", "warnings": _wrong(found.refused)})


@command("pull", "mlenv models pull base segmentation-3.0 campplus\nmlenv models pull large-v3")
@click.argument("names", nargs=-1, required=True)
@click.option("--offline", is_flag=True, help="Only say whether they are here.")
@venv_option
@click.pass_obj
def pull(progress: Progress, names: tuple[str, ...], offline: bool, venv: Path) -> Result[Any]:
    """Fetch models from the first source that has the right files.

    Any other Whisper model of the hub works too, by faster-whisper's names or its id. What comes
    is written down: from then on it has to be that.
    """
    rows, problems, warnings = [], [], []
    for name in names:
        try:
            found = fetch.by_name(name, venv, offline=offline, progress=progress)
            warnings += _wrong(found.refused)
        except MlenvError as error:
            problems.append(error.problem())
        if model := pinned.known().get(name):
            rows.append(_row(model))
    return _result(rows, problems, warnings)


@command("verify", "mlenv models verify\nmlenv models verify base")
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> Result[Any]:
    """Hash every file again: all models that are here, or those that are named."""
    chosen = [pinned.named(name) for name in names] or list(pinned.known().values())
    rows = [_row(model, full=True) for model in chosen]
    if not names:
        rows = [row for row in rows if row["state"] != "missing"]
    problems = []
    for row in rows:
        if row["state"] != "here":
            problems.append(Problem(CODES[row["state"]], row["message"]))
        else:
            problems += [Problem("hash-mismatch", f"{text}.") for text in row["view"]]
    return _result(rows, problems)


CODES = {"wrong": "hash-mismatch", "missing": "model-missing"}


@command("remove", "mlenv models remove base")
@click.argument("names", nargs=-1, required=True)
def remove(names: tuple[str, ...]) -> Result[Any]:
    """Delete models from mlenv's own store; other folders and caches are left alone.

    Of a model that is not in the manifest only what was written down at its first use goes.
    """
    chosen = [pinned.named(name) for name in names]
    freed = {model.name: models.remove(model) for model in chosen}
    forgotten = [model.name for model in chosen if pinned.forget(model.name)]
    problems = [
        Problem("model-missing", f"{name} is not in {models.store(os.environ)}.{_elsewhere(name)}")
        for name, size in freed.items()
        if not size and name not in forgotten
    ]
    code = FAILED if problems else DONE
    view = {"part": "removed", "forgotten": forgotten}
    return Result("models", {"removed": freed}, code, tuple(problems), view=view)


def _elsewhere(name: str) -> str:
    found, _ = models.look(pinned.named(name))
    return f" It is in {found.path}, which is not mlenv's to delete." if found else ""


for subcommand in (pull, verify, remove, where):
    cli.add_command(subcommand)


def _listed() -> Result[Any]:
    rows = [_row(model) for model in pinned.known().values()]
    warnings = [text for row in rows for text in row.pop("view")]
    return Result(
        "models",
        {"default": models.default(), "models": rows},
        view={"part": "models", "warnings": warnings},
    )


def _result(
    rows: list[dict[str, Any]], problems: list[Problem], warnings: list[str] | None = None
) -> Result[Any]:
    for row in rows:
        del row["view"]
    code = FAILED if problems else DONE
    view = {"part": "models", "warnings": warnings or []}
    return Result("models", {"models": rows}, code, tuple(problems), view=view)


def _row(model: Model, *, full: bool = False) -> dict[str, Any]:
    """One model as data; `state` is here, wrong or missing."""
    found, refused = models.look(model, full=full)
    missing = all(each.is_missing for each in refused)
    return {
        "name": model.name,
        "kind": model.kind,
        "title": model.title,
        "licence": model.licence,
        "bytes": model.size,
        "state": "here" if found else "missing" if missing else "wrong",
        "path": str(found.path) if found else None,
        "source": found.source if found else None,
        "sha256_ok": True if found else None if missing else False,
        "message": "" if found else models.not_found(model, refused).message,
        "refused": _refused(refused),
        "view": _wrong(refused),
    }


def _refused(refused: Sequence[Refused]) -> list[dict[str, str]]:
    return [{"file": str(r.file), "source": r.source, "why": r.why} for r in refused]


def _wrong(refused: Sequence[Refused]) -> list[str]:
    """The files with other bytes; one that is only missing worries nobody."""
    return [str(each) for each in refused if not each.is_missing]
