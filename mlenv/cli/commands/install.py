"""`mlenv install`: build the environment from a profile, or bring it up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from mlenv.cli import completion
from mlenv.cli.table import command, complete_profile, no_wait_option, venv_option
from mlenv.doctor.examine import FindingDocument
from mlenv.environment import generations
from mlenv.environment.install import plan
from mlenv.environment.install.build import Installed, install
from mlenv.environment.install.dry_run import DryRun
from mlenv.environment.install.dry_run import of as planned
from mlenv.environment.install.request import Request
from mlenv.environment.lockfile import profiles
from mlenv.machine import settings
from mlenv.progress import Progress
from mlenv.result import DONE, FAILED, WRONG_USAGE, MlenvError, Result
from mlenv.speech.verify.measure import Row


class Checked(Installed, frozen=True, kw_only=True):
    """The document of an installation that was checked: see `after_install.Check`."""

    health: tuple[FindingDocument, ...]
    tried: tuple[str, ...]
    transcription: tuple[Row, ...]
    not_transcribed: str
    unkept: str
    sample_seconds: float


@command(
    "install",
    "mlenv install\nmlenv install cu124 --venv /data/envs/ml --no-verify\n"
    "mlenv install cu124 --with ray\nmlenv install auto --dry-run\n"
    "mlenv install --from /media/usb/ml",
)
@click.argument("profile", required=False, shell_complete=complete_profile)
@click.option(
    "--with",
    "parts",
    metavar="PART",
    multiple=True,
    help="With an optional part of the profile, such as `ray`. May be repeated.",
)
@click.option(
    "--python",
    metavar="EXE|VERSION",
    shell_complete=completion.files,
    help="The interpreter to build it with.",
)
@click.option("--offline", is_flag=True, help="Use only what is in uv's cache.")
@click.option(
    "--index",
    "mirrors",
    metavar="NAME=URL",
    multiple=True,
    help="Take an index (`default`: the package index) from a mirror. May be repeated.",
)
@click.option(
    "--from",
    "bundle",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Install from a directory that `mlenv bundle` has made; needs no network.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@no_wait_option
@click.option("--no-verify", is_flag=True, help="Leave out the check and the transcription.")
@venv_option
@click.pass_obj
def cli(
    progress: Progress,
    venv: Path,
    profile: str | None,
    parts: tuple[str, ...],
    python: str | None,
    offline: bool,
    mirrors: tuple[str, ...],
    bundle: Path | None,
    dry_run: bool,
    no_verify: bool,
    no_wait: bool,
) -> Result[Installed | Checked | DryRun]:
    """Build the environment that PROFILE describes and switch to it in one step.

    Without PROFILE, the one in use, else that of your settings; else, or with `auto`, the best one
    that this machine can run and whose indexes answer. What was there before is kept.
    The environment's files come from the profile's lock, each checked by its sha256.
    Ends with an examination and a transcription of the sample that ships with mlenv.
    """
    if profile is None and bundle is None and not venv.exists():
        profile = settings.load().values.get("profile")
    if parts:
        profile = _with_parts(profile, parts, bundle, venv)
    request = Request(profile, python, offline, mirrors, bundle, wait=not no_wait)
    try:
        return _install(request, venv, progress, dry_run=dry_run, no_verify=no_verify)
    except MlenvError as error:
        raise plan.with_index(error, request) from error


def _with_parts(
    profile: str | None, parts: tuple[str, ...], bundle: Path | None, venv: Path
) -> str:
    """The name of the profile with these parts; raises `MlenvError` where it has none such."""
    active = generations.active(venv) if profile is None and bundle is None else None
    name = active.profile if active else profile
    if name is None or bundle or not profiles.ships(name):
        raise MlenvError(
            "usage",
            "--with is for a profile that ships with mlenv, by its name.",
            f"There are: {', '.join(profiles.names())}. `mlenv add` takes any package.",
            exit_code=WRONG_USAGE,
        )
    return profiles.with_parts(name, parts)


def _install(
    request: Request, venv: Path, progress: Progress, *, dry_run: bool, no_verify: bool
) -> Result[Any]:
    bundle = request.bundle
    if dry_run:
        return Result("install", planned(request, venv))
    if bundle:
        from mlenv.environment.install.bundle import read
        from mlenv.speech.models import bundled

        progress.step("Checking the models of the bundle")
        bundled.check(bundle, read(bundle).models)
        progress.end()
    installed = install(venv, request, progress)
    if bundle:
        bundled.copy_from(bundle, read(bundle).models)
    if no_verify or not installed.changed:
        return Result("install", installed)
    from mlenv.speech.verify import after_install

    check = after_install.check(venv, progress, offline=request.offline or bundle is not None)
    problems = check.problems
    warnings = (check.unkept,) if check.unkept else ()
    fields = {**msgspec.structs.asdict(installed), **msgspec.structs.asdict(check)}
    return Result("install", Checked(**fields), FAILED if problems else DONE, problems, warnings)
