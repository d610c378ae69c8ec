"""Bundles: directories with everything that an installation without a network needs.

DIR/bundle.json      what it holds and for which platform and Python
DIR/NAME.toml .txt   the profile and its lock
DIR/wheels/          the files that the lock names
DIR/models/NAME/     models, if asked for
DIR/models/pinned/   what is known of those that the manifest does not name
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from mlenv import files
from mlenv.environment import download, uv
from mlenv.environment.install import artifacts as wheel_files
from mlenv.environment.install import listing
from mlenv.environment.lockfile import profiles
from mlenv.environment.lockfile.indexes import without_credentials
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.lockfile.profiles import Profile
from mlenv.machine import children, host
from mlenv.progress import Progress
from mlenv.result import MlenvError

MANIFEST = "bundle.json"
SCHEMA = 1
_STRANGE = "mlenv made no such bundle: don't use it. Nothing was changed."
_AGAIN = "Make it again with `mlenv bundle PROFILE -o DIR`."


class BundledFile(Struct, frozen=True, kw_only=True):
    """A file in `wheels/`."""

    name: str
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """`bundle.json`."""

    schema: int
    profile: str
    platform: str
    python: str
    files: tuple[BundledFile, ...]
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle. `python` as in `3.11`, `size` in bytes (wheels and models)."""

    path: Path
    profile: str
    platform: str
    python: str
    files: tuple[str, ...]
    models: tuple[str, ...]
    size: int


def make(
    target: Path,
    profile: Profile,
    lock: Lock,
    python: Path,
    sources: uv.Sources,
    models: Iterable[str],
    progress: Progress,
) -> Bundle:
    """Fill `target` with wheels, profile and lock; write its manifest last.

    Files that are there with the right sha256 are not fetched again. `models`: names of the
    models that the caller has put into `target/models`.
    """
    progress.step("Looking up the files of the lock")
    needed = wheel_files.of(lock, os.fspath(python), sources)
    folder = target / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    _room(folder, needed)
    progress.step(f"Fetching {len(needed)} files")
    total, done = wheel_files.total(needed), 0
    for file in needed:
        progress.detail(f"{done / 1e9:.2f} of {total / 1e9:.2f} GB, now {file.package}")
        fetch(file, folder / file.name, sources)
        done += file.size or 0
    for stray in {path.name for path in folder.iterdir()} - {file.name for file in needed}:
        (folder / stray).unlink()
    listing.check(folder)
    files.write_atomically(target / f"{profile.name}.toml", profile.path.read_bytes())
    files.write_atomically(target / f"{profile.name}.txt", lock.text)
    manifest = Manifest(
        schema=SCHEMA,
        profile=profile.name,
        platform=host.platform_name(),
        python=_minor(python),
        files=tuple(BundledFile(name=file.name, sha256=file.sha256) for file in needed),
        models=tuple(sorted(models)),
    )
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    files.write_atomically(target / MANIFEST, text + b"\n")
    progress.end()
    return read(target)


def _room(folder: Path, needed: Iterable[wheel_files.File]) -> None:
    """Raise `MlenvError` where the disk has no room for the files that are not there yet."""
    missing = wheel_files.total(file for file in needed if not (folder / file.name).exists())
    free = shutil.disk_usage(folder).free
    if free < missing:
        raise MlenvError(
            "disk-full-or-tmp-too-small",
            f"The bundle needs {missing / 1e6:.1f} MB more at {folder}, "
            f"{free / 1e6:.1f} MB are free.",
            "Free some, or name a directory on another disk with -o DIR.",
        )


