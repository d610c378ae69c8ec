"""The user's own defaults: variables, then the file of settings, which this module alone reads.

    model = "tiny.en"            # or MLENV_MODEL: what `exec transcribe` takes
    language = "de"              # MLENV_LANGUAGE
    device = "cpu"               # MLENV_DEVICE
    formats = ["srt", "json"]    # MLENV_FORMATS=srt,json; the first one on standard output
    profile = "cu124"            # MLENV_PROFILE: what `install` takes where nothing is installed

    [index]                      # MLENV_INDEX="default=https://.. pytorch-cu121=https://.."
    default = "https://mirror.example.org/simple"
    pytorch-cu121 = "https://mirror.example.org/whl/cu121"

The file is `$MLENV_CONFIG`, else `~/.config/mlenv/config.toml`. The command line wins
over variables, and they win over the file. `exec` reads this each time, so it imports little.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlenv.paths import config_file
from mlenv.result import MlenvError

# What may be set: its name in the file, and the variable that wins over it.
SETTINGS = {
    "model": "MLENV_MODEL",
    "language": "MLENV_LANGUAGE",
    "device": "MLENV_DEVICE",
    "formats": "MLENV_FORMATS",
    "profile": "MLENV_PROFILE",
}
INDEX = "index"
INDEX_VARIABLE = "MLENV_INDEX"
# Variables of other modules.
OTHERS = (
    "MLENV_VENV",
    "MLENV_CONFIG",
    "MLENV_CACHE_DIR",
    "MLENV_MODELS",
    "MLENV_MODELS_MANIFEST",
    "MLENV_MODEL_MIRROR",
    "MLENV_DRIVER_TIMEOUT",
    "MLENV_LOCK_TIMEOUT",
)
VARIABLES = (*SETTINGS.values(), INDEX_VARIABLE, *OTHERS)
FOR_TESTS = "MLENV_TEST_"


@dataclass(frozen=True, slots=True)
class Settings:
    """The user's settings. `values`: by name in the file, several formats with commas between.

    `index`: addresses by name of index. `origins`: the variable or file of each value; those of
    indexes are named `index.NAME`.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    index: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    def origin(self, name: str) -> str:
        """The origin of a value, as messages name it: `$MLENV_MODEL`, or file and key."""
        place = self.origins[name]
        return place if place.startswith("$") else f"{place}: `{name}`"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read variables and file; raises `MlenvError` for a file that can't be understood."""
    values, index, origins = _of_file(config_file(environ))
    for name, variable in SETTINGS.items():
        if word := environ.get(variable, "").strip():
            values[name], origins[name] = word, f"${variable}"
    for word in environ.get(INDEX_VARIABLE, "").split():
        name, _, url = word.partition("=")
        if not name or not is_address(url):
            raise MlenvError(
                "wrong-setting",
                f"${INDEX_VARIABLE} wants NAME=URL, several with blanks between, not `{word}`.",
                f"As in: {INDEX_VARIABLE}=default=https://mirror.example.org/simple",
            )
        index[name], origins[f"{INDEX}.{name}"] = url, f"${INDEX_VARIABLE}"
    return Settings(values, index, origins)


def unknown_variables(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """A line for each variable MLENV_* that mlenv does not know, with the nearest that it does."""
    return tuple(
        f"mlenv knows no variable {name}{_near(name, VARIABLES)}; it has no effect."
        for name in sorted(environ)
        if name.startswith("MLENV_") and name not in VARIABLES and not name.startswith(FOR_TESTS)
    )


def is_address(url: str) -> bool:
    """Tell if a text can be the address of an index."""
    return url.startswith(("https://", "http://", "file:///")) and not any(map(str.isspace, url))


def _of_file(path: Path) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Values, indexes and origins; nothing where there is no file."""
    if not os.path.lexists(path):
        return {}, {}, {}
    import tomllib  # late: most users have no such file

    from mlenv.files import read_text, why

    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise MlenvError("unreadable-config", f"{path} can't be read: {why(error)}.") from error

    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _broken(path, f"is no TOML: {error}") from error
    index = table.pop(INDEX, {})
    if not isinstance(index, dict):
        raise _broken(path, f"`{INDEX}` is no table: begin it with a line [{INDEX}]")
    for name, url in index.items():
        if not isinstance(url, str) or not is_address(url):
            raise _broken(path, f"[{INDEX}] {name} is not an address")
    values = {name: _text(path, name, value) for name, value in table.items()}
    origins = {name: str(path) for name in (*values, *(f"{INDEX}.{name}" for name in index))}
    return values, index, origins


def _text(path: Path, name: str, value: object) -> str:
    """A value of the file as its variable would have it."""
    if name not in SETTINGS:
        near = _near(name, (*SETTINGS, INDEX))
        there = f"There are {', '.join(SETTINGS)} and [{INDEX}]." if not near else ""
        raise _broken(path, f"nothing is known of `{name}`{near}", there)
    if name == "formats" and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return ",".join(value)
    if not isinstance(value, str) or not value:
        raise _broken(path, f"`{name}` is no text in quotes")
    return value


def _broken(path: Path, what: str, hint: str = "") -> MlenvError:
    end = "" if what.endswith("?") else "."
    return MlenvError("broken-config", f"{path}: {what}{end}", hint)


def _near(word: str, known: tuple[str, ...]) -> str:
    import difflib

    match = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {match[0]}?)" if match else ""
