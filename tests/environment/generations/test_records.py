"""Records of earlier versions are read: the environments go on being mlenv's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlenv.environment import generations
from mlenv.environment.generations import activation
from tests.support.places import DATA
from tests.support.running import Run

NAMES = ("001-small-c11b1b85", "002-small-own-6d36c635")


@pytest.fixture
def old(home: Path) -> Path:
    """An environment with two generations that have records of 0.1.0."""
    venv = home / ".venvs/ml"
    for name in NAMES:
        folder = generations.store(venv) / "generations" / name
        folder.mkdir(parents=True)
        shutil.copy(DATA / "records" / f"{name}.json", folder / generations.RECORD)
    activation.switch(venv, folder)
    return venv


def test_records_of_0_1_0_are_read(old: Path) -> None:
    read = generations.all_of(old)
    assert [g.name for g in read] == [*NAMES]
    assert [(g.number, g.profile, g.mlenv, g.origin) for g in read] == [
        (1, "small", "0.1.0", ""),
        (2, "small-own", "0.1.0", ""),
    ]
    assert read[1].distributions == (
        "diarizer-2.0", "notebook-7.0", "tensors-2.5.1", "whisperer-1.0",
    )  # fmt: skip
    assert str(read[1].profile_file) == "/home/user/.venvs/.ml.mlenv/profiles/small-own.toml"
    assert generations.active(old) == read[1]


def test_a_record_of_a_later_version_is_refused_in_words(old: Path, mlenv: Run) -> None:
    record = old.resolve() / generations.RECORD
    record.write_text(record.read_text().replace("{", '{"schema": 3,', 1))
    done = mlenv("gc")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {record} was written by a later version of mlenv (schema 3, this one reads up to "
        "2).\nUpdate mlenv.\n",
    )
    assert record.exists()
