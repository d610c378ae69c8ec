"""The scheduler of `--engine ray` played through in SimPy, file by file, with what goes wrong."""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy
from scale_model import NO_FAILURES, Archive, Cluster, Failures, busy_s

MOST = {"worker": 2, "node": 3}  # deaths over one file until it is put aside, as in the project
STREAM_MB_S = 100.0  # of one of the streams into which the store's rate is divided

Happening = Generator[simpy.Event, Any, None]


@dataclass
class Play:
    """What came of one simulated run. `done`: how often each file was written."""

    hours: float = 0.0
    done: Counter[int] = field(default_factory=Counter)
    aside: set[int] = field(default_factory=set)
    again: int = 0


def lengths_h(archive: Archive, draw: random.Random) -> list[float]:
    """Lengths of the recordings, which come to the hours of the archive."""
    drawn = [draw.lognormvariate(0.0, archive.spread) for _ in range(archive.files)]
    scale = archive.hours / sum(drawn)
    return [each * scale for each in drawn]


class Simulation:
    """One run. `longest_first` is what mlenv does; else files come in any order."""

    def __init__(
        self,
        archive: Archive,
        cluster: Cluster,
        failures: Failures = NO_FAILURES,
        *,
        seed: int = 1,
        longest_first: bool = True,
    ) -> None:
        self._cluster, self._failures = cluster, failures
        self._draw = random.Random(seed)
        self._lengths = lengths_h(archive, self._draw)
        order = range(len(self._lengths))
        if longest_first:
            order = sorted(order, key=lambda file: -self._lengths[file])  # type: ignore[assignment]
        self._waiting = [(place, file) for place, file in enumerate(order)]
        self._first = -1
        self._deaths: dict[int, Counter[str]] = {}
        self._env = simpy.Environment()
        self._driver = simpy.Resource(self._env, 1)
        streams = cluster.store_mb_s / STREAM_MB_S
        self._store = simpy.Resource(
            self._env, 10**9 if math.isinf(streams) else max(1, int(streams))
        )
        self._left = len(self._lengths)
        self._over = self._env.event()
        self._more = self._env.event()
        self.play = Play()

    def run(self) -> Play:
        """Play until each file is written or put aside."""
        count = min(self._cluster.workers, self._cluster.at_once or self._cluster.workers)
        slow = round(count * self._failures.slow)
        paces = [self._failures.slow_speed] * slow + [1.0] * (count - slow)
        self._draw.shuffle(paces)
        for first in range(0, count, self._failures.per_node):
            node = [
                self._env.process(self._worker(pace))
                for pace in paces[first : first + self._failures.per_node]
            ]
            if not math.isinf(self._failures.node_h):
                self._env.process(self._trouble(node, "node", self._failures.node_h))
            if not math.isinf(self._failures.worker_h):
                for worker in node:
                    self._env.process(self._trouble([worker], "worker", self._failures.worker_h))
        self._env.run(self._over)
        self.play.hours = self._env.now / 3600
        return self.play

    def _worker(self, pace: float) -> Happening:
        file: int | None = None
        down = 0.0
        while True:
            try:
                yield self._env.timeout(down + self._cluster.start_s)
                down = 0.0
                while True:
                    while not self._waiting:
                        yield self._more
                    _, file = heapq.heappop(self._waiting)
                    yield from self._do(file, pace)
                    self._env.process(self._write(file))
                    file = None
            except simpy.Interrupt as interrupt:
                if interrupt.cause == "node":
                    down = self._failures.down_h * 3600
                if file is not None:
                    self._lost(file, str(interrupt.cause))
                    file = None

    def _do(self, file: int, pace: float) -> Happening:
        length = self._lengths[file]
        if not math.isinf(self._cluster.store_mb_s):
            rate = min(self._cluster.link_mb_s, STREAM_MB_S)
            with self._store.request() as stream:
                yield stream
                yield self._env.timeout(length * self._cluster.mb_per_hour / rate)
            fetched = length * self._cluster.mb_per_hour / self._cluster.link_mb_s
            yield self._env.timeout((busy_s(self._cluster, length) - fetched) / pace)
        else:
            yield self._env.timeout(busy_s(self._cluster, length) / pace)

    def _write(self, file: int) -> Happening:
        with self._driver.request() as turn:
            yield turn
            yield self._env.timeout(self._cluster.driver_s)
        self.play.done[file] += 1
        self._through()

    def _lost(self, file: int, how: str) -> None:
        deaths = self._deaths.setdefault(file, Counter())
        deaths[how] += 1
        if deaths[how] == MOST[how]:
            self.play.aside.add(file)
            self._through()
            return
        self.play.again += 1
        heapq.heappush(self._waiting, (self._first, file))
        self._first -= 1
        self._more.succeed()
        self._more = self._env.event()

    def _through(self) -> None:
        self._left -= 1
        if not self._left:
            self._over.succeed()

    def _trouble(self, workers: list[simpy.Process], how: str, mean_h: float) -> Happening:
        while True:
            yield self._env.timeout(self._draw.expovariate(1 / (mean_h * 3600)))
            for worker in workers:
                worker.interrupt(how)
