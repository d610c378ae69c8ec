"""Documents of `mlenv doctor`, as `--json` prints them."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from mlenv.doctor import examine
from mlenv.doctor.facts import Facts


class Step(Struct, frozen=True, kw_only=True):
    """A step of `--fix`: the findings that it mends, and the command for the same, if any."""

    what: str
    ids: tuple[str, ...]
    command: tuple[str, ...]


class DoneStep(Step, frozen=True, kw_only=True):
    """A step that was tried; `error` says why it failed, if it did."""

    error: str


class Fix(Struct, frozen=True, kw_only=True):
    """Bad findings of the first look, the plan of `--fix`, and the steps that were carried out."""

    before: tuple[examine.FindingDocument, ...]
    plan: tuple[Step, ...]
    done: tuple[DoneStep, ...]


class Diagnosed(Struct, frozen=True, kw_only=True):
    """The document of `mlenv doctor`; `fix` is there with `--fix` only, `html` with `--html`.

    `html`: the file of the page; null where it could not be written.
    `tried`: the parts of the job that ran or failed. `not_tried`: the others, and why.
    """

    verdict: str
    tried: tuple[str, ...]
    not_tried: dict[str, str]
    findings: tuple[examine.FindingDocument, ...]
    facts: Facts
    fix: Fix | UnsetType = UNSET
    html: str | UnsetType | None = UNSET


class CheckRow(Struct, frozen=True, kw_only=True):
    """One check of `--list`; `quick`: `--quick` runs it too."""

    id: str
    topic: str
    title: str
    quick: bool


class Checks(Struct, frozen=True, kw_only=True):
    """The document of `mlenv doctor --list`."""

    checks: tuple[CheckRow, ...]
