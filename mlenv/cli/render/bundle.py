"""Text of `mlenv bundle`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlenv.cli.render.install import size
from mlenv.cli.render.style import bold, green

if TYPE_CHECKING:
    from mlenv.cli.commands.bundle import Bundled


def lines(bundled: Bundled) -> Iterator[str]:
    """Contents of the bundle, and the command that installs from it."""
    content = ", ".join((f"{len(bundled.files)} files", *bundled.models))
    yield (
        f"{green('bundled')}  {bold(bundled.profile)} for {bundled.platform}, "
        f"Python {bundled.python}: {content}, {size(bundled.bytes)} in {bundled.path}"
    )
    yield f"         mlenv install --from {bundled.path}"
