"""Predict hours and cost of an archive on many workers: a model that fits on a page.

A run is as long as its start and the longest of what must be got through: the work of all workers,
the longest recording alone, what mlenv does for each file one after the other, and what the store
can deliver. Lengths of recordings are log-normal; the long ones are given out first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

NORMAL = NormalDist()
OF_MAXIMUM = math.exp(-0.5772)  # the mean of the longest of n is near the quantile 1 - this / n


@dataclass(frozen=True, slots=True)
class Archive:
    """Recordings: hours in all, and in the mean of one. `spread`: sigma of the logarithm."""

    hours: float
    mean_h: float
    spread: float = 0.6

    @property
    def files(self) -> int:
        return max(1, round(self.hours / self.mean_h))


@dataclass(frozen=True, slots=True)
class Cluster:
    """Workers, and what each file costs. Seconds, unless a name says otherwise.

    `speed`: hours of audio that a worker does in an hour. `start_s`: from the command until the
    model is loaded. `file_s`: of a worker for each file, beside its length. `driver_s`: of mlenv
    for each file, which it does for one after the other. `at_once`: workers that the machine has
    cores for. `mb_per_hour`: size of an hour of audio. `store_mb_s`: what the store delivers to all
    nodes together, `link_mb_s` to one worker.
    """

    workers: int
    speed: float
    start_s: float
    file_s: float
    driver_s: float
    price_per_hour: float = 0.0
    mb_per_hour: float = 0.0
    store_mb_s: float = math.inf
    link_mb_s: float = math.inf
    at_once: int | None = None


@dataclass(frozen=True, slots=True)
class Failures:
    """What goes wrong, in hours between two failures of one worker, or of one node.

    `per_node`: workers of a node. `down_h`: hours until a lost node is back. `slow`: share of
    workers that are only `slow_speed` times as fast.
    """

    worker_h: float = math.inf
    node_h: float = math.inf
    per_node: int = 8
    down_h: float = 0.5
    slow: float = 0.0
    slow_speed: float = 0.5


@dataclass(frozen=True, slots=True)
class Prediction:
    """Hours of the clock and of workers that are paid for, and what each limit alone comes to."""

    hours: float
    worker_hours: float
    cost: float
    limits: dict[str, float]

    @property
    def bottleneck(self) -> str:
        """The limit that is met first; the workers where another comes to hardly more."""
        longest = max(self.limits.values())
        return next(name for name, hours in self.limits.items() if hours >= 0.95 * longest)


NO_FAILURES = Failures()


def busy_s(cluster: Cluster, length_h: float) -> float:
    """Seconds of a worker for a recording of that length."""
    fetched = length_h * cluster.mb_per_hour / cluster.link_mb_s
    return cluster.file_s + fetched + length_h * 3600 / cluster.speed


def longest_h(archive: Archive) -> float:
    """Length that the longest recording can be expected to have."""
    share = 1 - OF_MAXIMUM / archive.files
    if archive.files == 1:
        return archive.mean_h
    middle = math.log(archive.mean_h) - archive.spread**2 / 2
    return math.exp(middle + archive.spread * NORMAL.inv_cdf(share))


def predict(archive: Archive, cluster: Cluster, failures: Failures = NO_FAILURES) -> Prediction:
    """Hours and cost of one run that does the whole archive."""
    working = min(cluster.workers, cluster.at_once or cluster.workers, archive.files)
    each = busy_s(cluster, archive.mean_h)
    varying = busy_s(cluster, archive.mean_h) - cluster.file_s
    squares = varying**2 * math.exp(archive.spread**2) + 2 * cluster.file_s * varying
    half_done = (squares + cluster.file_s**2) / (2 * each)  # of the file that a failure meets
    rate = (1 / failures.worker_h + 1 / failures.node_h) / 3600
    up = failures.node_h / (failures.node_h + failures.down_h) if failures.down_h else 1.0
    up = 1.0 if math.isinf(failures.node_h) else up
    useful = up * (1 - min(0.9, rate * (half_done + cluster.start_s)))
    slow = round(cluster.workers * failures.slow) / cluster.workers
    pace = useful * (1 - slow * (1 - failures.slow_speed)) * working
    longest = busy_s(cluster, longest_h(archive))
    if slow:
        longest = max(longest, _on_slow_s(archive, cluster, slow, failures.slow_speed))
    # At the beginning all want their recordings at once, and get them one after the other.
    first = archive.hours * work_of_longest(archive, working / archive.files)
    crowd = first * cluster.mb_per_hour / cluster.store_mb_s / 2
    limits = {
        "the workers": archive.files * each / pace + crowd,
        "the longest recording": longest + crowd,
        "mlenv, one file after the other": _driver_s(archive, cluster, each, pace) + crowd,
        "the store": archive.hours * cluster.mb_per_hour / cluster.store_mb_s,
    }
    hours = (cluster.start_s + max(limits.values())) / 3600
    paid = hours * cluster.workers
    return Prediction(
        hours, paid, paid * cluster.price_per_hour, {k: v / 3600 for k, v in limits.items()}
    )


def work_of_longest(archive: Archive, share: float) -> float:
    """Share of all hours that are in the longest files, of which there are this share."""
    if share <= 0 or share >= 1:
        return float(share > 0)
    return NORMAL.cdf(archive.spread - NORMAL.inv_cdf(1 - share))


def _driver_s(archive: Archive, cluster: Cluster, each: float, pace: float) -> float:
    """Seconds until mlenv is through, to which the short files come last, and fast.

    Whatever has not come at some time is still to be written then.
    """
    worked = archive.files * each / pace
    steps = [number / 100 for number in range(101)]
    return max(
        worked * work_of_longest(archive, share) + (1 - share) * archive.files * cluster.driver_s
        for share in steps
    )


def _on_slow_s(archive: Archive, cluster: Cluster, slow: float, speed: float) -> float:
    """Seconds of the longest recording that a slow worker can be expected to get."""
    share = 1 - OF_MAXIMUM / max(1.0, archive.files * slow)
    middle = math.log(archive.mean_h) - archive.spread**2 / 2
    length = math.exp(middle + archive.spread * NORMAL.inv_cdf(share))
    return busy_s(cluster, length) / speed
