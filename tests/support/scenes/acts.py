"""Acts: what people and accidents do to an environment. Each gives a function of the scene."""

from __future__ import annotations

import py_compile
import shutil
import subprocess
from collections.abc import Callable
from importlib.util import cache_from_source
from pathlib import Path

from tests.support.scenes import Act, Scene
from tests.support.venvs import linked, replaced


def both(*acts: Act) -> Act:
    """One act after the other."""

    def act(scene: Scene) -> None:
        for each in acts:
            each(scene)

    return act


def _found(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    """The paths of some patterns, of which each must find something: a typing error is no test."""
    found = [sorted(folder.glob(pattern)) for pattern in patterns]
    for pattern, paths in zip(patterns, found, strict=True):
        if not paths:
            raise LookupError(f"{folder} has no {pattern}")
    return [path for paths in found for path in paths]


def emptied(*patterns: str) -> Act:
    """Files of site-packages that lost their content."""

    def act(scene: Scene) -> None:
        for file in _found(scene.site, patterns):
            replaced(file, b"")

    return act


def cut(pattern: str, size: int) -> Act:
    """Files of which only the beginning is left."""

    def act(scene: Scene) -> None:
        for file in _found(scene.site, (pattern,)):
            replaced(file, file.read_bytes()[:size])

    return act


def removed(*patterns: str) -> Act:
    """Files and folders of site-packages that are gone."""

    def act(scene: Scene) -> None:
        for path in _found(scene.site, patterns):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return act


def overwritten(pattern: str, content: bytes, at: int | Callable[[int], int] = 0) -> Act:
    """Bytes of files that were overwritten; the size stays."""

    def act(scene: Scene) -> None:
        for file in _found(scene.site, (pattern,)):
            data = bytearray(file.read_bytes())
            begin = at if isinstance(at, int) else at(len(data))
            data[begin : begin + len(content)] = content
            replaced(file, bytes(data))

    return act


def begins_with(pattern: str, text: str) -> Act:
    """Modules with some lines put before their own."""

    def act(scene: Scene) -> None:
        for file in _found(scene.site, (pattern,)):
            replaced(file, text.encode() + b"\n" + file.read_bytes())

    return act


def written(name: str, text: str) -> Act:
    """A file that somebody put into site-packages."""
    return lambda scene: (scene.site / name).write_text(text)


def renamed(pattern: str, old: str, new: str) -> Act:
    """Files of site-packages under another name."""

    def act(scene: Scene) -> None:
        for file in _found(scene.site, (pattern,)):
            file.rename(file.with_name(file.name.replace(old, new)))

    return act


def closed(pattern: str) -> Act:
    """Files and folders that only root may read, as after `sudo` with a umask of 077."""

    def act(scene: Scene) -> None:
        for path in _found(scene.site.parent, (pattern,)):
            path.chmod(path.stat().st_mode & 0o700)

    return act


def compiled_was_cut(module: str) -> Act:
    """A compiled module with a right header whose code ends too soon."""

    def act(scene: Scene) -> None:
        compiled = Path(cache_from_source(str(scene.site / module)))
        compiled.unlink(missing_ok=True)
        py_compile.compile(str(scene.site / module), doraise=True)
        replaced(compiled, compiled.read_bytes()[:200])

    return act


def without_run_path(pattern: str) -> Act:
    """Extensions whose run path a packager took away: its entry no longer counts as one."""

    def act(scene: Scene) -> None:
        from elftools.elf.dynamic import DynamicSection
        from elftools.elf.elffile import ELFFile

        for file in _found(scene.site, (pattern,)):
            with file.open("rb") as content:
                dynamic = ELFFile(content).get_section_by_name(".dynamic")
                assert isinstance(dynamic, DynamicSection)
                at = [
                    dynamic["sh_offset"] + number * dynamic["sh_entsize"]
                    for number, tag in enumerate(dynamic.iter_tags())
                    if tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH")
                ]
            data = bytearray(file.read_bytes())
            for place in at:
                data[place : place + 8] = (0x6FFFFEF5 + 0x100).to_bytes(8, "little")
            replaced(file, bytes(data))

    return act


def fetched(scene: Scene, requirement: str) -> Path:
    """A wheel of the package index, unpacked in the scratch folder."""
    from mlenv.environment import uv

    target = scene.scratch / "wheel"
    argv: list[str | Path] = [uv.binary(), "pip", "install", "--quiet", "--no-deps"]
    argv += ["--target", target, "--python", scene.venv / "bin" / "python"]
    subprocess.run([*argv, requirement], check=True)
    return target


def installed(requirement: str, *old: str) -> Act:
    """Another version of a package in the place of the old one, as `pip install --no-deps` does."""

    def act(scene: Scene) -> None:
        target = fetched(scene, requirement)
        if old:
            removed(*old)(scene)
        linked(target, scene.site)

    return act


def lacks(*patterns: str) -> Act:
    """A Python that was built without some modules of the standard library."""

    def act(scene: Scene) -> None:
        for path in _found(scene.library, patterns):
            path.unlink()

    return act


def variables(**values: str) -> Act:
    """Variables of the shell; `{scratch}` and `{here}` stand for the folders."""

    def act(scene: Scene) -> None:
        for name, value in values.items():
            scene.environ[name] = value.format(scratch=scene.scratch, here=scene.here)

    return act


def unset(*names: str) -> Act:
    """Variables that the shell does not have."""

    def act(scene: Scene) -> None:
        for name in names:
            del scene.environ[name]

    return act


def beside(name: str, text: str = "VALUE = 1\n") -> Act:
    """A file of the user's in the working directory."""

    def act(scene: Scene) -> None:
        file = scene.here / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return act


def placed(name: str, content: bytes = b"") -> Act:
    """A file in the scratch folder."""

    def act(scene: Scene) -> None:
        file = scene.scratch / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    return act


def library(name: str, code: str = "int nothing;\n") -> Act:
    """A library that was built for something else, in the scratch folder."""

    def act(scene: Scene) -> None:
        file = scene.scratch / name
        file.parent.mkdir(parents=True, exist_ok=True)
        argv = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(file)]
        argv += [f"-Wl,-soname,{file.name}"]
        subprocess.run(argv, input=code, text=True, check=True)

    return act


def mounted(options: str, place: Callable[[Scene], Path]) -> Act:
    """A folder on a file system of memory (`size=4k`)."""

    def act(scene: Scene) -> None:
        argv = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place(scene))]
        subprocess.run(argv, check=True)

    return act


def remounted(option: str) -> Act:
    """The environment on a mount with this option (`noexec`, `ro`)."""

    def act(scene: Scene) -> None:
        folder = str(scene.venv.parent)
        subprocess.run(["mount", "-o", f"remount,bind,{option}", folder], check=True)

    return act


def limited(*words: str) -> Act:
    """Limits of the shell, in the words of `prlimit`."""
    return lambda scene: scene.prefix.extend(["prlimit", *words])
