"""The known cause in what a process wrote before it ended."""

from __future__ import annotations

from mlenv.doctor.explain.last_words import final_error, known, last_line

WARNED = "UserWarning: libcublas.so.11: cannot open shared object file\n"
FIRST = (
    "Traceback (most recent call last):\nOSError: libcudart.so.12: cannot open shared object file\n"
)
CHAIN = "\nDuring handling of the above exception, another exception occurred:\n\n"
LAST = "Traceback (most recent call last):\nImportError: torch can't be imported\n"


def test_a_warning_above_the_error_is_not_its_cause() -> None:
    assert final_error(WARNED + LAST) == LAST
    assert known(WARNED + LAST) is None
    assert final_error(FIRST + WARNED + LAST) == LAST


def test_errors_that_led_to_the_last_one_belong_to_it() -> None:
    assert final_error(WARNED + FIRST + CHAIN + LAST) == FIRST + CHAIN + LAST


def test_the_line_that_names_the_error_stands_below_the_frames() -> None:
    frames = '  File "a.py", line 1, in <module>\n    import numpy\n    ^^^^^^^\n'
    text = f"{LAST.splitlines()[0]}\n{frames}ImportError: no numpy\nPlease leave\nthis place.\n"
    assert last_line(WARNED + text) == "ImportError: no numpy"


def test_without_a_traceback_all_the_text_counts() -> None:
    assert final_error(WARNED) == WARNED
    assert last_line(f"{WARNED}\n  \n") == WARNED.strip()
    assert last_line("") == ""
