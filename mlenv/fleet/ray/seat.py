"""One actor of Ray: a `mlenv exec transcribe --serve` on its node, and the files that it is given.

The environment's own Python runs it on the node. Nothing of mlenv or ray is imported here: Ray
carries the class to the nodes as it stands. A recording at an address is fetched into a file of its
own, which is there while it is worked on.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import objects

FOLDER = "mlenv-fetched-"  # beginning of the name of a directory for a file from an address
LAST_LINES = 20  # of standard error
# Ends the command with its parent, whatever ended that; SIGTERM is 15, PR_SET_PDEATHSIG is 1.
WITH_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execvp(sys.argv[1], sys.argv[1:])"
)


class Seat:
    """A process of mlenv's on this node, which is started anew where it has ended.

    `settings`: `python` and `venv` of the caller, the `version` of its mlenv, the sha256 of its
    environment's `lock` (None where mlenv did not build it), the `words` of the command line, and
    `addresses` that this node must be able to read.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._said: deque[str] = deque(maxlen=LAST_LINES)
        self._new: list[str] = []
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()

    def refusal(self) -> str | None:
        """The reason why this node can't do what the caller's does; None where it can."""
        venv = Path(self._settings["venv"])
        if not (venv / "pyvenv.cfg").is_file():
            return f"there is no environment at {venv}"
        if (lock := self._settings["lock"]) and lock != self._lock(venv):
            return f"{venv} was built from another lock than the caller's"
        command = [*self._command(), "--version"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            return f"{command[0]} could not be started: {error}"
        version = done.stdout.split()[-1:]
        if done.returncode or version != [self._settings["version"]]:
            told = done.stdout.strip() or done.stderr.strip() or f"exit code {done.returncode}"
            return f"it has mlenv `{told}`, and the caller {self._settings['version']}"
        for address in self._settings["addresses"]:
            try:
                objects.state(address)
            except objects.Trouble as error:
                if error.code in objects.OF_THE_NODE:
                    scheme = address.partition("://")[0]
                    return f"it can't read {scheme}:// addresses: {error.text}"
        return None

    def transcribe(self, number: int, audio: str, address: str | None = None) -> dict[str, Any]:
        """Do one file: the answer of `--serve` in `lines`, or `died` with how the process ended.

        `address`: where it is, if not here at `audio`. Then `state` says what was fetched, or
        `trouble` why that could not be.
        """
        began = time.monotonic()
        if address is None:
            return {**self._done(number, audio), "seconds": time.monotonic() - began}
        with _folder() as folder:
            try:
                audio, state = objects.fetch(address, folder, _name(audio))
                answer = {**self._done(number, audio), "audio": audio}
                if not state["mark"] and answer["sha256"]:
                    state["mark"] = f"sha256={answer['sha256']}"
                answer["state"] = state
            except objects.Trouble as error:
                answer = {"trouble": error.fields(), "said": [], "died": None}
        return {**answer, "seconds": time.monotonic() - began}

    def _done(self, number: int, audio: str) -> dict[str, Any]:
        lines = self._answer(number, audio)
        whole = bool(lines) and lines[-1]["event"] == "end"
        answer = {
            "lines": lines if whole else [],
            "sha256": _sha256(audio) if whole else None,
            "died": None if whole else self._end(),
            "said": self._new,
        }
        self._new = []
        return answer

    def _answer(self, number: int, audio: str) -> list[dict[str, Any]]:
        if self._process is None:
            self._process = self._started()
        assert self._process.stdin
        assert self._process.stdout
        lines: list[dict[str, Any]] = []
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps({"id": number, "audio": audio}).encode() + b"\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:  # the process was killed in the middle of a line
                break
            if event.get("id") == number and event["event"] != "segment":
                lines.append(event)
                if event["event"] == "end":
                    break
        return lines

    def _started(self) -> subprocess.Popen[bytes]:
        words = ["exec", "--venv", self._settings["venv"], "transcribe", "--serve"]
        command = [*self._command(), *words, *self._settings["words"]]
        process = subprocess.Popen(
            [self._python(), "-c", WITH_PARENT, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr
        for line in process.stderr:
            text = line.decode("utf-8", "replace").rstrip()
            self._said.append(text)
            self._new.append(text)

    def _end(self) -> str:
        """The end of the process in words, and the last that it said."""
        process, self._process = self._process, None
        assert process
        try:
            code = process.wait(10)
        except subprocess.TimeoutExpired:  # it closed its output and goes on
            process.kill()
            code = process.wait()
        time.sleep(0.1)  # for its last words
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        last = f": {self._said[-1]}" if self._said else ""
        return f"mlenv {how}{last}"

    def _python(self) -> str:
        return os.path.join(self._settings["venv"], "bin", "python")  # noqa: PTH118

    def _command(self) -> list[str]:
        """The caller's own mlenv where this node has it at the same place, else that on PATH."""
        python: str = self._settings["python"]
        if not Path(python).exists() and (own := shutil.which("mlenv")):
            return [own]
        return [python, "-m", "mlenv"]

    @staticmethod
    def _lock(venv: Path) -> str | None:
        try:
            record = json.loads((venv / "mlenv.json").read_bytes())
        except (OSError, ValueError):
            return None
        return record.get("lock_sha256") if isinstance(record, dict) else None


def _name(audio: str) -> str:
    """The end of a recording's name, which says its format: names in stores may be long."""
    return Path(audio).name.encode()[-200:].decode("utf-8", "ignore")


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    """A locked directory for one file. Those that killed actors left behind are removed."""
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{FOLDER}*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)
    while True:
        with tempfile.TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True) as folder:
            try:
                descriptor = os.open(folder, os.O_RDONLY)
            except FileNotFoundError:  # another actor took it for a leftover already
                continue
            try:
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield folder
            finally:
                os.close(descriptor)
            return


def _end_with(parent: int) -> None:
    """End this actor with its node: Ray leaves it where the node's own process is killed."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _sha256(audio: str) -> str | None:
    """The recording's, here where it has just been read; None where it can't be read."""
    try:
        with open(audio.encode("utf-8", "surrogateescape"), "rb") as stream:  # noqa: PTH123
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
