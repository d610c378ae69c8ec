"""Whatever stands in a file that mlenv reads: it is read, or refused in words.

More examples: `MLENV_TEST_EXAMPLES=5000 uv run pytest tests/environment/test_any_input.py`.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as any_of

from mlenv.environment import generations, receipts
from mlenv.environment.generations import links
from mlenv.environment.lockfile import indexes, locks, profiles
from mlenv.result import MlenvError
from tests.support.places import DATA
from tests.support.steps import PROFILE

EXAMPLES = int(os.environ.get("MLENV_TEST_EXAMPLES", "25"))
few = settings(max_examples=EXAMPLES, derandomize=EXAMPLES <= 25, deadline=None, database=None)

SCALARS = any_of.none() | any_of.booleans() | any_of.integers() | any_of.floats() | any_of.text()
VALUES = any_of.recursive(
    SCALARS,
    lambda inner: (
        any_of.lists(inner, max_size=3) | any_of.dictionaries(any_of.text(), inner, max_size=3)
    ),
    max_leaves=6,
)
RECORD = json.loads((DATA / "records/002-small-own-6d36c635.json").read_text())
RECEIPT = {
    **dict.fromkeys(("generation", "profile", "lock_sha256", "driver")),
    "schema": 1,
    "mlenv": "0.1.0",
    "when": "2026-11-01T10:00:00+00:00",
    "venv": "/ml",
    "gpus": [],
    "libraries": [],
    "rows": [],
}
KEYS = tomlkit.parse(PROFILE).unwrap()


def changed(record: dict[str, Any]) -> any_of.SearchStrategy[dict[str, Any]]:
    """The record with other values for some of its keys, and more keys."""
    keys = any_of.sampled_from(sorted(record)) | any_of.text()
    return any_of.dictionaries(keys, VALUES, max_size=3).map(lambda more: {**record, **more})


def documents(record: dict[str, Any]) -> any_of.SearchStrategy[bytes]:
    """JSON of any shape, and what is none."""
    return any_of.binary() | (VALUES | changed(record)).map(lambda x: json.dumps(x).encode())


@few
@given(documents(RECORD))
def test_records_of_generations(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / generations.RECORD).write_bytes(content)
        try:
            generation = generations.read(path)
            assert generation is not None
            generation.drift(), generation.profile_file, generation.inputs_unchanged()
        except MlenvError as error:
            assert error.code == "bad-record" and str(path) in error.message


@few
@given(documents(RECEIPT))
def test_receipts(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environ = {"XDG_STATE_HOME": folder, "HOME": folder}
        place = receipts.folder(Path(folder) / "ml", environ)
        place.mkdir(parents=True)
        (place / "20261101T100000Z.json").write_bytes(content)
        receipts.latest(Path(folder) / "ml", environ)


@few
@given(documents({"schema": 1, "links": {"a": "b"}}))
def test_records_of_links(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / links.RECORD).write_bytes(content)
        links.examine(Path(folder))


@few
@given(any_of.binary() | any_of.text().map(str.encode) | changed(KEYS).map(repr).map(str.encode))
def test_profiles_locks_and_settings_of_any_bytes(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.toml"
        path.write_bytes(content)
        for read in (
            lambda: profiles.load(str(path)),
            lambda: indexes.load((), {"MLENV_CONFIG": str(path), "HOME": folder}),
            lambda: locks.parse(path, content.decode("utf-8", "replace")),
        ):
            try:
                read()
            except MlenvError as error:
                assert error.message


@few
@given(any_of.dictionaries(any_of.sampled_from(sorted(KEYS)), VALUES, min_size=1, max_size=2))
def test_profiles_with_any_value(values: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.toml"
        try:
            path.write_text(tomlkit.dumps({**KEYS, **values}), "utf-8")
        except (TypeError, ValueError, UnicodeEncodeError):
            return  # TOML has no such value
        try:
            profiles.load(str(path))
        except MlenvError as error:
            assert error.message
