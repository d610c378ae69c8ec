"""The real torch and its real companions, as they are and as people break them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mlenv.doctor import examine, fix
from mlenv.doctor.examine import Report
from mlenv.doctor.facts import target
from mlenv.progress import Silent
from tests.support.venvs import MakeVenv, linked, packages, replaced

pytestmark = pytest.mark.heavy

Wheel = Callable[[str], Path]
ELSEWHERE = ("hf-download-offline", "hf-download-ssl", "environment-drifted-from-lock")


@pytest.fixture
def venv(real_venv: Path, copy_of: MakeVenv) -> Path:
    """Everything of the real environment but what mlenv itself put into it."""
    return copy_of(real_venv, "*")


def look(venv: Path, tmp_path: Path, **variables: str) -> Report:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **variables}
    return examine.examine(
        target.of_venv(venv), skip=ELSEWHERE, environ=environ, directory=tmp_path
    )


def bad(report: Report) -> Mapping[str, str]:
    return {finding.id: finding.outcome for finding in report.findings if finding.bad}


def evidence(report: Report, id: str) -> str:
    return "\n".join(next(f for f in report.findings if f.id == id).evidence)


def mend(report: Report, venv: Path) -> None:
    steps = fix.plan(report.facts, report.findings, target.of_venv(venv))
    assert [done.error for done in fix.carry_out(steps, Silent())] == [""] * len(steps)


def exchange(venv: Path, name: str, wheel: Path) -> None:
    """What `pip install NAME==OTHER --no-deps` leaves."""
    for old in [packages(venv) / name, *packages(venv).glob(f"{name}-*.dist-info")]:
        shutil.rmtree(old)
    linked(wheel, packages(venv))


def test_the_environment_as_it_is_and_linked(venv: Path, tmp_path: Path) -> None:
    report = look(venv, tmp_path)
    assert bad(report) == {"cudnn9-sublib-not-on-loader-path": "warn"}
    mend(report, venv)
    assert bad(look(venv, tmp_path)) == {}


def test_a_module_that_somebody_edited(venv: Path, tmp_path: Path) -> None:
    """Libraries alone don't show it, and uv's cache would give the edited file again."""
    module = packages(venv) / "torch" / "version.py"
    replaced(module, module.read_bytes() + b"\n")
    report = look(venv, tmp_path)
    assert bad(report)["package-files-damaged"] == "fail"
    assert f"changed: {module} (" in evidence(report, "package-files-damaged")


def test_torchaudio_of_another_torch(venv: Path, wheel: Wheel, tmp_path: Path) -> None:
    exchange(venv, "torchaudio", wheel("torchaudio==2.8.0"))
    report = look(venv, tmp_path)
    assert bad(report)["torchaudio-torch-abi-mismatch"] == "fail"
    seen = evidence(report, "torchaudio-torch-abi-mismatch")
    assert "undefined symbol" in seen
    assert "torchaudio 2.8.0+cu128 is made for torch 2.8.0" in seen
    assert "torchaudio 2.5.1 belongs to torch 2.5.1" in seen
    mend(report, venv)
    assert "torchaudio-torch-abi-mismatch" not in bad(look(venv, tmp_path))


def test_torchvision_of_another_torch_that_loads_is_no_alarm(
    venv: Path, wheel: Wheel, tmp_path: Path
) -> None:
    """0.19.1 is built for torch 2.4.1 and works beside 2.5.1: what was seen decides."""
    exchange(venv, "torchvision", wheel("torchvision==0.19.1"))
    report = look(venv, tmp_path)
    assert "torchvision-torch-mismatch" not in bad(report)


def test_torchvision_of_another_torch(venv: Path, wheel: Wheel, tmp_path: Path) -> None:
    exchange(venv, "torchvision", wheel("torchvision==0.23.0"))
    report = look(venv, tmp_path)
    assert bad(report)["torchvision-torch-mismatch"] == "fail"
    assert "torchvision 0.20.1 belongs to torch 2.5.1" in evidence(
        report, "torchvision-torch-mismatch"
    )
    mend(report, venv)
    assert "torchvision-torch-mismatch" not in bad(look(venv, tmp_path))


def test_nvidia_wheels_are_missing_under_torch(venv: Path, tmp_path: Path) -> None:
    for old in packages(venv).glob("nvidia_cusparse_cu12-*"):
        shutil.rmtree(old)
    shutil.rmtree(packages(venv) / "nvidia" / "cusparse")
    report = look(venv, tmp_path)
    assert bad(report)["requirement-unmet"] == "fail"
    seen = evidence(report, "requirement-unmet")
    assert "needs nvidia-cusparse-cu12==12.3.1.170, which is not installed" in seen
    assert "follows: nvidia-wheels-not-beside-torch" in seen
    assert "libcusparse.so.12" in seen


def test_another_nvjitlink_on_library_path(venv: Path, wheel: Wheel, tmp_path: Path) -> None:
    older = wheel("nvidia-nvjitlink-cu12==12.1.105") / "nvidia" / "nvjitlink" / "lib"
    report = look(venv, tmp_path, LD_LIBRARY_PATH=str(older))
    assert "ld-library-path-shadows-wheel" in bad(report)
    seen = evidence(report, "ld-library-path-shadows-wheel")
    assert f"because LD_LIBRARY_PATH has {older}" in seen
    assert "__nvJitLink" in seen


def test_a_home_with_spaces_and_quotes(real_venv: Path, tmp_path: Path) -> None:
    from tests.support.venvs import empty_venv

    home = tmp_path / 'o\'brien & "co" $x'
    venv = empty_venv(home / "ml")
    for pattern in ("ctranslate2*", "nvidia", "nvidia_*"):
        for part in packages(real_venv).glob(pattern):
            linked(part, packages(venv) / part.name)
    report = look(venv, tmp_path, HOME=str(home))
    only = {id: outcome for id, outcome in bad(report).items() if "cudnn" in id or "cublas" in id}
    assert only == {"cudnn9-sublib-not-on-loader-path": "warn"}
    mend(report, venv)
    assert not any("cudnn" in id or "cublas" in id for id in bad(look(venv, tmp_path)))


def test_a_shell_with_conda_and_unrelated_directories(venv: Path, tmp_path: Path) -> None:
    conda, toolkit = tmp_path / "conda", tmp_path / "toolkit" / "lib64"
    for directory in (conda / "lib", toolkit, tmp_path / "lib"):
        directory.mkdir(parents=True)
    cudnn = packages(venv) / "nvidia" / "cudnn" / "lib" / "libcudnn_ops.so.9"
    (conda / "lib" / "libcudnn_ops.so.9").hardlink_to(cudnn)
    path = f"{toolkit}:{tmp_path}/lib:/opt/none"
    report = look(venv, tmp_path, CONDA_PREFIX=str(conda), LD_LIBRARY_PATH=path)
    assert bad(report) == {"cudnn9-sublib-not-on-loader-path": "warn"}


def test_torchcodec_of_another_torch(venv: Path, wheel: Wheel, tmp_path: Path) -> None:
    linked(wheel("torchcodec==0.7.0"), packages(venv))
    report = look(venv, tmp_path)
    assert bad(report)["torchcodec-torch-mismatch"] == "warn"
    assert "torchcodec 0.1 belongs to torch 2.5.1" in evidence(report, "torchcodec-torch-mismatch")
