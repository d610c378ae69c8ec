"""uv's messages in words that say what happened and what to do."""

from __future__ import annotations

import re
import shutil
import signal
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from packaging.utils import canonicalize_name

from mlenv.result import MlenvError, redacted

UNSAFE_WHEEL = "unsafe-wheel"


@dataclass(frozen=True, slots=True)
class Wish:
    """`who` (of `version`, where that is said) wants `name` in a version that fits `specifier`."""

    who: str
    version: str
    name: str
    specifier: str


class UvError(MlenvError):
    """uv could not do it."""

    def __init__(self, code: str, message: str, hint: str, output: str) -> None:
        super().__init__(code, message, hint)
        self._output = output

    @property
    def lacks_upload_times(self) -> bool:
        """Files were passed over because the index does not say when they were uploaded."""
        return "missing an upload date" in self._output

    @property
    def without_source(self) -> str:
        """The package that was to be built from source and has none; empty for others."""
        output = " ".join(self._output.split())
        match = re.search(r"Because (\S+?)(?:\{[^}]*\})?(?:==\S+)? has no source", output)
        return canonicalize_name(match[1]) if match else ""

    def wishes(self) -> Iterator[Wish]:
        """Requirements of packages, from the resolver's reasons."""
        for match in _DEPENDS.finditer(" ".join(self._output.split())):
            yield Wish(match["who"], match["version"] or "", match["name"], match["specifier"])


_DEPENDS = re.compile(
    r"(?P<who>[A-Za-z0-9._-]+?)(?:==(?P<version>\S+)|[<>!]=?\S*)? depends? on "
    r"(?P<name>[A-Za-z0-9._-]+)(?:\{[^}]*\})?(?P<specifier>[<>=!~]=?[^\s,]+(?:,[<>=!~]=?[^\s,]+)*)"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which uv fails; `failures.toml` says what the fields mean."""

    patterns: tuple[str, ...]
    code: str
    message: str
    hint: str


@cache
def _failures() -> tuple[Failure, ...]:
    text = files(__package__).joinpath("failures.toml").read_text("utf-8")
    return tuple(
        Failure(**{**entry, "patterns": tuple(entry["patterns"])})
        for entry in tomllib.loads(text)["failure"]
    )


def failure(code: str, **fields: str) -> MlenvError:
    """The error for a failed request of mlenv's own to an index. `fields`: for its message."""
    entry = next(each for each in _failures() if each.code == code)
    return MlenvError(code, entry.message.format(**fields), entry.hint)


def nearly_full(directory: Path) -> UvError:
    """The error where uv was ended because `directory` has next to nothing left."""
    free = shutil.disk_usage(directory).free
    return UvError(
        "disk-full-or-tmp-too-small",
        f"{directory} has {free / 1e6:.0f} MB left: unpacking was stopped before it is full.",
        "Some package unpacks to more than its profile says, or something else fills that disk. "
        "Free some, or use another: --venv DIR, UV_CACHE_DIR (cache).",
        "",
    )


def unsafe_wheel(names: list[str], package: str = "") -> UvError:
    """The error for a wheel with files that lead out of where it is unpacked.

    `package`: its name, where that is known.
    """
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    name = "".join(letter if letter.isprintable() else "?" for letter in names[0])
    wheel = f"The wheel {package}" if package else "A wheel of the lock"
    return UvError(
        UNSAFE_WHEEL,
        f"{wheel} holds `{name}`{more}, which leads out of the environment.",
        "Nothing was written there, nothing was switched. Don't use it: tell who made it.",
        "",
    )


def explained(output: str, code: int, *, offline: bool = False) -> UvError:
    """The error for uv's messages and its exit code; never with a password in it.

    `offline`: uv could see only what is in its cache.
    """
    output = redacted(output)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    causes = [line.partition(": ")[2] for line in lines if line.startswith(("error:", "cause:"))]
    last = (causes or lines or [f"exit code {code}"])[-1].rstrip(".")
    if "`" not in last and "/" not in last:  # the cause before it names the file
        last = ": ".join([*(each for each in causes[-2:-1] if " /" in each), last])
    if code < 0:
        name = signal.Signals(-code).name
        hint = "Most likely memory ran out: `dmesg | grep -i oom` shows it." if code == -9 else ""
        return UvError("uv-killed", f"uv was ended by {name}.", hint, output)
    because = _because(output) or last
    for entry in _failures():
        for match in filter(None, (re.search(pattern, output) for pattern in entry.patterns)):
            fields = {"last": last, "because": because, **match.groupdict()}
            if offline and entry.code == "package-not-found":
                fields["what"] += fields.get("version", "")
                entry = next(each for each in _failures() if each.code == "not-in-cache")
            elif offline and entry.code == "index-unreachable":  # none was asked
                entry = [each for each in _failures() if each.code == "not-in-cache"][-1]
            return UvError(entry.code, entry.message.format(**fields), entry.hint, output)
    return UvError("uv-failed", f"uv failed: {'; '.join(causes) or last}.", "", output)


def _because(output: str) -> str:
    """Uv's reasons without what only uv understands: markers in braces, hints."""
    text = " ".join(output.split())
    if "Because " not in text:
        return ""
    text = text[text.index("Because ") :].partition(" hint: ")[0]
    text = re.sub(r"\{[^{}]*\}", "", text)
    return text.replace("environment depends on", "the profile wants")
