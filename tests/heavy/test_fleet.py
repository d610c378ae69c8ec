"""Real looks at the real environment, and at a copy without a part of cuDNN, judged together."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.running import Run
from tests.support.venvs import empty_venv

pytestmark = pytest.mark.heavy

LOST = "cudnn9-sublib-not-on-loader-path"


def test_the_loop_of_the_page_gathers_what_can_be_reached(mlenv: Run, tmp_path: Path) -> None:
    """With an `ssh` that runs the command here, and does not reach one of the hosts."""
    page = (ROOT / "docs" / "how-to" / "many-hosts.md").read_text("utf-8")
    loop = page.partition("```bash\n")[2].partition("```")[0]
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(
        "#!/bin/sh\nfor command; do host=$before before=$command; done\n"
        '[ "$host" = gone ] && exit 255\nexec sh -c "$command"\n'
    )
    (programs / "ssh").chmod(0o755)
    (tmp_path / "hosts.txt").write_text("gpu1\ngpu2\ngone\n")
    variables = {
        "PATH": f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "MLENV_VENV": str(empty_venv(tmp_path / "venv")),
    }
    subprocess.run(["bash", "-c", loop], cwd=tmp_path, env=variables, check=True)
    data = json.loads(mlenv("doctor", "--from", tmp_path / "hosts", "--json").stdout)["data"]
    assert [host["host"] for host in data["hosts"]] == ["gpu1", "gpu2"]
    assert [each["message"] for each in data["problems"]] == [
        f"{tmp_path}/hosts/gone.json could not be read: it is empty."
    ]
    assert data["differences"] == []


def test_the_host_that_lost_a_library_stands_out(
    mlenv: Run, real_venv: Path, model_cache: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(real_venv.resolve(), copy, symlinks=True, copy_function=os.link)
    for part in copy.glob("lib/*/site-packages/nvidia/cudnn/lib/libcudnn_ops.so.9"):
        part.unlink()  # a name of its own: the real environment keeps its file
    env = {"MLENV_CACHE_DIR": str(model_cache)}
    hosts = tmp_path / "hosts"
    hosts.mkdir()
    for name, words in {
        "gpu1": ("--venv", real_venv),
        "gpu2": ("--venv", real_venv),
        "gpu3": ("--python", copy / "bin" / "python"),
        "gpu4": ("--venv", real_venv, "--quick"),
    }.items():
        mlenv("doctor", *words, "--snapshot", hosts / f"{name}.json", env=env)
    ended = mlenv("doctor", "--from", hosts, "--json")
    data = json.loads(ended.stdout)["data"]
    assert (ended.returncode, ended.stderr) == (1, "")
    states = {host["host"]: host["state"] for host in data["hosts"]}
    assert next(iter(states)) == "gpu3" and states["gpu3"] == "broken"
    assert not {"broken", "undiagnosed"} & {states["gpu1"], states["gpu2"], states["gpu4"]}
    assert {host["dated_by"] for host in data["hosts"]} == {"snapshot"}
    failing = {each["id"]: each["hosts"] for each in data["findings"] if each["outcome"] == "fail"}
    assert failing[LOST] == ["gpu3"]
    lost = [each for each in data["differences"] if "libcudnn_ops.so.9" in each["subjects"]]
    assert [(group["hosts"], group["failing"]) for group in lost[0]["groups"]] == [
        (["gpu1", "gpu2", "gpu4"], 0),
        (["gpu3"], 1),
    ]
    alike = {(each["topic"], each["subject"]): each for each in data["alike"]}
    assert alike["packages", "torch"]["value"].startswith("2.5.1") and len(alike) > 100
    assert alike["libraries in memory", "libtorch_cpu.so"]["unknown"] == [
        "gpu4"
    ]  # a quick look does not open it
