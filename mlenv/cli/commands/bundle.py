"""`mlenv bundle`: all that an installation needs, in one directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlenv.cli.table import command, complete_profile
from mlenv.environment.install import bundle, plan
from mlenv.progress import Progress
from mlenv.result import MlenvError, Result
from mlenv.speech.models import bundled


@command(
    "bundle",
    "mlenv bundle cu124 -o /media/usb/ml\nmlenv bundle whisper -o ml --model base\n"
    "mlenv install --from /media/usb/ml",
)
@click.argument("profile", shell_complete=complete_profile)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="Where to put it.",
)
@click.option("--model", "models", multiple=True, metavar="NAME", help="Put this model in too.")
@click.option("--python", metavar="EXE|VERSION", help="The Python that it shall be for.")
@click.option("--index", "mirrors", metavar="NAME=URL", multiple=True, help="Use a mirror.")
@click.pass_obj
def cli(
    progress: Progress,
    profile: str,
    target: Path,
    models: tuple[str, ...],
    python: str | None,
    mirrors: tuple[str, ...],
) -> Result[Any]:
    """Collect the wheels of PROFILE for a machine without a network.

    For this machine's platform and one Python. `mlenv install --from DIR` needs nothing else.
    Files that are there already are not fetched again.
    """
    progress.step("Checking what is wanted")
    places = bundled.places(models)
    taken = plan.for_files(profile, python, mirrors)
    if target.exists() and not target.is_dir():
        raise MlenvError("not-a-directory", f"{target} is a file.", "Name another directory.")
    interpreter = plan.existing_python(taken)
    bundled.copy_into(target, places, progress)
    made = bundle.make(
        target, taken.profile, taken.lock, interpreter, taken.sources, places, progress
    )
    data = {
        "path": str(target.absolute()),
        "profile": made.profile,
        "platform": made.platform,
        "python": made.python,
        "files": list(made.files),
        "models": list(made.models),
        "bytes": made.size,
    }
    return Result("bundle", data)
