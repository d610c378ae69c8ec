"""What an archive of speech takes on 1 to 1,000 GPUs: a model, held against a simulation and runs.

    uv run python benchmarks/scale.py                   # write the tables of the page anew
    uv run python benchmarks/scale.py --simulate        # the simulations too (minutes)
    uv run python benchmarks/scale.py --measure --venv DIR --cache DIR  # and the real runs

The figures are kept in `results/scale.json`: measured ones, and those of the simulations. The page
is `docs/explanation/scale.md`; whatever stands there between two marks comes from here.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from scale_model import NO_FAILURES, Archive, Cluster, Failures, predict

RESULT = Path(__file__).parent / "results" / "scale.json"
PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "scale.md"
MARK = "<!-- scale: {} -->"
END = "<!-- scale ends -->"

# What others have measured: hours of audio that a GPU does in an hour, one file after the other.
README = "https://github.com/SYSTRAN/faster-whisper/blob/00cc7e1b77e61478938025bed73b01f76520ff2f/README.md"
ISSUE = "https://github.com/SYSTRAN/faster-whisper/issues/1030"
DEVICES = {
    "large-v2, Tesla V100S": (13 * 60 / 54, f"[13 minutes in 54 s]({README})"),
    "large-v3-turbo, RTX 2080 Ti": (13 * 60 / 19.155, f"[13 minutes in 19.155 s]({ISSUE})"),
}
GPU = "large-v3-turbo, RTX 2080 Ti"
# What is assumed, and nobody has measured.
PRICE, START_S, MB_PER_HOUR, STORE_MB_S, LINK_MB_S = 1.0, 60.0, 60.0, 1000.0, 100.0
FAILURES = Failures(worker_h=500, node_h=1000, per_node=8, down_h=0.5, slow=0.05, slow_speed=0.5)
SPREAD = 0.6
HOURS, GPUS = (100, 10_000, 1_000_000), (1, 10, 100, 1000)
MEANS = {"6 minutes": 0.1, "an hour": 1.0}
# Simulations: hours, hours of one, GPUs; those of few files several times, each drawn anew.
SIMULATED = (
    *((100, 0.1, gpus) for gpus in GPUS),
    *((100, 1.0, gpus) for gpus in GPUS),
    *((10_000, 0.1, gpus) for gpus in (100, 1000)),
    *((10_000, 1.0, gpus) for gpus in GPUS),
    *((1_000_000, 1.0, gpus) for gpus in (100, 1000)),
)
FEW = 10_000  # files, up to which a simulation is repeated
REPEATED = 5

Row = Sequence[object]


def kept() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(RESULT.read_text("utf-8"))
    return document


def alone(measured: dict[str, Any]) -> dict[str, float]:
    """The run with one worker in its parts. `file_s`: what each file takes beside its length."""
    (run,) = (each for each in measured["runs"] if each["workers"] == 1)
    start_s = run["ready_s"] + run["load_s"]
    rest = run["seconds"] - start_s - measured["audio_s"] / run["speed"]
    return {"speed": run["speed"], "start_s": start_s, "file_s": rest / measured["files"]}


def cluster(measured: dict[str, Any], gpus: int, device: str = GPU) -> Cluster:
    """So many GPUs, with what was measured here for each file."""
    return Cluster(
        workers=gpus,
        speed=DEVICES[device][0],
        start_s=START_S,
        file_s=alone(measured)["file_s"],
        driver_s=measured["driver_s"],
        price_per_hour=PRICE,
        mb_per_hour=MB_PER_HOUR,
        store_mb_s=STORE_MB_S,
        link_mb_s=LINK_MB_S,
    )


def simulated(measured: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Hours of each simulation with failures and without, and what came of the failures."""
    from scale_simulation import Simulation  # late: SimPy is for this alone

    for hours, mean_h, gpus in SIMULATED:
        archive, machines = Archive(hours, mean_h, SPREAD), cluster(measured, gpus)
        for failures in (NO_FAILURES, FAILURES):
            count = REPEATED if archive.files <= FEW else 1
            plays = [
                Simulation(archive, machines, failures, seed=seed).run() for seed in range(count)
            ]
            for play in plays:
                assert set(play.done.values()) <= {1}
                assert len(play.done) + len(play.aside) == archive.files
            yield {
                "hours": hours,
                "mean_h": mean_h,
                "gpus": gpus,
                "failures": failures is FAILURES,
                "took_h": round(statistics.mean(play.hours for play in plays), 4),
                "again": round(statistics.mean(play.again for play in plays), 1),
                "aside": round(statistics.mean(len(play.aside) for play in plays), 1),
            }
            print("simulated", hours, mean_h, gpus, failures is FAILURES, flush=True)


