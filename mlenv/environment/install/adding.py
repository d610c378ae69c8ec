"""More packages in the environment, or fewer, without moving what it is built around.

torch and its family, CTranslate2 and cuDNN stay as they are: a request that would move one
of them is refused, with the reason. What the profile overrides was tried with the packages that
it pins; a new one that asks for another torch was not, so for the check no override holds.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlenv.environment import generations, uv
from mlenv.environment.install import core
from mlenv.environment.install import request as install_request
from mlenv.environment.install.build import Installed, install
from mlenv.environment.launch import site_packages
from mlenv.environment.lockfile import indexes, locks, profiles, resolve
from mlenv.environment.lockfile.indexes import Indexes
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.lockfile.profiles import Profile
from mlenv.environment.lockfile.project import as_project
from mlenv.progress import Progress
from mlenv.result import MlenvError


@dataclass(frozen=True, slots=True)
class Request:
    """`add` and `overrides` are requirements, `remove` names."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """The result of `change`; `warnings`: what the resolution rests on, if not on an index."""

    installed: Installed
    warnings: tuple[str, ...]


def change(venv: Path, request: Request, progress: Progress) -> Changed:
    """Resolve the request together with the profile's pins and build a new generation.

    The profile becomes the user's own, which the generation carries with its lock: an earlier
    generation keeps the earlier one. Nothing has changed where this raises.
    """
    with generations.locked(venv, progress):
        return _change(venv, request, progress)


def _change(venv: Path, request: Request, progress: Progress) -> Changed:
    present = generations.active(venv)
    if present is None:
        raise MlenvError(
            "no-environment",
            f"{venv} was not built by mlenv.",
            "Run `mlenv install` to build one; what is there is moved aside and kept.",
        )
    profile = profiles.load(os.fspath(present.profile_file))
    lock = locks.load(profile)
    config = indexes.load(request.mirrors)
    core.refuse_change(profile, lock, request.add)
    progress.step("Resolving")
    is_own = generations.holds(venv, profile.path)
    with tempfile.TemporaryDirectory(prefix="mlenv-") as folder:
        name = profile.name if is_own else f"{profile.name}-own"
        path = Path(folder) / f"{name}.toml"
        path.write_text(edited(profile, lock, request), "utf-8")
        draft = profiles.load(os.fspath(path))
        if request.add:
            _check(draft, lock, request, present.path, config)
        try:
            made = resolve.make(draft, indexes=config, previous=lock.text)
        except uv.UvError as error:
            raise _as_request(error, request) from error
        core.refuse_moves(profile, lock, made)
        draft.lock_path.write_text(made.text, "utf-8")
        whole = install_request.Request(
            os.fspath(path), present.python, mirrors=request.mirrors, own=True
        )
        installed = install(venv, whole, progress)
    return Changed(installed, resolve.doubts(made))


def edited(profile: Profile, lock: Lock, request: Request) -> str:
    """The profile's file with the request in it; comments and order stay."""
    document = tomlkit.parse(profile.path.read_text("utf-8"))
    requires: Any = document["requires"]
    if request.add and (today := datetime.now(UTC).date().isoformat()) > profile.resolved_as_of:
        document["resolved-as-of"] = today  # what is asked for may be younger than the profile
    for text in request.add:
        requirement = core.requirement_of(text)
        _drop(requires, canonicalize_name(requirement.name))
        requires.append(text)
    for text in request.remove:
        name = canonicalize_name(core.requirement_of(text).name)
        if name in core.JOB or name in core.protected(profile, lock):
            raise MlenvError(
                "core-package",
                f"{text} can't be removed: profile {profile.name} is built around it.",
                "`mlenv profiles` shows others; `whisper` has no torch.",
            )
        if not _drop(requires, name):
            pinned = name in {canonicalize_name(pin.name) for pin in lock.pins}
            why = "another package needs it" if pinned else "the environment does not hold it"
            raise MlenvError("not-requested", f"{text} can't be removed: {why}.")
    for text in request.overrides:
        requirement = core.requirement_of(text)
        name = canonicalize_name(requirement.name)
        if text in [item.requirement for item in profile.overrides]:
            continue
        table = tomlkit.table()
        table.add("requirement", text)
        table.add("why", f"Asked for together with {', '.join(request.add)}.")
        if "override" not in document:
            document.add("override", tomlkit.aot())
        overrides: Any = document["override"]
        for index, item in enumerate(overrides):
            if canonicalize_name(Requirement(item["requirement"]).name) == name:
                del overrides[index]
                break
        overrides.append(table)
    return tomlkit.dumps(document)


def _as_request(error: uv.UvError, request: Request) -> MlenvError:
    """The error with the user as the one who asks for the packages of the request."""
    message = error.message
    for text in request.add:
        name = core.requirement_of(text).name
        message = message.replace(f"the profile wants {name}", f"you ask for {name}")
    return MlenvError(error.code, message, error.hint)


def _drop(requires: Any, name: str) -> bool:
    for index, text in enumerate(requires):
        if canonicalize_name(Requirement(text).name) == name:
            del requires[index]
            return True
    return False


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
