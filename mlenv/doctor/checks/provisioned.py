"""Changes since mlenv built the environment, and the state of its links and launchers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mlenv.doctor.checks.common import Check, Finding, ok, skip, warn
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.environments import ACTIVATED, LAUNCH

DRIFT = "environment-drifted-from-lock"
LINKS = "library-links-broken"
ACTIVATION = "activation-not-current"
SHIMS = "launcher-shim-outdated"
VERIFIED = "changed-since-verified"

SHOWN = 3  # files of a launcher


def judge_drift(facts: Facts) -> Iterator[Finding]:
    own = facts.provisioned
    if not own.managed:
        yield skip(DRIFT, "mlenv did not build this environment")
        return
    if own.drift:  # whether it works all the same is what the trial says
        yield warn(DRIFT, *own.drift[:10])
    elif own.inputs_changed:
        yield warn(DRIFT, f"profile {own.profile} or its lock {own.lock} has changed since")
    else:
        yield ok(DRIFT, f"holds what its lock names (profile {own.profile})")


def judge_links(facts: Facts) -> Iterator[Finding]:
    own = facts.provisioned
    if own.links_broken:
        yield warn(LINKS, *(f"{file} leads to nothing" for file in own.links_broken))
    elif own.links_present:
        yield ok(LINKS, f"{len(own.links_present)} links lead to the wheels' libraries")
    else:
        yield skip(LINKS, own.links_obstacle or "there are no links of mlenv's")


def judge_activation(facts: Facts) -> Iterator[Finding]:
    """Judge bin/activate by what it does: the environment may be reached by another path."""
    alike = [e for e in facts.environments if {ACTIVATED, LAUNCH} <= {*e.names}]
    places = [environment.pythons.get(ACTIVATED) for environment in alike]
    if facts.provisioned.activation and str(Path(facts.interpreter.executable).parent) in places:
        yield ok(ACTIVATION, "a shell that is activated has the launch environment")
        return
    match facts.provisioned.activation:
        case "ours":
            yield ok(ACTIVATION, "bin/activate exports the launch environment")
        case "stale":
            yield warn(ACTIVATION, "bin/activate of this environment names other directories")
        case "foreign":
            yield warn(ACTIVATION, "bin/activate was written by another tool since")
        case _:
            yield skip(ACTIVATION, "mlenv did not build this environment")


def judge_shims(facts: Facts) -> Iterator[Finding]:
    """Shims that were written for another state of the environment."""
    stale = [shim for shim in facts.provisioned.shims if shim.state == "outdated"]
    made = [shim.launcher for shim in facts.provisioned.shims if shim.state == "installed"]
    if stale:
        lines = tuple(f"{s.launcher}: {_files(s.files) or s.todo}" for s in stale)
        # What starts the programs of a folder that is gone does not start.
        yield Finding(SHIMS, "fail" if any(s.gone for s in stale) else "warn", lines)
    elif made:
        yield ok(SHIMS, f"as mlenv would write them now: {', '.join(made)}")
    else:
        yield skip(SHIMS, "no shims of mlenv's, or another tool built this environment")


def _files(paths: Sequence[str]) -> str:
    """The first files, and how many there are more."""
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return f"{', '.join(paths[:SHOWN])}{more}"


def judge_verified(facts: Facts) -> Iterator[Finding]:
    """Says what a failure may come from; a change alone is no fault."""
    own = facts.provisioned
    if not own.verified:
        yield skip(VERIFIED, "never verified here: `mlenv verify` transcribes the sample")
    elif own.verify_failures:
        first = own.verify_failures[0].splitlines()[0]
        yield skip(VERIFIED, f"`mlenv verify` of {own.verified} failed: {first}")
    elif own.changed_since:
        yield ok(VERIFIED, f"verified {own.verified}; changed since:", *own.changed_since[:8])
    else:
        yield ok(VERIFIED, f"verified {own.verified}; nothing has changed since")


TOPIC = "what mlenv built"
CHECKS = (
    Check(TOPIC, (DRIFT,), judge_drift),
    Check(TOPIC, (LINKS,), judge_links, full=True),
    Check(TOPIC, (ACTIVATION,), judge_activation),
    Check(TOPIC, (SHIMS,), judge_shims, full=True),
    Check(TOPIC, (VERIFIED,), judge_verified),
)
