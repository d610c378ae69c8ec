"""The pool of actors, in the environment's own Python: which nodes they are on, who has what file.

Actors and not Ray Data: an actor keeps its model for hours, and gets one file when it is through
with the last, so a dead one costs that file alone. Ray Data hands out blocks of rows: it does a
whole block again where one file of it ended a worker, as often as that happens, and says neither
which file it was nor that another one is done.

One actor for each GPU; where no node has any, one for each group of cores. Actors are never
restarted by Ray: the pool starts new ones, also on nodes that join, and says what was lost, so that
mlenv decides what is tried again.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from . import seat

CORES = 4  # of an actor, unless --threads says how many
LOOK_AROUND = 2.0  # seconds between two looks at the cluster's nodes
PATIENCE = 60.0  # seconds without any actor until the pool gives up
AT_ONCE = 0.2  # seconds in which a call of an actor fails that was dead already
FALSE_STARTS = 2  # of actors on one node


class Refusal(Exception):
    """The reason why nothing can be done: a code and a text."""


@dataclass
class Held:
    """An actor, the node that it is on, and what is awaited from it.

    `request`: the file that it has. `since`: when it got that, or was started, in seconds of the
    monotonic clock.
    """

    node: str
    actor: Any
    awaited: Any
    is_ready: bool = False
    request: dict[str, Any] | None = None
    since: float = field(default_factory=time.monotonic)

    def is_late(self) -> bool:
        """It should have been ready long ago: what it was to start with may be lost."""
        return not self.is_ready and time.monotonic() - self.since > PATIENCE


@dataclass
class Node:
    """A node of the cluster. `seats`: actors that it shall have; `unfit`: it can't work."""

    name: str
    seats: int = 0
    cores: int = 0
    false_starts: int = 0
    unfit: str = ""
    held: list[Held] = field(default_factory=list)

    def busy(self) -> list[Held]:
        """The actors of which something is awaited."""
        return [each for each in self.held if each.awaited is not None]


