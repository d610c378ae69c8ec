"""Which files are meant: every legal name, pipes, links; and what is passed over."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from mlenv.result import MlenvError
from mlenv.speech.transcribe import inputs, names
from mlenv.speech.transcribe.inputs import Source, Survey

THERE = "In this folder there are B.MP3, a.wav."
WAVE = b"RIFF\0\0\0\0WAVEfmt "
# Without the right of root to read everything.
BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.wav", "B.MP3", "notes.txt", "deep/c.m4a", "deep/deeper/d.ogg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def survey(*words: str, recursive: bool = False) -> Survey:
    return inputs.survey(words, recursive=recursive)


def shown(*words: str, recursive: bool = False) -> list[str]:
    """The names of the sources of words that lead to nothing else."""
    found = survey(*words, recursive=recursive)
    assert found.problems == []
    return [source.shown for source in found.sources]


def test_a_folder_gives_its_audio_and_video(folder: Path) -> None:
    assert shown(".") == ["B.MP3", "a.wav"]


def test_recursive_looks_below(folder: Path) -> None:
    assert shown(".", recursive=True) == ["B.MP3", "a.wav", "deep/c.m4a", "deep/deeper/d.ogg"]


def test_patterns(folder: Path) -> None:
    assert shown("*.wav") == ["a.wav"]
    assert shown("**/*.ogg") == ["deep/deeper/d.ogg"]
    assert shown("d*") == ["deep/c.m4a"]  # as if the shell had filled it in


def test_a_file_named_by_itself_may_be_called_anything(folder: Path) -> None:
    assert shown("notes.txt") == ["notes.txt"]


NAMES = [
    'it\'s "so".wav',
    "two\nlines.wav",
    "-n.wav",
    "--",
    "~draft.wav",
    "~",
    "take [1].wav",
    "*.wav",
    "C:\\talk.wav",
    "é.wav",
    unicodedata.normalize("NFD", "é.wav"),
    "🎤👨‍👩‍👧.wav",
    "x" * 251 + ".wav",
    " .wav",
    "$(reboot).wav",
    os.fsdecode(b"caf\xe9.wav"),
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_every_legal_name(folder: Path, name: str) -> None:
    (folder / name).write_bytes(WAVE)
    (source,) = survey(name).sources
    assert source.file.read_bytes() == WAVE
    assert source == Source(folder / name, os.fsencode(name).decode("utf-8", "replace"), Path(name))
    assert source.file in [each.file for each in survey(".").sources] or "." not in name[1:]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("two\nlines\r.wav", "two\\nlines\\r.wav"),
        ("\x1b[2J\x07\x9b.wav", "\\x1b[2J\\x07\\x9b.wav"),
        ("a\u202egpj.wav", "a\\u202egpj.wav"),
        ("🎤👨‍👩‍👧 naïve é.wav", "🎤👨‍👩‍👧 naïve é.wav"),
    ],
)
def test_a_name_does_nothing_to_the_terminal(text: str, label: str) -> None:
    assert Source(Path(text), text, Path(text)).label == label


def test_each_file_once(folder: Path) -> None:
    assert shown("a.wav", ".", "*.wav", "deep/../a.wav") == ["a.wav", "B.MP3"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["empty"], "There is no audio or video file in empty.\n"
                    "Add --recursive to look into folders below."),
        (["*.flac"], f"No file matches *.flac.\n{THERE}"),
        (["*.flac", "[x]"], f"No file matches *.flac.\nNo file matches [x].\n{THERE}"),
    ],
)  # fmt: skip
def test_nothing_to_do_is_wrong_usage(folder: Path, words: list[str], message: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(MlenvError) as caught:
        survey(*words)
    assert (caught.value.code, caught.value.exit_code) == ("no-audio", 2)
    assert caught.value.problem().text == message


LONG = "and so they came to the city of " * 20


@pytest.mark.parametrize(
    ("word", "code", "message"),
    [
        ("nomatch*.flac", "no-audio", f"No file matches nomatch*.flac.\n{THERE}"),
        ("gone.wav", "audio-missing", "gone.wav does not exist.\n"
         "In this folder there are B.MP3, a.wav."),
        ("empty/gone.wav", "audio-missing", "empty/gone.wav does not exist.\n"
         "No recording is in the folder empty: name the file with its path."),
        ("\\\\server\\talks\\deep\\a.wav", "audio-missing",
         "\\\\server\\talks\\deep\\a.wav does not exist.\n"
         "It is a Windows share: mount it first, in WSL with "
         "`sudo mount -t drvfs '\\\\server\\talks' /mnt/share`."),
        ("deep/c.m4", "audio-missing", "deep/c.m4 does not exist.\nDid you mean deep/c.m4a?"),
        ("go\nne.wav", "audio-missing", "go\\nne.wav does not exist.\n"
         "In this folder there are B.MP3, a.wav."),
        ("~nobody-here/a.wav", "audio-missing", "~nobody-here/a.wav does not exist.\n"
         "There is no folder ~nobody-here."),
        ("a.wav/b.wav", "audio-missing", "a.wav/b.wav does not exist.\n"
         "There is no folder a.wav."),
        (LONG, "audio-unreadable", f"{LONG[:60]}…{LONG[-60:]} can't be read: File name too long.\n"
         "Give it a shorter name: at most 255 bytes, and 4,096 with all folders above it."),
        ("circle/a.wav", "audio-unreadable",
         "circle/a.wav can't be read: Too many levels of symbolic links.\n"
         "Links that lead in a circle: `ls -l circle/a.wav` shows where each leads. Remove one."),
        ("/dev/zero", "audio-missing", "/dev/zero is a device, and no file.\n"
         "Name a recording that is there, or a folder that holds some."),
        ("C:\\gone\\a.wav", "audio-missing", "C:\\gone\\a.wav does not exist.\n"
         "It is a Windows path: WSL would have it at /mnt/c/gone/a.wav."),
        ("C:gonea.wav", "audio-missing", "C:gonea.wav does not exist.\n"
         "A Windows path needs single quotes, or the shell takes its backslashes out."),
        ("https://example.org/a.wav", "audio-missing", "https://example.org/a.wav does not exist.\n"
         "It is an address, which only `--engine ray` reads (`mlenv install --with ray`): "
         "download it first, such as with `curl -LO`."),
        ("file:///x/a.wav", "audio-missing", "file:///x/a.wav does not exist.\n"
         "It is an address: name the file by its path, /x/a.wav."),
        ("@a.wav", "audio-missing", "@a.wav does not exist.\n"
         "A list of names goes with `--files-from a.wav`."),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_named_and_the_rest_is_done(
    folder: Path, word: str, code: str, message: str
) -> None:
    (folder / "circle").symlink_to("circle")
    (folder / "empty").mkdir()
    found = survey(word, "a.wav")
    assert [source.shown for source in found.sources] == ["a.wav"]
    (problem,) = found.problems
    assert (problem.code, problem.text, problem.path) == (code, message, word)


@pytest.mark.parametrize("content", [b"a.wav\n\nB.MP3\n", b"a.wav\0B.MP3\0", b"a.wav\r\nB.MP3"])
def test_a_list_of_names(folder: Path, content: bytes) -> None:
    (folder / "list").write_bytes(content)
    assert names.listed("list") == ["a.wav", "B.MP3"]


def test_a_list_without_names(folder: Path) -> None:
    (folder / "list").touch()
    for name, code, message in (
        ("list", 2, "--files-from: list names no files."),
        ("gone", 1, "--files-from: gone can't be read: No such file or directory."),
    ):
        with pytest.raises(MlenvError) as caught:
            names.listed(name)
        assert (caught.value.exit_code, caught.value.message) == (code, message)
        assert caught.value.path == name


def test_folders_below_are_named_where_they_are_not_looked_into(folder: Path) -> None:
    (folder / ".mlenv").mkdir()
    assert survey(".").below == ["deep/"]
    assert survey(".", recursive=True).below == []


def test_a_link_to_what_may_not_be_looked_at_is_named(folder: Path) -> None:
    (folder / "shut").mkdir()
    (folder / "secret.wav").symlink_to("shut/e.wav")
    (folder / "shut").chmod(0)
    script = (
        "from mlenv.speech.transcribe.inputs import survey\n"
        "print(survey(['.'], recursive=False).doubtful)\n"
    )
    done = subprocess.run(
        [*BOUND, sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['secret.wav']\n"


def test_links_in_circles_end_and_linked_folders_are_named(folder: Path) -> None:
    (folder / "deep" / "up").symlink_to("..")
    (folder / "deep" / "circle").symlink_to("circle")
    (folder / "elsewhere").symlink_to("deep/deeper")
    found = survey(".", recursive=True)
    assert [source.shown for source in found.sources] == [
        "B.MP3", "a.wav", "deep/c.m4a", "deep/deeper/d.ogg",
    ]  # fmt: skip
    assert found.doubtful == ["elsewhere/", "deep/up/"]


def test_folders_that_cannot_be_read_are_named(folder: Path) -> None:
    for name in ("deep/locked", "shut"):
        (folder / name).mkdir()
        (folder / name / "e.wav").write_bytes(b"x")
        (folder / name).chmod(0)
    script = (
        "from mlenv.speech.transcribe.inputs import survey\n"
        "found = survey(['.', 'shut', 'shut/e.wav'], recursive=True)\n"
        "print([source.shown for source in found.sources])\n"
        "for p in found.problems: print(p.code, p.message, p.path, p.hint, sep='|')\n"
    )
    done = subprocess.run(
        [*BOUND, sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    mine = f"This is user {os.getuid()}: `ls -ld"
    others = "` shows to whom that belongs. Name another, or have its owner run this."
    assert done.stdout.splitlines() == [
        "['B.MP3', 'a.wav', 'deep/c.m4a', 'deep/deeper/d.ogg']",
        "folder-unreadable|The folder deep/locked can't be read: Permission denied.|deep/locked|"
        f"{mine} ./deep/locked{others}",
        "folder-unreadable|The folder shut can't be read: Permission denied.|shut|"
        f"{mine} ./shut{others}",
        "audio-unreadable|shut/e.wav can't be read: Permission denied.|shut/e.wav|"
        f"{mine} shut/e.wav{others}",
    ]


def test_what_is_passed_over_is_counted_and_named_where_it_looks_like_a_recording(
    tmp_path: Path,
) -> None:
    contents = {
        "1.1 Lesson": WAVE, "2024.01.05": WAVE, "talk": WAVE, "a.mts": b"G" + bytes(187) + b"G",
        "b.ts": b"export const a = 1\n", "._a.wav": WAVE, "c.m4v": b"", "half.part": WAVE,
        "x.dat": b"\xff\xfb\x90\x64" + bytes(99), "notes.txt": b"words", "photo.heic":
        b"\0\0\0\x18ftypheic", "photo.webp": b"RIFF\0\0\0\0WEBPVP8 ", "Makefile": b"all:\n",
        "utf16.txt": b"\xff\xfeh\0i\0",
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "gone.m4a").symlink_to("nowhere.m4a")
    (tmp_path / "gone.txt").symlink_to("nowhere.txt")
    found = survey(str(tmp_path))
    assert [source.file.name for source in found.sources] == [
        "1.1 Lesson", "2024.01.05", "a.mts", "c.m4v", "talk",
    ]  # fmt: skip
    assert [Path(name).name for name in found.doubtful] == [
        "gone.m4a", "half.part", "pipe.wav", "x.dat",
    ]  # fmt: skip
    assert found.passed_over == Counter(
        {
            ".ts": 1, ".wav": 2, ".part": 1, ".dat": 1, ".txt": 3, ".heic": 1, ".webp": 1, "": 1,
            ".m4a": 1,
        }
    )  # fmt: skip


def test_standard_input_becomes_a_file() -> None:
    (source,) = survey("-").sources
    source = inputs.spooled(source, io.BytesIO(b"RIFF"))
    assert (source.file.read_bytes(), source.shown, source.place) == (b"RIFF", "-", Path("stdin"))
    assert not source.is_stream


def test_standard_input_that_is_closed() -> None:
    (source,) = survey("-").sources
    with pytest.raises(MlenvError, match="Standard input is closed"):
        inputs.spooled(source, None)


def fill(place: str | int, data: bytes) -> None:
    with open(place, "wb") as stream:  # noqa: PTH123 (it may be a number)
        stream.write(data)


def test_pipes_are_read_to_their_end(folder: Path) -> None:
    """Larger than a pipe holds."""
    data = os.urandom(3 << 20)
    os.mkfifo("talk.wav")
    reading, writing = os.pipe()
    for place in ("talk.wav", writing):
        threading.Thread(target=fill, args=(place, data)).start()
    found = survey("talk.wav", f"/dev/fd/{reading}").sources
    assert [source.is_stream for source in found] == [True, True]
    first, second = (inputs.spooled(source, None) for source in found)
    assert (first.file.read_bytes(), second.file.read_bytes()) == (data, data)
    assert (first.shown, second.shown) == ("talk.wav", f"/dev/fd/{reading}")


def test_a_file_by_the_name_that_only_this_process_has(folder: Path) -> None:
    with Path("a.wav").open("rb") as stream:
        (source,) = survey(f"/proc/self/fd/{stream.fileno()}").sources
        assert inputs.spooled(source, None).file.read_bytes() == b"x"
