"""Connect to the cluster in the environment's own Python, and run the pool of actors for mlenv.

Standard input brings one JSON object with the settings, then one for each file; standard output
has one for each event.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from queue import SimpleQueue
from threading import Thread
from typing import Any

from . import objects, seat
from .pool import Pool, Refusal

# Ray tells its makers about each cluster, and carries `uv run` to the workers, unless told not to.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}


def main() -> None:
    """Connect to the cluster, and give out files until standard input ends."""
    stream = os.fdopen(os.dup(1), "w", encoding="ascii", buffering=1)
    os.dup2(2, 1)  # whatever else is printed

    def emit(event: dict[str, Any]) -> None:
        try:
            stream.write(json.dumps(event) + "\n")
        except BrokenPipeError:  # mlenv has ended
            os._exit(0)

    incoming: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    settings = json.loads(sys.stdin.buffer.readline() or b"{}")
    Thread(target=_listen, args=(incoming,), daemon=True).start()
    os.environ.update(QUIET)
    try:
        _connect(settings["address"], emit)
        import ray

        for module in (seat, objects):
            ray.cloudpickle.register_pickle_by_value(module)  # no node has this package
        Pool(ray, settings, emit).run(incoming)
        ray.shutdown()
    except Refusal as refusal:
        code, message = refusal.args
        emit({"event": "refused", "code": code, "message": message})


def _connect(address: str | None, emit: Any) -> None:
    """Connect to the cluster, or start one on this machine where there is none."""
    try:
        import ray
    except ImportError as error:
        raise Refusal("no-ray", f"Ray can't be imported in this environment: {error}.") from error
    _reach(address)
    try:
        context = ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (OSError, ValueError, RuntimeError) as error:
        where = address or "this machine"
        reason = str(error).strip().splitlines()[0]
        raise Refusal("no-cluster", f"There is no Ray cluster at {where}: {reason}") from error
    nodes = [each for each in ray.nodes() if each["Alive"]]
    count = "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
    where = context.address_info["address"]
    emit({"event": "note", "text": f"Ray cluster at {where}: {count}", "warning": False})


def _reach(address: str | None) -> None:
    """Raise `Refusal` where nobody listens: Ray itself tries for ten minutes, and aborts."""
    host, _, port = (address or "").rpartition(":")
    if not port.isdecimal() or "://" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise Refusal("no-cluster", f"There is no Ray cluster at {address}: {error}.") from error


def _listen(incoming: SimpleQueue[dict[str, Any] | None]) -> None:
    for line in sys.stdin.buffer:
        incoming.put(json.loads(line))
    incoming.put(None)
