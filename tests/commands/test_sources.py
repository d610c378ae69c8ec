"""Where files come from: mirrors, uv's cache, bundles. Hashes hold everywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mlenv.environment import uv
from mlenv.environment.install import artifacts
from mlenv.environment.install import bundle as bundles
from mlenv.result import MlenvError
from tests.support.index import Index, serving, wheel
from tests.support.running import Run

NOWHERE = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}


@pytest.fixture
def alone(home: Path) -> dict[str, str]:
    """No package index, an empty cache."""
    return {**NOWHERE, "UV_CACHE_DIR": str(home / "empty-cache")}


def packages(venv: Path) -> list[str]:
    found = venv.glob("lib/python3*/site-packages/*.dist-info")
    return sorted(path.name.removesuffix(".dist-info") for path in found)


SMALL = ["diarizer-2.0", "tensors-2.5.1", "whisperer-1.0"]


def test_a_mirror_from_the_command_line(
    mlenv: Run, locked: Path, alone: dict[str, str], index: Index, home: Path
) -> None:
    done = mlenv("install", locked, "--no-verify", "--index", f"default={index.url}", env=alone)
    assert done.returncode == 0, done.stderr
    assert packages(home / ".venvs/ml") == SMALL


def test_a_mirror_from_the_configuration_file(
    mlenv: Run, locked: Path, alone: dict[str, str], index: Index, home: Path
) -> None:
    config = home / ".config/mlenv/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[index]\ndefault = "{index.url}"\n')
    done = mlenv("install", locked, "--no-verify", env=alone)
    assert done.returncode == 0, done.stderr
    assert packages(home / ".venvs/ml") == SMALL


def test_a_mirror_can_not_change_what_is_installed(
    mlenv: Run, locked: Path, alone: dict[str, str], home: Path
) -> None:
    with serving() as other:
        for name in SMALL:
            other.add(*name.split("-"), **{"extra.py": "evil = True\n"})
        other.add("uv", "1.0")
        done = mlenv("install", locked, "--no-verify", "--index", f"default={other.url}", env=alone)
    assert done.returncode == 1
    assert "is not the file that the lock names" in done.stderr
    assert not (home / ".venvs/ml").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("default", "--index wants NAME=URL, not `default`."),
        ("default=mirror.example.org", "--index wants NAME=URL, not `default`."),
        ("pytroch=https://mirror.example.org", "There is no index `pytroch` to replace."),
    ],
)
def test_a_mirror_that_can_not_be_one(mlenv: Run, locked: Path, option: str, said: str) -> None:
    done = mlenv("install", locked, "--index", option)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {said}\n") and len(done.stderr.splitlines()) == 2


def test_a_broken_configuration_file(mlenv: Run, locked: Path, home: Path) -> None:
    config = home / "mlenv.toml"
    for text, said in (
        ("[index", "is no TOML: Expected ']'"),
        ("[indexes]\n", "nothing is known of `indexes` (did you mean index?)"),
        ('[index]\ndefault = "somewhere"\n', "[index] default is not an address."),
    ):
        config.write_text(text)
        done = mlenv("install", locked, env={"MLENV_CONFIG": str(config)})
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {config}") and said in done.stderr


def test_a_password_is_in_no_argument_and_no_message(
    mlenv: Run, locked: Path, alone: dict[str, str]
) -> None:
    address = "http://somebody:secret@127.0.0.1:9/simple"
    done = mlenv("install", locked, "--index", f"default={address}", env=alone)
    assert done.returncode == 1
    assert "secret" not in done.stdout + done.stderr


def test_offline_from_the_cache_alone(
    mlenv: Run, locked: Path, network: dict[str, str], index: Index, home: Path
) -> None:
    mlenv("install", locked, "--no-verify", env=network)
    index.requests.clear()
    done = mlenv(
        "install", locked, "--no-verify", "--offline", "--venv", home / "other", env=network
    )
    assert (done.returncode, index.requests) == (0, []), done.stderr
    assert packages(home / "other") == SMALL


def test_offline_with_something_missing(mlenv: Run, locked: Path, alone: dict[str, str]) -> None:
    done = mlenv("install", locked, "--no-verify", "--offline", env=alone)
    assert (done.returncode, done.stderr) == (
        1,
        "error: The network is off (--offline), and diarizer==2.0 is not in uv's cache.\n"
        "Leave out --offline, or install from a bundle: `mlenv install --from BUNDLE`.\n",
    )


@pytest.fixture
def bundle(mlenv: Run, locked: Path, network: dict[str, str], home: Path) -> Path:
    done = mlenv("bundle", locked, "-o", home / "usb", "--json", env=network)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert data["files"] == [f"{name}-py3-none-any.whl" for name in SMALL]
    assert data["bytes"] == sum(p.stat().st_size for p in (home / "usb/wheels").iterdir())
    return home / "usb"


def test_a_bundle_is_all_that_is_needed(
    mlenv: Run, bundle: Path, locked: Path, alone: dict[str, str], home: Path
) -> None:
    locked.unlink()
    locked.with_suffix(".txt").unlink()
    done = mlenv("install", "--from", bundle, "--no-verify", env=alone)
    assert done.returncode == 0, done.stderr
    assert packages(home / ".venvs/ml") == SMALL
    shutil.rmtree(bundle)  # and it may be gone afterwards
    done = mlenv("install", env=alone)
    assert (done.returncode, done.stdout.split()[:3]) == (0, ["up", "to", "date"])


def test_a_bundle_with_a_model_that_only_its_first_use_has_named(
    mlenv: Run, locked: Path, network: dict[str, str], alone: dict[str, str], home: Path
) -> None:
    """Its record goes with it, so the other machine knows the right bytes."""
    mine = home / "mine/owner/finetuned"
    mine.mkdir(parents=True)
    for name in ("model.bin", "config.json", "vocabulary.txt"):
        (mine / name).write_text(name)
    env = {**network, "MLENV_MODELS": str(home / "mine")}
    words = ("bundle", locked, "-o", home / "usb", "--model", "owner/finetuned")
    assert mlenv(*words, env=env).stderr.splitlines() == [
        "error: The model owner/finetuned (owner/finetuned on the model hub) has not been used "
        "here yet.",
        "Run `mlenv models pull owner/finetuned`.",
    ]
    assert mlenv("models", "pull", "owner/finetuned", env=env).returncode == 0
    done = mlenv(*words, env=env)
    assert done.returncode == 0, done.stderr

    other = {**alone, "MLENV_CACHE_DIR": str(home / "other")}
    assert mlenv("install", "--from", home / "usb", "--no-verify", env=other).returncode == 0
    where = mlenv("models", "where", "owner/finetuned", env=other)
    assert where.stdout == f"{home / 'other/models/owner/finetuned'}\n", where.stderr
    (home / "other/models/owner/finetuned/model.bin").write_text("another")
    assert mlenv("models", "where", "owner/finetuned", env=other).returncode == 1
    assert mlenv("install", "--from", home / "usb", "--no-verify", env=other).returncode == 0
    assert mlenv("models", "where", "owner/finetuned", env=other).returncode == 0

    wrong = home / "usb/models/owner/finetuned/model.bin"
    wrong.write_text("another")
    third = {**other, "MLENV_CACHE_DIR": str(home / "third"), "MLENV_VENV": str(home / "v/ml")}
    done = mlenv("install", "--from", home / "usb", "--no-verify", env=third)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        f"error: {wrong} in the bundle is not the model's: its sha256 differs.",
    )
    assert not (home / "v/ml").exists() and not (home / "third/models/owner/finetuned").exists()


def test_a_bundle_is_made_again_without_fetching(
    mlenv: Run, bundle: Path, locked: Path, network: dict[str, str], index: Index
) -> None:
    index.requests.clear()
    assert mlenv("bundle", locked, "-o", bundle, env=network).returncode == 0
    assert [path for path in index.requests if path.startswith("/files/")] == []


ANOTHER = wheel("tensors", "2.5.1", **{"extra.py": "evil = True\n"})[1]


@pytest.mark.parametrize("fault", [403, 503, ANOTHER], ids=["refused", "down", "another file"])
def test_a_bundle_fails_in_the_words_of_an_installation(
    mlenv: Run, locked: Path, network: dict[str, str], index: Index, home: Path, fault: int | bytes
) -> None:
    index.faults = {"/files/tensors-2.5.1-py3-none-any.whl": fault}
    fresh = {**network, "UV_CACHE_DIR": str(home / "fresh"), "UV_HTTP_RETRIES": "0"}
    bundled = mlenv("bundle", locked, "-o", home / "usb", env=fresh)
    installed = mlenv("install", locked, "--no-verify", env=fresh)
    assert (bundled.returncode, installed.returncode) == (1, 1)
    said = bundled.stderr.replace("tensors-2.5.1-py3-none-any.whl is", "tensors==2.5.1 is")
    assert said == installed.stderr != ""
    assert not (home / "usb/wheels/tensors-2.5.1-py3-none-any.whl").exists()


def test_a_file_that_cannot_be_reached(tmp_path: Path) -> None:
    file = artifacts.File("tensors", "2.5.1", "http://127.0.0.1:9/tensors.whl", None, "0" * 64)
    with pytest.raises(MlenvError) as caught:
        bundles.fetch(file, tmp_path / file.name, uv.CONFIGURED)
    known = uv.failure(
        "index-unreachable", host="127.0.0.1", last="tensors.whl: [Errno 111] Connection refused"
    )
    assert (caught.value.message, caught.value.hint) == (known.message, known.hint)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_with_a_wheel_that_is_another(
    mlenv: Run, bundle: Path, alone: dict[str, str], home: Path, index: Index
) -> None:
    wheel = bundle / "wheels/tensors-2.5.1-py3-none-any.whl"
    index.add("tensors", "2.5.1", **{"extra.py": "evil = True\n"})
    wheel.write_bytes(index.files[wheel.name])
    done = mlenv("install", "--from", bundle, "--no-verify", env=alone)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"error: tensors==2.5.1 in the bundle at {bundle} is not the file"
    )
    assert not (home / ".venvs/ml").exists()


def test_a_bundle_that_is_not_whole(mlenv: Run, bundle: Path, alone: dict[str, str]) -> None:
    (bundle / "wheels/tensors-2.5.1-py3-none-any.whl").unlink()
    done = mlenv("install", "--from", bundle, env=alone)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: The bundle lacks {bundle}/wheels/tensors-2.5.1")
    done = mlenv("install", "--from", bundle / "wheels", env=alone)
    assert done.stderr.startswith(f"error: {bundle}/wheels is not a bundle: ")


def test_a_dry_run_says_what_then_happens(
    mlenv: Run, locked: Path, network: dict[str, str], index: Index, home: Path
) -> None:
    fresh = {**network, "UV_CACHE_DIR": str(home / "fresh")}
    mlenv("install", locked, "--no-verify", env=network)
    locked.write_text(locked.read_text().replace('"whisperer==1.0"', '"aligner==1.0"'))
    locked.write_text(locked.read_text().replace("tensors==2.5.1", "tensors==2.8"))
    index.add("aligner", "1.0", ["tensors"])
    mlenv("lock", locked, env=network)
    before = sorted(path for path in (home / ".venvs").rglob("*") if path.is_file())

    done = mlenv("install", locked, "--dry-run", "--json", env=fresh)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["data"]
    files = {"aligner": "aligner-1.0", "diarizer": "diarizer-2.0", "tensors": "tensors-2.8"}
    size = sum(len(index.files[f"{name}-py3-none-any.whl"]) for name in files.values())
    assert told.pop("disk_bytes") > 0
    assert told == {
        "dry_run": True,
        "venv": str(home / ".venvs/ml"),
        "profile": "small",
        "why": "it needs no GPU",
        "passed_over": [],
        "changed": True,
        "changes": {
            "added": ["aligner==1.0"],
            "removed": ["whisperer==1.0"],
            "changed": [{"name": "tensors", "before": "2.5.1", "after": "2.8"}],
        },
        "losses": [],
        "download": ["aligner==1.0", "diarizer==2.0", "tensors==2.8"],
        "download_bytes": size,
        "unknown_size": [],
        "linked": True,
    }
    assert sorted(path for path in (home / ".venvs").rglob("*") if path.is_file()) == before

    index.requests.clear()
    done = mlenv("install", locked, "--no-verify", "--json", env=fresh)
    assert json.loads(done.stdout)["data"]["changes"] == told["changes"]
    fetched = {path.partition("/files/")[2] for path in index.requests if "/files/" in path}
    fetched = {name for name in fetched if name.endswith(".whl")}
    assert fetched == {f"{name}-py3-none-any.whl" for name in files.values()}

    again = mlenv("install", locked, "--dry-run", "--json", env=fresh)
    assert json.loads(again.stdout)["data"]["changed"] is False
    assert mlenv("install", locked, "--dry-run", env=fresh).stdout == (
        "up to date  ~/.venvs/ml is small\n`mlenv exec COMMAND` starts a program in it.\n"
    )
