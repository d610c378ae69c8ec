"""Raw GSM files, whose frames have a mark, whole and damaged."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mlenv.speech.workers import marks

FRAME = bytes((0xD7, *range(32)))
WHOLE = FRAME * 1000  # 20 seconds


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (WHOLE, []),
        (WHOLE + FRAME[:20], []),
        (b"", []),
        (WHOLE[:3300] + bytes(330) + WHOLE[3630:], [(2.0, 2.2)]),
        (WHOLE[:3300] + bytes(33) + WHOLE[3333:6600] + bytes(66) + WHOLE[6666:],
         [(2.0, 2.02), (4.0, 4.04)]),
        # a byte is missing: what follows is taken at the wrong places, to the end
        (WHOLE[:3300] + WHOLE[3301:], [(2.0, 19.98)]),
    ],
)  # fmt: skip
def test_frames_without_their_mark_are_damage(
    data: bytes, expected: list[tuple[float, float]], tmp_path: Path
) -> None:
    (tmp_path / "a.gsm").write_bytes(data)
    spans = marks.of_gsm(str(tmp_path / "a.gsm"))
    assert [(round(span.start, 3), round(span.end, 3)) for span in spans] == expected
    assert all(span.kind == "damage" and span.lost == span.end - span.start for span in spans)


def test_marks_by_chance_do_not_end_the_damage(tmp_path: Path) -> None:
    junk = random.Random(1).randbytes(33 * 200)
    (tmp_path / "a.gsm").write_bytes(WHOLE[:33000] + junk)
    (span,) = marks.of_gsm(str(tmp_path / "a.gsm"))
    assert span.start == pytest.approx(20.0, abs=0.1)
    assert span.end == pytest.approx(24.0, abs=0.1)
