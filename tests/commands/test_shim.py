"""`mlenv shim`: the command line, its documents and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlenv import __version__
from mlenv.environment.launchers.launcher import LAUNCHERS
from tests.support.launching import MakeVenv
from tests.support.running import Run


def test_install_list_and_remove(mlenv: Run, hollow: MakeVenv, tmp_path: Path) -> None:
    venv, project = hollow(tmp_path / "ml"), tmp_path / "my project"
    project.mkdir()
    place = ("--venv", venv, "--project", project)

    def document(action: str, *names: str) -> dict[str, object]:
        done = mlenv("shim", action, *names, *place, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        whole: dict[str, object] = json.loads(done.stdout)
        return whole

    def expected(action: str, **changes: object) -> dict[str, object]:
        shim = {
            "launcher": "direnv",
            "title": "an .envrc that activates the environment",
            "state": "installed",
            "changed": False,
            "files": [str(project / ".envrc")],
            "todo": "",
            "paste": "",
        }
        return {
            "schema": 1,
            "mlenv": __version__,
            "command": "shim",
            "ok": True,
            "exit_code": 0,
            "data": {"venv": str(venv), "action": action, "shims": [{**shim, **changes}]},
            "errors": [],
        }

    todo = "Run `direnv allow` in that folder."
    assert document("install", "direnv") == expected("install", changed=True, todo=todo)
    assert document("install", "direnv") == expected("install")
    assert document("list", "direnv") == expected("list")
    assert document("remove", "direnv") == expected("remove", state="absent", changed=True)
    assert document("remove", "direnv") == expected("remove", state="absent", files=[])
    assert list(project.iterdir()) == []


def test_the_text(mlenv: Run, hollow: MakeVenv, tmp_path: Path) -> None:
    venv = hollow(tmp_path / "ml")
    place = ("--venv", venv, "--project", tmp_path)
    installed = mlenv("shim", "install", "commands", "pins", "cron", *place)
    assert installed.stdout.splitlines() == [
        "commands      installed         one directory for PATH with every tool of the environment",
        f"    {venv}/shims/diarize",
        f"    {venv}/shims/python",
        f"    {venv}/shims/python3",
        "    and 1 more beside it",
        f"    Put this directory on PATH: {venv}/shims",
        "pins          installed         "
        "a constraints file, for uv, pip or Poetry in other projects",
        f"    {tmp_path}/constraints-mlenv.txt",
        "    Use it: `uv pip install -c constraints-mlenv.txt ..`, "
        "`pip install -c constraints-mlenv.txt ..`.",
        "cron          to paste          a line for a crontab",
        "    Put this line into your crontab (`crontab -e`), with your own time and script.",
        "",
        f'15 3 * * * {venv}/shims/python "$HOME/nightly.py"',
        "",
        f"`mlenv shim list --venv {venv}` shows it; `shim remove` takes it back.",
    ]
    listed = mlenv("shim", "list", *place).stdout
    assert [line.split()[0] for line in listed.splitlines() if line[0] != " "] == [
        *LAUNCHERS,
        "`mlenv",
    ]
    removed = mlenv("shim", "remove", "pins", "vscode", *place).stdout
    assert [line.split("  ")[0:1] for line in removed.splitlines() if line[0] != " "] == [
        ["pins"],
        ["vscode"],
        [f"`mlenv shim list --venv {venv}` shows what is left."],
    ]
    assert "pins          removed " in removed
    assert "vscode        nothing to remove " in removed


def test_one_broken_file_does_not_hide_the_others(
    mlenv: Run, hollow: MakeVenv, tmp_path: Path
) -> None:
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode/settings.json").write_text("{", "utf-8")
    place = ("--venv", hollow(tmp_path / "ml"), "--project", tmp_path)
    done = mlenv("shim", "list", *place, "--json")
    shims = {shim["launcher"]: shim for shim in json.loads(done.stdout)["data"]["shims"]}
    assert shims["vscode"]["state"] == "unknown"
    assert "line 1, column 2" in shims["vscode"]["todo"]
    assert shims["pins"]["state"] == "absent"
    failed = mlenv("shim", "install", "vscode", *place)
    assert failed.returncode == 1
    assert "Mend the file, then try again: mlenv has not changed it." in failed.stderr


@pytest.mark.parametrize(
    "arguments, code, says",
    [
        (["install"], 2, "`mlenv shim install` needs the name of a launcher."),
        (["remove"], 2, "There are: shells, commands, jupyter"),
        (["install", "emacs"], 2, "'emacs' is not one of"),
        (["instal", "pins"], 2, "'instal' is not one of"),
        (["install", "systemd"], 2, "Which systemd unit?"),
        (["install", "pins", "--project", "/nowhere"], 1, "There is no folder /nowhere."),
        (["install", "docker"], 1, "was not built by mlenv"),
    ],
)
def test_what_goes_wrong(
    mlenv: Run, hollow: MakeVenv, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    done = mlenv("shim", *arguments, "--venv", hollow(tmp_path / "ml"))
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_without_an_environment(mlenv: Run, tmp_path: Path) -> None:
    done = mlenv("shim", "install", "pins", "--venv", tmp_path / "none")
    assert done.returncode == 1
    assert "does not exist." in done.stderr
