"""What the tests of `explain` share."""

from __future__ import annotations

import io

from mlenv.doctor.explain.rank import Diagnosis, diagnose
from mlenv.doctor.explain.scan import scan
from tests.support import places

DATA = places.DATA / "explain"


def explained(log: str | bytes) -> list[Diagnosis]:
    """The diagnoses of a log."""
    data = log.encode() if isinstance(log, str) else log
    return diagnose(scan(io.BytesIO(data)))


def ids(log: str | bytes) -> list[str]:
    return [diagnosis.entry.id for diagnosis in explained(log)]


def named(log: str | bytes) -> list[str]:
    """The ids without those that are only the less likely cause of the same words."""
    return [diagnosis.entry.id for diagnosis in explained(log) if not diagnosis.instead_of]


AMBIGUOUS = "CUDA failed with error CUDA driver version is insufficient for CUDA runtime version"
