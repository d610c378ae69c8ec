"""What people type in their first five minutes, and the words that they need to go on.

Each place is a row: what was typed, the exit code, and what must be said. Nothing here needs a
model, a package or a network.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.launching import MakeVenv
from tests.support.running import Run


class Place(NamedTuple):
    """A command line, its exit code, and parts of what it prints."""

    typed: str
    code: int
    said: tuple[str, ...]


TRANSCRIBE = "exec --venv {venv} transcribe"
PLACES = {
    "transcribe without exec": Place("transcribe a.wav", 2, ("`mlenv exec transcribe`",)),
    "a command nearly right": Place("doctr", 2, ("Did you mean `mlenv doctor`?",)),
    "a subcommand nearly right": Place("models pul", 2, ("Did you mean 'pull'?",)),
    "an option of a command nearly right": Place("gc --dry-rn", 2, ("Did you mean '--dry-run'?",)),
    "an option nearly right": Place(
        f"{TRANSCRIBE} a.wav --modle x", 2, ("no option --modle. Did you mean --model?",)
    ),
    "an option without its hyphen": Place(
        f"{TRANSCRIBE} a.wav --outputformat srt", 2, ("Did you mean --output-format?",)
    ),
    "a language by its region": Place(
        f"{TRANSCRIBE} a.wav --language zh-TW", 2, ("Did you mean zh (Chinese)?",)
    ),
    "a language misspelt": Place(
        f"{TRANSCRIBE} a.wav --language englsh", 2, ("Did you mean en (English)?",)
    ),
    "a temperature out of its range": Place(
        f"{TRANSCRIBE} a.wav --temperature 7", 2, ("`7` is not one number from 0 to 1",)
    ),
    "a compute type that is none": Place(
        f"{TRANSCRIBE} a.wav --compute-type int9", 2, ("Did you mean int8?",)
    ),
    "another tool's device": Place(
        f"{TRANSCRIBE} --file-name a.wav --device-id mps", 2, ("--device-index",)
    ),
    "another tool's output": Place(
        f"{TRANSCRIBE} --file-name a.wav --transcript-path o.json", 2, ("--format json",)
    ),
    "another tool's kernels": Place(f"{TRANSCRIBE} a.wav --flash True", 2, ("--batched",)),
    "versions where they are not": Place(
        f"{TRANSCRIBE} --version", 2, ("`mlenv --version --verbose`",)
    ),
    "a folder of Windows": Place(f"{TRANSCRIBE} -o C:\\out {{folder}}/a.wav", 2, ("/mnt/c/out",)),
    "a profile that is none": Place(
        "install gpu", 2, ("profile `gpu`.\nThere are: cpu, cu121", "`mlenv profiles why`")
    ),
    "a profile nearly right": Place("install cu12", 2, ("Did you mean cu12",)),
    "no model asked for": Place(
        "models where", 2, ("`mlenv models where` needs NAME. There are: tiny.en",)
    ),
    "no profile for a bundle": Place("bundle", 2, ("needs PROFILE. There are: cpu, cu121",)),
    "no model named": Place("models pull", 2, ("There are: tiny.en, base", "The default is base")),
    "no profile named": Place("export --to pylock", 2, ("There are: cpu, cu121",)),
    "a list of requirements": Place("add -r requirements.txt", 2, ("Files can't be added",)),
    "a home of nobody": Place("status --venv ~nobody-here/x", 1, ("unknown here",)),
    "no environment": Place("status", 1, ("Build one with `mlenv install`",)),
    "a folder that is no bundle": Place(
        "install --from /nonexist", 1, ("/nonexist is not a bundle", "mlenv bundle")
    ),
    "a test of nothing": Place("verify", 1, ("does not exist", "Run `mlenv install`")),
    "a check of no model": Place(
        "models verify", 1, ("none was checked", "`mlenv models pull base`")
    ),
    "a model that is not there": Place("models remove base", 1, ("`mlenv models` lists",)),
    "more packages for nothing": Place("add rich", 1, ("does not exist", "Run `mlenv install`")),
    "back to nothing": Place("rollback", 1, ("does not exist", "Run `mlenv install`")),
    "nothing to remove": Place("uninstall", 1, ("Nothing to remove", "Run `mlenv install`")),
    "a pasted error": Place(
        "explain --no-here RuntimeError:__Library__libcublas.so.12__is__not__found",
        0,
        ("cublas-missing",),
    ),
    "a misspelt id": Place("explain cublas-missin", 2, ("`mlenv explain cublas-missing`",)),
    "models": Place("models", 0, ("`mlenv models pull",)),
    "profiles": Place("profiles", 0, ("`mlenv profiles why`",)),
    "the help of transcribe": Place(
        "exec --venv {venv} transcribe --help", 0, ("--files-from", "MLENV_MODEL", "--compute-type")
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("folder")
    (directory / "a.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    return directory


@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
def test_a_place(mlenv: Run, hollow: MakeVenv, folder: Path, tmp_path: Path, place: Place) -> None:
    venv = hollow(tmp_path / "ml") if "{venv}" in place.typed else tmp_path / "none"
    words = [
        word.format(venv=venv, folder=folder).replace("__", " ") for word in place.typed.split()
    ]
    done = mlenv(*words)
    printed = done.stdout + done.stderr
    assert done.returncode == place.code, printed
    for words_needed in place.said:
        assert words_needed in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("status --json", ["no-environment"]),
        ("explain --json --no-here --list-nothing", ["usage"]),
        ("doctor --json --quick --only package-not-in-this-interpreter", None),
        ("lock --json cu999", ["unknown-profile"]),
        ("export --json --to pylock", ["usage"]),
        ("models where --json nothing", ["model-unknown"]),
        ("install --json --from /nonexist", None),
    ],
)
def test_no_document_that_is_not_ok_is_without_a_code(
    mlenv: Run, typed: str, codes: list[str] | None
) -> None:
    done = mlenv(*typed.split())
    document = json.loads(done.stdout)
    assert (document["ok"], document["exit_code"]) == (False, done.returncode)
    found = [error["code"] for error in document["errors"]]
    assert all(found) and found and (codes is None or found == codes)
    assert all(error["message"] for error in document["errors"])


def test_an_unknown_log_has_a_code(mlenv: Run, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("nothing of note\n", "utf-8")
    document = json.loads(mlenv("explain", "--json", "--no-here", log).stdout)
    assert document["errors"] == [
        {
            "code": "not-recognised",
            "message": "No known error in this log (1 line).\n"
            "`mlenv doctor` examines the environment itself.",
        }
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_has_an_answer(home: Path, number: signal.Signals) -> None:
    """The command waits for a log that never ends."""
    argv = [sys.executable, "-m", "mlenv", "explain", "--json", "--no-here"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as child:
        handled = 1 << (signal.SIGTERM - 1)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:  # until it has begun to answer signals
            status = Path(f"/proc/{child.pid}/status").read_text("utf-8")
            caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
            if int(caught.split()[1], 16) & handled:
                break
            time.sleep(0.02)
        child.send_signal(number)
        printed, _ = child.communicate(timeout=30)
    document = json.loads(printed)
    assert (child.returncode, document["exit_code"]) == (128 + number, 128 + number)
    assert document["errors"] == [
        {
            "code": "interrupted",
            "message": "Interrupted: nothing was changed.\nType the same again.",
        }
    ]


def test_colour_is_forced_and_refused(mlenv: Run) -> None:
    assert "\x1b[" not in mlenv("status").stdout
    assert "\x1b[" in mlenv("status", env={"FORCE_COLOR": "1"}).stdout
    assert "\x1b[" in mlenv("status", env={"CLICOLOR_FORCE": "1"}).stdout
    assert "\x1b[" not in mlenv("status", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout
