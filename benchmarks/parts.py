"""The parts of `python -m benchmarks`: a script each, and rows from what it writes.

A script measures by itself and writes `results/NAME.json`; here its document becomes rows of one
kind, `timing.Comparison`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from timing import Comparison

Document = Mapping[str, Any]
SPEECH_MODELS = ("tiny.en", "base", "segmentation-3.0", "campplus")


@dataclass(frozen=True)
class Part:
    """`script` in this folder, with `words`; in a hurry with `quick` instead.

    `models` are fetched before. `name`: of the document that it writes.
    """

    title: str
    script: str
    name: str
    rows: Callable[[Document], Iterator[Comparison]]
    words: Sequence[str] = ()
    quick: Sequence[str] = ()
    models: Sequence[str] = ()


def comparisons(document: Document) -> Iterator[Comparison]:
    """Rows of a script that uses `timing.keep`."""
    for row in document["comparisons"]:
        spread = row.get("spread")
        yield Comparison(**{**row, "spread": tuple(spread) if spread else None})


def of_words(document: Document) -> Iterator[Comparison]:
    """CPU seconds for each set of conversations, with the error rates of both."""
    rows = [row for row in document["rows"] if "cpu_s" in row]
    ours = {(row["set"], row["model"]): row for row in rows if row["tool"] == "mlenv"}
    for row in rows:
        own = ours.get((row["set"], row["model"]))
        if own is None or row["tool"].startswith("mlenv"):
            continue
        yield Comparison(
            f"words of conversations ({row['set']}, {row['model']}), CPU seconds",
            "mlenv exec transcribe",
            row["tool"],
            own["cpu_s"],
            row["cpu_s"],
            own["cpu_s"] / row["cpu_s"],
            0.5 if row["tool"] == "ctranslate2" else None,
            more={
                "error_rate": own.get("wer"),
                "their_error_rate": row.get("wer"),
                "words_missing": own.get("missing"),
                "their_words_missing": row.get("missing"),
            },
        )


def of_doctors(document: Document) -> Iterator[Comparison]:
    """Seconds of each doctor, with the faults that it found and its false alarms."""
    tools = document["tools"]
    own = tools["mlenv doctor"]
    for name, tool in tools.items():
        if name == "mlenv doctor" or not tool["seconds"]:
            continue
        yield Comparison(
            f"look for {document['faults']} faults",
            "mlenv doctor",
            name,
            own["seconds"],
            tool["seconds"],
            own["seconds"] / tool["seconds"],
            None,
            more={
                "found": len(own["found"]),
                "they_found": len(tool["found"]),
                "false_alarms": len(own["false_alarms"]),
                "their_false_alarms": len(tool["false_alarms"]),
            },
        )


PARTS = {
    "launch": Part("Start a program in the environment", "launch.py", "launch", comparisons),
    "spine": Part(
        "Install, and transcribe a clip", "spine.py", "spine", comparisons, models=("tiny.en",)
    ),
    "serve": Part(
        "A worker that stays",
        "serve.py",
        "serve",
        comparisons,
        quick=("--runs", "5"),
        models=("tiny.en",),
    ),
    "speech": Part(
        "Clips, a meeting, many files",
        "speech.py",
        "speech",
        comparisons,
        quick=("--files", "20", "--only", "clip,many"),
        models=SPEECH_MODELS,
    ),
    "words": Part(
        "Words against known ones",
        "words.py",
        "words",
        of_words,
        quick=("--count", "2", "--only", "readers"),
        models=SPEECH_MODELS,
    ),
    "speakers": Part(
        "Who speaks when",
        "speakers.py",
        "speakers",
        comparisons,
        quick=("--minutes", "2", "--runs", "1"),
        models=SPEECH_MODELS,
    ),
    "growth": Part(
        "Growth of time and memory",
        "growth.py",
        "growth",
        comparisons,
        quick=("--files", "1,5", "--minutes", "1,4"),
        models=("tiny.en",),
    ),
    "sizes": Part(
        "Growth with distributions, generations, files of models",
        "sizes.py",
        "sizes",
        comparisons,
        quick=("--distributions", "1,10", "--generations", "1,2", "--files", "1,10"),
    ),
    "doctor": Part("Doctors", "doctor.py", "doctor", of_doctors, quick=("--repeat", "1")),
    "fleet": Part("Many hosts together", "fleet.py", "fleet", comparisons, quick=("--runs", "1")),
    "explain": Part("Explain a log", "explain.py", "explain", comparisons),
    "provision": Part(
        "Go back, and use for the first time", "provision.py", "provision", comparisons
    ),
}
