"""Links at the source: a bare `bin/python` finds what is opened by name, with no variable."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from mlenv.environment.generations import links
from tests.support.programs import program


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """site-packages with an opener as CTranslate2's wheel has it: a DT_RPATH to its libraries."""
    root = tmp_path / "v/lib/python3.11/site-packages"
    for file in (
        "ctranslate2.libs/libcudnn-74a4c495.so.9.1.0",
        "nvidia/cudnn/lib/libcudnn.so.9",
        "nvidia/cudnn/lib/libcudnn_ops.so.9",
        "nvidia/cublas/lib/libcublas.so.12",
    ):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (root / "nvidia_cudnn_cu12-9.1.0.70.dist-info").mkdir()
    opener(root, "-Wl,--disable-new-dtags,-rpath,$ORIGIN/../ctranslate2.libs")
    return root


def opener(root: Path, *flags: str) -> None:
    target = root / "ctranslate2/_ext.cpython-311-x86_64-linux-gnu.so"
    target.parent.mkdir(exist_ok=True)
    subprocess.run(
        [program("gcc"), "-shared", "-x", "c", "/dev/null", "-o", target, *flags], check=True
    )


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): str(path.readlink()) if path.is_symlink() else "file"
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_links_are_relative_recorded_and_taken_back(packages: Path) -> None:
    before = tree(packages)
    made = links.link(packages)
    expected = {
        "ctranslate2.libs/libcudnn_ops.so.9.1.0": "../nvidia/cudnn/lib/libcudnn_ops.so.9",
        "ctranslate2.libs/libcudnn_ops.so.9": "../nvidia/cudnn/lib/libcudnn_ops.so.9",
        "ctranslate2.libs/libcublas.so.12": "../nvidia/cublas/lib/libcublas.so.12",
    }
    assert tree(packages) == {**before, **expected, "mlenv-links.json": "file"}
    assert json.loads((packages / "mlenv-links.json").read_text()) == {
        "schema": 1,
        "links": expected,
    }
    assert links.examine(packages) == links.Links(present=made)
    assert links.unlink(packages) == made
    assert tree(packages) == before


def test_linking_again_changes_nothing(packages: Path) -> None:
    first = links.link(packages)
    before = tree(packages)
    assert links.link(packages) == first
    assert tree(packages) == before


def test_a_name_that_somebody_else_uses_is_left_alone(packages: Path) -> None:
    taken = packages / "ctranslate2.libs/libcublas.so.12"
    taken.symlink_to("/opt/my/libcublas.so.12")
    file = packages / "ctranslate2.libs/libcudnn_ops.so.9"
    file.write_text("a wheel's")
    made = links.link(packages)
    assert [path.name for path in made] == ["libcudnn_ops.so.9.1.0"]
    links.unlink(packages)
    assert taken.readlink() == Path("/opt/my/libcublas.so.12")
    assert file.read_text() == "a wheel's"


def test_a_link_is_broken_when_the_wheel_goes_and_missing_when_the_link_goes(
    packages: Path,
) -> None:
    links.link(packages)
    (packages / "ctranslate2.libs/libcublas.so.12").unlink()
    (packages / "nvidia/cudnn/lib/libcudnn_ops.so.9").unlink()
    seen = links.examine(packages)
    assert [path.name for path in seen.missing] == ["libcublas.so.12"]
    assert [path.name for path in seen.broken] == ["libcudnn_ops.so.9.1.0", "libcudnn_ops.so.9"]
    assert [path.name for path in links.link(packages)] == ["libcublas.so.12"]
    assert links.examine(packages).broken == ()


@pytest.mark.parametrize(
    "flags", [(), ("-Wl,--enable-new-dtags,-rpath,$ORIGIN/../ctranslate2.libs",)]
)
def test_where_the_opener_does_not_look_there_nothing_is_linked(
    packages: Path, flags: tuple[str, ...]
) -> None:
    opener(packages, *flags)  # none at all, or DT_RUNPATH, which holds for direct needs only
    assert links.link(packages) == ()
    assert "no RPATH" in links.examine(packages).obstacle


def test_older_parts_are_never_put_behind_a_newer_front_library(packages: Path) -> None:
    (packages / "nvidia_cudnn_cu12-9.1.0.70.dist-info").rename(
        packages / "nvidia_cudnn_cu12-9.0.0.312.dist-info"
    )
    assert links.link(packages) == ()
    assert "9.0.0" in links.examine(packages).obstacle


def test_without_ctranslate2_there_is_nothing_to_do(packages: Path) -> None:
    shutil.rmtree(packages / "ctranslate2.libs")
    assert links.link(packages) == ()
    assert links.examine(packages) == links.Links()
