"""Shims in the folder of a project: VS Code, direnv, constraints for other tools."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlenv.environment import launch
from mlenv.environment.launchers import activate, direnv, pins, vscode
from mlenv.environment.launchers.launcher import Place
from mlenv.result import MlenvError
from tests.support.launching import BASE, MakeVenv, come_and_go, contents
from tests.support.workspace import direnv_exports, read_env_file, read_settings

COMMENTED = """\
// of our team
{
    /* tabs, please */
    "editor.tabSize": 8, // not 4
    "files.exclude": {"**/*.pyc": true,},
}
"""


@pytest.fixture
def place(nasty: Path, hollow: MakeVenv) -> Place:
    venv = hollow(nasty / "ml")
    activate.write(venv, venv)
    (nasty / "project").mkdir()
    return Place(venv, nasty / "project", {**BASE, "LD_LIBRARY_PATH": "/opt/a:"})


def test_vscode_gets_the_interpreter_and_the_library_path(place: Place) -> None:
    shim = vscode.install(place)
    settings, variables = shim.files
    assert read_settings(settings) == {
        "python.defaultInterpreterPath": str(place.venv / "bin/python"),
        "python.envFile": "${workspaceFolder}/.vscode/mlenv.env",
    }
    wanted = launch.build(place.venv, place.environ).variables["LD_LIBRARY_PATH"]
    assert read_env_file(variables) == {"LD_LIBRARY_PATH": wanted}


@pytest.mark.parametrize(
    "before",
    [None, "", "{}", "{\n}\n", COMMENTED, COMMENTED.replace("\n", "\r\n"), '\ufeff{"a": "// {no"}'],
    ids=["absent", "empty", "{}", "object", "comments", "crlf", "bom"],
)
def test_vscodes_settings_stay_the_users(
    before: str | None, hollow: MakeVenv, tmp_path: Path
) -> None:
    place = Place(hollow(tmp_path / "ml"), tmp_path / "project", BASE)
    settings = place.project / ".vscode/settings.json"
    settings.parent.mkdir(parents=True)
    if before is not None:
        settings.write_bytes(before.encode())
    _, installed = come_and_go(vscode, place)
    vscode.install(place)
    read = read_settings(settings)
    assert read["python.defaultInterpreterPath"] == str(place.venv / "bin/python")
    if before == COMMENTED:
        text = installed[".vscode/settings.json"].decode()
        assert text.startswith("// of our team\n{\n    // >>> mlenv >>>\n")
        assert text.endswith(COMMENTED.partition("{")[2])
        assert read["editor.tabSize"] == 8


@pytest.mark.parametrize("theirs", ["default", "named"])
def test_vscode_reads_one_environment_file_so_a_users_own_gets_the_block(
    theirs: str, hollow: MakeVenv, tmp_path: Path
) -> None:
    place = Place(hollow(tmp_path / "ml"), tmp_path / "project", BASE)
    (place.project / ".vscode").mkdir(parents=True)
    file = place.project / (".env" if theirs == "default" else "my.env")
    file.write_text("TOKEN=x", "utf-8")  # no newline at the end
    if theirs == "named":
        named = '{"python.envFile": "${workspaceFolder}/my.env"}'
        (place.project / ".vscode/settings.json").write_text(named, "utf-8")
    come_and_go(vscode, place)
    vscode.install(place)
    assert set(read_env_file(file)) == {"LD_LIBRARY_PATH", "TOKEN"}
    assert read_settings(place.project / ".vscode/settings.json")["python.envFile"] == (
        f"${{workspaceFolder}}/{file.name}"
    )


@pytest.mark.parametrize(
    "text, code, says",
    [
        ('{"a": 1,\n  oops}', "broken-json", "line 2, column 3"),
        ("[1]", "broken-json", "holds no JSON object"),
        ('{"python.defaultInterpreterPath": "/x"}', "not-ours", "sets python.defaultInter"),
        ('{"python.envFile": "${env:HOME}/e"}', "not-ours", "only VS Code can resolve"),
        ("{\n// >>> mlenv >>>\n}", "broken-block", "not the one that ends"),
    ],
)
def test_settings_that_mlenv_must_not_touch(
    text: str, code: str, says: str, hollow: MakeVenv, tmp_path: Path
) -> None:
    place = Place(hollow(tmp_path / "ml"), tmp_path / "project", BASE)
    (place.project / ".vscode").mkdir(parents=True)
    (place.project / ".vscode/settings.json").write_text(text, "utf-8")
    before = contents(place.project)
    with pytest.raises(MlenvError) as caught:
        vscode.install(place)
    assert caught.value.code == code
    assert says in caught.value.message
    assert contents(place.project) == before


def test_direnv_exports_the_launch_environment(place: Place, tmp_path: Path) -> None:
    # direnv itself can't read an .envrc in a folder with quotes or dollar signs in its name.
    place = replace(place, project=tmp_path / "project")
    place.project.mkdir()
    (place.project / ".envrc").write_text("export MINE=1", "utf-8")
    come_and_go(direnv, place)
    direnv.install(place)
    environ = {**place.environ, "PYTHONHOME": "/opt", "PS1": "$ "}
    expected = {
        **launch.build(place.venv, environ).variables,
        "VIRTUAL_ENV_PROMPT": "ml",
        "PYTHONHOME": None,
        "MINE": "1",
    }
    assert direnv_exports(place.project, environ) == expected


def test_direnvs_file_follows_a_link(hollow: MakeVenv, tmp_path: Path) -> None:
    place = Place(hollow(tmp_path / "ml"), tmp_path / "project", BASE)
    place.project.mkdir()
    shared = tmp_path / "shared.envrc"
    shared.write_text("export A=1\n", "utf-8")
    shared.chmod(0o600)
    (place.project / ".envrc").symlink_to(shared)
    come_and_go(direnv, place)
    assert (place.project / ".envrc").is_symlink()
    assert shared.stat().st_mode & 0o777 == 0o600


def test_the_pins_of_the_environment_as_constraints(hollow: MakeVenv, tmp_path: Path) -> None:
    place = Place(hollow(tmp_path / "ml"), tmp_path / "project", BASE)
    place.project.mkdir()
    for name, version in (("Torch", "2.5.1+cu121"), ("numpy", "2.3.5")):
        folder = launch.site_packages(place.venv) / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n", "utf-8")
    _, installed = come_and_go(pins, place)
    lines = installed["constraints-mlenv.txt"].decode().splitlines()
    assert lines[1:] == ["numpy==2.3.5", "torch==2.5.1+cu121"]


def test_a_file_of_somebody_elses_is_left_alone(hollow: MakeVenv, tmp_path: Path) -> None:
    place = Place(hollow(tmp_path / "ml"), tmp_path, BASE)
    (tmp_path / "constraints-mlenv.txt").write_text("mine", "utf-8")
    with pytest.raises(MlenvError) as caught:
        pins.install(place)
    assert caught.value.code == "not-ours"
    assert pins.remove(place).files == ()
    assert (tmp_path / "constraints-mlenv.txt").read_text("utf-8") == "mine"
