"""The model of large archives: held against simulations, the recorded runs, and its page."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import scale
from scale_model import NO_FAILURES, Archive, Cluster, Failures, predict
from scale_simulation import Simulation

MACHINES = Cluster(
    workers=10, speed=40.0, start_s=30.0, file_s=0.5, driver_s=0.02, price_per_hour=2.0,
    mb_per_hour=60.0, store_mb_s=1000.0, link_mb_s=100.0,
)  # fmt: skip
ROUGH = Failures(worker_h=30, node_h=60, per_node=5, down_h=0.2, slow=0.2)


def with_workers(workers: int, driver_s: float = 0.02) -> Cluster:
    return scale.replace(MACHINES, workers=workers, driver_s=driver_s)


@pytest.mark.parametrize(
    ("archive", "machines", "failures"),
    [
        (Archive(100, 0.1), MACHINES, NO_FAILURES),
        (Archive(300, 0.2), MACHINES, ROUGH),
        (Archive(300, 1.0), with_workers(30), NO_FAILURES),
        (Archive(30, 1.0), with_workers(100), NO_FAILURES),
        (Archive(100, 0.1), with_workers(100, 0.2), NO_FAILURES),
    ],
)
def test_the_model_is_near_the_simulation(
    archive: Archive, machines: Cluster, failures: Failures
) -> None:
    plays = [Simulation(archive, machines, failures, seed=seed).run() for seed in range(6)]
    played = sum(play.hours for play in plays) / len(plays)
    assert predict(archive, machines, failures).hours == pytest.approx(played, rel=0.12)


def test_nothing_is_lost_and_nothing_done_twice_whatever_dies() -> None:
    archive = Archive(200, 0.5)
    play = Simulation(archive, MACHINES, Failures(worker_h=0.1, node_h=1, down_h=0.1)).run()
    assert play.again > 50
    assert play.aside
    assert set(play.done.values()) == {1}
    assert play.done.keys() | play.aside == set(range(archive.files))
    assert not play.done.keys() & play.aside


def test_the_longest_first_is_sooner_through() -> None:
    archive, machines = Archive(40, 1.0), with_workers(20)
    played = {
        first: sum(
            Simulation(archive, machines, seed=seed, longest_first=first).run().hours
            for seed in range(10)
        )
        for first in (True, False)
    }
    assert played[True] < played[False]


@pytest.mark.parametrize(
    ("archive", "machines", "bottleneck"),
    [
        (Archive(1000, 1.0), MACHINES, "the workers"),
        (Archive(20, 1.0), with_workers(100), "the longest recording"),
        (Archive(1000, 0.05), with_workers(500), "mlenv, one file after the other"),
        (Archive(10_000, 1.0), scale.replace(MACHINES, workers=500, store_mb_s=10), "the store"),
    ],
)
def test_the_bottleneck_is_named(archive: Archive, machines: Cluster, bottleneck: str) -> None:
    assert predict(archive, machines).bottleneck == bottleneck


def test_cost_is_that_of_all_workers_for_the_whole_time() -> None:
    found = predict(Archive(400, 1.0), MACHINES)
    assert found.worker_hours == pytest.approx(10 * found.hours)
    assert found.cost == pytest.approx(2 * found.worker_hours)
    assert found.worker_hours == pytest.approx(400 / 40, rel=0.05)


def test_the_recorded_runs_and_simulations_are_near_the_model() -> None:
    document = scale.kept()
    for run in document["measured"]["runs"]:
        predicted = scale.prediction_of_run(document["measured"], run["workers"])
        assert predicted == pytest.approx(run["seconds"], rel=0.25), run
    for play in document["simulated"]:
        archive = Archive(play["hours"], play["mean_h"], scale.SPREAD)
        failures = scale.FAILURES if play["failures"] else NO_FAILURES
        predicted = predict(archive, scale.cluster(document["measured"], play["gpus"]), failures)
        assert predicted.hours == pytest.approx(play["took_h"], rel=0.2), play


def test_the_page_has_what_the_script_writes() -> None:
    page = Path(scale.PAGE).read_text("utf-8")
    assert scale.page(page, scale.kept()) == page, "run `uv run python benchmarks/scale.py`"
