"""Write every generated page: `uv run python -m documentation`."""

from __future__ import annotations

import sys

from documentation import DOCS
from documentation.pages import generated, outdated


def main() -> None:
    """Write what differs and name it; remove generated files of records that are gone."""
    changed = outdated()
    pages = generated()
    for name in changed:
        file = DOCS / name
        if name in pages:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(pages[name], "utf-8")
        else:
            file.unlink()
    sys.stdout.write("".join(f"{name}\n" for name in changed))


main()
