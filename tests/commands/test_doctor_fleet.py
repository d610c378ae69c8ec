"""`mlenv doctor --from FILE.. | DIR`: many hosts together, as text, JSON and a page."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mlenv import __version__
from mlenv.doctor import knowledge
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.files import Files
from mlenv.doctor.facts.trial import Tried
from tests.support.fleets import HOST, gpus, with_packages, written
from tests.support.running import Run

DRIVER = "driver-too-old"
GOOD = replace(HOST, driver=gpus())
OLD = replace(with_packages(GOOD, numpy="2.0"), driver=gpus("450.80.02", 11000))
SEEN = "torch 2.5.1+cu124 is built for CUDA 12.4 and needs driver 525.60.13 or later; here is "
SEEN += "450.80.02 (CUDA 11.0)"
EMPTY = "hosts/gpu04.json could not be read: it is empty."
VERDICT = "3 hosts: 1 broken, 2 healthy; 1 snapshot could not be judged; 1 snapshot of another day"
EMPTY_ELEMENT = "library-path-has-empty-element"
WARNED = replace(
    GOOD,
    machine=replace(GOOD.machine, variables={"LD_LIBRARY_PATH": ":/opt"}),
    files=Files(libraries=("/home/user/libcudnn.so.9",)),
)
ALIKE = [
    ("driver and GPUs", "GPUs", "2 x NVIDIA L4"),
    ("driver and GPUs", "GPUs on the bus", "2"),
    ("driver and GPUs", "memory of a GPU", "24.2 GB"),
    ("driver and GPUs", "compute capability", "8.9"),
    ("driver and GPUs", "MIG", "off"),
    ("driver and GPUs", "compute mode", "default"),
    ("lock and environment", "environment", "/opt/ml"),
    ("lock and environment", "Python", "3.11.9"),
    ("lock and environment", "CUDA of torch", "12.4"),
    ("packages", "torch", "2.5.1+cu124"),
    ("system", "distribution", "Ubuntu 24.04"),
    ("system", "kernel", "6.8.0-45-generic"),
    ("system", "architecture", "x86_64"),
    ("system", "glibc", "2.39"),
    ("trial", "torch", "ran"),
    ("snapshot", "mlenv", __version__),
    ("snapshot", "look", "full"),
]


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three hosts, of which one has an old driver, and a file that is no snapshot."""
    monkeypatch.chdir(tmp_path)
    folder = written(
        tmp_path / "hosts",
        {"gpu01": GOOD, "gpu02": GOOD, "gpu03": OLD},
        [("gpu02", timedelta(days=3))],
    )
    (folder / "README.md").touch()
    (folder / "gpu04.json").touch()
    return folder


def host(name: str, *, fails: bool = False, **more: object) -> dict[str, object]:
    return {
        "host": name,
        "file": f"hosts/{name}.json",
        "state": "broken" if fails else "healthy",
        "verdict": "Broken: 1 check failed; torch tried" if fails else "Healthy: torch tried",
        "exit_code": int(fails),
        "fail": [DRIVER] if fails else [],
        "crash": [],
        "warn": [],
        "unknown": [],
        "ok": 0 if fails else 1,
        "skip": 0,
        "not_tried": {},
        "unseen": [],
        "mlenv": __version__,
        "when": "2026-11-29T12:00:00+00:00",
        "dated_by": "snapshot",
        "behind": None,
        **more,
    }


def difference(topic: str, usual: dict[str, Any], other: dict[str, Any]) -> dict[str, object]:
    return {
        "topic": topic,
        "subjects": list(usual),
        "groups": [
            {"hosts": ["gpu01", "gpu02"], "failing": 0, "values": usual},
            {"hosts": ["gpu03"], "failing": 1, "values": other},
        ],
        "usual": True,
        "unknown": [],
    }


