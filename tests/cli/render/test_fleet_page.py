"""The page of `doctor --from DIR --html`: what stands where."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mlenv.cli.render import fleet as text
from mlenv.cli.render import fleet_page
from mlenv.doctor.facts import Facts
from mlenv.fleet import judge
from mlenv.progress import Silent
from tests.support.fleets import HOST, NOON, gpus, with_packages, written
from tests.support.reports import parsed, table, words

DRIVER = "driver-too-old"
GOOD = replace(HOST, driver=gpus())
OLD = replace(with_packages(GOOD, numpy="2.0"), driver=gpus("450.80.02", 11000))


def page_of(folder: Path, hosts: dict[str, Facts], *, empty: str = "") -> Any:
    ages = [("gpu02", timedelta(days=3))]
    written(folder, hosts, ages)
    if empty:
        (folder / empty).touch()
    fleet, _ = judge.fleet([str(folder)], [DRIVER], (), Silent(), strict=False, now=NOON)
    return parsed(fleet_page.page(fleet, text.Layout(1.0, False, ("hosts",)), NOON))


def test_the_verdict_comes_first_and_then_the_worst_hosts(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"gpu01": GOOD, "gpu02": GOOD, "gpu03": OLD}, empty="gpu04.json")
    main = page.get_element_by_id("main")
    assert words(main[0]) == "3 hosts: 1 broken, 2 healthy"
    assert words(main[1]) == "1 snapshot could not be judged; 1 snapshot of another day"
    assert [words(each) for each in main.iter("h2", "h3")] == [
        "Not judged, or not told apart",
        "Hosts",
        "Findings",
        "The NVIDIA driver is too old for this CUDA version",
        "Differences between the hosts",
    ]
    assert table(page, "The worst first") == [
        ["Host", "State", "Verdict", "Snapshot"],
        [
            "gpu03",
            "broken",
            "Broken: 1 check failed; torch tried driver-too-old",
            "2026-11-29 12:00 UTC",
        ],
    ]
    assert table(page, "Healthy")[1:] == [
        ["gpu01", "healthy", "Healthy: torch tried", "2026-11-29 12:00 UTC"],
        [
            "gpu02",
            "healthy",
            "Healthy: torch tried",
            "2026-11-26 12:00 UTC 3 days older than the newest",
        ],
    ]


def test_differences_stand_side_by_side(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"gpu01": GOOD, "gpu02": GOOD, "gpu03": OLD})
    assert table(page, "driver and GPUs: NVIDIA driver, CUDA level of the driver") == [
        ["", "2 hosts", "1 host broken"],
        ["Hosts", "gpu01, gpu02", "gpu03"],
        ["NVIDIA driver", "550.54.15", "450.80.02"],
        ["CUDA level of the driver", "12.4", "11.0"],
    ]
    assert table(page, "packages: numpy") == [
        ["Value", "Number", "Hosts"],
        ["not installed", "2 hosts", "gpu01, gpu02"],
        ["2.0", "1 host broken", "gpu03"],
    ]
    assert ["packages", "torch", "2.5.1+cu124", ""] in table(page, "Alike")


def test_all_hosts_are_on_the_page(tmp_path: Path) -> None:
    hosts = {f"gpu{number:02}": OLD if number < 30 else GOOD for number in range(40)}
    page = page_of(tmp_path, hosts)
    on = words(page.xpath("//article/dl/dd")[0])
    assert on == ", ".join(list(hosts)[:12]) + " and 18 more " + ", ".join(list(hosts)[12:30])
    assert len(table(page, "The worst first")) == 31


def test_what_another_machine_wrote_is_text(tmp_path: Path) -> None:
    odd = with_packages(GOOD, **{"<b>numpy</b>": "<script>"})
    page = page_of(tmp_path, {"<i>gpu01": odd, "gpu02": GOOD, "gpu03": GOOD})
    assert not page.xpath("//main//b|//main//i")
    assert table(page, "packages: <b>numpy</b>")[2] == ["<script>", "1 host", "<i>gpu01"]


@pytest.mark.parametrize(
    ("hosts", "empty", "mark"),
    [
        ({"a": GOOD, "b": GOOD}, "", "mark ok"),
        ({"a": GOOD}, "b.json", "mark fail"),
        ({"a": GOOD, "b": OLD}, "", "mark fail"),
        ({"a": GOOD, "b": replace(GOOD, trial=())}, "", "mark unknown"),
    ],
)
def test_the_mark_is_that_of_the_worst(
    tmp_path: Path, hosts: dict[str, Facts], empty: str, mark: str
) -> None:
    page = page_of(tmp_path, hosts, empty=empty)
    (verdict,) = page.xpath("//div[@class='verdict']/svg")
    assert verdict.get("class") == mark
