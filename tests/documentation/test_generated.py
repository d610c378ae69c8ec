"""The generated pages are what the code says now, and leave nothing out."""

from __future__ import annotations

import re

from documentation import MAKE, documents, errors, places, source, variables
from documentation.pages import generated, outdated
from documentation.schemas import envelope_schema, records
from mlenv.cli import render
from mlenv.cli.table import COMMANDS
from mlenv.result import Problem, Result
from tests.support.places import ROOT


def test_the_generated_pages_are_current() -> None:
    assert outdated() == [], f"run: {MAKE}"


def test_every_variable_that_is_read_is_described_and_no_other() -> None:
    described = {name for rows in variables.descriptions().values() for name in rows}
    lacking = sorted(variables.read() - described)
    assert lacking == [], "describe them in documentation/variables.toml"
    text = "".join(path.read_text("utf-8") for path in (ROOT / "mlenv").rglob("*.py"))
    # Proxies and certificates are read by a pattern that names them all.
    pattern = re.compile(r"SSL_CERT_FILE|(HTTPS|NO)_PROXY|no_proxy")
    assert [n for n in described if n not in text and not pattern.fullmatch(n)] == []


def test_the_envelope_s_schema_has_the_keys_that_are_printed() -> None:
    printed = render.to_json(Result("status", None, 1, (Problem("code", "message"),)))
    schema = envelope_schema("status")
    assert sorted(schema["properties"]) == sorted(schema["required"])
    assert sorted(re.findall(r'^  "(\w+)":', printed, re.MULTILINE)) == sorted(schema["required"])


def test_every_command_has_its_documents() -> None:
    without = {name for name in COMMANDS if name not in records()}
    assert without == {"exec"}  # another program's output; `exec transcribe` has a page


def test_errors_are_collected_from_where_they_are_made() -> None:
    codes = errors.codes()
    assert "Nothing was changed: the answer was not yes." in codes["declined"]
    assert any("hash" in text or "sha256" in text for text in codes["hash-mismatch"])
    assert "index-unreachable" in codes  # of uv's failures
    assert "broken-profile" in codes  # a code that is handed on


def test_places_are_those_that_the_code_computes() -> None:
    rows = {path for group in places.groups().values() for path in group}
    assert {"~/.venvs/ml", "~/.config/mlenv/config.toml", "mlenv.json"} <= rows


def test_no_two_pages_have_one_name() -> None:
    assert not set(documents.FILES) & {name.replace(" ", "-") for name in records()}
    assert all(text.startswith("# ") for name, text in generated().items() if ".md" in name)


def test_every_warning_of_a_file_is_explained() -> None:
    made = {
        code
        for module, tree in source.trees().items()
        if module.startswith("mlenv/speech/")
        for name, call in source.calls(tree)
        if name in ("warning", "_warn", "_named") and call.args
        for code in source.strings(call.args[0], module)
    }
    page = (ROOT / "docs/explanation/speech.md").read_text("utf-8")
    table = page.partition("| code | |\n")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[1:]]
    assert {code for row in rows for code in re.findall(r"`([\w-]+)`", row)} == made
