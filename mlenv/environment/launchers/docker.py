"""Docker: a Dockerfile that builds the same environment from the same lock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mlenv.environment import generations, launch
from mlenv.environment.launchers import owned
from mlenv.environment.launchers.launcher import ABSENT, INSTALLED, OUTDATED, Place, Shim
from mlenv.environment.lockfile import locks, profiles
from mlenv.environment.lockfile.dockerfile import dockerfile
from mlenv.environment.lockfile.profiles import Profile
from mlenv.result import MlenvError

DOCKERFILE, LOCK = "Dockerfile.mlenv", "mlenv.lock.txt"
RUN = 'docker run --rm --gpus all -v "$PWD:/app" -w /app mlenv python app.py'


def install(place: Place) -> Shim:
    done = [owned.install_file(path, text) for path, text in _files(place).items()]
    return Shim(
        INSTALLED,
        tuple(file for shim in done for file in shim.files),
        any(shim.changed for shim in done),
        todo=f"Build the image: `docker build -f {DOCKERFILE} -t mlenv .`",
        paste=RUN,
    )


def remove(place: Place) -> Shim:
    done = [owned.remove_file(place.project / name) for name in (DOCKERFILE, LOCK)]
    files = tuple(file for shim in done for file in shim.files)
    return Shim(ABSENT, files, changed=bool(files))


def look(place: Place) -> Shim:
    if not owned.is_ours(place.project / DOCKERFILE):
        return Shim(ABSENT)
    done = [owned.look_at_file(path, text) for path, text in _files(place).items()]
    same = all(shim.state == INSTALLED for shim in done)
    files = tuple(file for shim in done for file in shim.files)
    return Shim(INSTALLED if same else OUTDATED, files)


def _files(place: Place) -> dict[Path, str]:
    generation = generations.active(place.venv)
    if generation is None:
        raise MlenvError(
            "no-generation",
            f"{place.venv} was not built by mlenv, so there is no lock to build it from again.",
            "Run `mlenv install` first.",
        )
    if not generation.lock_unchanged():
        raise MlenvError(
            "stale-generation",
            f"{generation.lock_file} has changed since {place.venv} was built from it.",
            "Run `mlenv install` first, so that both hold the same.",
        )
    profile = profiles.load(str(generation.profile_file))
    lock = locks.load(profile)
    mark = f"# {owned.MARK}: the lock of profile {profile.name}.\n"
    return {
        place.project / DOCKERFILE: _dockerfile(profile, place.venv),
        place.project / LOCK: mark + lock.text,
    }


def _dockerfile(profile: Profile, venv: Path) -> str:
    packages = launch.site_packages(venv)
    indexes = " ".join(index.url for index in profile.indexes)
    return dockerfile(
        f"""\
# {owned.MARK}: the environment of profile {profile.name}, from its lock.
#
#   docker build -f {DOCKERFILE} -t mlenv .
#   {RUN}
#
# To build on it, begin your own Dockerfile with `FROM mlenv`, or copy this stage into it.
""",
        LOCK,
        packages.parent.name.removeprefix("python"),
        [path.removeprefix(f"{packages}/") for path in launch.library_path(packages).first],
        f'UV_INDEX="{indexes}" UV_INDEX_STRATEGY=unsafe-best-match ' if indexes else "",
    )


def built_from(place: Place) -> Shim:
    """The Dockerfile's state, for what is made from it; installs it where it is absent."""
    shim = look(place)
    return replace(shim, changed=False) if shim.state == INSTALLED else install(place)
