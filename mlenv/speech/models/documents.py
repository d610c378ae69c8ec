"""Documents of `mlenv models`, as `--json` prints them."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType


class RefusedRow(Struct, frozen=True, kw_only=True):
    """A directory that does not count, with its first wrong file."""

    file: str
    source: str
    why: str


class Row(Struct, frozen=True, kw_only=True):
    """One model; `state` is here, missing or wrong, `source` folder, store or hub-cache."""

    name: str
    kind: str
    title: str
    licence: str
    bytes: int
    state: str
    path: str | None
    source: str | None
    sha256_ok: bool | None
    message: str
    refused: tuple[RefusedRow, ...]


class Listing(Struct, frozen=True, kw_only=True):
    """The document of `mlenv models` and of `pull` and `verify` (without `default`)."""

    default: str | UnsetType = UNSET
    models: tuple[Row, ...]


class Where(Struct, frozen=True, kw_only=True):
    """The document of `mlenv models where`."""

    name: str
    path: str
    source: str
    sha256_ok: bool
    refused: tuple[RefusedRow, ...] | UnsetType = UNSET


class Removed(Struct, frozen=True, kw_only=True):
    """The document of `mlenv models remove`: bytes by name."""

    removed: dict[str, int]
