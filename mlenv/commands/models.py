"""`mlenv models`: where the models are, and whether they are the right ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from mlenv import fetch, models
from mlenv.cli import command, venv_option
from mlenv.models import Model
from mlenv.progress import Progress
from mlenv.result import DONE, FAILED, MlenvError, Problem, Result

JSON = click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document.")


@click.group(
    "models",
    invoke_without_command=True,
    params=[JSON],
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n  mlenv models\n  mlenv models pull base\n  mlenv models where tiny.en",
)
@click.pass_context
def cli(ctx: click.Context, as_json: bool) -> Result | None:
    """List the models, or pull, verify, remove or find one.

    Folders named in $MLENV_MODELS are looked through first, then mlenv's own store, then the
    model hub's cache. A file counts only with the sha256 that the manifest names.
    """
    return None if ctx.invoked_subcommand else _listed()


@cli.command("list")
@click.option("--json", is_flag=True, expose_value=False, help="Print one JSON document.")
def list_() -> Result:
    """All known models: size, licence, where each one is, whether its hashes hold."""
    return _listed()


@command("where", "mlenv models where base --json")
@click.argument("name")
def where(name: str) -> Result:
    """Where a model is."""
    model = models.named(name)
    found = models.find(model)
    return Result(
        "models",
        {
            "name": name,
            "path": str(found.path),
            "source": found.source,
            "sha256_ok": found.sha256_ok,
        },
        view={"part": "where"},
    )


@command("pull", "mlenv models pull base segmentation-3.0 campplus")
@click.argument("names", nargs=-1, required=True)
@click.option("--offline", is_flag=True, help="Only say whether they are here.")
@venv_option
@click.pass_obj
def pull(progress: Progress, names: tuple[str, ...], offline: bool, venv: Path) -> Result:
    """Fetch models from the first source that has the right files."""
    rows, problems = [], []
    for model in [models.named(name) for name in names]:
        try:
            fetch.ensure(model, venv, offline=offline, progress=progress)
        except MlenvError as error:
            problems.append(error.problem())
        rows.append(_row(model))
    return _result(rows, problems)


@command("verify", "mlenv models verify\nmlenv models verify base")
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> Result:
    """Hash every file again: all models that are here, or those that are named."""
    chosen = [models.named(name) for name in names] or list(models.manifest().values())
    rows = [_row(model, full=True) for model in chosen]
    if not names:
        rows = [row for row in rows if row["state"] != "missing"]
    problems = [
        Problem("hash-mismatch" if row["state"] == "wrong" else "model-missing", row["message"])
        for row in rows
        if row["state"] != "here"
    ]
    return _result(rows, problems)


@command("remove", "mlenv models remove base")
@click.argument("names", nargs=-1, required=True)
def remove(names: tuple[str, ...]) -> Result:
    """Delete models from mlenv's own store; other folders and caches are left alone."""
    freed = {model.name: models.remove(model) for model in [models.named(n) for n in names]}
    problems = [
        Problem("model-missing", f"{name} is not in {models.store(os.environ)}.")
        for name, size in freed.items()
        if not size
    ]
    code = FAILED if problems else DONE
    return Result("models", {"removed": freed}, code, tuple(problems), {"part": "removed"})


for subcommand in (pull, verify, remove, where):
    cli.add_command(subcommand)


def _listed() -> Result:
    return Result(
        "models",
        {"default": models.default(), "models": [_row(m) for m in models.manifest().values()]},
        view={"part": "models"},
    )


def _result(rows: list[dict[str, Any]], problems: list[Problem]) -> Result:
    code = FAILED if problems else DONE
    return Result("models", {"models": rows}, code, tuple(problems), {"part": "models"})


def _row(model: Model, *, full: bool = False) -> dict[str, Any]:
    """One model as data; `state` is here, wrong or missing."""
    row: dict[str, Any] = {
        "name": model.name,
        "kind": model.kind,
        "title": model.title,
        "licence": model.licence,
        "bytes": model.size,
        "state": "here",
        "path": None,
        "source": None,
        "sha256_ok": None,
        "message": "",
    }
    try:
        found = models.find(model, full=full)
    except MlenvError as error:
        wrong = error.code == "hash-mismatch"
        row |= {
            "state": "wrong" if wrong else "missing",
            "sha256_ok": False if wrong else None,
            "message": error.message,
        }
    else:
        row |= {"path": str(found.path), "source": found.source, "sha256_ok": found.sha256_ok}
    return row
