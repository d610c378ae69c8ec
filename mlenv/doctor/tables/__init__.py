"""Tables of versions that belong together. Each file names its source."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> dict[str, Any]:
    """`cuda_driver_table` or `torch_matrix`."""
    loaded: dict[str, Any] = json.loads(files(__name__).joinpath(f"{name}.json").read_text("utf-8"))
    return loaded
