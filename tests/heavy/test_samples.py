"""The script that made the conversation makes it again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mlenv.speech.verify import samples
from tests.support.places import DATA

MAKER = DATA / "make_conversation.py"


@pytest.mark.heavy
def test_the_script_makes_just_this_conversation(real_venv: Path, tmp_path: Path) -> None:
    code = (
        "import pathlib, runpy, sys\n"
        "source = runpy.run_path(sys.argv[1])\n"
        "source['main'].__globals__['SAMPLES'] = pathlib.Path(sys.argv[2])\n"
        "source['main']()\n"
    )
    argv = [real_venv / "bin" / "python", "-c", code, MAKER, tmp_path]
    subprocess.run(argv, check=True)
    assert json.loads((tmp_path / "conversation.json").read_text()) == samples.truth()
