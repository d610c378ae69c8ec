"""Words and speakers against known ones: mlenv, plain faster-whisper and whisper-ctranslate2.

    uv run python benchmarks/words.py [--venv DIR] [--model tiny.en] [--count 12] [--only SET,..]
        [--tools mlenv,plain,ctranslate2,whisperx] [--same 4] [--same-files 12] [--sets DIR]

The recordings are those of `conversations.py`. Every tool gets the folder of a set in one run, the
same model in int8, and its own defaults; whisper-ctranslate2 and whisperX have venvs of their own.
`long` is one recording of an hour (`--minutes`), only where it is named.
Results are kept as they come, in `results/words.json`; a run replaces its own rows only.

wer: word error rate after Whisper's normalisation. missing: words of the truth that nothing stands
for. lost_s: seconds of turns of which three quarters of the words are missing. unsaid_s: those of
them that no `speech-without-words` warning overlaps. invented: words in recordings in which nobody
speaks. speaker: share of the right words that are with the right speaker; by_word: the same if each
word went to whoever speaks for most of it, as before. texts: distinct transcripts of one input, for
the recording of the set that has the most. cpu_s: CPU seconds, which other work on the machine
changes less than the clock; wall_s: the clock, the tools one after another on each set.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import jiwer
import peers
from timing import RESULTS
from whisper_normalizer.english import EnglishTextNormalizer

from mlenv import paths
from mlenv.environment import launch
from mlenv.speech import models
from mlenv.speech.transcribe.speakers import speaker_at

HERE = Path(__file__).parent
NORMALISE = EnglishTextNormalizer()
SETS = ("alone", "readers", "repeated", "rough", "spoken", "telephone", "silent")
MISSING = 0.75  # share of a turn's words without which it counts as lost

PLAIN = """
import json, sys
from pathlib import Path
from faster_whisper import WhisperModel
model = WhisperModel(sys.argv[1], device="cpu", compute_type="int8", cpu_threads=2)
for path in sorted(Path(sys.argv[2]).glob("*.wav")):
    segments, _ = model.transcribe(str(path), language="en")
    found = [{"start": s.start, "end": s.end, "text": s.text} for s in segments]
    Path(sys.argv[3], path.stem + ".json").write_text(json.dumps({"segments": found}))
