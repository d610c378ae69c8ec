"""Where the tests' files are."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
UTTERANCES = DATA / "utterances"

# Without the links of a venv, and of a version manager whose stand-ins uv asks again every time.
PYTHON = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
