"""Going back, cleaning up, taking away: nothing that is in use or somebody's own is lost."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlenv.environment import generations
from mlenv.environment.install import consent
from mlenv.result import next_steps
from tests.support.index import Index
from tests.support.running import Run


@pytest.fixture
def home(same_home: Path) -> Path:
    return same_home


@pytest.fixture
def second(
    profile: Path, home: Path, provision: Callable[[Path], None]
) -> Callable[[], list[Path]]:
    """Install twice, with another version of one package; returns both generations."""

    def install() -> list[Path]:
        for version in ("1.0", "1.1"):
            text = profile.read_text()
            profile.write_text(text.replace("whisperer==1.0", f"whisperer=={version}"))
            provision(profile)
        return sorted((home / ".venvs/.ml.mlenv/generations").iterdir())

    return install


@pytest.fixture
def hand_made(home: Path) -> Path:
    """Somebody's own venv at the environment's place."""
    venv = home / ".venvs/ml"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (venv / "mine.txt").write_text("precious")
    return venv


@pytest.fixture
def process_in() -> Iterator[Callable[[Path], int]]:
    """Start a process whose working directory is in a generation; returns its id."""
    started: list[subprocess.Popen[bytes]] = []

    def start(directory: Path) -> int:
        started.append(subprocess.Popen(["sleep", "60"], cwd=directory))
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()


def data(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    document: dict[str, object] = json.loads(done.stdout)["data"]
    return document


def test_rollback_and_back_again(mlenv: Run, second: Callable, home: Path) -> None:
    one, two = second()
    venv = home / ".venvs/ml"
    done = mlenv("rollback", "--json")
    assert data(done) == {
        "venv": str(venv), "from": two.name, "to": one.name, "managed": True, "earlier": [],
    }  # fmt: skip
    assert venv.resolve() == one
    assert mlenv("rollback").stdout == (
        f"switched  ~/.venvs/ml is now {two.name}; before it was {one.name}\n"
        f"`mlenv rollback` again goes back to {one.name}; `mlenv rollback 1` goes further back.\n"
    )
    assert venv.resolve() == two
    assert mlenv("rollback", "1").returncode == 0
    assert venv.resolve() == one


def test_rollback_to_what_is_not_there(mlenv: Run, second: Callable, home: Path) -> None:
    one, two = second()
    done = mlenv("rollback", "7")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: There is no generation `7` of {home / '.venvs/ml'}.\n"
        f"There are: {one.name}, {two.name}.\n",
    )
    assert (home / ".venvs/ml").resolve() == two


def test_nothing_to_go_back_to(mlenv: Run, home: Path) -> None:
    done = mlenv("rollback")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: There is nothing to go back to: {home / '.venvs/ml'} does not exist.\n"
        "Run `mlenv install` to build one, or name another with --venv DIR.\n"
    )


def test_rollback_to_a_hand_made_venv_that_was_there_first(
    mlenv: Run, hand_made: Path, second: Callable, home: Path
) -> None:
    _, two = second()
    kept = home / ".venvs/ml.before-mlenv"
    assert (kept / "mine.txt").read_text() == "precious"
    done = mlenv("rollback", "before", "--json")
    assert data(done) == {
        "venv": str(hand_made), "from": two.name, "to": str(hand_made), "managed": False,
        "earlier": [],
    }  # fmt: skip
    assert (hand_made / "mine.txt").read_text() == "precious"
    assert not hand_made.is_symlink() and not kept.exists()
    assert mlenv("rollback").returncode == 0
    assert hand_made.resolve() == two
    assert (kept / "mine.txt").read_text() == "precious"


def test_gc_keeps_the_active_one_and_those_asked_for(
    mlenv: Run, second: Callable, home: Path, hand_made: Path
) -> None:
    one, two = second()
    assert data(mlenv("gc", "--json"))["removed"] == []
    mlenv("rollback", "1")
    done = data(mlenv("gc", "--keep", "1", "--json"))
    assert (done["removed"], done["in_use"]) == ([two.name], [])
    assert isinstance(done["freed_bytes"], int) and done["freed_bytes"] > 0
    assert one.is_dir() and not two.exists()
    assert (home / ".venvs/ml.before-mlenv/mine.txt").exists()


def test_gc_leaves_alone_what_a_process_is_using(
    mlenv: Run, second: Callable, process_in: Callable[[Path], int]
) -> None:
    one, _ = second()
    pid = process_in(one / "lib")
    done = data(mlenv("gc", "--keep", "1", "--json"))
    assert done["removed"] == []
    assert done["in_use"] == [{"name": one.name, "pids": [pid]}]
    assert one.is_dir()


def test_status_of_nothing(mlenv: Run, home: Path) -> None:
    done = mlenv("status")
    assert (done.returncode, done.stdout) == (
        1,
        "none        ~/.venvs/ml does not exist. Build one with `mlenv install`.\n",
    )


def test_status_shows_what_there_is_and_what_drifted(
    mlenv: Run, second: Callable, home: Path
) -> None:
    one, two = second()
    done = mlenv("status", "--json")
    assert done.returncode == 0
    told = data(done)
    rows = told["generations"]
    assert isinstance(rows, list)
    assert [(row["name"], row["active"]) for row in rows] == [(one.name, False), (two.name, True)]
    assert all(0 < row["own_bytes"] <= row["bytes"] for row in rows)
    assert (told["previous"], told["kept"], told["drift"]) == (str(one), [], [])
    assert told["verified"] is None
    packages = next((two / "lib").glob("python3*/site-packages"))
    (packages / "tensors-2.5.1.dist-info").rename(packages / "tensors-2.8.dist-info")
    done = mlenv("status", "--json")
    assert done.returncode == 1
    assert data(done)["drift"] == ["tensors-2.5.1 is missing", "tensors-2.8 was added"]


def test_generations_share_their_files(mlenv: Run, second: Callable) -> None:
    second()
    for row in data(mlenv("status", "--json"))["generations"]:  # type: ignore[attr-defined]
        assert row["own_bytes"] < row["bytes"]


def test_a_clock_that_is_wrong(mlenv: Run, second: Callable) -> None:
    _, two = second()
    record = two / "mlenv.json"
    text = json.loads(record.read_text())
    record.write_text(json.dumps({**text, "created": "2999-01-01T00:00:00+00:00"}))
    done = mlenv("status")
    assert done.returncode == 0
    assert "built in the future, says the clock" in done.stdout


def test_uninstall_puts_back_what_was_there(
    mlenv: Run, hand_made: Path, second: Callable, home: Path
) -> None:
    one, two = second()
    done = data(mlenv("uninstall", "--yes", "--json"))
    assert done == {
        "venv": str(hand_made),
        "removed": [one.name, two.name],
        "restored": str(hand_made),
        "left": [],
        "launchers": {},
    }
    assert sorted(path.name for path in (home / ".venvs").iterdir()) == ["ml"]
    assert (hand_made / "mine.txt").read_text() == "precious"


def test_uninstall_names_what_still_starts_it(
    mlenv: Run, second: Callable, home: Path, tmp_path: Path
) -> None:
    second()
    assert mlenv("shim", "install", "jupyter").returncode == 0
    kernel = home / ".local/share/jupyter/kernels/mlenv-ml/kernel.json"
    planned = data(mlenv("uninstall", "--dry-run", "--json"))
    assert planned["launchers"] == {"jupyter": [str(kernel)]}
    done = mlenv("uninstall", "--yes")
    assert done.stdout.splitlines()[2:] == [
        "still there  jupyter: ~/.local/share/jupyter/kernels/mlenv-ml/kernel.json",
        "`mlenv shim remove jupyter` takes back what starts it.",
        "Other folders' workspaces are not looked through: `mlenv shim remove --help`.",
        "`mlenv install` builds the environment again.",
    ]
    assert mlenv("shim", "remove", "jupyter").returncode == 0
    assert not kernel.exists()
    for again in ("--yes", "--dry-run"):
        done = mlenv("uninstall", again)
        assert done.stderr.startswith("error: Nothing to remove: "), done


def test_uninstall_waits_for_processes(
    mlenv: Run, second: Callable, home: Path, process_in: Callable[[Path], int]
) -> None:
    _, two = second()
    pid = process_in(two)
    done = mlenv("uninstall", "--yes")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {two.name} is in use by process {pid}.\nEnd it first, or use --force.\n",
    )
    assert (home / ".venvs/ml").resolve() == two
    assert mlenv("uninstall", "--force", "--yes").returncode == 0
    assert list((home / ".venvs").iterdir()) == []


def test_a_damaged_record_is_named_by_every_command_and_nothing_is_lost(
    mlenv: Run, second: Callable, home: Path, profile: Path, network: dict[str, str]
) -> None:
    one, two = second()
    record = two / "mlenv.json"
    record.write_text('{"schema": 2, "number": ')
    told = f"{record} can't be read: Input data was truncated."
    status = mlenv("status", "--json")
    assert status.returncode == 1
    assert data(status)["managed"] is True
    assert json.loads(status.stdout)["errors"] == [
        {"code": "bad-record", "message": f"{told}\n{next_steps.of_code('bad-record')}"}
    ]
    for words in (("status",), ("gc",), ("install",), ("add", "codec")):
        done = mlenv(*words, env=network)
        assert done.returncode == 1 and f"error: {told}\n" in done.stderr, words
    assert (one.is_dir(), two.is_dir()) == (True, True)
    assert mlenv("rollback").stdout == (
        f"switched  ~/.venvs/ml is now {one.name}; before it was {two.name}\n"
        f"`mlenv rollback` again goes back to {two.name}.\n"
    )
    gc = mlenv("gc", "--keep", "1")
    assert (gc.returncode, gc.stderr) == (0, f"warning: kept: {told}\n")
    assert two.is_dir()
    assert mlenv("rollback", "1").returncode == 0
    assert mlenv("install", profile, "--no-verify", env=network).returncode == 0


def test_gc_knows_the_active_generation_behind_a_symlinked_home(
    mlenv: Run, second: Callable, home: Path
) -> None:
    """One side of the comparison is resolved and the other is not."""
    one, two = second()
    link = home.parent / "linked"
    link.symlink_to(home)
    done = mlenv("gc", "--keep", "1", "--json", env={"HOME": str(link)})
    assert data(done)["removed"] == [one.name]
    assert (home / ".venvs/ml").resolve() == two and two.is_dir()


def test_what_gc_and_rollback_would_do(mlenv: Run, second: Callable, home: Path) -> None:
    one, two = second()
    planned = data(mlenv("gc", "--keep", "1", "--dry-run", "--json"))
    assert (planned["dry_run"], planned["removed"]) == (True, [one.name])
    assert planned["freed_bytes"] == data(mlenv("status", "--json"))["generations"][0]["own_bytes"]  # type: ignore[index]
    assert "would remove  001-small" in mlenv("gc", "--keep", "1", "--dry-run").stdout
    back = data(mlenv("rollback", "--dry-run", "--json"))
    assert isinstance(size := back.pop("bytes"), int) and size > 0
    assert back == {
        "venv": str(home / ".venvs/ml"),
        "from": two.name,
        "to": one.name,
        "managed": True,
        "earlier": [],
        "dry_run": True,
        "changes": {
            "added": [],
            "removed": [],
            "changed": [{"name": "whisperer", "before": "1.1", "after": "1.0"}],
        },
        "losses": [],
    }
    assert one.is_dir() and (home / ".venvs/ml").resolve() == two


def test_gigabytes_are_not_removed_unasked(
    mlenv: Run, second: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = second()
    with (one / "large").open("wb") as large:
        os.posix_fallocate(large.fileno(), 0, consent.BIG)
    done = mlenv("gc", "--keep", "1")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "error: Not done without being asked: 1 generation with 1.0 GB go for good.\n"
        "Add --yes to do it, or --dry-run to see all of it.\n",
    )
    assert mlenv("gc", "--keep", "1", "--yes").returncode == 0
    assert not one.exists()


def test_all_is_not_taken_away_unasked(mlenv: Run, second: Callable, home: Path) -> None:
    one, two = second()
    venv = home / ".venvs/ml"
    planned = data(mlenv("uninstall", "--dry-run", "--json"))
    rows = planned.pop("generations")
    assert isinstance(rows, list) and [row["name"] for row in rows] == [one.name, two.name]
    assert planned == {"dry_run": True, "venv": str(venv), "restores": None, "launchers": {}}
    done = mlenv("uninstall")
    assert done.returncode == 1
    head, frees, hint = re.split(r", which frees |\.\n", done.stderr, maxsplit=2)
    assert head == (f"error: Not done without being asked: {venv} with 2 generations goes for good")
    assert frees.endswith(" MB")
    assert hint == "Add --yes to do it, or --dry-run to see all of it.\n"
    assert venv.resolve() == two


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_who_sits_at_a_terminal_is_asked(
    mlenv: Run, second: Callable, home: Path, answer: str, code: int
) -> None:
    second()
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = mlenv("uninstall", stdin=theirs)
    assert done.returncode == code, done.stderr
    assert "goes for good, which frees" in done.stderr and "Do this? [y/N] " in done.stderr
    assert (home / ".venvs/ml").exists() == bool(code)
    if code:
        assert done.stderr.endswith(
            "error: Nothing was changed: the answer was not yes.\n"
            "Type it again and answer y, or add --yes; --dry-run shows what it would do.\n"
        )


def test_an_own_profile_outlives_its_generations(
    mlenv: Run,
    profile: Path,
    home: Path,
    provision: Callable,
    network: dict[str, str],
    index: Index,
) -> None:
    index.add("notebook", "7.0")
    provision(profile)
    assert mlenv("add", "notebook", env=network).returncode == 0
    assert mlenv("rollback").returncode == 0
    assert mlenv("gc", "--keep", "1").returncode == 0
    done = mlenv("install", "small-own", "--no-verify", "--json", env=network)
    assert data(done)["changes"]["added"] == ["notebook==7.0"]  # type: ignore[index]


CHANGES = [("install",), ("add", "notebook"), ("remove", "notebook"), ("rollback",), ("gc",)]


@pytest.mark.parametrize("words", [*CHANGES, ("uninstall", "--yes")])
def test_no_wait_ends_at_once(
    mlenv: Run, second: Callable, home: Path, words: tuple[str, ...], profile: Path
) -> None:
    second()
    venv = home / ".venvs/ml"
    profile.write_text(profile.read_text() + "\n[machine]\ndisk-mb = 1\n")
    arguments = [*words, profile, "--python", "3.99"] if words == ("install",) else [*words]
    with generations.locked(venv):
        done = mlenv(*arguments, "--no-wait")
        holder = (generations.store(venv) / "busy.holder").read_text()
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {holder[0].upper()}{holder[1:]} is changing {venv}.\n"
        "Leave out --no-wait to wait for it, or try again later.\n",
    )


def test_who_waits_says_so_where_nobody_looks_on(mlenv: Run, second: Callable, home: Path) -> None:
    second()
    venv = home / ".venvs/ml"
    with generations.locked(venv):
        holder = (generations.store(venv) / "busy.holder").read_text()
        done = mlenv("gc", env={"MLENV_LOCK_TIMEOUT": "0.2"})
    assert (done.returncode, done.stderr) == (
        1,
        f"Waiting up to 0.2 s for {holder}, which is changing {venv}\n"
        f"error: After 0.2 s {holder} is still changing {venv}.\n"
        "Wait for it to end, then try again.\n",
    )
