"""What mlenv built: drift, links, activation, and what changed since it was verified."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from mlenv.doctor import examine
from mlenv.doctor.facts import Facts, target
from mlenv.doctor.facts.generation import Launched, Provisioned
from mlenv.environment import receipts
from tests.support.venvs import empty_venv


@pytest.fixture
def seen(tmp_path: Path) -> Facts:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    venv = empty_venv(tmp_path / "ml")
    return examine.examine(target.of_venv(venv), quick=True, environ=environ, root=tmp_path).facts


def judged(seen: Facts, own: Provisioned) -> dict[str, tuple[str, tuple[str, ...]]]:
    report = examine.judge(replace(seen, provisioned=own, quick=False))
    return {f.id: (f.outcome, f.evidence) for f in report.findings}


def test_an_environment_of_another_tool_has_no_drift(seen: Facts) -> None:
    found = judged(seen, Provisioned())
    assert found["environment-drifted-from-lock"][0] == "skip"
    assert found["activation-not-current"][0] == "skip"


def test_a_package_that_is_gone_or_was_added_is_a_warning(seen: Facts) -> None:
    own = Provisioned(managed=True, profile="cu124", activation="ours")
    for drift, outcome in (
        (("av-16.0.1 is missing", "av-17.0.0 was added"), "warn"),
        (("rich-14.0.0 was added",), "warn"),
        ((), "ok"),
    ):
        found = judged(seen, replace(own, drift=drift))
        assert found["environment-drifted-from-lock"][0] == outcome


def test_links_that_lead_to_nothing_are_named(seen: Facts) -> None:
    link = "/site-packages/ctranslate2.libs/libcudnn_ops.so.9"
    found = judged(seen, Provisioned(links_broken=(link,)))
    assert found["library-links-broken"] == ("warn", (f"{link} leads to nothing",))


@pytest.mark.parametrize(
    ("activation", "outcome"), [("ours", "ok"), ("stale", "warn"), ("foreign", "warn")]
)
def test_an_activation_script_of_another_tool(seen: Facts, activation: str, outcome: str) -> None:
    own = Provisioned(managed=True, activation=activation)
    found = judged(replace(seen, environments=()), own)
    assert found["activation-not-current"][0] == outcome


def test_an_activation_that_does_what_it_shall_is_no_alarm(seen: Facts) -> None:
    """Reached by another path, its text differs from what mlenv would write for that path."""
    found = judged(seen, Provisioned(managed=True, activation="stale"))
    assert found["activation-not-current"] == (
        "ok",
        ("a shell that is activated has the launch environment",),
    )
    (here,) = [e for e in seen.environments if "activated" in e.names]
    moved = replace(here, pythons={**here.pythons, "activated": "/old/ml/bin"})
    found = judged(
        replace(seen, environments=(moved,)), Provisioned(managed=True, activation="stale")
    )
    assert found["activation-not-current"][0] == "warn"


def test_a_shim_of_another_state_of_the_environment(seen: Facts) -> None:
    kernel = Launched("jupyter", "outdated", ("/home/user/kernels/ml/kernel.json",))
    commands = Launched("commands", "installed")
    found = judged(seen, Provisioned(managed=True, shims=(commands, kernel)))
    assert found["launcher-shim-outdated"] == (
        "warn",
        ("jupyter: /home/user/kernels/ml/kernel.json",),
    )
    many = Launched("commands", "outdated", tuple(f"/ml/shims/{n}" for n in range(9)))
    found = judged(seen, Provisioned(managed=True, shims=(many,)))
    assert found["launcher-shim-outdated"] == (
        "warn",
        ("commands: /ml/shims/0, /ml/shims/1, /ml/shims/2 and 6 more",),
    )


def test_what_changed_since_it_was_verified(tmp_path: Path) -> None:
    venv, library = empty_venv(tmp_path / "ml"), tmp_path / "libcudnn.so.9"
    library.write_bytes(b"1234")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    receipt = structs.replace(
        receipts.of_now(venv, [], []),
        driver="550.54.14",
        libraries=(receipts.Library(path=str(library), bytes=4),),
    )
    receipts.keep(venv, receipt, environ)
    library.write_bytes(b"12345678")
    report = examine.examine(
        target.of_venv(venv), ("changed-since-verified",), quick=True, environ=environ
    )
    (finding,) = report.findings
    assert finding.outcome == "ok"
    assert finding.evidence[0] == f"verified {receipt.when}; changed since:"
    assert finding.evidence[-1] == f"{library} is another file than before"


def test_a_failed_verify_is_no_state_to_compare_with(tmp_path: Path) -> None:
    venv = empty_venv(tmp_path / "ml")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    row = receipts.Row(model="base", device="cpu", problem="the model is gone\nfetch it")
    receipt = receipts.of_now(venv, [row], [])
    receipts.keep(venv, receipt, environ)
    report = examine.examine(
        target.of_venv(venv), ("changed-since-verified",), quick=True, environ=environ
    )
    (finding,) = report.findings
    assert (finding.outcome, finding.evidence) == (
        "skip",
        (f"`mlenv verify` of {receipt.when} failed: base on cpu: the model is gone",),
    )
