"""How workers are started: nothing around them changes what they load."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from mlenv.speech.transcribe.worker_process import command

# A stand-in for faster-whisper, CTranslate2, PyAV and NumPy in an environment without packages:
# just enough to be imported, and to refuse at the point where a model would be loaded.
STAND_INS = {
    "ctranslate2": (
        "def get_cuda_device_count(): return 0\ndef get_supported_compute_types(*_): return ()\n"
    ),
    "numpy": "",
    "faster_whisper": "ORIGIN = __file__\n",
}
CONFIG = {
    "model": "/none", "device": "cpu", "device_index": 0, "compute_type": "of-no-kind",
    "threads": 1, "at_once": 1, "batch_size": None, "options": {},
}  # fmt: skip
REFUSED = {
    "event": "refused",
    "code": "compute-type-unknown",
    "message": "There is no compute type `of-no-kind`.",
}


@pytest.fixture
def venv(plain_venv: Path) -> Path:
    """A venv with the stand-ins."""
    [packages] = plain_venv.glob("lib/python3*/site-packages")
    for name, source in STAND_INS.items():
        (packages / f"{name}.py").write_text(source)
    return plain_venv


def started(venv: Path, directory: Path, **variables: str) -> list[dict[str, object]]:
    """Events of a transcriber that is started in `directory` and given `CONFIG`."""
    done = subprocess.run(
        command(venv / "bin" / "python", "transcriber"),
        input=json.dumps(CONFIG) + "\n",
        cwd=directory,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("safe_path", ["", "1"])
def test_pythonsafepath_changes_nothing(venv: Path, tmp_path: Path, safe_path: str) -> None:
    assert started(venv, tmp_path, PYTHONSAFEPATH=safe_path) == [REFUSED]


@pytest.mark.parametrize(
    "name", ["whisper", "queue", "audio", "protocol", "json", "ctranslate2", "load_model"]
)
def test_a_module_in_the_working_directory_is_not_imported(
    venv: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit('imported by mistake')\n")
    assert started(venv, tmp_path) == [REFUSED]


@pytest.mark.parametrize("name", ["ctranslate2", "numpy", "typing_extensions", "dataclasses"])
def test_a_stub_on_pythonpath_is_not_imported(venv: Path, tmp_path: Path, name: str) -> None:
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    (stubs / f"{name}.py").write_text("raise SystemExit('imported by mistake')\n")
    assert started(venv, tmp_path, PYTHONPATH=str(stubs)) == [REFUSED]


def test_the_folder_of_the_workers_is_not_on_the_path(venv: Path, tmp_path: Path) -> None:
    """A package of the environment named as one of our modules stays importable."""
    [packages] = venv.glob("lib/python3*/site-packages")
    (packages / "audio.py").write_text("")
    (packages / "ctranslate2.py").write_text(
        STAND_INS["ctranslate2"] + "import audio, sys\nassert 'mlenv_workers' in sys.modules\n"
        "assert not audio.__file__.startswith(sys.modules['mlenv_workers'].__path__[0])\n"
    )
    assert started(venv, tmp_path) == [REFUSED]
