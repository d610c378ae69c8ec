"""Which nodes get actors, and what the pool says of those that die. Ray is a stand-in.

It answers as Ray 2.52 does: calls of a dead actor fail as soon as they are made, those of an actor
whose node is gone when the node is marked dead, and a dead node stays in the list.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import pytest

from mlenv.fleet.ray import pool


class RayError(Exception):
    """What a call of an actor raises that is gone."""


@dataclass(eq=False)
class Call:
    """One call of an actor, and what it comes to; None while it is under way."""

    actor: Actor
    result: Any = None
    is_over: bool = False


@dataclass(eq=False)
class Actor:
    """An actor on a node. `refuses`: what its node can't do."""

    node: str
    options: dict[str, Any]
    settings: dict[str, Any]
    is_dead: bool = False
    calls: list[Call] = field(default_factory=list)
    refuses: str | None = None

    @property
    def refusal(self) -> Any:
        return types.SimpleNamespace(remote=lambda: self._call(Call(self, self.refuses, True)))

    @property
    def transcribe(self) -> Any:
        return types.SimpleNamespace(remote=lambda *_: self._call(Call(self)))

    def _call(self, call: Call) -> Call:
        self.calls.append(call)
        return call


class Ray:
    """The part of Ray's module that the pool uses."""

    exceptions = types.SimpleNamespace(RayError=RayError)

    def __init__(self, **nodes: dict[str, float]) -> None:
        self._nodes = {
            name: {"NodeID": name, "Alive": True, "NodeManagerHostname": name, "Resources": has}
            for name, has in nodes.items()
        }
        self.actors: list[Actor] = []
        self.unfit: dict[str, str] = {}

    def nodes(self) -> list[dict[str, Any]]:
        return list(self._nodes.values())

    def lose(self, name: str) -> None:
        self._nodes[name]["Alive"] = False
        for actor in self.on(name):
            actor.is_dead = True

    def on(self, name: str) -> list[Actor]:
        return [actor for actor in self.actors if actor.node == name]

    def remote(self, _: type) -> Any:
        def options(scheduling_strategy: str, **others: Any) -> Any:
            def make(settings: dict[str, Any]) -> Actor:
                node = scheduling_strategy
                actor = Actor(node, others, settings, refuses=self.unfit.get(node))
                self.actors.append(actor)
                return actor

            return types.SimpleNamespace(remote=make)

        return types.SimpleNamespace(options=options)

    def wait(self, calls: list[Call], **_: Any) -> tuple[list[Call], list[Call]]:
        return [call for call in calls if call.is_over or call.actor.is_dead][:1], []

    def kill(self, actor: Actor) -> None:
        actor.is_dead = True

    def get(self, call: Call) -> Any:
        if call.actor.is_dead:
            raise RayError("The actor died.\nits node has died")
        return call.result


