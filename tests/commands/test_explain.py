"""`mlenv explain` as a command: what it reads, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlenv import __version__
from mlenv.doctor import knowledge
from tests.support.logs import DATA
from tests.support.running import Run

ERROR = "RuntimeError: Library libcublas.so.12 is not found or cannot be loaded"
NOISE = "Model was trained with torch 1.10.0+cu102, yours is 2.8.0."


def command(*argv: str) -> list[str]:
    return [sys.executable, "-m", "mlenv", "explain", "--no-here", *argv]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "run.log"
    path.write_text(f"starting\n{NOISE}\n{ERROR}\n")
    return path


def test_the_whole_document(mlenv: Run, log: Path) -> None:
    entry = knowledge.entries()["cublas-missing"]
    harmless = knowledge.entries()["benign-warning"]
    done = mlenv("explain", log, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "schema": 1,
        "mlenv": __version__,
        "command": "explain",
        "ok": True,
        "exit_code": 0,
        "data": {
            "diagnoses": [
                {
                    "id": "cublas-missing",
                    "confidence": "high",
                    "level": "error",
                    "matched": ERROR,
                    "line": 3,
                    "count": 1,
                    "title": entry.title,
                    "cause": entry.cause,
                    "remedy": {"prose": entry.remedy.prose, "commands": [], "fixable": False},
                    "follows": None,
                    "instead_of": None,
                    "decides": None,
                    "here": None,
                },
                {
                    "id": "benign-warning",
                    "confidence": "high",
                    "level": "harmless",
                    "matched": NOISE,
                    "line": 2,
                    "count": 1,
                    "title": harmless.title,
                    "cause": harmless.cause,
                    "remedy": {"prose": harmless.remedy.prose, "commands": [], "fixable": False},
                    "follows": None,
                    "instead_of": None,
                    "decides": None,
                    "here": None,
                },
            ],
            "numbers": [],
            "unrecognised": "",
            "looks_like": None,
            "lines": 3,
        },
        "errors": [],
    }


@pytest.mark.parametrize("argument", [(), ("-",)])
def test_standard_input(log: Path, argument: tuple[str, ...]) -> None:
    with log.open() as stream:
        done = subprocess.run(command(*argument), stdin=stream, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("\ncuBLAS is not found  cublas-missing\n  line 3: " + ERROR)
    assert f"Harmless: 1 line such as\n    {NOISE}" in done.stdout


MORE = (
    "A whole log says more than {}: `COMMAND 2>&1 | mlenv explain`, or\n"
    "`mlenv explain -- COMMAND`, which sees how the command ended, too.\n"
)
HELP = (
    "`mlenv doctor` tries the environment itself. `mlenv explain --list` has what is known;\n"
    'how to add a wording: CONTRIBUTING.md, "Add an error signature".\n'
)


def test_nothing_recognised(mlenv: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("all\nis\nwell\n")
    done = mlenv("explain", path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == f"No known error in this log (3 lines).\n{HELP}{MORE.format('3 lines')}"
    path.write_text("well\n")
    assert mlenv("explain", path).stdout == (
        f"No known error in this log (1 line).\n{HELP}{MORE.format('1 line')}"
    )
    path.write_bytes(b"")
    assert mlenv("explain", path).stdout == (
        f"The log is empty.\n{HELP}{MORE.replace(' than {}', '')}"
    )
    empty = mlenv("explain", "")
    assert (empty.returncode, empty.stdout) == (2, "")
    assert empty.stderr.startswith("error: The text is empty: a variable that is not set?\n")


def test_an_unknown_error_is_outlined(mlenv: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(
        "(ml) $ whisperx talk.wav\n"
        "Traceback (most recent call last):\n"
        '  File "/v/lib/python3.12/site-packages/whisperx/asr.py", line 3, in load_model\n'
        "ValueError: no such flux\n"
        "process exited with code 139\n"
    )
    done = mlenv("explain", path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (
        "No known error in this log (5 lines).\n"
        "It looks like the log of `whisperx` while loading a model.\n"
        "The last line that looks like an error is not known:\n"
        "    line 4: ValueError: no such flux\n"
        "  Decoded  exit code 139: the program was ended by SIGSEGV\n"
        f"{HELP}"
    )
    data = json.loads(mlenv("explain", "--json", path).stdout)["data"]
    assert data == {
        "diagnoses": [],
        "numbers": ["exit code 139: the program was ended by SIGSEGV"],
        "unrecognised": "ValueError: no such flux",
        "looks_like": {
            "program": "`whisperx`",
            "step": "loading a model",
            "error": "ValueError: no such flux",
            "line": 4,
        },
        "lines": 5,
    }


def test_an_error_beside_noise_is_not_known(mlenv: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(f"{NOISE}\nTraceback (most recent call last):\nValueError: no such flux\n")
    done = mlenv("explain", path)
    assert done.returncode == 1
    assert "error is not known:\n    line 3: ValueError: no such flux\n" in done.stdout
    assert "Harmless: 1 line such as" in done.stdout


def test_only_noise_is_recognised(mlenv: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(f"{NOISE}\ndone\n")
    done = mlenv("explain", path)
    assert done.returncode == 0
    assert "Harmless" in done.stdout


def test_an_entry_by_id_and_the_list(mlenv: Run) -> None:
    done = mlenv("explain", "cublas-missing")
    assert done.returncode == 0
    assert done.stdout.startswith("cuBLAS is not found  cublas-missing\n  Why      CTranslate2")
    listed = json.loads(mlenv("explain", "--list", "--json").stdout)["data"]["entries"]
    assert [entry["id"] for entry in listed] == list(knowledge.entries())
    assert len(mlenv("explain", "--list").stdout.splitlines()) == len(knowledge.entries()) + 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing.log",), "nothing.log can't be read: No such file or directory."),
        (("cublas-mising",), "Did you mean `mlenv explain cublas-missing`?"),
        ((".",), ". can't be read: Is a directory."),
        (("--",), "After -- comes the command to run."),
        (("x.log", "--", "true"), "What is there to explain"),
    ],
)
def test_wrong_usage(mlenv: Run, arguments: tuple[str, ...], said: str) -> None:
    done = mlenv("explain", *arguments)
    assert done.returncode == 2
    assert said in done.stderr and len(done.stderr.splitlines()) <= 2
    assert "Traceback" not in done.stderr


SCRIPT = f"""
import os, sys
os.write(1, b'out\\xff\\0 1\\n'); os.write(2, b'{NOISE}\\n'); os.write(1, b'no newline')
os.write(2, b'{ERROR}\\n')
sys.exit(int(sys.argv[1]))
"""


def test_a_command_that_fails(tmp_path: Path) -> None:
    done = subprocess.run(command("--", sys.executable, "-c", SCRIPT, "7"), capture_output=True)
    assert done.returncode == 7
    assert done.stdout == b"out\xff\0 1\nno newline"
    own, _, explained = done.stderr.decode().partition("\n\n")
    assert own == f"{NOISE}\n{ERROR}"
    assert "ended with 7\n\ncuBLAS is not found  cublas-missing\n" in explained


def test_a_command_that_succeeds_is_only_passed_on() -> None:
    done = subprocess.run(command("--", sys.executable, "-c", SCRIPT, "0"), capture_output=True)
    assert done.returncode == 0
    assert done.stdout == b"out\xff\0 1\nno newline"
    assert done.stderr.decode() == f"{NOISE}\n{ERROR}\n"


def test_json_of_a_command_is_one_document() -> None:
    done = subprocess.run(
        command("--json", "--", sys.executable, "-c", SCRIPT, "7"), capture_output=True
    )
    document = json.loads(done.stdout)
    assert (done.returncode, document["exit_code"], document["ok"]) == (7, 7, False)
    assert [d["id"] for d in document["data"]["diagnoses"]] == ["cublas-missing", "benign-warning"]
    assert b"out\xff\0 1\nno newline" in done.stderr.replace(NOISE.encode() + b"\n", b"").replace(
        ERROR.encode() + b"\n", b""
    )


def test_options_after_the_separator_are_the_commands() -> None:
    done = subprocess.run(command("--", "echo", "--json", "--list"), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "--json --list\n")


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["no-such-program"], 127, "There is no command `no-such-program`."),
        ([str(DATA / "README.md")], 126, "could not be started: Permission denied."),
    ],
)
def test_a_command_that_cannot_start(argv: list[str], code: int, said: str) -> None:
    done = subprocess.run(command("--", *argv), capture_output=True, text=True)
    assert done.returncode == code
    assert said in done.stderr and "Traceback" not in done.stderr


def test_death_by_a_signal() -> None:
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGABRT)"
    done = subprocess.run(command("--", sys.executable, "-c", killed), capture_output=True)
    assert done.returncode == 128 + signal.SIGABRT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_command(number: int) -> None:
    waiting = (
        "import signal, sys, time\n"
        "for n in (2, 15): signal.signal(n, lambda n, _: sys.exit(40 + n))\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        command("--", sys.executable, "-c", waiting),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        if number == signal.SIGINT:  # as the terminal does: to the whole group
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        assert process.wait(timeout=20) == 40 + number


def test_output_is_shown_as_it_comes() -> None:
    slow = "import time; print('first', flush=True); time.sleep(60)"
    with subprocess.Popen(
        command("--", sys.executable, "-c", slow), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"first\n"
        process.terminate()


def test_a_daemon_that_keeps_the_pipe_open_holds_nobody_up() -> None:
    begun = time.monotonic()
    done = subprocess.run(command("--", "sh", "-c", "sleep 30 & exit 3"), capture_output=True)
    assert done.returncode == 3
    assert time.monotonic() - begun < 20
