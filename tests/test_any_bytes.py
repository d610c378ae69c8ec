"""Whatever bytes another program, the kernel or a stranger writes: no exception, no endless loop.

More examples: `MLENV_TEST_EXAMPLES=5000 uv run pytest tests/test_any_bytes.py`.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as any_of

from mlenv import files
from mlenv.cli import render, table
from mlenv.doctor import examine, snapshot
from mlenv.doctor.explain.outline import outline
from mlenv.doctor.explain.rank import diagnose
from mlenv.doctor.explain.scan import scan
from mlenv.doctor.facts import libraries
from mlenv.environment.lockfile import indexes, profiles
from mlenv.machine import driver, memory, system
from mlenv.machine.children import Ended
from mlenv.result import MlenvError
from mlenv.speech.transcribe import options
from mlenv.speech.workers import truncation
from tests.support import fleets

EXAMPLES = int(os.environ.get("MLENV_TEST_EXAMPLES", "25"))
few = settings(max_examples=EXAMPLES, derandomize=EXAMPLES <= 25, deadline=10_000, database=None)

SIZES = any_of.sampled_from([0, 1, 4, 8, 16, 255, 1 << 16, 1 << 31, (1 << 32) - 1])
WIDE = SIZES | any_of.sampled_from([1 << 40, 1 << 63, (1 << 64) - 1])
TEXT = any_of.text(any_of.characters(exclude_characters="\0"), max_size=40)


@contextmanager
def file_of(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        yield path


def joined(*parts: any_of.SearchStrategy[bytes]) -> any_of.SearchStrategy[bytes]:
    return any_of.tuples(*parts).map(b"".join)


TAGS = any_of.sampled_from([b"fmt ", b"data", b"LIST", b"ftyp", b"moov", b"free", b"\0\0\0\0"])
CHUNK = joined(TAGS, SIZES.map(lambda n: struct.pack("<I", n)), any_of.binary(max_size=20))
BOX = joined(
    SIZES.map(lambda n: struct.pack(">I", n)),
    TAGS,
    WIDE.map(lambda n: struct.pack(">Q", n)),
    any_of.binary(max_size=20),
)
HEADS = any_of.sampled_from(
    [b"RIFF\xff\xff\0\0WAVE", b"RF64", b"OggS", b"ID3", b"\xff\xfbXing", b""]
)
SOUND = joined(HEADS, any_of.lists(CHUNK | BOX, max_size=6).map(b"".join), any_of.binary())
FILM = joined(any_of.just(b"\0\0\0\x10ftyp\0\0\0\0\0\0\0\0"), any_of.lists(BOX).map(b"".join))


@few
@given(SOUND | FILM | any_of.binary())
def test_headers_of_recordings(content: bytes) -> None:
    with file_of(content) as path:
        for read in (
            truncation.wav_seconds,
            truncation.riff_share,
            truncation.wav_goes_on,
            truncation.is_open_rf64,
            truncation.mp4_lacks_index,
            truncation.ogg_breaks_off,
            truncation.mp3_seconds,
        ):
            answer = read(str(path))
            assert answer is None or isinstance(answer, float | bool)


def test_boxes_that_are_empty_come_to_an_end(tmp_path: Path) -> None:
    """A gigabyte of them, sparse or not, must not take a minute."""
    path = tmp_path / "boxes.mp4"
    path.write_bytes(b"\0\0\0\x10ftyp" + b"\0" * 8 + b"\0\0\0\x08free" * (1 << 20))
    assert truncation.mp4_lacks_index(str(path)) in (True, False)
    path.write_bytes(b"\0\0\0\x10ftyp" + b"\0" * 8 + b"\0\0\0\x01free" + b"\xff" * 8)
    assert truncation.mp4_lacks_index(str(path))
    path.write_bytes(b"RIFF\xff\xff\0\0WAVE" + b"LIST\0\0\0\0" * (1 << 20))
    assert truncation.wav_seconds(str(path)) is None


ELF = b"\x7fELF\x02\x01\x01" + bytes(9)
ELF_FIELDS = ("<HHIQQQIHHHHHH", 13)


@few
@given(any_of.lists(WIDE, min_size=13, max_size=13), any_of.binary(max_size=400))
def test_elf_files(values: list[int], rest: bytes) -> None:
    widths = [16, 16, 32, 64, 64, 64, 32, *[16] * 6]
    fields = [value % (1 << width) for value, width in zip(values, widths, strict=True)]
    for content in (ELF + struct.pack("<HHIQQQIHHHHHH", *fields) + rest, ELF + rest, rest):
        with file_of(content) as path:
            assert libraries.elf(path).file == str(path)


def test_an_elf_file_with_four_billion_segments_in_one_place(tmp_path: Path) -> None:
    """e_phnum 0xffff: the first section's sh_info has the number (elf(5))."""
    header = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 64, 0, 64, 0, 0xFFFF, 64, 1, 0)
    section = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, 0xFFFFFFFF, 0, 0)
    (tmp_path / "bomb.so").write_bytes(ELF + header + section)
    assert libraries.elf(tmp_path / "bomb.so").file.endswith("bomb.so")


