"""The page of profiles, from their files, and of the format, from the record that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from documentation import documents
from documentation import markdown as md
from mlenv.environment.lockfile import profiles
from mlenv.environment.lockfile.profile_file import PLATFORMS, Extension, File
from mlenv.paths import shipped

Kind = TypeVar("Kind")
_TOP = """\
A profile is a TOML file that says what an environment shall hold and what the machine must offer.
`mlenv install NAME` takes one that ships with mlenv, one of your own that the environment keeps
(see [`mlenv add`](commands.md#mlenv-add)), or the path of a file; without a name mlenv chooses, and
`mlenv profiles why` says why. Every profile has a lock, `constraints/NAME.txt`, with the version
and the sha256 of every package.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([md.head("Profiles", _TOP), *_shipped(), *_format()])


def _shipped() -> Iterator[str]:
    yield "## Profiles that ship with mlenv\n"
    yield md.table(("profile", "for"), ((md.code(n), _read(n).purpose) for n in profiles.names()))
    yield from _parts()
    for name in profiles.names():
        profile = _read(name)
        machine = profile.machine
        yield f"### `{name}`\n"
        yield f"{profile.purpose[:1].upper()}{profile.purpose[1:]}.\n"
        needs = {
            "Python": profile.python,
            "platforms": ", ".join(profile.platforms),
            "resolved as of": str(profile.resolved_as_of),
            "CUDA": machine.cuda or "none: runs on the CPU",
            "driver": machine.driver and f"{machine.driver} or later",
            "glibc": machine.glibc and f"{machine.glibc} or later",
            "compute capabilities": ", ".join(machine.gpu),
            "download": f"{machine.download_mb} MB" if machine.download_mb else "",
            "disk": f"{machine.disk_mb} MB" if machine.disk_mb else "",
        }
        yield md.table(
            ("needs", ""), ((key, md.plain(text)) for key, text in needs.items() if text)
        )
        yield md.block("\n".join(profile.requires))
        for wins in profile.override:
            yield _reason(f"`{wins.requirement}` wins over what other packages ask for", wins.why)
        for left in profile.exclude:
            yield _reason(f"`{left.package}` is left out", left.why)
        for built in profile.build:
            yield _reason(f"`{built.package}` is built from source", built.why)
        yield ""


def _parts() -> Iterator[str]:
    yield (
        "With an optional part, a profile holds what it holds without, and the part's packages: "
        "`mlenv install cu124 --with ray` installs the profile `cu124+ray`, which has a file and "
        "a lock of its own.\n"
    )
    rows = (
        (md.code(name), md.code(", ".join(part.requires)), f"{part.disk_mb} MB more")
        for name in profiles.extended()
        for part in [_decoded(name, Extension)]
    )
    yield md.table(("profile", "part", "disk"), rows)


def _reason(what: str, why: str) -> str:
    return f"- {what}: {md.plain(' '.join(why.split()))}"


def _read(name: str) -> File:
    return _decoded(name, File)


def _decoded(name: str, kind: type[Kind]) -> Kind:
    return msgspec.toml.decode((shipped("profiles") / f"{name}.toml").read_bytes(), type=kind)


def _format() -> Iterator[str]:
    yield "## The file of a profile\n"
    yield "Unknown keys are errors. Tables are named as here: `[machine]`, `[[override]]`, ..\n"
    yield from documents.fields(File)
    yield "A file with `extends` has these keys and no others:\n"
    yield from documents.fields(Extension)
    yield "Platforms: " + ", ".join(map(md.code, PLATFORMS)) + ".\n"
