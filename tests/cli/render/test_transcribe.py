"""Progress of a transcription: what is left is never less than nothing."""

from __future__ import annotations

import io

import pytest

from mlenv.cli.render.transcribe import Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, kind: str) -> Terminal:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setattr("sys.stderr", shown := Terminal())
    return shown


def test_a_window_that_goes_beyond_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch, "xterm")
    Screen(quiet=False, progress=None).progress("talk.flac", 49.0, 44.0, (0, 1))
    assert "talk.flac 0:44/0:44, 0:00 left" in terminal.getvalue()


def test_a_terminal_that_moves_no_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch, "dumb")
    screen = Screen(quiet=False, progress=None)
    screen.progress("talk.flac", 22.0, 44.0, (0, 1))
    screen.end()
    assert terminal.getvalue() == "talk.flac 0:22/0:44, 0:00 left\n"
