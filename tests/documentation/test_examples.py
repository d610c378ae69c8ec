"""Every JSON document has an example that was recorded from a run, and fits its schema.

`MLENV_TEST_RECORD=1 uv run pytest tests/heavy/test_documentation.py -m heavy` records them anew.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from documentation import places
from documentation.documents import EXAMPLES, FILES, MORE
from documentation.schemas import envelope_schema, records, schema_of
from documentation.sessions import HOME, as_in_pages
from tests.documentation.real_home import variables
from tests.support.fleets import gpus, written
from tests.support.reports import recorded

RECORDS = bool(os.environ.get("MLENV_TEST_RECORD"))
LONGEST = 2  # items of a list that an example shows

# The command line of each document, in an order in which they can run, by the environment that
# they need: none, a small one, snapshots of hosts, or the real one. A name with a path is a
# document in a file.
EMPTY = {
    "lock": "mlenv lock cu124 --check --offline --json",
    "profiles": "mlenv profiles diff cu121 cu124 --json",
    "export": "mlenv export whisper --to requirements -o requirements.txt --json",
    "explain": "echo 'Library libcublas.so.12 is not found or cannot be loaded'"
    " | mlenv explain --json",
    "model-record": "mkdir -p mine/owner/finetuned && cd mine/owner/finetuned"
    " && for file in model.bin config.json vocabulary.txt; do echo $file > $file; done"
    " && MLENV_MODELS=$HOME/mine mlenv models pull owner/finetuned > /dev/null"
    " && cat ~/.cache/mlenv/models/pinned/owner--finetuned.json",
}
SMALL = {
    "add": "mlenv add captions --json --yes",
    "bundle": "mlenv bundle small.toml -o bundle --json",
    "bundle-manifest": "cat bundle/bundle.json",
    "rollback": "mlenv rollback --json",
    "gc": "mlenv gc --keep 1 --json --yes",
    "remove": "mlenv remove diarizer --dry-run --json",
    "shim": "mlenv shim install pins vscode --json",
    "uninstall": "mlenv uninstall --dry-run --json",
}
HOSTS = {"doctor-fleet": "mlenv doctor --from hosts --json"}
REAL = {
    "install": "mlenv install cu124 --json",
    "status": "mlenv status --json",
    "version": "mlenv version --json",
    "env": "mlenv env --json",
    "models": "mlenv models --json",
    "models-list": "mlenv models list --json",
    "models-pull": "mlenv models pull tiny.en --json",
    "models-verify": "mlenv models verify tiny.en --json",
    "models-where": "mlenv models where tiny.en --json",
    "doctor": "mlenv doctor --json",
    "snapshot": "mlenv doctor --quick --snapshot facts.json >/dev/null && cat facts.json",
    "verify": "mlenv verify --model tiny.en --device cpu --json",
    "receipt": "cat $(ls ~/.local/state/mlenv/receipts/*/*.json | tail -n 1)",
    "exec-transcribe": "mlenv exec transcribe --model tiny.en --word-timestamps --json talk.flac",
    "transcript": "mlenv exec transcribe --model tiny.en --diarize -f json -o out talk.flac"
    " 2>/dev/null && cat out/talk.json",
    "transcript-record": "cat out/.mlenv/talk.json",
    "generation": "cat ~/.venvs/ml/mlenv.json",
    "links": "cat ~/.venvs/ml/lib/python3.*/site-packages/mlenv-links.json",
    "models-remove": "mlenv models remove tiny.en --json",
}


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each document."""
    commands = {name.replace(" ", "-"): envelope_schema(name) for name in records()}
    commands |= {name: commands[command] for name, (command, _) in MORE.items()}
    return commands | {name: schema_of((record,)) for name, (_, record) in FILES.items()}


def test_every_document_has_an_example() -> None:
    named = {*EMPTY, *SMALL, *HOSTS, *REAL}
    assert named == set(schemas())
    assert {file.stem for file in EXAMPLES.glob("*.json")} == named