def test_the_whole_document(mlenv: Run, hosts: Path) -> None:
    ended = mlenv("doctor", "--from", "hosts", "--json", DRIVER)
    entry = knowledge.entries()[DRIVER]
    assert (ended.returncode, ended.stderr) == (1, "")
    assert json.loads(ended.stdout) == {
        "schema": 1,
        "mlenv": __version__,
        "command": "doctor",
        "ok": False,
        "exit_code": 1,
        "data": {
            "verdict": VERDICT,
            "counts": {
                "healthy": 2,
                "works": 0,
                "untried": 0,
                "undiagnosed": 0,
                "broken": 1,
                "unreadable": 1,
                "outdated": 1,
            },
            "hosts": [
                host("gpu03", fails=True),
                host("gpu01"),
                host("gpu02", when="2026-11-26T12:00:00+00:00", behind=3 * 86_400),
            ],
            "findings": [
                {
                    "id": DRIVER,
                    "outcome": "fail",
                    "hosts": ["gpu03"],
                    "remedies": [
                        {
                            "title": entry.title,
                            "cause": entry.cause,
                            "prose": entry.remedy.prose,
                            "commands": [],
                            "hosts": ["gpu03"],
                        }
                    ],
                    "evidence": [{"lines": [SEEN], "hosts": ["gpu03"]}],
                }
            ],
            "differences": [
                difference(
                    "driver and GPUs",
                    {"NVIDIA driver": "550.54.15", "CUDA level of the driver": "12.4"},
                    {"NVIDIA driver": "450.80.02", "CUDA level of the driver": "11.0"},
                ),
                difference("packages", {"numpy": None}, {"numpy": "2.0"}),
            ],
            "alike": [
                {"topic": topic, "subject": subject, "value": value, "unknown": []}
                for topic, subject, value in ALIKE
            ],
            "problems": [{"file": "hosts/gpu04.json", "code": "no-snapshot", "message": EMPTY}],
            "passed_over": [{"file": "hosts/README.md", "why": "its name does not end in .json"}],
        },
        "errors": [
            {
                "code": "no-snapshot",
                "path": "hosts/gpu04.json",
                "message": f"{EMPTY}\n"
                "`mlenv doctor --snapshot FILE` writes one, on the host that it is of.",
            },
            {
                "code": "host-broken",
                "path": "hosts/gpu03.json",
                "message": "gpu03: Broken: 1 check failed; torch tried\n"
                "`mlenv doctor --from FILE --verbose` says what to do on that host.",
            },
        ],
    }


REPORT = """\
3 hosts: 1 broken, 2 healthy; 1 snapshot could not be judged; 1 snapshot of another day
(20 traits compared, 3 of them differ, in 0.0 s)

Not judged, or not told apart
  no-snapshot  hosts/gpu04.json could not be read: it is empty.

Passed over (its name does not end in .json): hosts/README.md

Hosts, the worst first
  broken         gpu03  Broken: 1 check failed; torch tried
  healthy        2 hosts: gpu01, gpu02
  old            3 days older than the newest: gpu02

FAIL on 1 host: The NVIDIA driver is too old for this CUDA version
  driver-too-old
  on:   gpu03
  seen: torch 2.5.1+cu124 is built for CUDA 12.4 and needs driver 525.60.13 or later; here is
        450.80.02 (CUDA 11.0)
  why:  A driver runs programs up to its own CUDA level. The installed build needs a newer one:
        CUDA 12 needs driver 525 or later (Windows 528), CUDA 13 needs 580. A number like 12040
        in the message is the driver's CUDA level (12.4), not its version.
  do:   Update the NVIDIA driver, then reboot. Where the driver must stay, install wheels of its
        CUDA level (`nvidia-smi` shows it in the upper right corner): torch from the index of
        that CUDA, and for a driver of CUDA 11 ctranslate2 3.24. In a container only the host's
        driver counts.

Differences between the hosts
  driver and GPUs: 2 traits differ between the same hosts
       2 hosts
                NVIDIA driver: 550.54.15
                CUDA level of the driver: 12.4
        1 host: gpu03 (broken)
                NVIDIA driver: 450.80.02
                CUDA level of the driver: 11.0
  packages: numpy
       2 hosts  not installed
        1 host  2.0: gpu03 (broken)
  Alike on all: 17 traits, 1 of them packages

Next: follow the remedies, gather the snapshots again, then mlenv doctor --from hosts
"""


def test_the_whole_text(mlenv: Run, hosts: Path) -> None:
    ended = mlenv("doctor", "--from", "hosts", DRIVER)
    first, timed, *rest = ended.stdout.splitlines()
    timed = f"{timed.rpartition(' in ')[0]} in 0.0 s)"
    assert ([first, timed, *rest], ended.stderr, ended.returncode) == (REPORT.splitlines(), "", 1)


def test_a_pattern_of_the_shell_gives_the_same_hosts(mlenv: Run, hosts: Path) -> None:
    files = [f"hosts/gpu0{number}.json" for number in (1, 2, 3)]
    said = [
        json.loads(mlenv("doctor", *words, "--json").stdout)["data"]
        for words in (
            ("--from", *files, DRIVER),
            (DRIVER, "--from", *files),
            ("--only", DRIVER, *(word for file in files for word in ("--from", file))),
        )
    ]
    assert said[0]["verdict"].startswith("3 hosts: 1 broken, 2 healthy")
    assert said == [said[0]] * 3