@pytest.fixture(autouse=True)
def strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("ray.util.scheduling_strategies")
    module.NodeAffinitySchedulingStrategy = lambda key, soft: key  # type: ignore[attr-defined]
    for name in ("ray", "ray.util"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(pool, "LOOK_AROUND", -1.0)


class Running:
    """A pool that is taken one round further at a time."""

    def __init__(self, ray: Ray, **settings: Any) -> None:
        self.ray, self.events = ray, list[dict[str, Any]]()
        self._incoming: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        given = {"device": "auto", "threads": 0, "words": ["--model=tiny.en"], **settings}
        self._pool = pool.Pool(ray, given, self.events.append)
        self._pool.start()

    def rounds(self, count: int = 8) -> list[dict[str, Any]]:
        """What the pool says meanwhile."""
        before = len(self.events)
        for _ in range(count):
            assert self._pool.go_on(self._incoming)
        return self.events[before:]

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self._incoming.put({"id": number, "audio": f"/{number}.wav"})

    def busy(self) -> Iterator[Actor]:
        """Actors that are at a file."""
        for actor in self.ray.actors:
            if actor.calls and not actor.calls[-1].is_over and not actor.is_dead:
                yield actor


ANSWER = {"lines": [], "sha256": None, "died": None, "seconds": 1.0, "said": []}


def finish(actor: Actor) -> None:
    actor.calls[-1].result, actor.calls[-1].is_over = dict(ANSWER), True


def test_each_gpu_has_an_actor_and_nodes_without_have_none() -> None:
    big, small = {"GPU": 4.0, "CPU": 32.0}, {"GPU": 1.0, "CPU": 2.0}
    ray = Ray(head={}, big=big, small=small, cpu={"CPU": 64})
    running = Running(ray)
    assert running.rounds()[-1] == {"event": "capacity", "actors": 5, "gpu": True}
    assert [len(ray.on(name)) for name in ("head", "big", "small", "cpu")] == [0, 4, 1, 0]
    assert ray.on("big")[0].options == {"num_cpus": 4, "num_gpus": 1, "max_restarts": 0}
    assert ray.on("small")[0].options == {"num_cpus": 2, "num_gpus": 1, "max_restarts": 0}
    assert ray.actors[0].settings["words"] == ["--model=tiny.en", "--device=cuda"]


@pytest.mark.parametrize(("threads", "actors", "cores"), [(0, [4, 1], [4, 2]), (8, [2, 1], [8, 2])])
def test_where_no_node_has_a_gpu_cores_work(
    threads: int, actors: list[int], cores: list[int]
) -> None:
    ray = Ray(head={}, big={"CPU": 16.0}, small={"CPU": 2.0})
    Running(ray, threads=threads).rounds()
    assert [len(ray.on(name)) for name in ("big", "small")] == actors
    assert [ray.on(name)[0].options["num_cpus"] for name in ("big", "small")] == cores
    assert ray.actors[0].settings["words"][-1] == "--device=cpu"


def test_results_of_cpus_and_gpus_are_not_mixed_when_nodes_join() -> None:
    ray = Ray(first={"CPU": 4.0})
    running = Running(ray)
    running.rounds()
    joined = Ray(second={"CPU": 4.0, "GPU": 1.0})
    ray._nodes |= joined._nodes
    running.rounds()
    assert {actor.settings["words"][-1] for actor in ray.actors} == {"--device=cpu"}
    assert len(ray.on("second")) == 1


def test_a_gpu_was_asked_for_and_there_is_none() -> None:
    with pytest.raises(pool.Refusal) as caught:
        Running(Ray(head={"CPU": 4.0}), device="cuda")
    assert caught.value.args == ("no-gpu", "No node of the cluster has a GPU.")


def test_a_node_that_can_not_work_is_left_out_and_named() -> None:
    ray = Ray(good={"CPU": 4.0}, bad={"CPU": 4.0})
    ray.unfit["bad"] = "it has mlenv `0.0.9`, and the caller 0.1.0"
    running = Running(ray)
    text = "the node bad is left out: it has mlenv `0.0.9`, and the caller 0.1.0"
    assert {"event": "note", "text": text, "warning": True} in running.rounds()
    assert len(ray.on("bad")) == 1
    ray.unfit["good"] = "there is no environment at /venv"
    with pytest.raises(pool.Refusal) as caught:
        ray.lose("good")
        running.rounds(20)
    code, message = caught.value.args
    assert (code, message.startswith("No node of the cluster can work. bad: ")) == ("no-node", True)


def test_each_actor_has_one_file_and_a_dead_one_loses_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = Ray(one={"CPU": 4.0}, two={"CPU": 4.0})
    running = Running(ray)
    running.rounds()
    running.send(1, 2, 3)
    running.rounds()
    assert len(list(running.busy())) == 2
    first = next(running.busy())
    monkeypatch.setattr(pool, "AT_ONCE", 0.0)
    first.is_dead = True
    first_lost = [event for event in running.rounds() if event["event"] == "lost"]
    assert [(event["id"], event["how"]) for event in first_lost] == [(1, "actor")]
    assert len(ray.on("one")) == 2  # a new one, which has the file that waited
    for actor in list(running.busy()):
        finish(actor)
    answers = [event["id"] for event in running.rounds() if event["event"] == "answer"]
    assert sorted(answers) == [2, 3]


def test_a_lost_node_takes_only_what_its_actors_had() -> None:
    ray = Ray(one={"CPU": 16.0}, two={"CPU": 4.0})
    running = Running(ray)
    running.rounds(20)
    running.send(1)
    running.rounds()
    assert next(running.busy()).node == "one"
    ray.lose("one")
    lost = [event for event in running.rounds() if event["event"] == "lost"]
    assert [(event["id"], event["how"]) for event in lost] == [(1, "node")]
    running.send(1)  # none of the other three actors of that node is given it
    assert not [event for event in running.rounds() if event["event"] == "lost"]
    assert [actor.node for actor in running.busy()] == ["two"]


def test_an_actor_that_died_idle_costs_no_file() -> None:
    ray = Ray(one={"CPU": 4.0})
    running = Running(ray)
    running.rounds()
    ray.actors[0].is_dead = True
    running.send(1)
    assert not [event for event in running.rounds() if event["event"] == "lost"]
    assert [actor is ray.actors[1] for actor in running.busy()] == [True]
