"""The distributions of the environment, from their files: nothing is imported.

Read: the head of each `METADATA` (core metadata is an email header block). Its files: `record`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlenv.doctor.facts import record
from mlenv.doctor.facts.record import Clash, Damage

# Packages whose libraries decide: also a quick look compares them with RECORD.
WATCHED = re.compile(
    r"^(torch|torchvision|torchaudio|torchcodec|triton|ctranslate2|onnxruntime.*|nvidia-.*)$"
)
_VARIANT_OF = re.compile(r"^nvidia-(.+)-cu(\d+)$")


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution. `requires` leaves out what only extras ask for.

    `bytes`: the size of its files (without compiled modules); None in a quick look.
    """

    name: str
    version: str
    location: str
    requires: tuple[str, ...] = ()
    requires_python: str = ""
    tags: tuple[str, ...] = ()
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Packages:
    """Installed distributions.

    In the order of `sys.path`; the first of a name is the one that counts. `hashed`: the contents
    of the files were compared too, not only their sizes.
    """

    distributions: tuple[Distribution, ...] = ()
    damages: tuple[Damage, ...] = ()
    clashes: tuple[Clash, ...] = ()
    hashed: bool = False

    def get(self, name: str) -> Distribution | None:
        return next((d for d in self.distributions if d.name == name), None)

    def version(self, name: str) -> str:
        """The version of a distribution, or an empty text where it is not installed."""
        found = self.get(name)
        return found.version if found else ""

    def variants(self, stem: str) -> tuple[Distribution, ...]:
        """The `nvidia-STEM-cuNN` distributions, or `nvidia-STEM` itself."""
        names = {stem, f"nvidia-{stem}"}
        return tuple(
            d
            for d in self.distributions
            if d.name in names or ((m := _VARIANT_OF.match(d.name)) and m[1] == stem)
        )


def read(
    directories: Sequence[Path],
    executable: str = "",
    suffixes: Sequence[str] = (),
    *,
    quick: bool = False,
    hashes: bool = False,
    only: Collection[str] | None = None,
) -> Packages:
    """Read all distributions of these directories, and compare their files with RECORD.

    `executable`: libraries must be for the same processor as this file. `suffixes`: how names of
    this Python's extension modules may end. `quick`: look only at the libraries that decide.
    `hashes`: compare contents too, which reads gigabytes. `only`: names of those whose files are
    looked at, all if None.
    """
    found = [info for directory in directories for info in _infos(directory)]
    distributions = [_distribution(info) for info in found]
    look = record.Look(record.processor(executable), suffixes, quick=quick, hashes=hashes)
    for place, (info, each) in enumerate(zip(found, distributions, strict=True)):
        if only is not None and each.name not in only:
            continue
        if not quick or WATCHED.match(each.name):
            size = look.at(info, f"{each.name} {each.version}")
            distributions[place] = each if quick else replace(each, bytes=size)
    damages, clashes = look.result()
    damages = (
        *(Damage(str(d), "all packages", "unreadable") for d in directories if not _readable(d)),
        *_without_leftovers(damages, found, distributions),
    )
    return Packages(tuple(distributions), damages, clashes, hashes)


def _readable(directory: Path) -> bool:
    return os.access(directory, os.R_OK | os.X_OK)


def _without_leftovers(
    damages: Sequence[Damage], infos: Sequence[Path], distributions: Sequence[Distribution]
) -> Iterator[Damage]:
    """The damages; of two dist-infos of a package one may be whole, and the other a leftover."""
    damaged = {damage.owner for damage in damages}
    whole = {
        (d.name, d.location): d for d in distributions if f"{d.name} {d.version}" not in damaged
    }
    left_over = set()
    for info, each in zip(infos, distributions, strict=True):
        owner, beside = f"{each.name} {each.version}", whole.get((each.name, each.location))
        if beside and owner in damaged:
            left_over.add(owner)
            yield Damage(str(info), owner, f"left over beside {beside.name} {beside.version}")
    yield from (damage for damage in damages if damage.owner not in left_over)


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _infos(directory: Path) -> list[Path]:
    try:
        return sorted(entry for entry in directory.iterdir() if entry.name.endswith(".dist-info"))
    except OSError:
        return []


def _distribution(info: Path) -> Distribution:
    stem_name, _, stem_version = info.name.removesuffix(".dist-info").partition("-")
    fields: dict[str, list[str]] = {}
    for key, value in _head(info / "METADATA"):
        fields.setdefault(key, []).append(value)
    requires = [r for r in fields.get("requires-dist", ()) if "extra ==" not in _spaced(r)]
    return Distribution(
        normalized(fields.get("name", [stem_name])[0]),
        fields.get("version", [stem_version])[0],
        str(info.parent),
        tuple(requires),
        fields.get("requires-python", [""])[0],
        tuple(value for key, value in _head(info / "WHEEL") if key == "tag"),
    )


def _spaced(requirement: str) -> str:
    return re.sub(r"extra\s*==", "extra ==", requirement)


def _head(file: Path) -> Iterator[tuple[str, str]]:
    """The header fields of a file, names in lower case. A README may follow: not read."""
    try:
        with file.open("rb") as content:
            text = content.read(16384)
            while b"\n\n" not in text and b"\r\n\r\n" not in text and (more := content.read(65536)):
                text += more
    except OSError:
        return
    for line in text.decode("utf-8", "replace").splitlines():
        if not line.strip():
            return
        key, separator, value = line.partition(":")
        if separator and not line[0].isspace():
            yield key.lower(), value.strip()
