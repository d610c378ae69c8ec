"""The distributions of the environment, from their files: nothing is imported.

Read: the head of each `METADATA` (core metadata is an email header block), each `RECORD`
(the recording installed projects specification), and the sizes of the files that matter.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Packages whose files are compared with RECORD: the ones whose libraries decide.
WATCHED = re.compile(
    r"^(torch|torchvision|torchaudio|torchcodec|triton|ctranslate2|onnxruntime.*|nvidia-.*)$"
)
_VARIANT_OF = re.compile(r"^nvidia-(.+)-cu(\d+)$")


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution. `requires` leaves out what only extras ask for."""

    name: str
    version: str
    location: str
    requires: tuple[str, ...] = ()
    requires_python: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not as its RECORD says. `what`: `missing`, `truncated`, `changed`."""

    file: str
    owner: str
    what: str
    expected_size: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """One file that two distributions installed with different contents."""

    file: str
    owners: tuple[str, ...]


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


def read(directories: Sequence[Path], *, hashes: bool = False) -> Packages:
    """Read all distributions of these directories.

    `hashes`: also compare every watched file's sha256 with its RECORD, which reads gigabytes.
    """
    found = [info for directory in directories for info in _infos(directory)]
    distributions = tuple(_distribution(info) for info in found)
    damages: list[Damage] = []
    owners: dict[str, dict[str, str]] = {}
    for info, distribution in zip(found, distributions, strict=True):
        watched = bool(WATCHED.match(distribution.name))
        # NVIDIA's wheels share empty modules, and any of them may take those away.
        modules = watched and not distribution.name.startswith("nvidia-")
        for name, digest, size in _record(info, (".so", ".py") if modules else (".so",)):
            file = f"{info.parent}/{name}"
            if digest:
                owners.setdefault(file, {})[f"{distribution.name} {distribution.version}"] = digest
            if watched:
                damages += _damage(Path(file), distribution, digest, size, hashes=hashes)
    clashes = tuple(
        Clash(file, tuple(by))
        for file, by in owners.items()
        if len(by) > 1 and len(set(by.values())) > 1
    )
    clashing = {clash.file for clash in clashes}
    return Packages(
        distributions, tuple(d for d in damages if d.file not in clashing), clashes, hashes
    )


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


def _record(info: Path, kinds: tuple[str, ...]) -> Iterator[tuple[str, str, int | None]]:
    """The files of some `kinds` in RECORD: name relative to site-packages, digest, bytes."""
    try:
        with (info / "RECORD").open(encoding="utf-8", errors="replace", newline="") as lines:
            wanted = (line for line in lines if any(kind in line for kind in kinds))
            for row in csv.reader(wanted):
                if len(row) == 3 and ".." not in row[0] and ".pyc" not in row[0]:
                    yield row[0], row[1], int(row[2]) if row[2].isdigit() else None
    except (OSError, csv.Error):
        return


def _damage(
    file: Path, owner: Distribution, digest: str, size: int | None, *, hashes: bool
) -> list[Damage]:
    name = f"{owner.name} {owner.version}"
    try:
        there = file.stat().st_size
    except OSError:
        return [Damage(str(file), name, "missing", size)]
    if size is not None and there != size:
        return [Damage(str(file), name, "truncated" if there < size else "changed", size, there)]
    if hashes and digest and _digest(file) != digest:
        return [Damage(str(file), name, "changed", size, there)]
    return []


def _digest(file: Path) -> str:
    """As RECORD writes it: `sha256=` and urlsafe base64 without padding."""
    import base64
    import hashlib

    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
