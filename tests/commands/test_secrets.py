"""Secrets stay: marked ones stand where users keep them, and all that was written is searched.

Also the argument lists of all children, which every user of a machine can read.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.index import Index
from tests.support.running import Run

MARK = "Marked"  # stands in every secret, and in nothing else
NAMES = "Private"  # in the names of the user and of the directories that lead to HOME

# Writes down what each Python process starts, before it is started.
RECORDER = """\
import os, sys
def note(event, details):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"):
        with open({log!r}, "a") as log:
            log.write(f"{{event}} {{details[:2]!r}}\\n")
sys.addaudithook(note)
"""


@dataclass
class Written:
    """Commands that were run: their output and exit codes."""

    run: Callable[..., subprocess.CompletedProcess[str]]
    printed: list[str] = field(default_factory=list)

    def __call__(self, *words: str | Path, code: int | None = 0, **env: str) -> str:
        """Run a command; what it printed on both streams."""
        done = self.run(*words, env=env)
        assert code is None or done.returncode == code, (words, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        self.printed.append(f"{words[0]}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """HOME is a link, and both names are the user's."""
    real = tmp_path / f"disk/{NAMES}Real"
    real.mkdir(parents=True)
    link = tmp_path / f"{NAMES}Link"
    link.symlink_to(real)
    return link


@pytest.fixture
def same_home(home: Path) -> Path:
    return home


@pytest.fixture
def arguments(tmp_path: Path) -> Path:
    """The file with the argument lists."""
    folder = tmp_path / "recorder"
    folder.mkdir()
    log = folder / "arguments.txt"
    log.touch()
    (folder / "sitecustomize.py").write_text(RECORDER.format(log=str(log)))
    return log


@pytest.fixture
def own(index: Index) -> Callable[[str], str]:
    """`own("x")`: the address of the index with a password that is marked so."""

    def address(place: str) -> str:
        index.members.add(f"somebody:{MARK}{place}")
        return index.url.replace("//", f"//somebody:{MARK}{place}@")

    return address


@pytest.fixture
def written(
    mlenv: Run,
    locked: Path,
    index: Index,
    network: dict[str, str],
    own: Callable[[str], str],
    arguments: Path,
    tmp_path: Path,
    home: Path,
) -> Iterator[Written]:
    """Run commands among secrets; in the end all that was written is searched for them."""
    temporary = tmp_path / f"tmp/{NAMES}User"
    temporary.mkdir(parents=True)
    planted = {
        home / ".netrc": f"machine 127.0.0.1 login somebody password {MARK}Netrc\n",
        home / ".cache/huggingface/token": f"hf_{MARK}File\n",
        home / ".config/mlenv/config.toml": f'[index]\ndefault = "{own("Config")}"\n',
    }
    for path, text in planted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    index.members.add(f"somebody:{MARK}Netrc")
    proxy = f"http://somebody:{MARK}Proxy@127.0.0.1:9"
    variables = {
        **network,
        "UV_DEFAULT_INDEX": own("Variable"),
        "UV_HTTP_RETRIES": "0",
        "HF_TOKEN": f"hf_{MARK}Token",
        "HF_ENDPOINT": f"http://somebody:{MARK}Hub@127.0.0.1:9/?key={MARK}Key",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "https_proxy"), proxy),
        "NO_PROXY": "127.0.0.1",
        "PIP_INDEX_URL": f"https://somebody:{MARK}Pip@127.0.0.1:9/simple",
        "NVIDIA_API_KEY": f"nvapi-{MARK}",
        **dict.fromkeys(("USER", "LOGNAME"), f"{NAMES}User"),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(arguments.parent),
    }
    result = Written(lambda *words, env: mlenv(*words, env={**variables, **env}))
    yield result
    contents = {
        str(path.relative_to(tmp_path)): path.read_text("utf-8", "surrogateescape")
        for path in tmp_path.rglob("*")
        if path.is_file() and path not in {each.resolve() for each in planted}
    }
    texts = [*contents.items(), *((text.split(":")[0], text) for text in result.printed)]
    lines = [line for name, text in texts for line in lines_with(MARK, name, text)]
    assert "\n".join(lines) == ""
    assert "'pip', 'sync'" in arguments.read_text()
    assert [path for path in tmp_path.rglob("*") if MARK in path.name] == []


def lines_with(mark: str, name: str, text: str) -> list[str]:
    """The lines with a mark, each behind the name of the text."""
    return [f"{name}: {line[:300]}" for line in text.splitlines() if mark in line]


def others(*places: Path) -> list[str]:
    """The lines with a name of the user's, in files of these places, which other people get."""
    files = [path for place in places for path in (place, *place.rglob("*")) if path.is_file()]
    assert files
    texts = [(path.name, path.read_text("utf-8", "surrogateescape")) for path in files]
    return [line for name, text in texts for line in lines_with(NAMES, name, text)]


