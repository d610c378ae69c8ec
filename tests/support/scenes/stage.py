"""Set the stage in a process with mounts of its own: `stage NAME VENV MODELS SCRATCH --fix`.

Prints what the doctor printed, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.scenes import USER, Scene
from tests.support.scenes.table import TABLE

# What depends on this machine's network.
SKIPPED = ("hf-download-offline", "hf-download-ssl")

# What mlenv built is built again as a whole, which is gigabytes (`test_managed`): these are tried
# in an environment that it has no record of, where single packages are installed again.
NETWORK = ("SSL_CERT_FILE", "HTTPS_PROXY", "UV_DEFAULT_INDEX")  # by which uv reaches the index
BY_INSTALLING = ("package-files-damaged", "requirement-unmet")


def main() -> None:
    name, venv, models, place, mend = sys.argv[1:]
    row, scratch = TABLE[name], Path(place)
    scene = Scene(Path(venv), _base(Path(venv)), Path(models), scratch)
    for folder in (scene.home, scene.here):
        folder.mkdir()
        if row.user:
            os.chown(folder, row.user, row.user)
    scene.environ |= {"PATH": "/usr/bin:/bin", "HOME": str(scene.home)}
    if mend == "--fix":
        from mlenv.environment import uv

        scene.environ |= {"UV_CACHE_DIR": str(uv.cache_directory())}
        scene.environ |= {name: os.environ[name] for name in NETWORK if name in os.environ}
    for number, covered in enumerate(_covered(scene, row.user)):
        _cover(covered, scratch / f"layer-{number}")
    if row.user:
        scene.prefix += ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    if row.by_hand or (mend == "--fix" and row.cause in BY_INSTALLING):
        (scene.venv / "mlenv.json").unlink()
    row.act(scene)
    words = ["--fix", "--yes"] if mend == "--fix" else []
    print(json.dumps(_doctor(scene, words)))


def _doctor(scene: Scene, words: list[str]) -> dict[str, object]:
    program = str(Path(sys.executable).with_name("mlenv"))
    argv = [*scene.prefix, program, "doctor", "--json", *words]
    argv += [word for id in SKIPPED for word in ("--skip", id)]
    argv += scene.options or ["--venv", str(scene.venv)]
    done = subprocess.run(
        argv,
        env=scene.environ,
        stdin=subprocess.DEVNULL,
        cwd=scene.here if scene.starts_here else None,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def _base(venv: Path) -> Path:
    said = "import sys; print(sys.base_prefix)"
    argv = [str(venv / "bin" / "python"), "-I", "-c", said]
    return Path(subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip())


def _covered(scene: Scene, user: int) -> Iterator[Path]:
    """The folders that get an overlay; for another user those that are closed to him."""
    covered: list[Path] = []
    for folder in (scene.venv.parent, scene.base):
        closed = [each for each in reversed(folder.parents) if not each.stat().st_mode & 1]
        place = closed[0] if user and closed else folder
        if not any(place.is_relative_to(each) for each in covered):
            covered.append(place)
            yield place


def _cover(folder: Path, layer: Path) -> None:
    """Lay a writable layer over a folder, which stays as it is below."""
    (layer / "upper").mkdir(parents=True)
    (layer / "work").mkdir()
    options = f"lowerdir={folder},upperdir={layer}/upper,workdir={layer}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", folder], check=True)
    if not os.path.ismount(folder):
        raise RuntimeError(f"no layer lies over {folder}")
    folder.chmod(folder.stat().st_mode | 0o55)


if __name__ == "__main__":
    main()
