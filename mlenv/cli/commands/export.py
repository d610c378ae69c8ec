"""`mlenv export`: a profile's pins for other tools, and a job that works with them."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec import Struct

from mlenv.cli.table import command, complete_profile, own_profiles_option
from mlenv.environment import generations
from mlenv.environment.generations import own_profiles
from mlenv.environment.lockfile import indexes, locks, profiles, tool_formats
from mlenv.files import write_atomically
from mlenv.fleet import slurm
from mlenv.result import WRONG_USAGE, MlenvError, Result

SBATCH = "sbatch"


class Exported(Struct, frozen=True, kw_only=True):
    """The document of `mlenv export`: the file's `path`, or its `content`."""

    profile: str
    format: str
    path: str | None
    content: str | None


@command(
    "export",
    "mlenv export cu124 --to pylock -o pylock.toml\n"
    "mlenv export cu128 --to dockerfile -o Dockerfile\nmlenv export whisper --to conda-env\n"
    "mlenv export cu124 --to sbatch -o transcribe.sbatch",
)
@click.argument("profile", required=False, shell_complete=complete_profile)
@click.option("--to", "form", type=click.Choice((*tool_formats.FORMATS, SBATCH)), required=True)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Instead of printing."
)
@click.option("--index", "mirrors", metavar="NAME=URL", multiple=True, help="Use a mirror.")
@own_profiles_option
def cli(
    profile: str | None, form: str, output: Path | None, mirrors: tuple[str, ...], venv: Path
) -> Result[Exported]:
    """Write the pins of PROFILE (the one in use), with their hashes, in another tool's format.

    \b
    pylock        PEP 751, with the addresses that your indexes give: uv, pip
    requirements  for `uv pip sync` and `pip install --no-deps`
    dockerfile    an image with the environment and its library path
    conda-env     environment.yml
    sbatch        an array job of Slurm that transcribes a list of recordings in --venv
    """
    config = indexes.load(mirrors)
    loaded = profiles.load(profile or _in_use(venv), own_profiles.of(venv))
    indexes.check_names(config, (loaded, *map(profiles.load, profiles.names())), mirrors)
    if form == SBATCH:
        content = slurm.array_job(loaded, venv)
    else:
        content = tool_formats.written(form, loaded, locks.load(loaded), config)
    if output:
        write_atomically(output, content)
    record = Exported(
        profile=loaded.name,
        format=form,
        path=str(output.absolute()) if output else None,
        content=None if output else content,
    )
    return Result("export", record)


def _in_use(venv: Path) -> str:
    """The file of the profile that the environment was built from; raises `MlenvError`."""
    if active := generations.active(venv):
        return str(active.profile_file)
    raise MlenvError(
        "usage",
        f"Name a profile: there is no environment of mlenv's at {venv} whose profile could be "
        "taken.",
        f"There are: {', '.join(profiles.names())}.",
        exit_code=WRONG_USAGE,
    )
