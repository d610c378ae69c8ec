"""Real wheels, broken as people break them: the right finding each time, and none once mended."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlenv.doctor import examine, fix
from mlenv.doctor.examine import Report
from mlenv.doctor.facts import target
from mlenv.doctor.facts.libraries import folder
from mlenv.environment import uv
from mlenv.progress import Silent
from tests.support.venvs import MakeVenv, packages, replaced

pytestmark = pytest.mark.heavy

CUBLAS = ("nvidia-cublas-cu12==12.4.5.8", "nvidia-cuda-nvrtc-cu12==12.4.127")
CUDNN_9_1, CUDNN_9_10 = "nvidia-cudnn-cu12==9.1.0.70", "nvidia-cudnn-cu12==9.10.2.21"
CUDNN_8 = "nvidia-cudnn-cu12==8.9.7.29"
USUAL = ("ctranslate2==4.6.2", CUDNN_9_1, *CUBLAS)

# Packages that ctranslate2 names and that no library needs: not installed in these small venvs.
IRRELEVANT = ("requirement-unmet", "hf-download-offline", "hf-download-ssl")


def look(venv: Path, tmp_path: Path, **variables: str) -> Report:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **variables}
    return examine.examine(
        target.of_venv(venv), skip=IRRELEVANT, environ=environ, directory=tmp_path
    )


def bad(report: Report) -> Mapping[str, str]:
    return {finding.id: finding.outcome for finding in report.findings if finding.bad}


def failed(report: Report) -> list[str]:
    """What fails also as `mlenv exec` starts it; a bare start has troubles of its own."""
    return [id for id, outcome in bad(report).items() if outcome == "fail"]


def evidence(report: Report, id: str) -> str:
    return "\n".join(next(f for f in report.findings if f.id == id).evidence)


def mend(report: Report, venv: Path) -> None:
    steps = fix.plan(report.facts, report.findings, target.of_venv(venv))
    assert [done.error for done in fix.carry_out(steps, Silent())] == [""] * len(steps)


def part(venv: Path, name: str) -> Path:
    return packages(venv) / "nvidia" / "cudnn" / "lib" / name


def test_linked_by_fix_a_bare_start_works_too(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of(*USUAL)
    report = look(venv, tmp_path)
    assert bad(report) == {
        "cudnn9-sublib-not-on-loader-path": "warn",
    }
    mend(report, venv)
    assert bad(look(venv, tmp_path)) == {}


def test_a_venv_on_another_disk_gets_no_alarm(venv_of: MakeVenv, tmp_path: Path) -> None:
    """Its files are copies there, and links to uv's cache are impossible."""
    here = venv_of(*USUAL)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as disk:
        venv = Path(disk) / "ml"
        assert Path(disk).stat().st_dev != here.stat().st_dev
        uv.create_venv(venv, sys.executable)
        shutil.copytree(packages(here), packages(venv), symlinks=True, dirs_exist_ok=True)
        mend(look(venv, tmp_path), venv)
        assert bad(look(venv, tmp_path)) == {}