def time(hours: float) -> str:
    """Hours as people say them."""
    if hours < 1:
        return f"{hours * 60:.0f} min"
    if hours < 100:
        return f"{hours:.1f} h"
    return f"{hours / 24:,.0f} days"


def table(heads: Row, rows: Sequence[Row]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in lines)


def of_figures(measured: dict[str, Any]) -> str:
    run = alone(measured)
    rows: list[Row] = [
        ("start: Ray's nodes are there, until the first actor is ready and has its model",
         f"{run['start_s']:.1f} s"),
        (f"speed of one core, {measured['model']}", f"{run['speed']:.1f} times real time"),
        ("each file, beside its length: decoding, the call, waiting for the next",
         f"{run['file_s']:.2f} s"),
        ("each file, of mlenv and of the pool: state, record, two transcripts on a disk",
         f"{measured['driver_s'] * 1000:.0f} ms"),
        ("fetch a short recording from a web server of the same machine",
         f"{measured['fetch_s'] * 1000:.1f} ms"),
    ]  # fmt: skip
    return table(("measured here", "median or mean"), rows)


def of_assumptions(_: dict[str, Any]) -> str:
    rows: list[Row] = [
        ("a GPU hour", f"{PRICE:.2f} $"),
        ("start on a GPU node, with a large model", f"{START_S:.0f} s"),
        ("an hour of audio (FLAC, 16 kHz, mono)", f"{MB_PER_HOUR:.0f} MB"),
        ("what the store delivers to all together, and to one node",
         f"{STORE_MB_S:,.0f} MB/s, {LINK_MB_S:.0f} MB/s"),
        ("lengths of recordings", f"log-normal, sigma {SPREAD}"),
        ("a worker dies", f"once in {FAILURES.worker_h:.0f} hours"),
        ("a node of 8 GPUs goes away, for half an hour", f"once in {FAILURES.node_h:.0f} hours"),
        ("GPUs that are half as fast", f"{FAILURES.slow:.0%}"),
    ]  # fmt: skip
    return table(("assumed", ""), rows)


def of_predictions(measured: dict[str, Any], mean_h: float) -> str:
    rows: list[Row] = []
    for hours in HOURS:
        for gpus in GPUS:
            archive = Archive(hours, mean_h, SPREAD)
            found = predict(archive, cluster(measured, gpus), FAILURES)
            rows.append(
                (f"{hours:,}", f"{gpus:,}", time(found.hours), f"{found.worker_hours:,.0f}",
                 f"{found.cost:,.0f} $", found.bottleneck)
            )  # fmt: skip
    return table(("hours of speech", "GPUs", "time", "GPU hours", "cost", "bottleneck"), rows)


def of_parts(measured: dict[str, Any]) -> str:
    """The runs that one mlenv holds up, with the list in parts."""
    rows: list[Row] = []
    for hours in HOURS[1:]:
        archive = Archive(hours, 0.1, SPREAD)
        machines = cluster(measured, 1000)
        for parts in (1, 4, 16):
            own = replace(machines, driver_s=machines.driver_s / parts)
            found = predict(archive, own, FAILURES)
            rows.append((f"{hours:,}", parts, time(found.hours), found.bottleneck))
    return table(("hours of speech", "parts", "time on 1,000 GPUs", "bottleneck"), rows)


