"""`mlenv models`: list, download, check and remove the models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
from msgspec import UNSET

from mlenv.cli import completion
from mlenv.cli.table import command, venv_option
from mlenv.machine import settings
from mlenv.progress import Progress
from mlenv.result import DONE, FAILED, WRONG_USAGE, MlenvError, Problem, Result
from mlenv.speech import models
from mlenv.speech.models import Model, Refused, fetch, pinned
from mlenv.speech.models.documents import Listing, RefusedRow, Removed, Row, Where

JSON = click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document.")


@click.group(
    "models",
    invoke_without_command=True,
    params=[JSON],
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n  mlenv models\n  mlenv models pull base\n  mlenv models where tiny.en",
)
@click.pass_context
def cli(ctx: click.Context, as_json: bool) -> Result[Listing] | None:
    """List the models, or pull, verify, remove or find one.

    Folders named in $MLENV_MODELS are looked through first, then mlenv's own store, then the
    model hub's cache. A file counts only with the sha256 that the manifest names.
    """
    return None if ctx.invoked_subcommand else _listed()


@cli.command("list")
@click.option("--json", is_flag=True, expose_value=False, help="Print one JSON document.")
def list_() -> Result[Listing]:
    """List all known models with size, licence, directory and the state of their hashes."""
    return _listed()


@command("where", "mlenv models where base --json")
@click.argument("name", shell_complete=completion.models)
def where(name: str) -> Result[Where]:
    """Print the directory of a model."""
    model_files = models.find(pinned.by_name(name))
    record = Where(
        name=name,
        path=str(model_files.path),
        source=model_files.source,
        sha256_ok=model_files.sha256_ok,
        refused=_refused(model_files.refused) or UNSET,
    )
    return Result("models", record, warnings=_wrong(model_files.refused))


@command("pull", "mlenv models pull base segmentation-3.0 campplus\nmlenv models pull large-v3")
@click.argument("names", nargs=-1, shell_complete=completion.models)
@click.option("--offline", is_flag=True, help="Only say whether they are here.")
@venv_option
@click.pass_obj
def pull(progress: Progress, names: tuple[str, ...], offline: bool, venv: Path) -> Result[Listing]:
    """Fetch models from the first source that has the right files.

    Any other Whisper model of the hub works too, by faster-whisper's names or its id. Its files'
    hashes are recorded, and checked from then on.
    """
    _check_named("pull", names)
    rows: list[Row] = []
    problems: list[Problem] = []
    warnings: list[str] = []
    for name in names:
        try:
            model_files = fetch.by_name(name, venv, offline=offline, progress=progress)
            warnings += _wrong(model_files.refused)
        except MlenvError as error:
            problems.append(error.problem())
        if model := pinned.known().get(name):
            rows.append(_row(model)[0])
    return _result(rows, problems, warnings)


@command("verify", "mlenv models verify\nmlenv models verify base")
@click.argument("names", nargs=-1, shell_complete=completion.models)
def verify(names: tuple[str, ...]) -> Result[Listing]:
    """Hash every file again, of all models on this machine or of those that are named."""
    chosen = [pinned.by_name(name) for name in names] or list(pinned.known().values())
    rows: list[Row] = []
    problems: list[Problem] = []
    for model in chosen:
        row, wrong = _row(model, full=True)
        if row.state == "missing" and not names:
            continue
        rows.append(row)
        if row.state != "here":
            problems.append(Problem(CODES[row.state], row.message, hint=_again(model.name)))
        else:
            again = _again(model.name)
            problems += [Problem("hash-mismatch", f"{text}.", hint=again) for text in wrong]
    if not rows:
        raise MlenvError(
            "model-missing",
            "There is no model on this machine, so none was checked.",
            f"`mlenv models pull {models.default()}` downloads one.",
        )
    return _result(rows, problems, pinned.damaged())


CODES = {"wrong": "hash-mismatch", "missing": "model-missing"}


def _again(name: str) -> str:
    return f"`mlenv models pull {name}` fetches it; a file that is not mlenv's is yours to delete."


@command("remove", "mlenv models remove base")
@click.argument("names", nargs=-1, shell_complete=completion.models)
def remove(names: tuple[str, ...]) -> Result[Removed]:
    """Delete models from mlenv's own store; other folders and caches are left alone.

    Of a model that is not in the manifest only the record of its first use is removed.
    """
    from mlenv.cli.render import models as shown

    _check_named("remove", names)
    chosen = [pinned.by_name(name) for name in names]
    freed = {model.name: models.remove(model) for model in chosen}
    forgotten = [model.name for model in chosen if pinned.forget(model.name)]
    problems = [
        Problem(
            "model-missing",
            f"{name} is not in {models.store(os.environ)}.{_elsewhere(name)}",
            hint=HERE,
        )
        for name, size in freed.items()
        if not size and name not in forgotten
    ]
    code = FAILED if problems else DONE
    record = Removed(removed=freed)
    lines = partial(shown.removed, record, forgotten)
    return Result("models", record, code, tuple(problems), lines=lines)


HERE = "`mlenv models` lists what is on this machine."


def _check_named(action: str, names: tuple[str, ...]) -> None:
    """Raise `MlenvError` with the names that there are where none is given."""
    if not names:
        raise MlenvError(
            "usage",
            f"`mlenv models {action}` needs the name of a model.",
            f"There are: {', '.join(pinned.known())}. The default is {models.default()}.",
            exit_code=WRONG_USAGE,
        )


def _elsewhere(name: str) -> str:
    model_files, _ = models.look(pinned.by_name(name))
    return f" It is in {model_files.path}, which is not mlenv's to delete." if model_files else ""


for subcommand in (pull, verify, remove, where):
    cli.add_command(subcommand)


def _listed() -> Result[Listing]:
    rows = []
    warnings = pinned.damaged()
    for model in pinned.known().values():
        row, wrong = _row(model)
        rows.append(row)
        warnings += wrong
    default = settings.load().values.get("model") or models.default()
    record = Listing(default=default, models=tuple(rows))
    return Result("models", record, warnings=tuple(warnings))


def _result(
    rows: Sequence[Row], problems: Sequence[Problem], warnings: Sequence[str]
) -> Result[Listing]:
    code = FAILED if problems else DONE
    record = Listing(models=tuple(rows))
    return Result("models", record, code, tuple(problems), tuple(warnings))


def _row(model: Model, *, full: bool = False) -> tuple[Row, tuple[str, ...]]:
    """One model, and a line for each file with the wrong bytes."""
    model_files, refused = models.look(model, full=full)
    missing = all(each.is_missing for each in refused)
    row = Row(
        name=model.name,
        kind=model.kind,
        title=model.title,
        licence=model.licence,
        bytes=model.size,
        state="here" if model_files else "missing" if missing else "wrong",
        path=str(model_files.path) if model_files else None,
        source=model_files.source if model_files else None,
        sha256_ok=True if model_files else None if missing else False,
        message="" if model_files else models.missing_error(model, refused).message,
        refused=_refused(refused),
    )
    return row, _wrong(refused)


def _refused(refused: Sequence[Refused]) -> tuple[RefusedRow, ...]:
    return tuple(RefusedRow(file=str(r.file), source=r.source, why=r.why) for r in refused)


def _wrong(refused: Sequence[Refused]) -> tuple[str, ...]:
    """A line for each file with the wrong bytes; one that is only missing worries nobody."""
    return tuple(str(each) for each in refused if not each.is_missing)
