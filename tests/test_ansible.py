"""The Ansible role says what it takes, and calls mlenv as the command line is."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest
import yaml

from documentation.commands import context
from mlenv.cli.table import mlenv
from mlenv.environment.launchers.launcher import LAUNCHERS
from tests.support.places import ROOT

COLLECTION = ROOT / "ansible"
ROLE = COLLECTION / "roles/mlenv"
OPTIONS: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROLE / "meta/argument_specs.yml").read_text("utf-8")
)["argument_specs"]["main"]["options"]
DEFAULTS: dict[str, Any] = yaml.safe_load((ROLE / "defaults/main.yml").read_text("utf-8"))
TASKS = sorted((ROLE / "tasks").glob("*.yml"))
# `mlenv_call + ['models', 'pull'] + ..`, up to the end of the expression.
CALL = re.compile(r"mlenv_call \+ \[(.*?)\}\}", re.DOTALL)


def command(*names: str) -> click.Command:
    """A command of mlenv, such as `models pull`."""
    found: click.Command = mlenv
    parent = None
    for name in names:
        assert isinstance(found, click.Group)
        parent = context(found, parent, name)
        inner = found.get_command(parent, name)
        assert inner is not None, names
        found = inner
    return found


def options_of(name: str) -> dict[str, click.Parameter]:
    return {option: each for each in command(name).params for option in each.opts}


def test_each_variable_has_a_default_and_a_description() -> None:
    assert {name: spec["default"] for name, spec in OPTIONS.items()} == DEFAULTS
    assert [name for name, spec in OPTIONS.items() if not spec["description"]] == []


def test_choices_are_those_of_the_command_line() -> None:
    launcher = OPTIONS["mlenv_launchers"]["options"]
    assert sorted(launcher["name"]["choices"]) == sorted(LAUNCHERS)
    verify = options_of("verify")
    for name in ("level", "device"):
        choice = verify[f"--{name}"].type
        assert isinstance(choice, click.Choice)
        assert OPTIONS[f"mlenv_verify_{name}"]["choices"] == list(choice.choices)


CALLS = [
    pytest.param(call, id=f"{path.stem}-{number}")
    for path in TASKS
    for number, call in enumerate(CALL.findall(path.read_text("utf-8")))
]


@pytest.mark.parametrize("call", CALLS)
def test_each_call_has_options_that_the_command_knows(call: str) -> None:
    words = re.findall(r"'([^']+)'", call)
    names = words[:2] if words[0] == "models" else words[:1]
    known = {option for each in command(*names).params for option in each.opts}
    assert {"--json", "--venv"} <= known  # those of `mlenv_call_tail`
    used = set(re.findall(r"'(--[\w-]+)=?'", call))
    assert used <= known, used - known


def test_every_call_is_looked_at() -> None:
    text = "".join(path.read_text("utf-8") for path in TASKS)
    assert text.count("mlenv_call + ") == len(CALLS) > 6


@pytest.mark.parametrize("page", ["ansible/README.md", "docs/how-to/ansible.md"])
def test_a_page_names_only_what_there_is(page: str) -> None:
    named = set(re.findall(r"\bmlenv_[a-z_]+", (ROOT / page).read_text("utf-8")))
    assert named - {"mlenv_switched", "mlenv_snapshot"} <= set(OPTIONS)


def test_the_readme_names_every_variable() -> None:
    readme = (COLLECTION / "README.md").read_text("utf-8")
    assert [name for name in OPTIONS if f"`{name}`" not in readme] == []


def test_the_role_uses_no_variable_that_nobody_sets() -> None:
    """A misspelt variable would fail on a host only, in the task that needs it."""
    texts = [path.read_text("utf-8") for path in ROLE.rglob("*") if path.is_file()]
    text = "".join(texts)
    used = set(re.findall(r"\bmlenv_[a-z_]+", text))
    in_facts = set(re.findall(r"^ +(mlenv_\w+):", text, re.MULTILINE))
    registered = set(re.findall(r"register: (mlenv_\w+)", text))
    own = set(yaml.safe_load((ROLE / "vars/main.yml").read_text("utf-8")))
    assert used - in_facts - registered - own - {"mlenv_snapshot"} <= set(OPTIONS)