class Pool:
    """The actors of one run. `ray` is the module; `emit` sends an event to mlenv."""

    def __init__(self, ray: Any, settings: dict[str, Any], emit: Any) -> None:
        self._ray, self._settings, self._emit = ray, settings, emit
        self._nodes: dict[str, Node] = {}
        self._waiting: deque[dict[str, Any]] = deque()
        self._uses_gpus = False
        self._seen = self._worked = time.monotonic()
        self._said: set[str] = set()
        self._capacity = 0

    def run(self, incoming: SimpleQueue[dict[str, Any] | None]) -> None:
        """Give out files until mlenv sends no more; raises `Refusal` where no node can work."""
        self.start()
        while self.go_on(incoming):
            pass

    def start(self) -> None:
        """Start actors on the nodes that are there, which decide on the device."""
        resources = [each["Resources"] for each in self._ray.nodes() if each["Alive"]]
        if self._settings["device"] != "cpu":
            self._uses_gpus = any(each.get("GPU") for each in resources)
        if self._settings["device"] == "cuda" and not self._uses_gpus:
            raise Refusal("no-gpu", "No node of the cluster has a GPU.")
        self._look_around()

    def go_on(self, incoming: SimpleQueue[dict[str, Any] | None]) -> bool:
        """Take what has come of mlenv, and of one actor; False where mlenv has ended."""
        with contextlib.suppress(Empty):
            while True:
                request = incoming.get(timeout=0 if self._awaited() else 0.1)
                if request is None:
                    return False
                self._waiting.append(request)
        if time.monotonic() - self._seen > LOOK_AROUND:
            self._look_around()
        self._give()
        if awaited := self._awaited():
            done, _ = self._ray.wait(list(awaited), num_returns=1, timeout=0.05)
            for each in done:
                self._take(awaited[each])
        return True

    def _awaited(self) -> dict[Any, Held]:
        held = (each for node in self._nodes.values() for each in node.held)
        return {each.awaited: each for each in held if each.awaited is not None}

    def _look_around(self) -> None:
        """Start actors where some are missing, on nodes that are new, and forget dead nodes."""
        self._seen = time.monotonic()
        alive = {each["NodeID"]: each for each in self._ray.nodes() if each["Alive"]}
        for key, found in alive.items():
            node = self._nodes.setdefault(key, Node(found["NodeManagerHostname"]))
            node.seats, node.cores = self._seats(found["Resources"])
            for _ in range(0 if node.unfit else node.seats - len(node.held)):
                node.held.append(self._start(key, node))
        for key, node in list(self._nodes.items()):
            for held in list(node.held):
                is_lost = key not in alive and held.request is None
                if is_lost or held.is_late():
                    self._drop(node, held)
            if key not in alive and not node.held:  # else what they have is still to be lost
                del self._nodes[key]
        self._tell_capacity()
        self._give_up_if_idle()

    def _drop(self, node: Node, held: Held) -> None:
        """Forget an actor, and have Ray end it: one that can't be reached keeps its cores."""
        node.held.remove(held)
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(held.actor)

    def _seats(self, resources: dict[str, float]) -> tuple[int, int]:
        """Number of actors for a node, and the cores of each."""
        cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        cores = self._settings["threads"] or CORES
        if self._uses_gpus:
            return gpus, min(cores, cpus // gpus) if gpus else 0
        cores = min(cores, cpus)
        return (cpus // cores if cores else 0), cores

    def _start(self, key: str, node: Node) -> Held:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        device = "cuda" if self._uses_gpus else "cpu"
        words = [*self._settings["words"], f"--device={device}"]
        strategy = NodeAffinitySchedulingStrategy(key, soft=False)
        options = {"num_cpus": node.cores, "num_gpus": int(self._uses_gpus), "max_restarts": 0}
        kind = self._ray.remote(seat.Seat).options(**options, scheduling_strategy=strategy)
        actor = kind.remote({**self._settings, "words": words})
        return Held(key, actor, actor.refusal.remote())

    def _give(self) -> None:
        for node in self._nodes.values():
            for held in node.held:
                if self._waiting and held.is_ready and held.awaited is None:
                    request = held.request = self._waiting.popleft()
                    held.since = time.monotonic()
                    words = (request["id"], request["audio"], request.get("address"))
                    held.awaited = held.actor.transcribe.remote(*words)

    def _take(self, held: Held) -> None:
        """Take what has come of an actor: that it is ready, an answer, its death."""
        node, awaited, held.awaited = self._nodes[held.node], held.awaited, None
        try:
            result = self._ray.get(awaited)
        except self._ray.exceptions.RayError as error:
            self._bury(held, error)
            return
        self._worked = time.monotonic()
        if held.is_ready:
            request, held.request = held.request, None
            assert request
            for line in result.pop("said"):
                self._tell(node, line)
            answer = {"event": "answer", "id": request["id"], "gpu": self._uses_gpus}
            self._emit({**answer, **result})
        elif result:
            node.held.remove(held)
            self._exclude(node, result)
        else:
            held.is_ready = True
            self._tell_capacity()

    def _bury(self, held: Held, error: Exception) -> None:
        node = self._nodes[held.node]
        self._drop(node, held)
        last = str(error).strip().splitlines()[-1].strip() or type(error).__name__
        with_node = held.node not in self._alive()
        if with_node:
            node.held = node.busy()  # those that are idle shall get no file
        if held.request and time.monotonic() - held.since < AT_ONCE and not with_node:
            self._waiting.appendleft(held.request)  # it had died before
        elif held.request:
            how = "node" if with_node else "actor"
            text = f"{node.name}: {'the node was lost' if with_node else 'the actor died'} ({last})"
            self._emit({"event": "lost", "id": held.request["id"], "how": how, "message": text})
        elif not held.is_ready and not with_node:
            node.false_starts += 1
            if node.false_starts == FALSE_STARTS:
                self._exclude(node, f"its actors end when they start ({last})")
        self._tell_capacity()

    def _alive(self) -> set[str]:
        return {each["NodeID"] for each in self._ray.nodes() if each["Alive"]}

    def _exclude(self, node: Node, reason: str) -> None:
        if not node.unfit:
            node.unfit = reason
            self._note(f"the node {node.name} is left out: {reason}", warning=True)

    def _give_up_if_idle(self) -> None:
        """Raise `Refusal` where nobody works and nobody will."""
        if any(node.held for node in self._nodes.values()):
            if not self._capacity and time.monotonic() - self._worked > PATIENCE:
                self._note("waiting for the cluster: what it has is in use", warning=True)
            return
        unfit = [f"{node.name}: {node.unfit}" for node in self._nodes.values() if node.unfit]
        if unfit:
            raise Refusal("no-node", f"No node of the cluster can work. {'; '.join(unfit)}.")
        if time.monotonic() - self._worked > PATIENCE:
            raise Refusal("no-node", f"No node of the cluster has been there for {PATIENCE:.0f} s.")

    def _tell_capacity(self) -> None:
        ready = sum(held.is_ready for node in self._nodes.values() for held in node.held)
        if ready != self._capacity:
            self._capacity = ready
            self._emit({"event": "capacity", "actors": ready, "gpu": self._uses_gpus})

    def _tell(self, node: Node, line: str) -> None:
        """Pass on a line of standard error once; those about files are in the answers too."""
        warning = line.startswith("warning: ")
        text = line.removeprefix("warning: ")
        if not line.startswith(("error: ", "/")) and not text.startswith("/"):
            self._note(f"{node.name}: {text}", warning=warning)

    def _note(self, text: str, *, warning: bool) -> None:
        if text not in self._said:
            self._said.add(text)
            self._emit({"event": "note", "text": text, "warning": warning})
