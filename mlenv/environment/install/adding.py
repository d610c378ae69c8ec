"""More packages in the environment, or fewer, without moving what it is built around.

torch and its family, CTranslate2 and cuDNN stay as they are: a request that would move one
of them is refused, with the reason. What the profile overrides was tried with the packages that
it pins; a new one that asks for another torch was not, so for the check no override holds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlenv.environment import generations, uv
from mlenv.environment.generations import Generation, activation
from mlenv.environment.install import consent, core, dry_run, edit, family
from mlenv.environment.install import request as install_request
from mlenv.environment.install.build import Installed, install, unchanged
from mlenv.environment.install.dry_run import DryRun
from mlenv.environment.install.edit import Request as Request
from mlenv.environment.launch import site_packages
from mlenv.environment.lockfile import indexes, locks, profiles, resolve
from mlenv.environment.lockfile.indexes import Indexes
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.lockfile.profiles import Profile
from mlenv.environment.lockfile.project import as_project
from mlenv.files import temporary_directory
from mlenv.progress import Progress
from mlenv.result import MlenvError


@dataclass(frozen=True, slots=True)
class Changed:
    """The result of `change`; `warnings`: what the resolution rests on, if not on an index."""

    installed: Installed
    warnings: tuple[str, ...]


def change(
    venv: Path, request: Request, progress: Progress, asking: consent.Ask = consent.nobody
) -> Changed:
    """Resolve the request together with the profile's pins and build a new generation.

    The profile becomes the user's own, which the generation carries with its lock: an earlier
    generation keeps the earlier one. Nothing has changed where this raises.
    """
    with generations.locked(venv, progress, wait=request.wait):
        activation.settle(venv)
        with _drafted(venv, request, progress) as draft:
            present, wish = draft.present, draft.wish
            if wish is None:
                progress.end()
                return Changed(unchanged(venv, present), ())
            planned = dry_run.of(wish, venv)
            progress.end()
            consent.ask((*planned.losses, *_costs(planned)), asking)
            return Changed(install(venv, wish, progress), draft.warnings)


def preview(venv: Path, request: Request, progress: Progress) -> tuple[DryRun, tuple[str, ...]]:
    """Plan `change` and do nothing; raises `MlenvError` as it would. Gives its warnings too."""
    with _drafted(venv, request, progress) as draft:
        wish = draft.wish or install_request.Request(os.fspath(draft.present.profile_file))
        planned = dry_run.of(wish, venv)
        progress.end()
        return planned, draft.warnings


def _costs(plan: DryRun) -> Iterator[str]:
    return consent.costs(plan.download_bytes, len(plan.download), plan.disk_bytes)


@dataclass(frozen=True, slots=True)
class _Draft:
    """The active generation, and the request for the one to come; None where nothing changes."""

    present: Generation
    wish: install_request.Request | None = None
    warnings: tuple[str, ...] = ()


@contextmanager
def _drafted(venv: Path, request: Request, progress: Progress) -> Iterator[_Draft]:
    """Resolve the request into a profile and a lock, which are there until the block ends."""
    present = generations.active(venv)
    if present is None:
        raise generations.absent(venv)
    profile = profiles.load(os.fspath(present.profile_file))
    lock = locks.load(profile)
    config = indexes.load(request.mirrors)
    core.refuse_change(profile, lock, request.add)
    text = edit.edited(profile, lock, request)
    if text == profiles.whole_text(profile.path):
        yield _Draft(present)
        return
    progress.step("Resolving")
    is_own = generations.holds(venv, profile.path)
    with temporary_directory() as folder:
        name = profile.name if is_own else f"{profile.name}-own"
        path = Path(folder) / f"{name}.toml"
        path.write_text(text, "utf-8")
        draft = profiles.load(os.fspath(path))
        if request.add:
            _check(draft, lock, request, present.path, config)
        try:
            made = resolve.make(draft, indexes=config, previous=lock.text)
        except uv.UvError as error:
            raise _as_request(error, request) from error
        version = _python_version(present)
        made = family.together(draft, made, lock, request, version, config)
        _refuse_kept(request, made)
        core.refuse_moves(profile, lock, made)
        made.path.write_text(made.text, "utf-8")
        # The interpreter in use, or one that fits where that is gone.
        python = present.python if Path(present.python).exists() else None
        wish = install_request.Request(os.fspath(path), python, mirrors=request.mirrors, own=True)
        yield _Draft(present, wish, resolve.doubts(made))


def _python_version(generation: Generation) -> str:
    config = (generation.path / "pyvenv.cfg").read_text("utf-8", "replace")
    match = re.search(r"^version(?:_info)? *= *(\d+\.\d+\.\d+)", config, re.MULTILINE)
    return match[1] if match else ""


def _refuse_kept(request: Request, made: Lock) -> None:
    """Raise for a package that shall go and stays, because another one needs it."""
    pinned = {canonicalize_name(pin.name) for pin in made.pins}
    for text in request.remove:
        if canonicalize_name(core.requirement_of(text).name) in pinned:
            message = f"{text} can't be removed: another package needs it."
            raise MlenvError("not-requested", message, edit.REMOVABLE)


def _as_request(error: uv.UvError, request: Request) -> MlenvError:
    """The error with the user as the one who asks for the packages of the request."""
    message = error.message
    for text in request.add:
        name = core.requirement_of(text).name
        message = message.replace(f"the profile wants {name}", f"you ask for {name}")
    return MlenvError(error.code, message, error.hint)


def _check(
    profile: Profile, lock: Lock, request: Request, generation: Path, config: Indexes
) -> None:
    """Raise `MlenvError` if a requested package requires another version of a core package.

    Checked without the profile's overrides: they were tried with its own packages only.
    """
    protected = core.protected(profile, lock)
    overrides = [*request.overrides]
    offered: list[str] = []
    refusal: tuple[str, str, str] | None = None
    with resolve.reached(profile, config) as (urls, _):
        project = _checking(profile, lock, request, generation, urls)
        for _ in range(len(protected) + 1):
            try:
                _resolve(project, [*overrides, *offered], profile, config)
                break
            except uv.UvError as error:
                conflict = _conflict(error, protected, request)
                if conflict is None:
                    if refusal is None:
                        raise _as_request(error, request) from error
                    break
                refusal = refusal or conflict
                pin = protected[canonicalize_name(conflict[1])][0]
                override = f"{pin.name}=={pin.version.partition('+')[0]}"
                if override in offered:
                    break
                offered.append(override)
    if refusal is None:
        return
    who, name, specifier = refusal
    version = protected[canonicalize_name(name)][0].version
    anyway = " ".join(f"--override '{text}'" for text in offered)
    raise MlenvError(
        "would-move-core",
        f"{who} wants {name}{specifier}, and {profile.name.removesuffix('-own')} is built around "
        f"{name} {version}.",
        f"If you know that they work together: `mlenv add {' '.join(request.add)} {anyway}`.",
    )


def _checking(
    profile: Profile, lock: Lock, request: Request, generation: Path, urls: Mapping[str, str]
) -> dict[str, Any]:
    """A project with the core packages as plain requirements beside the request; no overrides."""
    project = as_project(profile, urls)
    pins = [pin for each in core.protected(profile, lock).values() for pin in each]
    lines = [
        f"{pin.name}=={pin.version}" + (f" ; {pin.marker}" if pin.marker else "") for pin in pins
    ]
    requested: set[str] = {canonicalize_name(Requirement(text).name) for text in request.add}
    project["project"]["dependencies"] = [
        *request.add,
        *(text for text in lines if canonicalize_name(Requirement(text).name) not in requested),
    ]
    project["tool"]["uv"]["dependency-metadata"] = list(_tried(profile, generation, requested))
    return project


def _tried(profile: Profile, generation: Path, requested: set[str]) -> Iterator[dict[str, Any]]:
    """Requirements of packages that are installed under an override, without those it overrides."""
    overridden = {canonicalize_name(Requirement(o.requirement).name) for o in profile.overrides}
    for distribution in distributions(path=[os.fspath(site_packages(generation))]):
        requires = [text for text in distribution.requires or () if "extra ==" not in text]
        others = [t for t in requires if canonicalize_name(Requirement(t).name) not in overridden]
        if len(others) < len(requires) and canonicalize_name(distribution.name) not in requested:
            yield {
                "name": distribution.name,
                "version": distribution.version,
                "requires-dist": others,
            }


def _resolve(
    project: dict[str, Any], overrides: Sequence[str], profile: Profile, config: Indexes
) -> None:
    project["tool"]["uv"]["override-dependencies"] = list(overrides)
    resolve.answer(profile, project, config)


def _asked_version(name: str, request: Request) -> str:
    for requirement in map(Requirement, request.add):
        if canonicalize_name(requirement.name) == name and str(requirement.specifier).startswith(
            "=="
        ):
            return str(requirement.specifier)[2:]
    return ""


def _conflict(
    error: uv.UvError, protected: Mapping[str, object], request: Request
) -> tuple[str, str, str] | None:
    """The package that requires another version of a protected one, and that requirement."""
    for wish in error.wishes():
        if canonicalize_name(wish.name) in protected and wish.who != "environment":
            version = wish.version or _asked_version(wish.who, request)
            return f"{wish.who} {version}".rstrip(), wish.name, wish.specifier
    return None
