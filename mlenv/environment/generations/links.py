"""Links at the source: libraries that are opened by name, linked beside the file that opens them.

CTranslate2's wheel brings its own libraries in `ctranslate2.libs`, and its extension has that
directory in its DT_RPATH, which holds for whatever those libraries open by name (ld.so(8)). So
relative links in there to cuDNN's and cuBLAS's files let a bare `bin/python` find them, with no
variable at all. A wheel can't hold links, so none of them can be a wheel's file; they are
written down in `mlenv-links.json` beside the packages, so that they can be told from a user's own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from mlenv.files import decode, read_bytes, write_atomically
from mlenv.result import MlenvError

RECORD = "mlenv-links.json"
_BUNDLE = "ctranslate2.libs"
_FRONT = re.compile(r"^libcudnn-[0-9a-f]+\.so\.(\d+)\.(\d+)\.(\d+)$")


@dataclass(frozen=True, slots=True)
class Links:
    """The links of one environment.

    `present` work; `missing` are wanted and not there; `broken` are ours and lead to nothing.
    `obstacle` says why libraries that are opened by name can't be linked, if they can't.
    """

    present: tuple[Path, ...] = ()
    missing: tuple[Path, ...] = ()
    broken: tuple[Path, ...] = ()
    obstacle: str = ""


def link(site_packages: Path) -> tuple[Path, ...]:
    """Make every link that is wanted and possible; returns ours, each an absolute path.

    Links of ours that are no longer wanted go away. A name that anybody else uses is left alone.
    """
    ours = _recorded(site_packages)
    targets = dict(_targets(site_packages))
    for path, target in ours.items():
        if targets.get(path) != target and _is_ours(path, target):
            path.unlink()
    made = {}
    for path, target in targets.items():
        if not os.path.lexists(path):
            path.symlink_to(target)
        elif ours.get(path) != target or not _is_ours(path, target):
            continue
        made[path] = target
    _write(site_packages, made)
    return tuple(made)


def unlink(site_packages: Path) -> tuple[Path, ...]:
    """Remove every link that `link` made, and nothing else; returns them."""
    removed = []
    for path, target in _recorded(site_packages).items():
        if _is_ours(path, target):
            path.unlink()
            removed.append(path)
    _write(site_packages, {})
    return tuple(removed)


def examine(site_packages: Path) -> Links:
    """List the links that are there, missing and broken, and the obstacle if there is one."""
    ours = _recorded(site_packages)
    present = [path for path, target in ours.items() if _is_ours(path, target) and path.exists()]
    broken = [path for path in ours if path.is_symlink() and not path.exists()]
    targets = dict(_targets(site_packages))
    missing = [path for path in targets if not path.exists() and path not in broken]
    return Links(tuple(present), tuple(missing), tuple(broken), _obstacle(site_packages))


def _targets(site_packages: Path) -> Iterator[tuple[Path, str]]:
    """Every link to make, with its relative target."""
    bundle, nvidia = site_packages / _BUNDLE, site_packages / "nvidia"
    if _obstacle(site_packages) or not bundle.is_dir():
        return
    names: dict[str, Path] = {}
    if front := _front(bundle):
        version = ".".join(map(str, front))
        for part in sorted(nvidia.glob(f"cudnn/lib/libcudnn_*.so.{front[0]}")):
            # Asked for first; found here, no other directory can come before it.
            names[part.name.removesuffix(f".{front[0]}") + f".{version}"] = part
            names[part.name] = part
        for file in sorted(nvidia.glob("cuda_nvrtc/lib/libnvrtc*.so.*")):
            names[file.name] = file
    # The linked parts look for cuBLAS beside themselves: their $ORIGIN is where the link lies.
    for file in sorted(nvidia.glob("cublas/lib/libcublas*.so.*")):
        names[file.name] = file
    for name, file in names.items():
        yield bundle / name, os.path.relpath(file, bundle)


def _obstacle(site_packages: Path) -> str:
    bundle = site_packages / _BUNDLE
    if not bundle.is_dir():
        return ""
    if not any(_rpath_leads_to(bundle, file) for file in _openers(site_packages)):
        return "CTranslate2's libraries don't look for others in their own directory (no RPATH)"
    front, installed = _front(bundle), _cudnn_version(site_packages)
    if front and installed and installed < front:
        return (
            f"CTranslate2 brings cuDNN {_dotted(front)}, "
            f"newer than the wheel's parts ({_dotted(installed)})"
        )
    return ""


def _openers(site_packages: Path) -> list[Path]:
    """The extension first: what it says holds for all that it loads."""
    return [
        *sorted(site_packages.glob("ctranslate2/_ext*.so")),
        *sorted((site_packages / _BUNDLE).glob("libctranslate2*.so*")),
    ]


def _rpath_leads_to(directory: Path, file: Path) -> bool:
    """Tell if `file` has a DT_RPATH that names `directory` relative to itself."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.dynamic import DynamicSection
    from elftools.elf.elffile import ELFFile

    try:
        with file.open("rb") as stream:
            dynamic = ELFFile(stream).get_section_by_name(".dynamic")
            tags = dynamic.iter_tags("DT_RPATH") if isinstance(dynamic, DynamicSection) else ()
            paths = [tag.rpath for tag in tags]  # type: ignore[attr-defined]
    except (OSError, ELFError):
        return False
    return any(
        os.path.normpath(element.replace("$ORIGIN", str(file.parent))) == str(directory)
        for path in paths
        for element in path.split(":")
        if element.startswith("$ORIGIN")
    )


def _front(bundle: Path) -> tuple[int, int, int] | None:
    """The version of the cuDNN front library in CTranslate2's wheel, if it has one."""
    for file in sorted(bundle.glob("libcudnn-*.so.*")):
        if match := _FRONT.match(file.name):
            return int(match[1]), int(match[2]), int(match[3])
    return None


def _cudnn_version(site_packages: Path) -> tuple[int, ...] | None:
    """The version of the cuDNN wheel, to three places."""
    for folder in sorted(site_packages.glob("nvidia_cudnn_cu*-*.dist-info")):
        version = folder.name.removesuffix(".dist-info").partition("-")[2]
        if re.fullmatch(r"\d+(\.\d+)+", version):
            return tuple(map(int, version.split(".")[:3]))
    return None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _is_ours(path: Path, target: str) -> bool:
    return path.is_symlink() and str(path.readlink()) == target


class _Record(Struct, frozen=True, kw_only=True):
    """`mlenv-links.json`: each link's path in site-packages, and its target."""

    schema: int = 1
    links: dict[str, str]


def _recorded(site_packages: Path) -> dict[Path, str]:
    """The links of the record; none where there is no record, or a damaged one."""
    path = site_packages / RECORD
    try:
        links = decode(read_bytes(path), _Record, path).links
    except (OSError, MlenvError):
        return {}
    return {site_packages / name: target for name, target in links.items()}


def _write(site_packages: Path, made: dict[Path, str]) -> None:
    record = site_packages / RECORD
    if not made:
        record.unlink(missing_ok=True)
        return
    links = {path.relative_to(site_packages).as_posix(): target for path, target in made.items()}
    text = msgspec.json.format(msgspec.json.encode(_Record(links=links)), indent=1)
    write_atomically(record, text + b"\n")