@pytest.mark.parametrize("name", sorted(schemas()))
def test_an_example_fits_its_schema(name: str) -> None:
    document = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    assert mistakes(name, document) == []
    assert document.get("ok", True), document["errors"]


def test_the_example_of_several_hosts(home: Path) -> None:
    well, more, less = recorded("healthy"), gpus(number=4), gpus(number=3)
    hosts = {"gpu01": more, "gpu02": more, "gpu03": less}
    written(home / "hosts", {name: replace(well, driver=driver) for name, driver in hosts.items()})
    (home / "hosts" / "README.md").touch()
    run(HOSTS, home, variables())


def mistakes(name: str, document: object) -> list[str]:
    schema = schemas()[name]
    Draft202012Validator.check_schema(schema)
    found = Draft202012Validator(schema).iter_errors(document)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def run(commands: dict[str, str], home: Path, environ: dict[str, str]) -> None:
    """Run each command; what it prints must fit the schema, and be as the example is."""
    for name, command in commands.items():
        done = subprocess.run(
            ["bash", "-c", command], cwd=home, env={**environ, "HOME": str(home)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr}"
        document = json.loads(done.stdout)
        assert mistakes(name, document) == [], name
        text = as_in_pages(json.dumps(shortened(document)), home, environ)
        shown = json.loads(without_this_machine(text))
        file = EXAMPLES / f"{name}.json"
        if RECORDS:
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(shown, indent=2, ensure_ascii=False) + "\n", "utf-8")
        else:
            recorded = json.loads(file.read_text("utf-8"))
            assert shape(shown) == shape(recorded), f"{name}: its example is of another form"


def without_this_machine(text: str) -> str:
    """The text without addresses, certificates and builds of the machine that recorded it."""
    text = re.sub(r'"\w+_CA_BUNDLE": "[^"]*"(, )?|"SSL_CERT_\w+": "[^"]*"(, )?', "", text)
    text = re.sub(r", (?=\})", "", text)
    text = re.sub(r'("kernel": "\d+\.\d+\.\d+)[^"]*', r"\1", text)
    text = re.sub(r"http://127\.0\.0\.1:\d+\S*?/simple/?", "https://index.example.org/simple", text)
    return re.sub(r'"PATH": "[^"]*"', f'"PATH": "{HOME}/.venvs/ml/bin:/usr/bin:/bin"', text)


def shortened(value: Any) -> Any:
    """The document with long lists cut to their first items."""
    if isinstance(value, dict):
        return {key: shortened(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shortened(each) for each in (value[:LONGEST] if len(value) > 3 else value)]
    return value


def shape(value: Any) -> Any:
    """The keys of a document's outer records."""
    data = value.get("data", value)
    return sorted(value), sorted(data) if isinstance(data, dict) else type(data)


# What the commands of the examples write because they name it; uv's cache has another place here.
NAMED = ("bundle/", "constraints-mlenv.txt", ".vscode/", "uv-cache/", "small.")


def files_of(home: Path) -> set[str]:
    found = (Path(folder, name) for folder, _, names in os.walk(home) for name in names)
    return {path.relative_to(home).as_posix() for path in found}


def is_described(path: str) -> bool:
    """The page of files on disk has this path, or a directory that it lies in."""
    rows = [row[2:] for group in places.groups().values() for row in group if row[:2] == "~/"]
    patterns = [re.sub(r"[A-Z]{2,}", "[^/]+", re.escape(row)) for row in rows]
    return path.startswith(NAMED) or any(re.fullmatch(f"{p}(/.*)?", path) for p in patterns)


def test_the_commands_are_those_of_the_documents() -> None:
    for name, command in (EMPTY | SMALL | HOSTS | REAL).items():
        if name not in FILES:
            words = shlex.split(command)
            at = words.index("mlenv")
            words = words[at + 1 :]
            name = MORE[name][0] if name in MORE else name
            assert words[: len(name.split("-"))] == name.split("-") or words[0] == name, command
