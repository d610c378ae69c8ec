"""Names of files as people type them: lists, addresses, Windows paths, and names nearly right."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mlenv.result import WRONG_USAGE, MlenvError

STANDARD_INPUT = "-"
NO_AUDIO = "no-audio"
DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LISTS = (".txt", ".lst", ".list", ".m3u")  # suffixes of files that name files
FEW = 3  # recordings that are named in the place of one that is not there
NEAR = 0.75  # likeness of a name, from 0 to 1, from which it is offered


def printable(text: str) -> str:
    """A text in one line that moves no cursor and turns no direction."""
    if text.isascii() and text.isprintable():
        return text
    import unicodedata

    def is_plain(sign: str) -> bool:
        category = unicodedata.category(sign)
        return category not in ("Cc", "Cs", "Zl", "Zp") and sign not in DIRECTION_MARKS

    return "".join(
        sign if is_plain(sign) else sign.encode("unicode_escape").decode() for sign in text
    )


def text_of(path: str | Path) -> str:
    """A path as text, whatever bytes are in its name."""
    return os.fsencode(path).decode("utf-8", "replace")


def uri_of(path: str | Path) -> str | None:
    """The address of a file whose name is not UTF-8: it has each byte; None for any other."""
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        return Path(path).absolute().as_uri()
    return None


def path_of(word: str) -> Path:
    """The path that a word means: as it stands if it is there, else with `~` or from Windows."""
    path = Path(word)
    if os.path.lexists(path):
        return path
    from mlenv.machine import wsl

    if word.startswith("~"):
        try:
            return path.expanduser()
        except RuntimeError:  # no user of that name
            return path
    return wsl.from_windows(word, mounted=True) or path


def output_directory(word: str) -> Path:
    """The directory that `--output-dir` names; raises `MlenvError` for one of a missing drive."""
    from mlenv.machine import wsl

    path = path_of(word)
    if path == Path(word) and not path.exists() and (hint := wsl.hint(word)):
        raise MlenvError(
            "not-writable",
            f"There is no {printable(word)} here.",
            hint,
            exit_code=WRONG_USAGE,
            path=word,
        )
    return path.absolute()


def listed(name: str) -> list[str]:
    """The names in a file (`-`: standard input), one a line, or ended by NUL as of `find -print0`.

    Raises `MlenvError` where it can't be read.
    """
    try:
        if name == STANDARD_INPUT:
            content = Path("/dev/stdin").read_bytes()
        else:
            content = path_of(name).read_bytes()
    except OSError as error:
        message = f"--files-from: {printable(text_of(name))} can't be read: {error.strerror}."
        raise MlenvError("list-unreadable", message, path=text_of(name)) from error
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    names = [os.fsdecode(line) for line in lines if line.strip()]
    if not names:
        message = f"--files-from: {printable(text_of(name))} names no files."
        hint = "Write the name of a recording on each line of it."
        raise MlenvError(NO_AUDIO, message, hint, exit_code=WRONG_USAGE, path=text_of(name))
    return names


def is_address(word: str) -> bool:
    """Tell if a word is an address, such as `s3://bucket/talk.wav`, and no file of that name."""
    import re

    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]+(?=://|::.*://)", word)
    return bool(scheme) and not os.path.lexists(word)


def hint(word: str) -> str:
    """Advice on a word that leads nowhere; empty for most."""
    from mlenv.machine import wsl

    scheme, _, rest = word.partition("://")
    if scheme.lower() == "file" and rest:
        return f"It is an address: name the file by its path, {rest.removeprefix('localhost')}."
    if is_address(word):
        return (
            "It is an address, which only `--engine ray` reads (`mlenv install --with ray`): "
            "download it first, such as with `curl -LO`."
        )
    if word.startswith("@") and Path(word[1:]).is_file():
        return f"A list of names goes with `--files-from {word[1:]}`."
    return wsl.hint(word) or _similar(word)


def unmatched(word: str) -> str:
    """Advice on a pattern that no file matches: what is in the folder that it begins with."""
    import glob

    folder = os.path.dirname(word)  # noqa: PTH120 (a word, as it stands)
    while folder and glob.has_magic(folder):
        folder = os.path.dirname(folder)  # noqa: PTH120
    try:
        return _recordings(folder, os.listdir(folder or "."))  # noqa: PTH208
    except OSError:
        return f"There is no folder {printable(folder)}."


def _similar(word: str) -> str:
    """The nearest name in the folder that a word names."""
    import difflib

    folder, name = os.path.split(word)
    try:
        names = os.listdir(folder or ".")  # noqa: PTH208 (names, as they are)
    except OSError:
        return f"There is no folder {printable(folder)}." if folder else ""
    near = difflib.get_close_matches(name, names[:10_000], n=1, cutoff=NEAR)
    if near:
        return f"Did you mean {printable(os.path.join(folder, near[0]))}?"  # noqa: PTH118
    return _recordings(folder, names)


def _recordings(folder: str, names: Sequence[str]) -> str:
    """Names that may be meant instead, in the folder where there is no such file."""
    from mlenv.speech.transcribe.recordings import SUFFIXES

    found = sorted(name for name in names if os.path.splitext(name)[1].lower() in SUFFIXES)  # noqa: PTH122
    place = f"the folder {printable(folder)}" if folder else "this folder"
    if not found:
        return f"No recording is in {place}: name the file with its path."
    more = f" and {len(found) - FEW} more" if len(found) > FEW else ""
    verb = "is" if len(found) == 1 else "are"
    shown = ", ".join(printable(os.path.join(folder, name)) for name in found[:FEW])  # noqa: PTH118
    return f"In {place} there {verb} {shown}{more}."


def list_hint(file: Path) -> str:
    """Advice on a file that can't be decoded and is called as lists of names are."""
    if file.suffix.lower() not in LISTS:
        return ""
    return f"A list of names goes with `--files-from {printable(text_of(file.name))}`."
