"""Text of `mlenv export`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlenv.cli.render.style import dim, green

if TYPE_CHECKING:
    from mlenv.cli.commands.export import Exported


# How other tools take what is written.
_USES = {
    "pylock": "uv pip sync {}",
    "requirements": "uv pip sync {}",
    "dockerfile": "docker build -f {} .",
    "conda-env": "conda env create -f {}",
    "sbatch": "sbatch {}",
}


def _use(form: str, path: str) -> str:
    return _USES[form].format(shlex.quote(path))


def lines(exported: Exported) -> Iterator[str]:
    """The exported text itself, or the path of its file."""
    if exported.path:
        yield f"{green('written')}  {exported.path}"
        yield dim(f"`{_use(exported.format, exported.path)}` uses it.")
    else:
        yield (exported.content or "").removesuffix("\n")