def test_what_is_written_down(
    written: Written, locked: Path, own: Callable[[str], str], home: Path, index: Index
) -> None:
    """The whole life of an environment, its password in a place of its own each time."""
    index.add("notebook", "7.0")
    index.relative = True
    option = ("--index", f"default={own('Option')}")
    empty = {"MLENV_CONFIG": str(home / "none.toml")}
    (home / "exports").mkdir()
    named = ("bundle", locked, "-o", home / "usb")
    written("lock", locked, **empty)
    written("install", locked, "--dry-run", "--json", *option)
    written("install", locked, "--no-verify", "--json", *option)
    written("add", "notebook", "--yes", "--json")
    written("status")
    written("status", "--json")
    written(*named, UV_DEFAULT_INDEX=index.url, **empty)
    for form in ("pylock", "requirements", "dockerfile", "conda-env"):
        written("export", locked, "--to", form, "-o", home / f"exports/{form}", *option)
    written("install", "--from", home / "usb", "--no-verify", "--venv", home / "v/ml")
    assert others(home / "usb", locked.with_suffix(".txt"), home / "exports") == []


def test_what_is_looked_at(
    written: Written, locked: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reports and launchers."""
    written("install", locked, "--no-verify")
    written("doctor", "--json", "--snapshot", tmp_path / "facts.json", code=None)
    written("doctor", "-v", code=None)
    written("doctor", "--from", tmp_path / "facts.json", "--json", code=None)
    assert others(tmp_path / "facts.json") == []
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    for name in ("shells", "commands", "jupyter", "vscode", "direnv", "cron", "devcontainer"):
        written("shim", "install", name, code=None)
    written("shim", "install", "docker", "pins", code=None)
    written("shim", "list", "--json", code=None)
    written("env", "--json")
    written("exec", "python", "-c", "pass")
    assert others(project / "Dockerfile.mlenv", project / "mlenv.lock.txt") == []


def test_what_fails(
    written: Written, locked: Path, index: Index, home: Path, tmp_path: Path
) -> None:
    """Messages name the place and never the password."""
    written("install", locked, "--no-verify")
    wrong = index.url.replace("//", f"//nobody:{MARK}Wrong@")
    broken = home / "broken.toml"
    for address in (wrong, f"{wrong}?key={MARK}Key", wrong.replace("Wrong", "p@Wrong")):
        option = ("--index", f"default={address}")
        fresh = {"UV_CACHE_DIR": str(tmp_path / "fresh"), "NETRC": str(home / "none")}
        for words in (
            ("install", locked, "--no-verify", "--venv", home / "v/ml"),
            ("lock", locked, "--upgrade-package", "tensors"),
            ("bundle", locked, "-o", home / "usb"),
            ("export", locked, "--to", "pylock"),
        ):
            written(*words, *option, code=1, **fresh)
        written("add", "notebook", "--yes", code=1, UV_DEFAULT_INDEX=address, **fresh)
    elsewhere = ("--venv", home / "v/ml")
    written("install", locked, *elsewhere, "--index", wrong, code=2)
    written("install", locked, *elsewhere, "--index", f"{wrong}=x", code=2)
    written("install", wrong, code=None)
    written("add", f"notebook @ {wrong}/notebook-7.0-py3-none-any.whl", code=None)
    written("exec", "transcribe", "--hf-token", f"hf_{MARK}", "talk.wav", code=2)
    profile = home / "mine.toml"
    profile.write_text(
        f'{locked.read_text()}\n[[index]]\nname = "own"\nurl = "{wrong}"\npackages = ["tensors"]\n'
    )
    assert "config.toml" in written("install", profile, code=1)
    profile.unlink()
    for text in (f'[index]\ndefault = "{wrong} x"\n', f'[index]\ndefault = "{wrong}\n'):
        broken.write_text(text)
        written("install", locked, *elsewhere, code=1, MLENV_CONFIG=str(broken))
    broken.unlink()


def test_what_a_log_holds(written: Written, locked: Path, tmp_path: Path) -> None:
    """An explanation is sent to others; it quotes the log without its passwords."""
    written("install", locked, "--no-verify")
    log = tmp_path / "build.log"
    for line in (
        f"ERROR: no matching distribution at https://somebody:{MARK}Log@index.example/simple",
        f"OSError: https://hub.example/x?token={MARK}Key refused",
        f"Error: 401 Client Error: HF_TOKEN=hf_{MARK}{'x' * 24} is not valid",
        f"RuntimeError: Authorization: Bearer {MARK}bearer",
        f"Unable to load any of {{libcudnn_ops.so.9.1.0}} https://u:{MARK}Log@index.example/",
    ):
        log.write_text(f"{line}\n")
        for options in ((), ("--json",)):
            written("explain", log, *options, code=None)
    log.unlink()
    output = written("explain", "--json", "--", "sh", "-c", "exit 3", code=3)
    assert json.loads(output)["exit_code"] == 3
