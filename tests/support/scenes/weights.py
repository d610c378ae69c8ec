"""Models of a scene: whole ones in their places, and what becomes of their weights."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.scenes import MODEL, USER, Act, Scene
from tests.support.venvs import replaced


def stored(scene: Scene) -> Path:
    """A whole model in mlenv's own store; its folder."""
    store = scene.home / ".cache" / "mlenv" / "models" / MODEL
    shutil.copytree(scene.models / MODEL, store)
    _owned(scene)
    return store


def cached(scene: Scene) -> Path:
    """A whole model in the hub's cache, as its client writes it; the snapshot's folder."""
    from mlenv.speech.models import pinned

    model = pinned.known({})[MODEL]
    assert model.hub
    folder = scene.home / ".cache/huggingface/hub" / f"models--{model.hub.repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / model.hub.revision
    for part in (snapshot, folder / "blobs", folder / "refs"):
        part.mkdir(parents=True)
    (folder / "refs" / "main").write_text(model.hub.revision)
    for file in model.files:
        shutil.copy2(scene.models / MODEL / file.name, folder / "blobs" / file.sha256)
        (snapshot / file.name).symlink_to(Path("../../blobs") / file.sha256)
    _owned(scene)
    return snapshot


def _owned(scene: Scene) -> None:
    if "setpriv" in scene.prefix:
        for path in (scene.home, *scene.home.rglob("*")):
            os.chown(path, USER, USER, follow_symlinks=False)


def model(place: Callable[[Scene], Path], change: Callable[[Path], object]) -> Act:
    """A model whose `model.bin` was changed (of a link: the file that it leads to)."""
    return lambda scene: change((place(scene) / "model.bin").resolve())


def holds(content: bytes) -> Callable[[Path], object]:
    """A file with other content."""
    return lambda file: replaced(file, content)


def only_for_root(file: Path) -> None:
    """A file that only root may read."""
    os.chown(file, 0, 0)
    file.chmod(0o600)


def shortened(file: Path) -> None:
    """A file of which half is left."""
    replaced(file, file.read_bytes()[: file.stat().st_size // 2])