def of_devices(measured: dict[str, Any]) -> str:
    rows: list[Row] = []
    for name, (speed, source) in DEVICES.items():
        found = predict(Archive(10_000, 1.0, SPREAD), cluster(measured, 10, name), FAILURES)
        rows.append((name, f"{speed:.1f}", source, time(found.hours), f"{found.cost:,.0f} $"))
    heads = ("model and GPU", "times real time", "source", "10,000 hours on 10 GPUs", "cost")
    return table(heads, rows)


def of_simulations(measured: dict[str, Any], plays: Sequence[dict[str, Any]]) -> str:
    rows: list[Row] = []
    for play in plays:
        archive = Archive(play["hours"], play["mean_h"], SPREAD)
        failures = FAILURES if play["failures"] else NO_FAILURES
        found = predict(archive, cluster(measured, play["gpus"]), failures).hours
        length = next(name for name, mean_h in MEANS.items() if mean_h == play["mean_h"])
        rows.append(
            (f"{play['hours']:,} of {length}", f"{play['gpus']:,}",
             "yes" if play["failures"] else "no", time(play["took_h"]), time(found),
             f"{found / play['took_h'] - 1:+.0%}", f"{play['again']:.0f}", f"{play['aside']:.0f}")
        )  # fmt: skip
    heads = ("hours of speech", "GPUs", "failures", "simulated", "model", "model is off by",
             "done again", "put aside")  # fmt: skip
    return table(heads, rows)


def prediction_of_run(measured: dict[str, Any], workers: int) -> float:
    """Seconds that the model gives a real run, from the figures of the one with one worker."""
    run = alone(measured)
    machines = Cluster(
        workers=workers, driver_s=measured["driver_s"], at_once=measured["cores"], **run
    )
    mean_h = measured["audio_s"] / 3600 / measured["files"]
    return predict(Archive(measured["audio_s"] / 3600, mean_h, 0.5), machines).hours * 3600


def of_runs(measured: dict[str, Any]) -> str:
    rows: list[Row] = []
    for run in measured["runs"]:
        found = prediction_of_run(measured, run["workers"])
        off = f"{found / run['seconds'] - 1:+.0%}"
        rows.append((run["workers"], f"{run['seconds']:.0f} s", f"{found:.0f} s", off))
    return table(("workers", "real run", "model", "model is off by"), rows)


def tables(document: dict[str, Any]) -> dict[str, str]:
    """The tables of the page, by name."""
    measured = document["measured"]
    return {
        "figures": of_figures(measured),
        "assumptions": of_assumptions(measured),
        "devices": of_devices(measured),
        "short": of_predictions(measured, 0.1),
        "long": of_predictions(measured, 1.0),
        "parts": of_parts(measured),
        "simulations": of_simulations(measured, document["simulated"]),
        "runs": of_runs(measured),
    }


def page(text: str, document: dict[str, Any]) -> str:
    """The page with its tables written anew."""
    for name, rows in tables(document).items():
        start = MARK.format(name)
        pattern = re.compile(rf"{re.escape(start)}\n.*?{re.escape(END)}", re.DOTALL)
        assert len(pattern.findall(text)) == 1, name
        before, after = pattern.split(text)
        text = f"{before}{start}\n\n{rows}\n\n{END}{after}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--simulate", action="store_true")
    parser.add_argument("--venv", type=Path, help="an environment with ray, for --measure")
    parser.add_argument("--cache", type=Path, help="mlenv's, with the model, for --measure")
    options = parser.parse_args()
    document = kept() if RESULT.exists() else {}
    if options.measure:
        from machine import described
        from scale_runs import measured

        document["measured"] = measured(options.venv, options.cache)
        document["machine"] = described()
    if options.measure or options.simulate:
        document["assumed"] = {"failures": asdict(FAILURES), "price_per_hour": PRICE}
        document["simulated"] = list(simulated(document["measured"]))
        RESULT.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8"), document), "utf-8")


if __name__ == "__main__":
    main()
