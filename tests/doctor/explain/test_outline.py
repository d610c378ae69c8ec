"""What is said of a log that holds no known error."""

from __future__ import annotations

import io

import pytest

from mlenv.doctor.explain.outline import Outline, outline
from mlenv.doctor.explain.scan import scan

TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/srv/app/run.py", line 3, in <module>\n'
    "    main()\n"
    '  File "/v/lib/python3.12/site-packages/faster_whisper/audio.py", line 5, in decode_audio\n'
    "    raise ValueError(x)\n"
)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            f"{TRACEBACK}ValueError: no such flux\nbye\n",
            (
                "a Python program, run.py (in the package faster_whisper)",
                "reading the audio",
                "ValueError: no such flux",
                6,
            ),
        ),
        (
            "me@host:~/talks$ sudo whisper-ctranslate2 a.wav\nTranscribing a.wav\nfatal: no flux\n",
            ("`whisper-ctranslate2`", "transcribing", "fatal: no flux", 3),
        ),
        (
            "PS C:\\talks> python run.py\nfailed: no flux\n",
            ("`python`", "", "failed: no flux", 2),
        ),
        (
            "Collecting flux\n  Building wheel for flux\nERROR: no flux\n",
            ("pip", "installing packages", "ERROR: no flux", 3),
        ),
        ("0 errors\nword error rate: 3 %\nno failures\n", ("", "", "", 0)),
        ("all is well\n", ("", "", "", 0)),
    ],
)
def test_outline(log: str, expected: tuple[str, str, str, int]) -> None:
    program, step, error, line = expected
    assert outline(scan(io.BytesIO(log.encode()))) == Outline(
        program=program, step=step, error=error, line=line
    )


def test_the_line_of_a_long_log_is_counted_to_its_end() -> None:
    log = "fine\n" * 400_000 + "ValueError: no such flux\nbye\n"
    found = outline(scan(io.BytesIO(log.encode())))
    assert (found.error, found.line) == ("ValueError: no such flux", 400_001)
