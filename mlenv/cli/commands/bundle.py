"""`mlenv bundle`: everything that an installation needs, in one directory."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec import Struct

from mlenv.cli import completion
from mlenv.cli.table import command, complete_profile, own_profiles_option
from mlenv.environment.generations import own_profiles
from mlenv.environment.install import bundle, plan
from mlenv.environment.lockfile import profiles
from mlenv.progress import Progress
from mlenv.result import MlenvError, Result
from mlenv.speech.models import bundled


class Bundled(Struct, frozen=True, kw_only=True):
    """The document of `mlenv bundle`; `bytes` of wheels and models."""

    path: str
    profile: str
    platform: str
    python: str
    files: tuple[str, ...]
    models: tuple[str, ...]
    bytes: int


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
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.models,
    help="Put this model in too.",
)
@click.option(
    "--python",
    metavar="EXE|VERSION",
    shell_complete=completion.files,
    help="The Python that it shall be for.",
)
@click.option("--index", "mirrors", metavar="NAME=URL", multiple=True, help="Use a mirror.")
@own_profiles_option
@click.pass_obj
def cli(
    progress: Progress,
    profile: str,
    target: Path,
    models: tuple[str, ...],
    python: str | None,
    mirrors: tuple[str, ...],
    venv: Path,
) -> Result[Bundled]:
    """Collect the wheels of PROFILE for a machine without a network.

    For this machine's platform and one Python. `mlenv install --from DIR` needs nothing else.
    Files that are there already are not fetched again.
    """
    progress.step("Checking the request")
    places = bundled.places(models)
    loaded = profiles.load(profile, own_profiles.of(venv))
    request = plan.for_files(loaded, python, mirrors)
    if target.exists() and not target.is_dir():
        raise MlenvError("not-a-directory", f"{target} is a file.", "Name another directory.")
    interpreter = plan.existing_python(request)
    bundled.copy_into(target, places, progress)
    made = bundle.make(
        target,
        request.profile,
        request.lock,
        interpreter,
        request.sources,
        places,
        progress,
    )
    record = Bundled(
        path=str(target.absolute()),
        profile=made.profile,
        platform=made.platform,
        python=made.python,
        files=made.files,
        models=made.models,
        bytes=made.size,
    )
    return Result("bundle", record)
