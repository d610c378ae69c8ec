"""A profile as the resolver sees it, and what of it a lock depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from packaging.requirements import Requirement

from mlenv.environment.lockfile.profile_file import PLATFORMS, Index
from mlenv.environment.lockfile.profiles import Profile


def as_project(profile: Profile, urls: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The profile as the resolver sees it: the content of a pyproject.toml.

    `urls`: addresses of its indexes by name, where they are not the profile's own.
    """
    urls = urls or {}
    settings = {
        "environments": [PLATFORMS[name] + _below(profile) for name in profile.platforms],
        "exclude-newer": profile.resolved_as_of,
        "override-dependencies": list(_overrides(profile)),
        "exclude-dependencies": [item.package for item in profile.excludes],
        "sources": {
            package: _source(index) for index in profile.indexes for package in index.packages
        },
        # The PyTorch index does not say when a file was uploaded.
        "exclude-newer-package": {
            package: False for index in profile.indexes for package in index.packages
        },
        "index": [
            {"name": index.name, "url": urls.get(index.name, index.url)}
            for index in profile.indexes
        ],
    }
    return {
        "project": {
            "name": "environment",
            "version": "0",
            "requires-python": profile.python,
            "dependencies": list(profile.requires),
        },
        "tool": {"uv": {key: value for key, value in settings.items() if value}},
    }


def _below(profile: Profile) -> str:
    """The upper end of the profile's Pythons: the resolver sees only the lower one otherwise."""
    upper = [item for item in profile.python_range if item.operator in ("<", "<=")]
    return "".join(
        f" and python_full_version {item.operator} '{item.version}'"
        for item in sorted(upper, key=str)
    )


def _overrides(profile: Profile) -> Iterator[str]:
    """The profile's overrides; one for a package with an index of its own names its local tag.

    uv does not look up an override's index in `sources`, so it is the tag that leads there.
    """
    local = profile.family.local
    homes = {package: index for index in profile.indexes for package in index.packages}
    for item in profile.overrides:
        requirement = Requirement(item.requirement)
        index = homes.get(requirement.name)
        if index is None or local is None:
            yield item.requirement
            continue
        there = _marker(index.platforms or profile.platforms)
        yield f"{requirement.name}{requirement.specifier}+{local} ; {there}"
        elsewhere = [name for name in profile.platforms if name not in index.platforms]
        if index.platforms and elsewhere:
            yield f"{requirement.name}{requirement.specifier} ; {_marker(elsewhere)}"


def _source(index: Index) -> dict[str, str]:
    limited = {"marker": _marker(index.platforms)} if index.platforms else {}
    return {"index": index.name, **limited}


def _marker(platforms: Sequence[str]) -> str:
    return " or ".join(f"({PLATFORMS[name]})" for name in platforms)


def digest(profile: Profile) -> str:
    """A sha256 of everything that the resolution depends on: not of comments and descriptions."""
    return hashlib.sha256(json.dumps(as_project(profile), sort_keys=True).encode()).hexdigest()
