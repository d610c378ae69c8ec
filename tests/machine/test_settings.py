"""The user's own defaults: which place wins, and what is said about a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlenv.machine import settings
from mlenv.machine.settings import Settings
from mlenv.result import MlenvError
from tests.support.running import Run

FILE = """\
model = "tiny.en"
formats = ["srt", "json"]
profile = "whisper"

[index]
default = "https://mirror.example.org/simple"
"""


def load(folder: Path, text: str | None = None, **variables: str) -> Settings:
    place = folder / ".config" / "mlenv" / "config.toml"
    if text is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    return settings.load({"HOME": str(folder), **variables})


def test_nothing_is_set(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings()


def test_the_file_and_the_variables_that_win_over_it(tmp_path: Path) -> None:
    file = str(tmp_path / ".config/mlenv/config.toml")
    one = "https://one.example.org"
    found = load(tmp_path, FILE, MLENV_MODEL="base", MLENV_DEVICE=" ", MLENV_INDEX=f"cu121={one}")
    assert found.values == {"model": "base", "formats": "srt,json", "profile": "whisper"}
    assert found.index == {"default": "https://mirror.example.org/simple", "cu121": one}
    assert found.origins == {
        "model": "$MLENV_MODEL",
        "formats": file,
        "profile": file,
        "index.default": file,
        "index.cu121": "$MLENV_INDEX",
    }
    assert found.origin("model") == "$MLENV_MODEL"
    assert found.origin("formats") == f"{file}: `formats`"


def test_another_file(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('model = "base"', "utf-8")
    assert load(tmp_path, FILE, MLENV_CONFIG=str(own)).values == {"model": "base"}
    assert load(tmp_path, FILE, XDG_CONFIG_HOME=str(tmp_path / "none")).values == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modle = 'base'", ": nothing is known of `modle` (did you mean model?)."),
        (
            "colour = 1",
            ": nothing is known of `colour`.\nThere are model, language, device, formats",
        ),
        ("model = 3", ": `model` is no text in quotes."),
        ("model = ''", ": `model` is no text in quotes."),
        ("index = 3", ": `index` is no table: begin it with a line [index]."),
        ("[index]\nx = 'not one'", ": [index] x is not an address."),
        ("model", ": is no TOML: "),
    ],
)
def test_a_mistake_in_the_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(MlenvError) as caught:
        load(tmp_path, text)
    assert caught.value.code == "broken-config"
    assert f"{tmp_path}/.config/mlenv/config.toml{said}" in caught.value.problem().text


def test_a_variable_that_nobody_reads() -> None:
    environ = {"MLENV_MODLE": "x", "MLENV_VENV": "y", "MLENV_TEST_VENV": "z", "PATH": "/bin"}
    assert settings.unknown_variables(environ) == (
        "mlenv knows no variable MLENV_MODLE (did you mean MLENV_MODEL?); it has no effect.",
    )
    with pytest.raises(MlenvError, match="MLENV_INDEX wants NAME=URL"):
        settings.load({"HOME": "/", "MLENV_INDEX": "default"})


def test_the_status_shows_what_is_in_force(mlenv: Run, home: Path) -> None:
    load(home, FILE)
    variables = {"MLENV_DEVICE": "cpu", "MLENV_MODLE": "base"}
    done = mlenv("status", "--json", env=variables)
    file = str(home / ".config/mlenv/config.toml")
    assert json.loads(done.stdout)["data"]["settings"] == [
        {"name": "model", "value": "tiny.en", "origin": file},
        {"name": "formats", "value": "srt,json", "origin": file},
        {"name": "profile", "value": "whisper", "origin": file},
        {"name": "device", "value": "cpu", "origin": "$MLENV_DEVICE"},
        {"name": "index.default", "value": "https://mirror.example.org/simple", "origin": file},
    ]
    assert done.stderr == (
        "warning: mlenv knows no variable MLENV_MODLE (did you mean MLENV_MODEL?); it has no "
        "effect.\n"
    )