"""


class Cost(NamedTuple):
    """Seconds of the processors and of the clock."""

    cpu: float
    wall: float


class Tools:
    """The command lines: a folder of recordings in, a folder of JSON transcripts out."""

    def __init__(self, venv: Path, model: str) -> None:
        built = launch.build(venv, os.environ)
        self._python, self._environ = built.python, built.applied_to(os.environ)
        self._venv, self._model = venv, models.find(models.by_name(model)).path

    def mlenv(self, folder: Path, out: Path, *options: str) -> Cost:
        command = [sys.executable, "-m", "mlenv", "exec", "--venv", self._venv, "transcribe"]
        command += ["--model", self._model, "--device", "cpu", "--offline", "--quiet"]
        return _seconds([*command, *options, "-f", "json", "-o", out, folder], os.environ, (0, 1))

    def plain(self, folder: Path, out: Path) -> Cost:
        return _seconds([self._python, "-c", PLAIN, self._model, folder, out], self._environ)

    def ctranslate2(self, folder: Path, out: Path) -> Cost:
        command = [peers.ctranslate2(), "--model_directory", self._model]
        command += ["--device", "cpu", "--compute_type", "int8", "--language", "en"]
        command += ["--output_format", "json", "--output_dir", out, "--verbose", "False"]
        return _seconds([*command, *sorted(folder.glob("*.wav"))], os.environ)

    def whisperx(self, folder: Path, out: Path) -> Cost:
        place = peers.whisperx()
        command = [place / "whisperx", "--model", self._model, "--device", "cpu"]
        command += ["--compute_type", "int8", "--no_align", "--language", "en"]
        command += ["--output_format", "json", "--output_dir", out, "--vad_method", "pyannote"]
        environ = {**os.environ, "PATH": f"{place}:{os.environ['PATH']}"}
        return _seconds([*command, *sorted(folder.glob("*.wav"))], environ)


def _seconds(command, env, ok=(0,)) -> Cost:
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [str(word) for word in command], env=dict(env), capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter() - began
    if done.returncode not in ok:
        sys.exit(f"{command[0]} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def read(out: Path, names) -> dict:
    return {name: json.loads((out / f"{name}.json").read_text()) for name in names}


def words_of(segments) -> tuple[list[str], list[str | None]]:
    """Normalised words, and the speaker of each."""
    words, speakers = [], []
    for segment in segments:
        found = NORMALISE(segment["text"]).split()
        words += found
        speakers += [segment.get("speaker")] * len(found)
    return words, speakers


def scored(truth: dict, transcripts: dict) -> dict:
    total = Counter()
    for name, turns in truth.items():
        total["files"] += 1
        heard, speakers = words_of(transcripts[name]["segments"])
        if not turns:
            total["invented"] += len(heard)
            continue
        said, owners = [], []
        for number, turn in enumerate(turns):
            found = NORMALISE(turn["text"]).split()
            said += found
            owners += [number] * len(found)
        result = jiwer.process_words(" ".join(said), " ".join(heard))
        total["words"] += len(said)
        total["errors"] += result.substitutions + result.deletions + result.insertions
        total["missing"] += result.deletions
        gone = Counter()
        for part in result.alignments[0]:
            if part.type == "delete":
                gone.update(owners[part.ref_start_idx : part.ref_end_idx])
        warnings = [
            each
            for each in transcripts[name].get("warnings", ())
            if each["code"] == "speech-without-words"
        ]
        for number, turn in enumerate(turns):
            total["speech_s"] += turn["end"] - turn["start"]
            if gone[number] >= MISSING * owners.count(number):
                total["lost_s"] += turn["end"] - turn["start"]
                total["unsaid_s"] += (turn["end"] - turn["start"]) * all(
                    w["end"] <= turn["start"] or w["start"] >= turn["end"] for w in warnings
                )
        total["warned"] += len(warnings)
        readers = [turns[number]["speaker"] for number in owners]
        total.update(_attributed(result, readers, speakers, ""))
        if transcripts[name].get("turns"):
            heard, speakers = words_of(_by_word(transcripts[name]))
            result = jiwer.process_words(" ".join(said), " ".join(heard))
            total.update(_attributed(result, readers, speakers, "_by_word"))
    return total


def _by_word(transcript: dict) -> list[dict]:
    """The words as segments, each with whoever speaks for most of it."""
    words = [word for segment in transcript["segments"] for word in segment["words"]]
    owned = [(speaker_at(each["start"], each["end"], transcript["turns"]), each) for each in words]
    return [
        {"text": "".join(word["word"] for _, word in run), "speaker": speaker}
        for speaker, run in groupby(owned, key=lambda pair: pair[0])
    ]


def _attributed(result, readers: list[str], speakers: list[str | None], suffix: str) -> Counter:
    """Counts of right words, and of those with the right speaker.

    Each label stands for the reader it fits best.
    """
    pairs = Counter()
    for part in result.alignments[0]:
        if part.type == "equal":
            spoken = readers[part.ref_start_idx : part.ref_end_idx]
            given = speakers[part.hyp_start_idx : part.hyp_end_idx]
            pairs.update(zip(spoken, given, strict=True))
    right, taken = 0, set()
    for (reader, label), count in pairs.most_common():
        if label is not None and reader not in taken and label not in taken:
            taken |= {reader, label}
            right += count
    return Counter({f"aligned{suffix}": sum(pairs.values()), f"right{suffix}": right})


def row(tool: str, model: str, name: str, total: Counter, cost: Cost) -> dict:
    record = {"set": name, "tool": tool, "model": model, "files": total["files"]}
    record |= {"cpu_s": round(cost.cpu, 1), "wall_s": round(cost.wall, 1)}
    if not total["words"]:
        return {**record, "invented": total["invented"]}
    record |= {
        "wer": round(total["errors"] / total["words"], 4),
        "words": total["words"],
        "missing": total["missing"],
        "speech_s": round(total["speech_s"]),
        "lost_s": round(total["lost_s"], 1),
        "unsaid_s": round(total["unsaid_s"], 1),
        "warnings": total["warned"],
    }
    if "speakers" in tool:
        record["speaker"] = round(total["right"] / total["aligned"], 4)
        record["by_word"] = round(total["right_by_word"] / total["aligned_by_word"], 4)
    return record


def distinct(run, folder: Path, truth: dict, scratch: Path, runs: int) -> int:
    """The most texts that one recording of a set gets in so many runs."""
    texts = {name: set() for name in truth}
    for number in range(runs):
        out = scratch / f"again{number}"
        out.mkdir(parents=True)
        run(folder, out, number)
        for name, transcript in read(out, truth).items():
            texts[name].add(json.dumps([s["text"] for s in transcript["segments"]]))
    return max(map(len, texts.values()))


def keep(rows: list[dict]) -> None:
    path = RESULTS / "words.json"
    old = json.loads(path.read_text())["rows"] if path.exists() else []

    def key(each):
        return each["set"], each["tool"], each["model"], "texts" in each

    merged = {key(each): each for each in [*old, *rows]}
    document = {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "rows": sorted(merged.values(), key=key),
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--minutes", type=int, default=60, help="of the set `long`")
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--tools", default="mlenv,mlenv with speakers,plain,ctranslate2")
    parser.add_argument("--same", type=int, default=4, help="runs of one set for `texts`")
    parser.add_argument("--same-files", type=int, default=12, help="recordings of that set")
    parser.add_argument("--sets", type=Path, help="recordings that `conversations.py` has made")
    options = parser.parse_args()
    venv = paths.venv_path(options.venv, os.environ)
    tools = Tools(venv, options.model)
    with tempfile.TemporaryDirectory() as scratch:
        sets = options.only.split(",")
        made = options.sets or Path(scratch, "sets")
        if not options.sets:
            maker = [venv / "bin" / "python", HERE / "conversations.py", made]
            for name in sets:
                count = options.minutes if name == "long" else options.count
                subprocess.run([*maker, str(count), name], check=True)
        runs = {
            "mlenv": tools.mlenv,
            "mlenv with speakers": lambda folder, out: tools.mlenv(folder, out, "--diarize"),
            "plain": tools.plain,
            "ctranslate2": tools.ctranslate2,
            "whisperx": tools.whisperx,
        }
        rows = []
        for name in sets:
            folder = made / name
            truth = json.loads((folder / "truth.json").read_text())
            for tool in options.tools.split(","):
                out = Path(scratch, "out", name, tool)
                out.mkdir(parents=True)
                cost = runs[tool](folder, out)
                rows.append(row(tool, options.model, name, scored(truth, read(out, truth)), cost))
                print(rows[-1], flush=True)
                keep(rows)
        if options.same and "repeated" in sets:
            folder = made / "repeated"
            truth = json.loads((folder / "truth.json").read_text())
            truth = dict(list(truth.items())[: options.same_files])
            few = Path(scratch, "few")
            few.mkdir()
            for name in truth:
                (few / f"{name}.wav").symlink_to((folder / f"{name}.wav").resolve())
            for tool in options.tools.split(","):
                if "speakers" in tool:
                    continue

                def run(folder, out, number, tool=tool):
                    ways = (("--threads", "1"), ("--threads", "2"), (), ("--threads", "4"))
                    return (
                        tools.mlenv(folder, out, *ways[number % 4])
                        if tool == "mlenv"
                        else runs[tool](folder, out)
                    )

                texts = distinct(run, few, truth, Path(scratch, "same", tool), options.same)
                same = {"set": "repeated", "tool": tool, "model": options.model, "texts": texts}
                rows.append({**same, "runs": options.same})
                print(rows[-1], flush=True)
                keep(rows)


if __name__ == "__main__":
    main()
