"""The example for Node drives one `--serve` for many recordings. Real Node, stand-in workers."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from tests.support import faults
from tests.support.programs import program

# Asks for all recordings at once, takes one back, and prints what became of each.
DRIVE = """\
import { Transcriber } from "./dist/transcriber.js";
const folder = process.argv[2];
const transcriber = new Transcriber([], process.env.MLENV);
const heard = [];
const stop = new AbortController();
const onSegment = ({ text }) => {
  heard.push(text);
  if (text === "wait") stop.abort();
};
const ask = async (name, options = {}) => {
  try {
    const signal = name === "wait" ? stop.signal : undefined;
    const { text, speakers } =
      await transcriber.transcribe(`${folder}/${name}.wav`, options, { onSegment, signal });
    return [name, text, speakers];
  } catch (error) {
    return [name, error.code ?? error.message, error.transcript?.text ?? null];
  }
};
const outcome = await Promise.all([
  ask("a"), ask("wait"), ask("bad"), ask("b", { diarize: true, speaker_names: ["Ann"] }),
  ask("mute", { diarize: true }), ask("missing"), ask("a", { beam_size: 0 }),
]);
const code = await transcriber.close();
console.log(JSON.stringify({ outcome, code, heard: heard.sort(), late: await ask("a") }));
"""


def test_one_worker_transcribes_many_recordings(
    node_example: Path, plain_venv: Path, tmp_path: Path
) -> None:
    wrong = {"bad": {"transcriber": "SIGSEGV"}, "mute": {"diarizer": "diarization-failed"}}
    faults.write(tmp_path, {"a": {}, "b": {}, "wait": {"transcriber": "wait 60"}, **wrong})
    found = drive(node_example, tmp_path, mlenv(plain_venv, tmp_path))
    assert found["outcome"] == [
        ["a", "a", []],
        ["wait", "cancelled", None],
        ["bad", "worker-died", None],
        ["b", "b", ["Ann"]],
        ["mute", "diarization-failed", "mute"],
        ["missing", "audio-missing", None],
        ["a", "usage", None],
    ]
    assert found["code"] == 1
    assert found["late"][1].startswith("mlenv ended with exit code 1:\n")
    assert found["heard"] == ["a", "b", "bad", "mute", "wait"]
    models = [line for line in loads(tmp_path) if line.startswith("transcriber /")]
    assert len(models) <= 3  # at first, and for each worker that died over one file


def test_an_mlenv_that_cannot_be_started_or_dies_is_an_error_for_all(
    node_example: Path, tmp_path: Path
) -> None:
    found = drive(node_example, tmp_path, tmp_path / "nothing")
    assert {each[1] for each in found["outcome"]} == {
        f"mlenv could not be started: spawn {tmp_path}/nothing ENOENT"
    }
    script = tmp_path / "dies"
    script.write_text("#!/bin/sh\necho no more >&2\nexit 3\n")
    script.chmod(0o755)
    found = drive(node_example, tmp_path, script)
    assert {each[1] for each in found["outcome"]} == {"mlenv ended with exit code 3:\nno more\n"}


def loads(directory: Path) -> list[str]:
    return (directory / "stand-in" / "loads").read_text().splitlines()


def mlenv(venv: Path, directory: Path) -> Path:
    """A program that is mlenv with the stand-ins; it gets its words behind `exec transcribe`."""
    path = directory / "mlenv"
    words = shlex.join(faults.command(venv, directory))
    path.write_text(f'#!/bin/sh\nshift 2\nexec {words} "$@"\n', "utf-8")
    path.chmod(0o755)
    return path


def drive(node_example: Path, directory: Path, program_: Path) -> dict[str, Any]:
    (node_example / "drive.mjs").write_text(DRIVE, "utf-8")
    done = subprocess.run(
        [program("node"), node_example / "drive.mjs", directory],
        env={**os.environ, "MLENV": str(program_)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
