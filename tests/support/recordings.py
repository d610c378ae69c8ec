"""Recordings as they really are: made with Debian's ffmpeg and sox, damaged, decoded by both."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.places import UTTERANCES
from tests.support.programs import program
from tests.support.speech import WORKERS

FIRST = UTTERANCES / "libri_01_spk1089.flac"  # 5.2 s: "number ten fresh nelly is waiting on you .."
LAST = UTTERANCES / "libri_08_spk1995.flac"  # 5.4 s: "for a while she lay in her chair .."


def ffmpeg(*words: object) -> None:
    """Run Debian's ffmpeg."""
    argv = [program("ffmpeg"), "-nostdin", "-v", "error", "-y", *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def sox(*words: object) -> None:
    """Run Debian's sox."""
    subprocess.run([program("sox"), *map(str, words)], check=True, capture_output=True)


def joined(target: Path, *pieces: Path) -> Path:
    """`cat PIECES > TARGET`."""
    target.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    return target


def seconds_by_ffmpeg(path: Path) -> float:
    """The seconds that the program decodes of the first audio stream."""
    argv = [program("ffmpeg"), "-nostdin", "-v", "quiet", "-i", str(path), "-map", "0:a:0"]
    argv += ["-ac", "1", "-ar", "16000", "-f", "s16le", "-"]
    return len(subprocess.run(argv, capture_output=True, check=False).stdout) / 32_000


DECODE = """
import json, sys
import numpy as np
from mlenv_workers.audio import Undecodable, decode
from mlenv_workers.audio import channel_of
for path in sys.argv[3:]:
    try:
        recording = decode(path, sys.argv[1].split(), channel_of(sys.argv[2]))
        event = recording.event(0)
        fields = {"duration": event.duration, "warnings": event.warnings, "unread": event.unread}
        fields["level"] = float(np.sqrt(np.mean(recording.samples.whole().astype(float) ** 2)))
    except Undecodable as error:
        fields = {"code": error.code, "message": str(error)}
    print(json.dumps(fields))
"""


def decoded(
    venv: Path, *paths: Path, track: str = "", channels: str = "mix"
) -> list[dict[str, Any]]:
    """{"duration", "warnings", "unread", "level"} of each file as the workers decode it.

    Or {"code", "message"} of its error. `level`: the root mean square of its samples.
    """
    argv: list[str | Path] = [venv / "bin" / "python", "-c", WORKERS + DECODE, track, channels]
    argv += paths
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def codes(file: Mapping[str, Any]) -> Sequence[str]:
    """The codes of a file's warnings."""
    return [warning["code"] for warning in file["warnings"]]


def _junk(size: int) -> bytes:
    return random.Random(1).randbytes(size)


# What becomes of the bytes in the middle of a file.
DAMAGE: Mapping[str, Callable[[bytes, int], bytes]] = {
    "changed": lambda data, at: data[:at] + _junk(200) + data[at + 200 :],
    "zeroed": lambda data, at: data[:at] + bytes(4096) + data[at + 4096 :],
    "inserted": lambda data, at: data[:at] + _junk(3000) + data[at:],
    "removed": lambda data, at: data[:at] + data[at + 3000 :],
}


def damaged(path: Path, kind: str) -> Path:
    """A copy of a file with damage in its middle."""
    data = path.read_bytes()
    made = path.with_name(f"{kind}-{path.name}")
    made.write_bytes(DAMAGE[kind](data, len(data) // 2))
    return made


def shortened(path: Path) -> Path:
    """A copy of the first half of a file."""
    data = path.read_bytes()
    made = path.with_name(f"half-{path.name}")
    made.write_bytes(data[: len(data) // 2])
    return made
