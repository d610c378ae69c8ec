"""What the launch environment puts on the loader's path, beside what the caller had there."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlenv.environment import launch
from mlenv.environment.install import preflight
from mlenv.result import MlenvError


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """site-packages with the library files of the wheels, empty: only names matter here."""
    root = tmp_path / "v/lib/python3.11/site-packages"
    for file in (
        "cudnn/lib/libcudnn.so.9",
        "cudnn/lib/libcudnn_ops.so.9",
        "cublas/lib/libcublas.so.12",
        "cublas/lib/libcublasLt.so.12",
        "cuda_nvrtc/lib/libnvrtc.so.12",
        "nccl/lib/libnccl.so.2",
        "nvjitlink/lib/libnvJitLink.so.12",
    ):
        (root / "nvidia" / file).parent.mkdir(parents=True, exist_ok=True)
        (root / "nvidia" / file).touch()
    return root


def own(packages: Path) -> list[str]:
    return [str(packages / "nvidia" / name / "lib") for name in ("cudnn", "cublas", "cuda_nvrtc")]


def test_the_wheels_come_first_and_the_callers_value_stays_behind_them(packages: Path) -> None:
    rule = launch.library_path(packages)
    assert rule.value("/opt/one:/opt/two").split(":") == [*own(packages), "/opt/one", "/opt/two"]
    assert rule.value(None).split(":") == own(packages)


@pytest.mark.parametrize("inherited", ["", ":", "::/opt/one:", "/opt/one;", ";/opt/one::/opt/one"])
def test_no_element_is_ever_empty(packages: Path, inherited: str) -> None:
    elements = launch.library_path(packages).value(inherited).split(":")
    assert elements == [*own(packages), *(["/opt/one"] if "one" in inherited else [])]


SHADOWS = {
    "cuda": "libcublas.so.12",
    "dnn": "libcudnn_ops.so.9",
    "jit": "libnvJitLink.so.12",  # not on our part of the path: torch finds its own by RUNPATH
    "collectives": "libnccl.so.2",
}


def test_a_directory_with_a_library_of_the_wheels_is_left_out_and_named(
    packages: Path, tmp_path: Path
) -> None:
    rule = launch.library_path(packages)
    for name, file in SHADOWS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    harmless = tmp_path / "old"  # another major version has other names: it shadows nothing
    harmless.mkdir()
    (harmless / "libcudnn.so.8").touch()
    inherited = ":".join([str(harmless), *(f"{tmp_path}/{name}" for name in SHADOWS)])
    assert rule.left_out(inherited) == tuple(f"{tmp_path}/{name}" for name in SHADOWS)
    assert rule.value(inherited).split(":") == [*own(packages), str(harmless)]


def test_the_environments_own_directories_are_no_offenders(packages: Path, tmp_path: Path) -> None:
    (tmp_path / "activation").symlink_to(tmp_path / "v")
    wheels = str(packages / "nvidia").replace("/v/", "/activation/")
    inherited = f"{wheels}/cudnn/lib:{wheels}/nvjitlink/lib"
    rule = launch.library_path(packages)
    assert rule.left_out(inherited) == ()
    assert rule.value(inherited).split(":") == own(packages)


def test_wheels_that_lie_in_one_directory_are_found_too(packages: Path, tmp_path: Path) -> None:
    """CUDA 13's wheels share `nvidia/cu13/lib`."""
    (packages / "nvidia/cu13/lib").mkdir(parents=True)
    (packages / "nvidia/cu13/lib/libnvJitLink.so.13").touch()
    (tmp_path / "jit").mkdir()
    (tmp_path / "jit/libnvJitLink.so.13").touch()
    inherited = str(tmp_path / "jit")
    assert launch.library_path(packages).left_out(inherited) == (inherited,)


def test_wsl_keeps_its_drivers_reachable(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Uname:  # WSL2's kernel names itself so; there is none here
        release = "5.15.153.1-microsoft-standard-WSL2"

    monkeypatch.setattr(launch.os, "uname", Uname)
    monkeypatch.setattr(launch, "WSL_LIBRARIES", str(tmp_path))
    value = launch.library_path(packages).value("/opt/one").split(":")
    assert value == [*own(packages), "/opt/one", str(tmp_path)]


@pytest.mark.parametrize("name", ["a:b", "a;b", "a$ORIGIN", "${LIB}", "$PLATFORM-x"])
def test_a_path_that_the_loader_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    packages = tmp_path / name / "lib/python3.11/site-packages"
    (packages / "nvidia/cudnn/lib").mkdir(parents=True)
    with pytest.raises(MlenvError) as caught:
        launch.library_path(packages)
    assert caught.value.code == "path-not-expressible"
    assert str(packages) in caught.value.message
    with pytest.raises(MlenvError) as caught:  # before anything is downloaded
        preflight.location(tmp_path / name / "ml")
    assert caught.value.code == "path-not-expressible"


@pytest.mark.parametrize("name", ["a b", "a$b", "it's", "ünï", "$LIBRARY", "new\nline"])
def test_any_other_path_is_right(tmp_path: Path, name: str) -> None:
    packages = tmp_path / name / "lib/python3.11/site-packages"
    (packages / "nvidia/cudnn/lib").mkdir(parents=True)
    assert launch.library_path(packages).value(None) == str(packages / "nvidia/cudnn/lib")
    preflight.location(tmp_path / name / "ml")


def test_a_value_of_empty_elements_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    built = launch.for_interpreter(
        str(tmp_path), f"{tmp_path}/bin/python", f"{tmp_path}/lib", {"LD_LIBRARY_PATH": ":"}
    )
    assert "LD_LIBRARY_PATH" not in built.applied_to({"LD_LIBRARY_PATH": ":"})