def read(directory: Path) -> Bundle:
    """Read a bundle; raises `MlenvError` for a directory that is none, or not a whole one."""
    path = directory / MANIFEST
    _plain(path)
    try:
        manifest = files.decode(files.read_bytes(path), Manifest, path, code="broken-bundle")
    except OSError as error:
        message = f"{directory} is not a bundle: {path} can't be read ({error.strerror})."
        raise MlenvError("broken-bundle", message, _AGAIN) from error
    except MlenvError as error:
        raise MlenvError("broken-bundle", error.message, _AGAIN) from error
    files.check_schema(manifest.schema, SCHEMA, path)
    names = tuple(file.name for file in manifest.files)
    _names_below(path, manifest)
    top = (directory / f"{manifest.profile}{suffix}" for suffix in (".toml", ".txt"))
    folders = (directory / "wheels", directory / "models")
    for each in (*top, *folders, *(inner for folder in folders for inner in folder.rglob("*"))):
        _plain(each)
    paths = [directory / "wheels" / name for name in names]
    if missing := [path for path in paths if not path.is_file()]:
        raise MlenvError("broken-bundle", f"The bundle lacks {missing[0]}.", _AGAIN)
    paths += [p for p in (directory / "models").rglob("*") if p.is_file()]
    return Bundle(
        directory,
        manifest.profile,
        manifest.platform,
        manifest.python,
        names,
        manifest.models,
        sum(path.stat().st_size for path in paths),
    )


def _names_below(path: Path, manifest: Manifest) -> None:
    """Raise `MlenvError` for a name that leads out of the bundle."""
    names = [manifest.profile, *(file.name for file in manifest.files)]
    for name in (*names, *manifest.models):
        if not files.stays_below(name) or (name in names and "/" in name):
            message = f"{path} names `{name}`, which leads out of the bundle."
            raise MlenvError("broken-bundle", message, _STRANGE)


def _plain(path: Path) -> None:
    """Raise `MlenvError` for links and devices; what is not there is missed elsewhere."""
    if path.is_symlink() or (path.exists() and not path.is_file() and not path.is_dir()):
        message = f"{path} is a link or a device: a bundle holds files."
        raise MlenvError("broken-bundle", message, _STRANGE)


def profile_of(bundle: Bundle, name: str | None) -> Profile:
    """The bundle's profile: the shipped one if that is the same, byte for byte."""
    if name not in (None, "auto", bundle.profile):
        raise MlenvError(
            "unknown-profile",
            f"{bundle.path} holds {bundle.profile}, not {name}.",
            f"Leave the name out, or make another with `mlenv bundle {name} -o DIR`.",
        )
    if (here := host.platform_name()) != bundle.platform:
        message = f"{bundle.path} was made for {bundle.platform}, this machine is {here}."
        raise MlenvError("broken-bundle", message, _AGAIN)
    inside = profiles.load(os.fspath(bundle.path / f"{bundle.profile}.toml"))
    if profiles.ships(bundle.profile):
        shipped = profiles.load(bundle.profile)
        pairs = ((shipped.path, inside.path), (shipped.lock_path, inside.lock_path))
        if all(files.sha256(ours) == files.sha256(theirs) for ours, theirs in pairs):
            return shipped
    return inside


def fetch(file: wheel_files.File, target: Path, sources: uv.Sources) -> None:
    """Download one file, under its name only once its hash holds. Raises `MlenvError`."""
    addresses = filter(None, (sources.default, *sources.extra))
    try:
        download.fetch(file.url, target, file.sha256, addresses)
    except OSError as error:
        raise MlenvError(
            "disk-full-or-tmp-too-small" if error.errno == errno.ENOSPC else "not-writable",
            f"{target} can't be written: {error.strerror}.",
            "Free some space, or name another directory with -o DIR.",
        ) from error
    except download.DownloadError as error:
        if error.wrong_hash:
            raise uv.failure("hash-mismatch", what=file.name) from error
        if error.status:
            url = without_credentials(file.url)
            raise uv.failure("index-refused", status=error.status, url=url) from error
        host = urlsplit(file.url).hostname or ""
        raise uv.failure("index-unreachable", host=host, last=f"{file.name}: {error}") from error


def _minor(python: Path) -> str:
    return children.python_answer(python, "import sys; print('%d.%d' % sys.version_info[:2])")
