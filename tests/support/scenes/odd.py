"""Environments that look odd and work."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.scenes import Row, Scene
from tests.support.scenes.acts import (
    begins_with,
    beside,
    both,
    fetched,
    installed,
    limited,
    remounted,
    removed,
    variables,
    written,
)
from tests.support.scenes.broken import DAMAGED, DRIFT, NUMPY_1
from tests.support.scenes.weights import (
    cached,
    stored,
)


def _copied_interpreter(scene: Scene) -> None:
    python = scene.venv / "bin" / "python"
    program = python.resolve()
    python.unlink()
    shutil.copy2(program, python)
    cfg = scene.venv / "pyvenv.cfg"
    lines = [line for line in cfg.read_text().splitlines() if not line.startswith("home")]
    lines.append(f"home = {program.parent}")
    cfg.write_text("\n".join(lines) + "\n")


def _second_metadata(scene: Scene) -> None:
    """What an installation that was cut leaves: the old version's record beside the new one."""
    fetched(scene, "numpy==1.26.4")
    (info,) = (scene.scratch / "wheel").glob("numpy-*.dist-info")
    shutil.copytree(info, scene.site / info.name)


def _by_another_path(scene: Scene) -> None:
    scene.options += ["--python", str(scene.venv / "bin" / "python")]


def _onnx_for_gpus(scene: Scene) -> None:
    """The same modules under the other distribution's name."""
    (info,) = scene.site.glob("onnxruntime-*.dist-info")
    other = info.with_name(info.name.replace("onnxruntime-", "onnxruntime_gpu-"))
    other.mkdir()
    for file in info.iterdir():
        text = file.read_text().replace("Name: onnxruntime\n", "Name: onnxruntime-gpu\n")
        lines = text.replace(info.name, other.name).splitlines(keepends=True)
        (other / file.name).write_text("".join(x for x in lines if "/METADATA," not in x))
    shutil.rmtree(info)


def _linked(scene: Scene) -> None:
    link = scene.scratch / "my env's link"
    link.symlink_to(scene.venv)
    scene.options += ["--venv", str(link)]


def _stopped(hub: Path) -> None:
    blobs = hub / "models--other--llm" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "0123.incomplete").write_bytes(b"GGUF")


ODD: dict[str, Row] = {
    "as it was installed": Row(lambda _: None),
    "with a model": Row(stored),
    "a copy of the interpreter, and another home": Row(_copied_interpreter),
    "an older hub client": Row(
        installed("huggingface_hub==0.16.4", "huggingface_hub*"), shown=(DRIFT,)
    ),
    "numpy 1.26 by hand": Row(NUMPY_1, shown=(DRIFT,)),
    "protobuf 3.20 by hand": Row(
        installed("protobuf==3.20.3", "google/protobuf", "google/_upb", "protobuf-*"),
        shown=(DRIFT,),
    ),
    "an older pyannote.core, by hand": Row(
        installed("pyannote.core==5.0.0", "pyannote/core", "pyannote_core-*"), by_hand=True
    ),
    "setuptools was uninstalled": Row(
        removed("setuptools*", "pkg_resources", "_distutils_hack", "distutils-precedence.pth"),
        shown=(DRIFT,),
    ),
    "a package was added": Row(installed("cowsay==6.1"), shown=(DRIFT,)),
    "a package was added to another tool's environment": Row(
        installed("cowsay==6.1"), by_hand=True
    ),
    "ONNX Runtime for GPUs instead": Row(_onnx_for_gpus, by_hand=True),
    "a second dist-info": Row(_second_metadata, by_hand=True, shown=(DAMAGED,)),
    "tests and stubs were taken away": Row(removed("*/tests", "*/*.pyi")),
    "a module was edited": Row(begins_with("tqdm/cli.py", "# mine"), shown=(DAMAGED,)),
    "few open files": Row(limited("--nofile=12")),
    "a .pth that prints": Row(written("zz.pth", "import sys; print('proxy enabled')\n")),
    "a .pth that raises": Row(written("zz.pth", "import there_is_no_such_module\n")),
    "Python stays after the script": Row(variables(PYTHONINSPECT="1")),
    "asked by its interpreter": Row(_by_another_path),
    "reached by a link with spaces": Row(_linked),
    "a mount that may not be written": Row(remounted("ro")),
    "a library that is not there is preloaded": Row(variables(LD_PRELOAD="/gone/libgone.so")),
    "an empty element of the library path, and a library that lies here": Row(
        both(beside("libz.so.1", ""), variables(LD_LIBRARY_PATH="/opt/none:")),
        shown=("library-path-has-empty-element",),
    ),
    "an empty element of the library path": Row(variables(LD_LIBRARY_PATH="/opt/none:")),
    "a library path of folders that are gone": Row(variables(LD_LIBRARY_PATH="/gone:/gone/too")),
    "a TMPDIR that is gone": Row(variables(TMPDIR="/gone")),
    "a Python in safe mode, without user packages": Row(
        variables(PYTHONSAFEPATH="1", PYTHONNOUSERSITE="1", PYTHONDONTWRITEBYTECODE="1")
    ),
    "a C locale": Row(variables(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")),
    "numbers of threads that are none": Row(variables(OMP_NUM_THREADS="many")),
    "a folder torch without modules beside the script": Row(beside("torch/README.md")),
    "a whisper.py beside the script": Row(beside("whisper.py")),
    "another environment is active": Row(
        variables(VIRTUAL_ENV="/opt/env", CONDA_PREFIX="/opt/conda", CONDA_DEFAULT_ENV="base")
    ),
    "an instruction set that exists": Row(both(stored, variables(CT2_FORCE_CPU_ISA="GENERIC"))),
    "another program's download that stopped": Row(
        lambda scene: _stopped(cached(scene).parents[2])
    ),
}
