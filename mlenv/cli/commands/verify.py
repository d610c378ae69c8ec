"""`mlenv verify`: transcribe and diarize speech whose words are known, and score the result."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from mlenv.cli import completion
from mlenv.cli.page_file import html_option, with_page
from mlenv.cli.table import command, venv_option
from mlenv.environment import launch, receipts
from mlenv.progress import Progress
from mlenv.result import DONE, FAILED, MlenvError, Result
from mlenv.speech import models
from mlenv.speech.models import pinned
from mlenv.speech.transcribe import left_out
from mlenv.speech.verify import measure
from mlenv.speech.verify.documents import Verified

DEVICES = {"auto": ("cuda", "cpu"), "cpu": ("cpu",), "cuda": ("cuda",)}


@command(
    "verify",
    "mlenv verify\n"
    "mlenv verify --html proof.html\n"
    "mlenv verify --level full --json\n"
    "mlenv verify --device cuda",
)
@click.option(
    "--level",
    type=click.Choice(["quick", "full"]),
    default="quick",
    show_default=True,
    help="The default model only, or every Whisper model of the manifest.",
)
@click.option(
    "--model",
    "names",
    metavar="NAME",
    multiple=True,
    shell_complete=completion.models,
    help="This Whisper model instead, of the manifest or used before; may be repeated.",
)
@click.option(
    "--device",
    type=click.Choice(list(DEVICES)),
    default="auto",
    show_default=True,
    help="`auto`: the CPU, and beside it the GPU where there is one.",
)
@click.option("--no-diarize", is_flag=True, help="Leave out the speakers.")
@click.option("--offline", is_flag=True, help="Never touch the network.")
@html_option
@venv_option
@click.pass_obj
def cli(
    progress: Progress,
    venv: Path,
    level: str,
    names: tuple[str, ...],
    device: str,
    no_diarize: bool,
    offline: bool,
    page_file: Path | None,
) -> Result[Verified]:
    """Prove on this machine that the environment transcribes and diarizes.

    The conversation that ships with mlenv goes through each model on each device. Its words and
    turns are known, so errors can be counted; a model above its limit fails. The results are
    kept as a receipt and compared with the last one.
    """
    absent = left_out.NO_DIARIZATION if left_out.diarization(venv) else ""
    not_tried = "--no-diarize" if no_diarize else absent
    chosen = [_whisper(name) for name in names] or _of_level(level)
    launch.site_packages(venv)  # without an environment there is nothing to keep a result of
    measured = measure.measured(
        venv, chosen, DEVICES[device], progress, diarize=not not_tried, offline=offline
    )
    rows = measured.rows
    earlier = receipts.history(venv)
    before = earlier[-1] if earlier else None
    libraries = [path for row in rows for path in row.libraries]
    receipt = receipts.of_now(venv, rows, libraries)
    unkept, path = "", None
    try:
        path = receipts.keep(venv, receipt)
    except MlenvError as error:
        unkept = f"the result is kept nowhere: {error.message}"
    problems = tuple(row.as_problem() for row in rows if row.problem)
    record = Verified(
        rows=rows,
        not_tried=measured.left_out | ({"speakers": not_tried} if not_tried else {}),
        changes=receipts.changes(before, receipt),
        compared_with=before.when if before else None,
        receipt=str(path) if path else None,
    )
    warnings = ("" if no_diarize else absent, unkept)
    if page_file:
        from mlenv.cli.render import verify_page  # its library is loaded for pages only

        page = partial(verify_page.page, receipt=receipt, earlier=earlier)
        record, errors = with_page(record, page_file, page)
        problems += errors
    code = FAILED if problems else DONE
    return Result("verify", record, code, problems, warnings=tuple(filter(None, warnings)))


def _whisper(name: str) -> str:
    model = pinned.by_name(name)
    if model.kind != "whisper":
        raise MlenvError(
            "model-unknown",
            f"{name} is no Whisper model ({model.title}).",
            f"There are: {', '.join(_of_level('full'))}.",
        )
    return name


def _of_level(level: str) -> list[str]:
    if level == "quick":
        return [models.default()]
    return [name for name, model in models.manifest().items() if model.kind == "whisper"]
