"""The document of `mlenv verify`, as `--json` prints it."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from mlenv.speech.verify import measure


class Verified(Struct, frozen=True, kw_only=True):
    """The document of `mlenv verify`. `compared_with`: the time of the receipt before this one.

    `receipt`: its file; None where it can't be written. `not_tried`: a part of the job, or a
    device, that has no row, and why. `html`: the file of the page, with `--html`; null where it
    could not be written.
    """

    rows: tuple[measure.Row, ...]
    not_tried: dict[str, str]
    changes: list[str]
    compared_with: str | None
    receipt: str | None
    html: str | UnsetType | None = UNSET
