"""The last line of a report: the next command, where one is known."""

from __future__ import annotations

import pytest

from mlenv.cli.render.doctor import next_step
from mlenv.doctor.checks.common import Outcome
from mlenv.doctor.examine import FindingDocument, RemedyDocument

BUILD, PIP = ("mlenv", "install"), ("uv", "pip", "install", "rich")


def finding(outcome: Outcome, *commands: tuple[str, ...], fixable: bool = False) -> FindingDocument:
    remedy = RemedyDocument(prose="", commands=commands, fixable=fixable)
    return FindingDocument(id="x", outcome=outcome, title="", evidence=(), cause="", remedy=remedy)


@pytest.mark.parametrize(
    ("findings", "step"),
    [
        ((finding("ok", BUILD),), "nothing to do. Start programs with mlenv exec COMMAND."),
        ((finding("warn"), finding("fail", BUILD)), "mlenv install, then mlenv doctor again."),
        ((finding("fail", PIP),), "follow the remedies above, then run mlenv doctor again."),
        (
            (finding("fail"), finding("warn", BUILD)),
            "follow the remedies above, then run mlenv doctor again.",
        ),
        ((finding("fail", PIP), finding("warn", fixable=True)), ("mlenv", "doctor", "--fix")),
    ],
)
def test_what_is_next(findings: tuple[FindingDocument, ...], step: object) -> None:
    assert next_step(findings, ()) == step