LINES = any_of.lists(
    any_of.sampled_from(
        ["MemAvailable:", "MemAvailable: x kB", "0::/", "4:memory:/a", "memory", "max", "a b c"]
    )
    | TEXT
).map("\n".join)


@few
@given(LINES.map(lambda text: text.encode("utf-8", "surrogatepass")) | any_of.binary())
def test_files_of_the_kernel(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in (
            "proc/meminfo",
            "proc/self/cgroup",
            "proc/1/cgroup",
            "proc/sys/kernel/osrelease",
            "proc/driver/nvidia/version",
            "sys/fs/cgroup/memory.max",
            "sys/fs/cgroup/memory.current",
            "sys/fs/cgroup/memory.stat",
            "sys/bus/pci/devices/0/vendor",
            "sys/bus/pci/devices/0/class",
            "etc/os-release",
        ):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        memory.available(root)
        memory.group_limit(root)
        system.finish(None, {}, root)
        driver.kernel_version(root)
        driver.pci_addresses(root)


ANY = any_of.recursive(
    any_of.none() | any_of.booleans() | any_of.integers() | any_of.floats() | TEXT,
    lambda inner: any_of.lists(inner, max_size=3) | any_of.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
GPU: dict[str, Any] = {"index": 0, "name": "x", "capability": [8, 6], "memory_total": 1}
NVML: dict[str, Any] = {"present": True, "driver": "550.54", "cuda": 12040, "gpus": [GPU]}


def changed(record: dict[str, Any]) -> any_of.SearchStrategy[dict[str, Any]]:
    keys = any_of.sampled_from(sorted(record))
    return any_of.dictionaries(keys, ANY, max_size=2).map(lambda more: {**record, **more})


ANSWERS = (ANY | changed(NVML) | changed(GPU).map(lambda gpu: {**NVML, "gpus": [gpu]})).map(
    json.dumps
)


@few
@given(TEXT, ANSWERS | TEXT)
def test_answers_of_the_driver(nodes: str, answer: str) -> None:
    nvml, opened = driver._answers(Ended(0, f"{nodes}\n{answer}", ""), 1.0)
    assert isinstance(nvml, driver.Nvml) and isinstance(opened, tuple)


@few
@given(any_of.sampled_from(["nan", "inf", "-inf", "-1", "0", "1e400", "x"]) | TEXT)
def test_the_time_limit_of_the_driver(text: str) -> None:
    assert 0 < driver.time_limit({"MLENV_DRIVER_TIMEOUT": text}) < 1e6


WORDS = [
    "Error: libcudnn_ops.so.9.1.0: cannot open shared object file",
    "Traceback (most recent call last)",
    "RuntimeError: CUDA failed with error",
    "torch==2.5.1+cu124",
    "exit code 139",
    "\x1b[31m",
    "https://u:p@h/?a=b",
]
LOGS = any_of.lists(any_of.sampled_from(WORDS) | TEXT, max_size=8).map("\n".join)


@few
@given(LOGS.map(lambda text: text.encode("utf-8", "surrogatepass")) | any_of.binary())
def test_logs(content: bytes) -> None:
    with file_of(content) as path:
        code, document = ended(["explain", "--no-here", "--json", str(path)])
        assert code in (0, 1) and document["exit_code"] == code
    scanned = scan(io.BytesIO(content))
    diagnose(scanned), outline(scanned)


def ended(words: list[str]) -> tuple[int, dict[str, Any]]:
    """The exit code of a command line in this process, and the document that it printed."""
    printed, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        code = table.main(words)
    assert "Traceback" not in errors.getvalue()
    return code, json.loads(printed.getvalue()) if "--json" in words else {}


PYTHON = {
    "executable": "/v/bin/python",
    "prefix": "/v",
    "packages": "/v/lib",
    "platform_packages": "/v/lib",
}
FACTS: dict[str, Any] = {"venv": "/v", "quick": False, "interpreter": PYTHON}
PARTS = ("machine", "driver", "files", "network", "linkage", "packages", "trial", "below")


@few
@given(
    any_of.dictionaries(any_of.sampled_from([*FACTS, *PARTS]), ANY, max_size=3),
    any_of.sampled_from([1, 2, "1", None, -1]),
)
def test_snapshots(parts: dict[str, Any], schema: object) -> None:
    text = json.dumps({"schema": schema, "facts": {**FACTS, **parts}})
    try:
        facts = snapshot.read(text, "x.json")
    except MlenvError as error:
        assert (error.code, error.exit_code) == ("no-snapshot", 3)
    else:
        assert examine.judge(facts).exit_code() in (0, 1)
    with file_of(text.encode()) as path:
        code, document = ended(["doctor", "--from", str(path), "--json"])
        assert code in (0, 1, 3) and document["exit_code"] == code
        assert ended(["doctor", "--from", str(path), "-v"])[0] == code


HOST: dict[str, Any] = msgspec.to_builtins(replace(fleets.HOST, driver=fleets.gpus()))
CHANGES = any_of.lists(
    any_of.tuples(any_of.integers(0, 500), TEXT, any_of.integers(-(1 << 63), (1 << 63) - 1)),
    max_size=8,
)


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """The places of all texts, numbers and lists in a document: what holds them, and the key."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(each, dict | list):
            yield from leaves(each)
        if isinstance(each, str | int | list):
            yield value, key


def changed(changes: list[tuple[int, str, int]]) -> dict[str, Any]:
    """The facts of a host with other texts and numbers here and there, and lists without end."""
    facts = copy.deepcopy(HOST)
    for place, text, number in changes:
        places = list(leaves(facts))
        holder, key = places[place % len(places)]
        old = holder[key]
        if isinstance(old, list):
            holder[key] = [*old, *copy.deepcopy(old)] if number % 2 else []
        elif isinstance(old, bool):
            holder[key] = not old
        else:
            holder[key] = text if isinstance(old, str) else number
    return facts


@few
@given(
    any_of.lists(any_of.binary(max_size=40) | CHANGES, min_size=2, max_size=4), any_of.booleans()
)
def test_fleets(hosts: list[bytes | list[tuple[int, str, int]]], whole: bool) -> None:
    """Whatever the snapshots of some hosts hold, each is a host or a problem."""
    with tempfile.TemporaryDirectory() as name:
        for number, host in enumerate(hosts):
            content = host
            if not isinstance(content, bytes):
                document = {"schema": 1, "when": "?", "facts": changed(content)}
                content = json.dumps(document).encode("utf-8", "surrogatepass")
            Path(name, f"gpu{number}.json").write_bytes(content)
        code, document = ended(["doctor", "--from", name, "--json"])
        assert code in (0, 1, 3) and document["exit_code"] == code
        data = document["data"]
        assert len(data["hosts"]) + len(data["problems"]) == len(hosts)
        assert {each["code"] for each in data["problems"]} <= {"no-snapshot"}
        page = Path(name, "page")
        options = ["--verbose"] if whole else []
        assert ended(["doctor", "--from", name, "--html", str(page), *options])[0] == code
        assert page.stat().st_size > 5000


# Nothing of these starts a program, builds or removes: they only read, and there is nothing.
NAMES = [
    *("install", "status", "rollback", "gc", "uninstall", "doctor", "explain", "shim", "lock"),
    *("profiles", "bundle", "export", "add", "remove", "verify", "models", "instal", "-", ""),
]
OPTIONS = [
    *("--json", "--dry-run", "--yes", "--no-wait", "--offline", "--venv", "--index", "--from"),
    *("--to", "-o", "--python", "--only", "--skip", "--model", "--list", "show", "why", "pull"),
    *("default=", "default=http://127.0.0.1:9/", "cu124", "whisper", "/dev/null", "..", "/", "-v"),
]
ANY_WORD = any_of.sampled_from(OPTIONS) | any_of.text(
    any_of.characters(exclude_characters="\0", categories=["L", "N", "P", "S", "Z", "Cc", "Cs"])
)


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HOME in which nothing can be built, and no network."""
    for name in [n for n in os.environ if n.startswith(("MLENV_", "XDG_", "UV_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "file").touch()
    for name, value in {
        "HOME": str(tmp_path),
        "MLENV_VENV": str(tmp_path / "file/ml"),
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "MLENV_DRIVER_TIMEOUT": "2",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_arguments_of_every_command(nothing: Path) -> None:
    @few
    @given(any_of.sampled_from(NAMES), any_of.lists(ANY_WORD, max_size=4))
    @example("add", ["--venv", "/"])
    def try_them(name: str, words: list[str]) -> None:
        words = [word for word in words if word != "--"]
        printed, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
            code = table.main([name, *words])
        assert code in (0, 1, 2, 3), errors.getvalue()
        assert code == 0 or printed.getvalue() or errors.getvalue()

    try_them()


@few
@given(
    any_of.lists(any_of.sampled_from(["--diarize", "--format", "--beam-size", "a.wav"]) | ANY_WORD)
)
def test_arguments_of_transcribe(words: list[str]) -> None:
    try:
        options.parse(words)
    except MlenvError as error:
        assert error.exit_code == 2 and error.message
    except SystemExit as end:
        assert end.code in (0, 2)


def test_a_result_that_can_not_be_written_as_utf_8() -> None:
    text = render.to_json(MlenvError("x", "\udc80").result("x"))
    assert json.loads(text)["errors"] == [{"code": "x", "message": "\udc80"}]


@pytest.mark.parametrize("kind", ["device", "pipe", "directory", "endless", "bytes"])
def test_what_is_no_text_file_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    """A device or a pipe may never end, a sparse file have a terabyte."""
    path = tmp_path / "x.toml"
    reason = {"directory": "Is a directory", "endless": "File too large", "bytes": "it is not text"}
    match kind:
        case "device":
            path.symlink_to("/dev/zero")
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "endless":
            path.touch()
            os.truncate(path, 1 << 40)
        case "bytes":
            path.write_bytes(b"\xff\xfe")
    expected = f"{path} can't be read: {reason.get(kind, 'it is a pipe or a device')}."
    with pytest.raises(MlenvError) as raised:
        profiles.load(str(path))
    assert raised.value.message == expected
    with pytest.raises(MlenvError) as raised:
        indexes.load((), {"HOME": str(tmp_path), "MLENV_CONFIG": str(path)})
    assert raised.value.message == expected
    if kind in ("device", "pipe", "directory"):
        assert files.sha256(path) is None
