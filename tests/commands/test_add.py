"""`add` and `remove`: what the environment is built around stays; all else may come and go."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.index import Index
from tests.support.running import Run
from tests.support.venvs import empty_venv

# As the real ones: the profile holds tensors 2.5.1 against what diarizer 2.0 asks for.
PROFILE = """\
# What we transcribe with.
for = "tests"
python = ">=3.11"
platforms = ["linux-x86_64", "linux-aarch64", "macos-arm64"]
resolved-as-of = "2025-12-19"

requires = [
  "tensors==2.5.1",     # built around
  "whisperer==1.0",
  "diarizer==2.0",
]

[family]
packages = ["tensors"]

[[override]]
requirement = "tensors==2.5.1"
why = "diarizer pins 2.8, and runs with 2.5"

[[exclude]]
package = "codec"
why = "nothing loads it"
"""


@pytest.fixture
def mine(home: Path) -> Path:
    """The user's own copy of the profile, which the active generation carries."""
    return home / ".venvs/ml/profile/small-own.toml"


@pytest.fixture
def home(same_home: Path) -> Path:
    return same_home


LEFT_OUT = """\
error: small leaves Codec out on purpose: nothing loads it.
`mlenv profiles` shows profiles with other packages.
"""


@pytest.fixture
def run(
    mlenv: Run,
    profile: Path,
    network: dict[str, str],
    index: Index,
    provision: Callable[[Path], None],
) -> Callable[..., object]:
    """The command line, with the environment installed."""
    profile.write_text(PROFILE)
    index.add("notebook", "7.0", ["widgets"])
    index.add("widgets", "8.0")
    index.add("diarizer", "2.1", ["tensors>=2.8", "codec"])
    index.add("aligner", "3.0", ["tensors>=2.8"])
    index.add("segmenter", "1.0", ["diarizer>=2"])
    provision(profile)
    return lambda *arguments: mlenv(*arguments, env=network)


def state(home: Path) -> tuple[str, list[str]]:
    store = home / ".venvs/.ml.mlenv"
    own = store / "profiles"
    return str((home / ".venvs/ml").readlink()), sorted(map(str, own.glob("*")))


def changes(done: object) -> dict[str, object]:
    assert done.returncode == 0, done.stderr  # type: ignore[attr-defined]
    data = json.loads(done.stdout)["data"]  # type: ignore[attr-defined]
    assert data["profile"] == "small-own"
    found: dict[str, object] = data["changes"]
    return found


def test_add_and_remove(run: Run, home: Path, mine: Path, profile: Path) -> None:
    before = profile.read_text()
    added = ["notebook==7.0", "widgets==8.0"]
    assert changes(run("add", "notebook", "--json")) == {
        "added": added, "removed": [], "changed": [],
    }  # fmt: skip
    text = mine.read_text()
    assert profile.read_text() == before
    for line in (
        "# What we transcribe with.",
        '  "tensors==2.5.1",     # built around',
        "notebook",
    ):
        assert line in text
    assert "notebook==7.0" in mine.with_suffix(".txt").read_text()
    assert run("install").stdout.startswith("up to date")
    assert run("lock", "--check", mine).returncode == 0

    assert changes(run("remove", "notebook", "--json")) == {
        "added": [], "removed": added, "changed": [],
    }  # fmt: skip
    assert "notebook" not in mine.read_text()


def test_what_wants_another_build_is_refused_with_the_reason(run: Run, home: Path) -> None:
    before = state(home)
    done = run("add", "aligner==3.0")
    assert (done.returncode, done.stderr) == (
        1,
        "error: aligner 3.0 wants tensors>=2.8, and small is built around tensors 2.5.1.\n"
        "If you know that they work together: "
        "`mlenv add aligner==3.0 --override 'tensors==2.5.1'`.\n",
    )
    assert state(home) == before


def test_the_profiles_own_override_does_not_let_a_new_version_in(run: Run, home: Path) -> None:
    before = state(home)
    done = run("add", "diarizer==2.1")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: diarizer 2.1 wants tensors>=2.8, and small is built around tensors 2.5.1.\n"
    )
    assert state(home) == before


def test_what_needs_a_package_that_was_tried_is_let_in(run: Run) -> None:
    assert changes(run("add", "segmenter", "--json")) == {
        "added": ["segmenter==1.0"], "removed": [], "changed": [],
    }  # fmt: skip


def test_the_override_that_was_offered_makes_it_possible(run: Run, mine: Path) -> None:
    done = run("add", "diarizer==2.1", "--override", "tensors==2.5.1", "--json")
    assert changes(done) == {
        "added": [],
        "removed": [],
        "changed": [{"name": "diarizer", "before": "2.0", "after": "2.1"}],
    }
    assert mine.read_text().count("[[override]]") == 1


