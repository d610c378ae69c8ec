"""Completion: what is offered at each place of a command line, and what real shells make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.launching import MakeVenv
from tests.support.running import Run
from tests.support.terminals import completed

NOT_IN = "plain,package-not-in-this-interpreter"


def offered(mlenv: Run, line: str) -> list[str]:
    """The answer to bash, without its first line, which repeats the word."""
    env = {"_MLENV_COMPLETE": "bash_complete", "_MLENV_LINE": line}
    first, *rest = mlenv(env=env).stdout.splitlines()
    assert first.startswith("word,")
    return rest


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mlenv insta", ["plain,install"]),
        ("mlenv exec trans", ["file,trans", "plain,transcribe"]),
        ("mlenv exec ", ["file,", "plain,transcribe", "plain,diarize"]),
        ("mlenv exec --ve", ["plain,--venv"]),
        ("mlenv exec --venv en", ["dir,en"]),
        ("mlenv exec --venv envs python --mo", ["file,--mo"]),
        ("mlenv exec transcribe --mod", ["plain,--model", "plain,--model-directory"]),
        ("mlenv exec transcribe --output_d", ["plain,--output-dir"]),
        ("mlenv exec transcribe --output-format s", ["plain,srt"]),
        ("mlenv exec transcribe --format=srt,v", ["plain,--format=srt,vtt"]),
        ("mlenv exec transcribe --device C", ["plain,cpu", "plain,cuda"]),
        ("mlenv exec transcribe --model tiny", ["dir,tiny", "plain,tiny.en"]),
        ("mlenv exec diarize --diarize-model com", ["dir,com", "plain,community-1"]),
        ("mlenv exec transcribe -o ou", ["dir,ou"]),
        ("mlenv exec transcribe --diarize ta", ["file,ta"]),
        ("mlenv exec transcribe -- --ta", ["file,--ta"]),
        ("mlenv exec --venv envs transcribe './my ta", ["file,./my ta"]),
        ("mlenv models pull campp", ["plain,campplus"]),
        ("mlenv explain ", ["file,"]),
        ("mlenv explain cublas-mis", ["file,cublas-mis", "plain,cublas-missing"]),
        ("mlenv status --venv en", ["dir,en"]),
        ("mlenv doctor --python bin/p", ["file,bin/p"]),
        ("mlenv doctor package-not-in", [NOT_IN]),
        ("mlenv doctor --from ho", ["file,ho"]),
        ("mlenv doctor --from a.json package-not-in", ["file,package-not-in", NOT_IN]),
        ("mlenv profiles wh", ["plain,why"]),
        ("mlenv profiles show whi", ["plain,whisper"]),
    ],
)
def test_what_is_offered(mlenv: Run, line: str, expected: list[str]) -> None:
    assert offered(mlenv, line) == expected


def test_a_program_of_the_environment(mlenv: Run, hollow: MakeVenv, tmp_path: Path) -> None:
    venv = hollow(tmp_path / "ml")
    assert "plain,python" in offered(mlenv, f"mlenv exec --venv {venv} pyth")


def test_a_shell_that_hands_over_words(mlenv: Run) -> None:
    env = {"_MLENV_COMPLETE": "bash_complete", "COMP_WORDS": "mlenv install cu", "COMP_CWORD": "2"}
    assert "plain,cu124" in mlenv(env=env).stdout.splitlines()


LINES = {
    "mlenv exec tr": "<mlenv><exec><transcribe>",
    "mlenv exec transcribe ./my:": "<transcribe><./my:colon.wav>",
    "mlenv install --venv en": "<--venv><envs",  # zsh takes the slash back
}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_in_a_real_shell(shell: str, tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "envs").mkdir(parents=True)
    (folder / "my:colon.wav").touch()
    printed = completed(shell, list(LINES), folder, home)
    for said, expected in zip(printed, LINES.values(), strict=True):
        words = expected.rpartition("<")[2] if shell == "fish" else expected  # candidates alone
        assert words in said