def test_one_file_is_judged_alone_also_in_a_directory_of_many(mlenv: Run, hosts: Path) -> None:
    document = json.loads(mlenv("doctor", "--from", "hosts/gpu01.json", "--json", DRIVER).stdout)
    assert document["data"]["verdict"] == "Healthy: torch tried"
    assert document["data"]["facts"]["venv"] == "/opt/ml"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--quick",), "--quick says how to look, and snapshots are looks already taken"),
        (("--fix",), "--from judges a file: it goes with no --fix"),
        (("--snapshot", "x.json"), "--from judges a file: it goes with no --fix"),
        (("--python", "python3"), "--from judges a file: it goes with no --fix"),
        (("-",), "--from - is one snapshot: it goes with no others."),
        (("drver-too-old",), "There is no check drver-too-old. Did you mean driver-too-old?"),
        (("--only", "nothing"), "There is no check nothing."),
    ],
)
def test_what_goes_with_no_fleet(
    mlenv: Run, hosts: Path, words: tuple[str, ...], said: str
) -> None:
    ended = mlenv("doctor", "--from", "hosts", *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr


def test_exit_codes(mlenv: Run, hosts: Path, tmp_path: Path) -> None:
    def code(*words: str) -> int:
        return mlenv("doctor", "--from", *words).returncode

    assert code("hosts/gpu01.json", "hosts/gpu02.json", DRIVER) == 0
    assert code("hosts/gpu01.json", "hosts/gpu02.json", DRIVER, "--strict") == 1  # of another day
    assert code("hosts", "--skip", DRIVER) == 1
    assert code("hosts/gpu01.json", "hosts/nowhere.json", DRIVER) == 1
    assert code("hosts/gpu04.json", "hosts/nowhere.json") == 3
    (tmp_path / "bare").mkdir()
    assert code("bare") == 3
    ended = mlenv("doctor", "--from", "bare", "--json")
    assert [each["code"] for each in json.loads(ended.stdout)["errors"]] == ["no-snapshots"]


@pytest.mark.parametrize(
    ("facts", "words", "code", "error"),
    [
        (OLD, (), 1, "host-broken"),
        (replace(GOOD, trial=(Tried("torch", left_out="--quick"),)), (), 1, "host-untried"),
        (WARNED, ("--strict", EMPTY_ELEMENT), 1, "host-warned"),
        (replace(GOOD, unseen=("disks: gone",)), ("not-looked-at",), 1, "host-not-diagnosed"),
    ],
)
def test_each_host_that_counts_is_an_error(
    mlenv: Run, hosts: Path, facts: Facts, words: tuple[str, ...], code: int, error: str
) -> None:
    only = words or ("torch-import-fails", DRIVER)
    written(hosts, {"odd": facts})
    files = ("hosts/gpu01.json", "hosts/odd.json")
    ended = mlenv("doctor", "--from", *files, "--json", *only)
    errors = json.loads(ended.stdout)["errors"]
    assert (ended.returncode, [each["code"] for each in errors]) == (code, [error])
    assert errors[0]["path"] == "hosts/odd.json"


def test_the_page_is_written_beside_the_report(mlenv: Run, hosts: Path) -> None:
    ended = mlenv("doctor", "--from", "hosts", "--json", "--html", "report.html", DRIVER)
    document = json.loads(ended.stdout)
    assert document["data"]["html"] == str(hosts.parent / "report.html")
    assert "<h1>3 hosts: 1 broken, 2 healthy</h1>" in Path("report.html").read_text()


def test_many_hosts_are_shortened_in_the_text_alone(mlenv: Run, tmp_path: Path) -> None:
    names = [f"gpu{number:02}" for number in range(1, 41)]
    hosts = {name: OLD if name < "gpu31" else GOOD for name in names}
    folder = written(tmp_path / "many", hosts)
    short = mlenv("doctor", "--from", folder, DRIVER).stdout
    assert short.count("Broken: 1 check failed") == 20
    assert "  and 10 more (--verbose shows all): gpu21, gpu22, gpu23, gpu24, gpu25" in short
    assert "  on:   gpu01, gpu02, gpu03, gpu04, gpu05, gpu06, gpu07, gpu08 and 22 more" in short
    whole = mlenv("doctor", "--from", folder, DRIVER, "--verbose").stdout
    assert whole.count("Broken: 1 check failed") == 30
    assert " more" not in whole
    document = json.loads(mlenv("doctor", "--from", folder, DRIVER, "--json").stdout)
    assert document["data"]["findings"][0]["hosts"] == names[:30]


def test_what_another_machine_wrote_is_no_command_to_the_terminal(
    mlenv: Run, tmp_path: Path
) -> None:
    odd = with_packages(OLD, **{"nu\x1b[2Jmpy": "2.0\nHealthy"})
    folder = written(tmp_path / "odd", {"gpu\x1b]0;x": odd, "gpu02": GOOD})
    ended = mlenv("doctor", "--from", folder, "-v")
    assert "\x1b" not in ended.stdout
    assert "gpu\ufffd]0;x" in ended.stdout
    assert not [line for line in ended.stdout.splitlines() if line.startswith("Healthy")]