def test_another_build_itself_is_refused(run: Run, home: Path) -> None:
    before = state(home)
    done = run("add", "tensors==2.8")
    assert (done.returncode, done.stderr) == (
        1,
        "error: small is built around tensors 2.5.1: `tensors==2.8` can't be added.\n"
        "`mlenv profiles` shows profiles with other versions.\n",
    )
    assert state(home) == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("remove", "tensors"), 1, "tensors can't be removed: profile small is built around it."),
        (("remove", "numpy"), 1, "numpy can't be removed: the environment does not hold it."),
        (("add", "no=thing"), 2, "`no=thing` is not the name of a package"),
        (
            ("add", "notebook<6"),
            1,
            "The packages do not fit together: Because only notebook==7.0 is available and "
            "you ask for notebook<6",
        ),
        (("add", "no-such-thing"), 1, "The index does not have no-such-thing."),
    ],
)
def test_what_can_not_be_done(
    run: Run, home: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    before = state(home)
    done = run(*arguments)
    assert done.returncode == code
    assert done.stderr.startswith(f"error: {said}") and len(done.stderr.splitlines()) <= 2
    assert state(home) == before


def test_a_failure_on_the_way_leaves_the_profile_as_it_was(
    run: Run, home: Path, index: Index
) -> None:
    before = state(home)
    index.faults = {"/files/notebook-7.0-py3-none-any.whl": b"half a whe"}
    assert run("add", "notebook").returncode == 1
    assert state(home) == before


def test_without_an_environment(mlenv: Run, home: Path) -> None:
    done = mlenv("add", "notebook")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {home / '.venvs/ml'} does not exist.\n"
        "Run `mlenv install` to build one, or name another with --venv DIR.\n",
    )
    empty_venv(home / ".venvs/ml")
    assert mlenv("add", "notebook").stderr == (
        f"error: {home / '.venvs/ml'} was not built by mlenv.\n"
        "Run `mlenv install` to build one; what is there is moved aside and kept.\n"
    )


def test_own_profiles_have_names(
    run: Run, mlenv: Run, home: Path, mine: Path, profile: Path, network: dict[str, str]
) -> None:
    assert run("add", "notebook").returncode == 0
    shown = json.loads(run("profiles", "show", "small-own", "--json").stdout)["data"]
    assert (shown["name"], shown["path"]) == ("small-own", str(mine.resolve()))
    assert "notebook==7.0" in run("export", "small-own", "--to", "requirements").stdout
    assert run("lock", "--check", "small-own").returncode == 0
    done = run("bundle", "small-own", "-o", home / "usb")
    assert done.returncode == 0, done.stderr
    assert (home / "usb/wheels/notebook-7.0-py3-none-any.whl").is_file()

    assert run("install", profile, "--no-verify").returncode == 0
    assert not (home / ".venvs/ml/profile/small-own.toml").exists()
    done = run("install", "small-own", "--no-verify", "--json")
    assert json.loads(done.stdout)["data"]["changes"]["added"] == ["notebook==7.0", "widgets==8.0"]
    assert json.loads(done.stdout)["data"]["generation"]["origin"] == "own"
    other = run("profiles", "show", "nothing", "--venv", home / "other")
    assert "small-own" not in other.stderr
    assert "small-own" in run("profiles", "show", "nothing").stderr


def test_a_dry_run_changes_nothing(run: Run, home: Path) -> None:
    before = state(home)
    planned = json.loads(run("add", "notebook", "--dry-run", "--json").stdout)["data"]
    assert planned["dry_run"] is True and planned["profile"] == "small-own"
    assert planned["changes"]["added"] == ["notebook==7.0", "widgets==8.0"]
    assert {"notebook==7.0", "widgets==8.0"} <= {*planned["download"]}
    assert planned["download_bytes"] > 0
    text = run("add", "notebook", "--dry-run").stdout
    assert text.startswith("would change small-own at ") and "\nto download: " in text
    assert text.endswith("Nothing was changed: leave out --dry-run to do it.\n")
    assert state(home) == before


def test_what_is_held_already_changes_nothing(run: Run, home: Path) -> None:
    before = state(home)
    for wish in ("whisperer", "whisperer>=1", "tensors"):
        assert run("add", wish).stdout.startswith("up to date  ")
    assert state(home) == before


def test_an_override_goes_with_the_package_that_it_was_for(
    run: Run, mine: Path, index: Index
) -> None:
    index.add("mixer", "1.0", ["notebook>=8"])
    assert run("add", "notebook").returncode == 0
    done = run("add", "mixer", "--override", "notebook==7.0")
    assert done.returncode == 0, done.stderr
    assert 'asked-with = ["mixer"]' in mine.read_text()
    assert run("remove", "mixer").returncode == 0
    assert "asked-with" not in mine.read_text() and "notebook==7.0" not in mine.read_text()


def test_what_another_package_needs_can_not_be_removed(run: Run, home: Path) -> None:
    assert run("add", "notebook", "widgets").returncode == 0
    done = run("remove", "widgets")
    assert (done.returncode, done.stderr) == (
        1,
        "error: widgets can't be removed: another package needs it.\n"
        "What was added, or stands in the profile, can be: `mlenv profiles show NAME`.\n",
    )


def test_what_the_environment_is_for_is_not_removed_unasked(
    run: Run, home: Path, index: Index
) -> None:
    index.add("faster-whisper", "1.2.1")
    assert run("add", "faster-whisper").returncode == 0
    before = state(home)
    done = run("remove", "faster-whisper")
    what = (
        "faster-whisper goes, which transcribes "
        "(`mlenv exec transcribe` and what imports faster_whisper)"
    )
    assert (done.returncode, done.stderr) == (
        1,
        f"error: Not done without being asked: {what}.\n"
        "Add --yes to do it, or --dry-run to see all of it.\n",
    )
    assert state(home) == before
    assert f"  ! {what}\n" in run("remove", "faster-whisper", "--dry-run").stdout
    assert run("remove", "faster-whisper", "--yes").returncode == 0


def test_an_interpreter_that_is_gone_does_not_stop_a_change(run: Run, home: Path) -> None:
    record = home / ".venvs/ml/mlenv.json"
    text = json.loads(record.read_text())
    record.write_text(json.dumps({**text, "python": "/gone/python3.11"}))
    done = run("add", "notebook")
    assert done.returncode == 0, done.stderr


def test_what_the_profile_leaves_out_is_refused_with_its_reason(run: Callable[..., object]) -> None:
    done = run("add", "Codec")
    assert (done.returncode, done.stderr) == (1, LEFT_OUT)  # type: ignore[attr-defined]