def test_the_cudnn_wheel_was_removed(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of("ctranslate2==4.6.2", *CUBLAS)
    report = look(venv, tmp_path)
    assert bad(report) == {"cudnn9-sublib-not-on-loader-path": "fail"}
    assert "no nvidia-cudnn wheel is installed" in evidence(
        report, "cudnn9-sublib-not-on-loader-path"
    )


def test_the_cudnn_directory_is_gone_and_comes_back(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of(*USUAL)
    shutil.rmtree(packages(venv) / "nvidia" / "cudnn")
    report = look(venv, tmp_path)
    assert bad(report) == {"cudnn9-sublib-not-on-loader-path": "fail"}
    mend(report, venv)
    assert bad(look(venv, tmp_path)) == {}


def test_one_part_is_gone(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of(*USUAL)
    part(venv, "libcudnn_ops.so.9").unlink()
    report = look(venv, tmp_path)
    assert bad(report) == {"cudnn9-sublib-not-on-loader-path": "fail"}
    assert "missing: libcudnn_ops.so.9" in evidence(report, "cudnn9-sublib-not-on-loader-path")
    mend(report, venv)
    assert bad(look(venv, tmp_path)) == {}


def test_a_part_is_a_dangling_link(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of(*USUAL)
    part(venv, "libcudnn_cnn.so.9").unlink()
    part(venv, "libcudnn_cnn.so.9").symlink_to("/nowhere/libcudnn_cnn.so.9")
    report = look(venv, tmp_path)
    assert bad(report) == {"cudnn9-sublib-not-on-loader-path": "fail"}
    assert "libcudnn_cnn.so.9" in evidence(report, "cudnn9-sublib-not-on-loader-path")
    mend(report, venv)
    assert bad(look(venv, tmp_path)) == {}


def test_a_part_is_truncated(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of(*USUAL)
    ops = part(venv, "libcudnn_ops.so.9")
    replaced(ops, ops.read_bytes()[:5000])
    report = look(venv, tmp_path)
    assert failed(report) == ["package-files-damaged"]
    seen = evidence(report, "package-files-damaged")
    assert f"truncated: {ops} (5000 bytes of" in seen
    assert "nvidia-cudnn-cu12 9.1.0.70" in seen
    assert "follows: library-crashes-when-loaded" in seen  # SIGBUS: the file ends too soon
    mend(report, venv)
    assert bad(look(venv, tmp_path)) == {}


def test_a_part_of_another_version_was_put_in(
    venv_of: MakeVenv, wheel: object, tmp_path: Path
) -> None:
    venv = venv_of(*USUAL)
    other = wheel(CUDNN_9_10) / "nvidia" / "cudnn" / "lib" / "libcudnn_ops.so.9"  # type: ignore[operator]
    part(venv, "libcudnn_ops.so.9").unlink()
    part(venv, "libcudnn_ops.so.9").hardlink_to(other)
    report = look(venv, tmp_path)
    assert failed(report) == ["package-files-damaged"]
    assert f"changed: {part(venv, 'libcudnn_ops.so.9')}" in evidence(
        report, "package-files-damaged"
    )
    mend(report, venv)
    assert bad(look(venv, tmp_path)) == {}


def test_cudnn_8_where_9_is_needed(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of("ctranslate2==4.6.2", CUDNN_8, *CUBLAS)
    report = look(venv, tmp_path)
    assert bad(report) == {"cudnn9-sublib-not-on-loader-path": "fail"}
    mend(report, venv)
    assert bad(look(venv, tmp_path)) == {}


def test_cudnn_9_where_8_is_needed(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of("ctranslate2==4.4.0", CUDNN_9_1, *CUBLAS)
    report = look(venv, tmp_path)
    assert bad(report) == {"cudnn8-required-but-absent": "fail"}
    assert "ctranslate2 4.4.0 was built for cuDNN 8" in evidence(
        report, "cudnn8-required-but-absent"
    )


def test_the_wheels_lie_in_another_site_packages(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of(*USUAL)
    elsewhere = venv / "elsewhere"
    elsewhere.mkdir()
    for moved in [packages(venv) / "nvidia", *packages(venv).glob("nvidia_*.dist-info")]:
        shutil.move(moved, elsewhere)
    (packages(venv) / "elsewhere.pth").write_text(f"{elsewhere}\n")
    report = look(venv, tmp_path)
    assert bad(report) == {"cudnn9-sublib-not-on-loader-path": "fail"}
    assert f"it lies in {elsewhere}/nvidia/cudnn/lib, away from ctranslate2" in evidence(
        report, "cudnn9-sublib-not-on-loader-path"
    )
    mend(report, venv)
    assert bad(look(venv, tmp_path)) == {}


def test_all_nvidia_files_are_gone(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of(*USUAL)
    shutil.rmtree(packages(venv) / "nvidia")
    report = look(venv, tmp_path)
    assert bad(report) == {"package-files-damaged": "fail"}
    seen = evidence(report, "package-files-damaged")
    assert "follows: cudnn9-sublib-not-on-loader-path" in seen
    assert "follows: cublas-missing" in seen
    mend(report, venv)
    assert bad(look(venv, tmp_path)) == {}


def test_an_older_cudnn_on_library_path_breaks_the_newer_wheel(
    venv_of: MakeVenv, wheel: object, tmp_path: Path
) -> None:
    """What a globally exported LD_LIBRARY_PATH does to the torch releases with cuDNN 9.10."""
    venv = venv_of("ctranslate2==4.8.5", CUDNN_9_10, *CUBLAS)
    older = wheel(CUDNN_9_1) / "nvidia" / "cudnn" / "lib"  # type: ignore[operator]
    report = look(venv, tmp_path, LD_LIBRARY_PATH=str(older))
    assert bad(report)["ld-library-path-shadows-wheel"] == "warn"
    seen = evidence(report, "ld-library-path-shadows-wheel")
    assert f"because LD_LIBRARY_PATH has {older}" in seen
    assert "follows: cudnn-mixed-versions" in seen


def test_a_newer_cudnn_on_library_path_is_loaded_silently(
    venv_of: MakeVenv, wheel: object, tmp_path: Path
) -> None:
    venv = venv_of(*USUAL)
    newer = wheel(CUDNN_9_10) / "nvidia" / "cudnn" / "lib"  # type: ignore[operator]
    path = f"{newer}:{packages(venv)}/nvidia/cublas/lib"
    report = look(venv, tmp_path, LD_LIBRARY_PATH=path)
    assert bad(report) == {"ld-library-path-shadows-wheel": "warn"}
    assert f"{newer}/libcudnn_graph.so.9 is taken instead of" in evidence(
        report, "ld-library-path-shadows-wheel"
    )


def test_an_identical_copy_on_library_path_is_no_alarm(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of(*USUAL)
    copy = tmp_path / "copy"
    shutil.copytree(part(venv, ""), copy)
    path = f"{copy}:{packages(venv)}/nvidia/cublas/lib"
    assert bad(look(venv, tmp_path, LD_LIBRARY_PATH=path)) == {}


def test_newer_parts_under_an_older_front_are_no_alarm(venv_of: MakeVenv, tmp_path: Path) -> None:
    """ctranslate2 4.6.2 beside the cuDNN of torch 2.8: works, and doctor says what it saw."""
    venv = venv_of("ctranslate2==4.6.2", CUDNN_9_10, *CUBLAS)
    report = look(venv, tmp_path)
    assert bad(report) == {"cudnn9-sublib-not-on-loader-path": "warn"}  # the bare start
    assert "front library is cuDNN 9.1.0, the parts that it loads are 9.10.2" in evidence(
        report, "cudnn-mixed-versions"
    )
    mend(report, venv)
    assert bad(look(venv, tmp_path)) == {}


def test_ctranslate2_4_5_finds_its_parts_in_the_launch_environment_only(
    venv_of: MakeVenv, tmp_path: Path
) -> None:
    venv = venv_of("ctranslate2==4.5.0", CUDNN_9_1, *CUBLAS)
    report = look(venv, tmp_path)
    assert bad(report) == {"cudnn9-sublib-not-on-loader-path": "warn"}
    assert report.exit_code() == 0


def test_a_current_ctranslate2_needs_cublas_only(venv_of: MakeVenv, tmp_path: Path) -> None:
    venv = venv_of("ctranslate2==4.8.5", *CUBLAS)
    report = look(venv, tmp_path)
    assert bad(report) == {"cublas-missing": "warn"}
    assert f"it lies in {packages(venv)}/nvidia/cublas/lib" in evidence(report, "cublas-missing")


def test_two_majors_of_one_nvidia_wheel(venv_of: MakeVenv, wheel: object, tmp_path: Path) -> None:
    venv = venv_of(*USUAL, "nvidia-nccl-cu12==2.21.5")
    other = wheel("nvidia-nccl-cu11==2.21.5")  # type: ignore[operator]
    for file in other.rglob("*"):
        if file.is_file():
            there = packages(venv) / file.relative_to(other)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.unlink(missing_ok=True)
            there.hardlink_to(file)
    report = look(venv, tmp_path)
    assert bad(report)["nvidia-wheels-mixed-cuda-majors"] == "fail"
    seen = evidence(report, "nvidia-wheels-mixed-cuda-majors")
    assert "nvidia-nccl-cu11 2.21.5" in seen
    assert "nvidia-nccl-cu12 2.21.5" in seen


def test_the_evidence_names_the_mapped_file(venv_of: MakeVenv, tmp_path: Path) -> None:
    report = look(venv_of(*USUAL), tmp_path)
    launched = next(run for run in report.facts.probes("cudnn") if "launch" in run.environments)
    directories = {folder(file) for file in launched.mapped if "libcudnn_" in file}
    assert directories == {f"{report.facts.interpreter.packages}/nvidia/cudnn/lib"}


@pytest.mark.parametrize("ctranslate2", ["ctranslate2==4.6.2", "ctranslate2==4.8.5"])
def test_an_environment_for_the_cpu_gets_no_alarm(
    venv_of: MakeVenv, ctranslate2: str, tmp_path: Path
) -> None:
    assert bad(look(venv_of(ctranslate2), tmp_path)) == {}


def test_a_changed_byte_is_found_when_contents_are_asked_for(
    venv_of: MakeVenv, tmp_path: Path
) -> None:
    venv = venv_of(*USUAL)
    heuristic = part(venv, "libcudnn_heuristic.so.9")
    content = bytearray(heuristic.read_bytes())
    content[len(content) // 2] ^= 1
    replaced(heuristic, bytes(content))
    assert "package-files-damaged" not in bad(look(venv, tmp_path))
    asked = examine.examine(target.of_venv(venv), ("package-files-damaged",), environ={"PATH": ""})
    assert bad(asked) == {"package-files-damaged": "fail"}
    assert f"changed: {heuristic}" in evidence(asked, "package-files-damaged")
