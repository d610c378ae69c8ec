"""All hosts judged: their order, their ages, the snapshots that can't be judged, the exit code."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.files import Files
from mlenv.doctor.facts.trial import Tried
from mlenv.fleet import judge, traits
from mlenv.fleet.documents import Counts, Fleet
from mlenv.progress import Silent
from tests.support.fleets import HOST, NOON, gpus, written

DRIVER = "driver-too-old"
EMPTY = "library-path-has-empty-element"
OLD = replace(HOST, driver=gpus("450.80.02", 11000))
GOOD = replace(HOST, driver=gpus())
WARNED = replace(
    GOOD,
    machine=replace(GOOD.machine, variables={"LD_LIBRARY_PATH": ":/opt"}),
    files=Files(libraries=("/home/user/libcudnn.so.9",)),
)
UNTRIED = replace(HOST, driver=gpus(), trial=(Tried("torch", left_out="--quick"),))


def judged(
    folder: Path, only: Collection[str] = (DRIVER,), *, strict: bool = False
) -> tuple[Fleet, int]:
    return judge.fleet([str(folder)], only, (), Silent(), strict=strict, now=NOON)


def test_the_worst_hosts_come_first_and_then_their_names(tmp_path: Path) -> None:
    hosts = {"gpu10": GOOD, "gpu9": GOOD, "gpu2": UNTRIED, "gpu3": OLD, "login": GOOD}
    fleet, code = judged(written(tmp_path / "hosts", hosts))
    assert [(host.host, host.state) for host in fleet.hosts] == [
        ("gpu3", "broken"),
        ("gpu2", "untried"),
        ("gpu9", "healthy"),
        ("gpu10", "healthy"),
        ("login", "healthy"),
    ]
    assert fleet.verdict == "5 hosts: 1 broken, 1 not known to work, 3 healthy"
    assert fleet.counts == Counts(
        healthy=3, works=0, untried=1, undiagnosed=0, broken=1, unreadable=0, outdated=0
    )
    assert code == 1
    (finding,) = fleet.findings
    assert (finding.id, finding.outcome, finding.hosts) == (DRIVER, "fail", ("gpu3",))
    assert [group.hosts for group in fleet.differences[0].groups] == [
        ("gpu2", "gpu9", "gpu10", "login"),
        ("gpu3",),
    ]


def test_a_snapshot_of_another_day_is_said(tmp_path: Path) -> None:
    ages = [
        ("old", timedelta(days=12)),
        ("late", timedelta(hours=23)),
        ("ahead", -timedelta(days=2)),
    ]
    hosts = dict.fromkeys(("new", "old", "late", "ahead"), GOOD)
    folder = written(tmp_path / "hosts", hosts, ages)
    fleet, code = judged(folder)
    assert {host.host: host.behind for host in fleet.hosts} == {
        "new": None,
        "late": None,
        "old": 12 * 86_400,
        "ahead": -2 * 86_400,
    }
    assert (fleet.verdict, code) == ("4 hosts: 4 healthy; 2 snapshots of another day", 0)
    assert judged(folder, strict=True)[1] == 1
    assert {host.when[:10] for host in fleet.hosts} == {
        "2026-11-29",
        "2026-11-28",
        "2026-11-17",
        "2026-12-01",
    }


def test_a_snapshot_without_a_time_has_that_of_its_file(tmp_path: Path) -> None:
    folder = written(tmp_path / "hosts", {"a": GOOD, "b": GOOD})
    document = json.loads((folder / "a.json").read_text())
    del document["when"]
    (folder / "a.json").write_text(json.dumps(document))
    yesterday = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
    os.utime(folder / "a.json", (yesterday, yesterday))
    a, b = sorted(judged(folder)[0].hosts, key=lambda host: host.host)
    assert (a.when, a.dated_by) == ("2026-11-20T00:00:00+00:00", "file")
    assert (b.when, b.dated_by) == ("2026-11-29T12:00:00+00:00", "snapshot")


def broken_files(folder: Path) -> Path:
    """A healthy host among files of which none is a snapshot."""
    written(folder, {"well": GOOD})
    text = (folder / "well.json").read_text()
    (folder / "cut.json").write_text(text[: len(text) // 2])
    (folder / "empty.json").write_text("")
    (folder / "later.json").write_text('{"schema": 2, "facts": {"of": "another kind"}}')
    (folder / "other.json").write_text('{"name": "a package.json"}')
    (folder / "bytes.json").write_bytes(b'{"schema": 1, "mlenv": "\xff"}')
    (folder / "deep.json").write_text('{"x": ' + "[" * 100_000)
    os.mkfifo(folder / "pipe.json")
    (folder / "gone.json").symlink_to("nowhere")
    return folder


def test_what_is_no_snapshot_is_named_and_ends_nothing(tmp_path: Path) -> None:
    folder = broken_files(tmp_path / "hosts")
    fleet, code = judged(folder)
    assert code == 1
    assert fleet.verdict == "1 host: 1 healthy; 8 snapshots could not be judged"
    no = "is no snapshot that this mlenv can read:"
    said = {Path(each.file).name: each.message.partition(".json ")[2] for each in fleet.problems}
    assert {name: words[:66] for name, words in said.items()} == {
        "bytes.json": f"{no} 'utf-8' codec can't decod",
        "cut.json": f"{no} Input data was truncated.",
        "deep.json": f"{no} it is nested too deeply.",
        "empty.json": "could not be read: it is empty.",
        "gone.json": "could not be read: No such file or directory.",
        "later.json": f"{no} its schema is 2, not 1.",
        "other.json": f"{no} it has no facts.",
        "pipe.json": "could not be read: it is a pipe or a device.",
    }
    assert {each.code for each in fleet.problems} == {"no-snapshot"}
    (folder / "well.json").unlink()
    fleet, code = judged(folder)
    assert (fleet.verdict, code) == ("No host could be judged; 8 snapshots could not be judged", 3)


def test_a_host_that_can_t_be_judged_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = traits.of

    def fails(facts: Facts, mlenv: str) -> traits.Traits:
        if facts.venv == "/odd":
            raise KeyError("odd")
        return read(facts, mlenv)

    monkeypatch.setattr(traits, "of", fails)
    folder = written(tmp_path, {"a": GOOD, "b": replace(GOOD, venv="/odd")})
    fleet, code = judged(folder)
    (problem,) = fleet.problems
    assert (problem.code, code) == ("not-judged", 1)
    assert problem.message == f"{folder}/b.json could not be judged (KeyError: 'odd')."
    assert fleet.verdict == "1 host: 1 healthy; 1 snapshot could not be judged"


@pytest.mark.parametrize(
    ("hosts", "only", "strict", "expected"),
    [
        ({"a": GOOD, "b": GOOD}, DRIVER, False, 0),
        ({"a": GOOD, "b": UNTRIED}, DRIVER, False, 0),
        ({"a": GOOD, "b": OLD}, DRIVER, False, 1),
        ({"a": GOOD, "b": WARNED}, EMPTY, False, 0),
        ({"a": GOOD, "b": WARNED}, EMPTY, True, 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst_host(
    tmp_path: Path, hosts: dict[str, Facts], only: str, strict: bool, expected: int
) -> None:
    assert judged(written(tmp_path, hosts), [only], strict=strict)[1] == expected


def test_an_empty_directory_holds_no_host(tmp_path: Path) -> None:
    fleet, code = judged(tmp_path)
    assert (fleet.verdict, fleet.hosts, code) == ("No host could be judged", (), 3)
    assert [each.code for each in fleet.problems] == ["no-snapshots"]


def test_a_document_of_doctor_is_a_snapshot_too(tmp_path: Path) -> None:
    facts = msgspec.to_builtins(GOOD)
    (tmp_path / "a.json").write_text(json.dumps({"schema": 1, "data": {"facts": facts}}))
    fleet, code = judged(tmp_path)
    assert (fleet.hosts[0].host, fleet.hosts[0].state, code) == ("a", "healthy", 0)


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["gpu10", "gpu9", "gpu"], ["gpu", "gpu9", "gpu10"]),
        (["2", "10", "b", "1" * 30], ["2", "10", "1" * 30, "b"]),
        (["n1-2", "n1-10", "n2-1"], ["n1-2", "n1-10", "n2-1"]),
    ],
)
def test_names_are_ordered_as_people_number_them(names: list[str], ordered: list[str]) -> None:
    assert sorted(names, key=judge.natural) == ordered
