"""uv's messages in words that say what happened and what to do."""

from __future__ import annotations

import re

from mlenv.result import MlenvError


class UvError(MlenvError):
    """uv could not do it. `output` is what it said, for whoever wants all of it."""

    def __init__(self, code: str, message: str, hint: str, output: str) -> None:
        super().__init__(code, message, hint)
        self.output = output


# What uv says, most telling first: (pattern, code, message, what to do). A message may use the
# named groups of its pattern.
_FAILURES = (
    (
        r"No space left on device",
        "disk-full-or-tmp-too-small",
        "The disk is full.",
        "Free some space, or move the cache with UV_CACHE_DIR, then try again.",
    ),
    (
        r"Hash mismatch for `(?P<what>[^`]+)`",
        "hash-mismatch",
        "{what} is not the file that the lock names: its sha256 differs.",
        "The index or mirror serves another file. Nothing was changed. Try another mirror, "
        "or `uv cache clean` if a download was cut.",
    ),
    (
        r"Permission denied|Read-only file system",
        "not-writable",
        "uv may not write: {last}.",
        "Check who owns the directory, or name another.",
    ),
    (
        r"network was disabled|offline",
        "not-in-cache",
        "Something that is needed is not in uv's cache, and the network is off.",
        "Run it once with a network.",
    ),
    (
        r"HTTP status (client|server) error \((?P<status>\d{3}.*?)\) for url \((?P<url>[^)]+)",
        "index-refused",
        "The index answered {status}: {url}",
        "Check the address and the credentials of the index, or try again later.",
    ),
    (
        r"index(?: URL)? \((?P<url>[^)]+)\) [^(]*\((?P<status>40[13][^)]*)\)",
        "index-refused",
        "The index answered {status}: {url}",
        "Check the address of the index and your credentials for it.",
    ),
    (
        r"index(?: URL)? \((?P<url>[^)]+)\) returned an? (?P<status>40[13] \w+)",
        "index-refused",
        "The index answered {status}: {url}",
        "Check the address of the index and your credentials for it.",
    ),
    (
        r"Unsupported `Content-Type`.* for `[^`]+`|expected value at line",
        "index-garbage",
        "What answers at the index's address is no package index: {last}.",
        "A login page of the network, or a wrong address? Check it, then try again.",
    ),
    (
        r"Failed to download `(?P<what>[^`]+)`[\s\S]*(extract|zip|uncompressed)",
        "broken-download",
        "{what} came broken from the index: {last}.",
        "Nothing was changed. Try again, or another mirror.",
    ),
    (
        r"(?i)dns error|error sending request|Failed to fetch|connect error|timed out",
        "index-unreachable",
        "The package index can't be reached: {last}.",
        "Check the network and the proxy, then try again.",
    ),
    (
        r"No interpreter found for (?P<what>.+?) in",
        "python-version-unsupported",
        "There is no {what} on this machine.",
        "Install one, or name one with --python.",
    ),
    (
        r"Because (?P<what>\S+) was not found in the package registry",
        "package-not-found",
        "The index does not have {what}.",
        "Check its name, or the address of the index or mirror.",
    ),
    (
        r"Because there is no version of (?P<what>[^\s{]+)(?:\{[^}]*\})?(?P<version>==\S+) and",
        "package-not-found",
        "The index does not have {what}{version}.",
        "Check the version, or the address of the index or mirror.",
    ),
    (
        r"No solution found",
        "resolver-conflict",
        "The packages do not fit together: {because}",
        "Change the versions, or add an override.",
    ),
)


def understood(said: str, code: int) -> UvError:
    """The error for what uv has said and its exit code; never with a password in it."""
    said = _without_credentials(said)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    causes = [line.partition(": ")[2] for line in lines if line.startswith(("error:", "cause:"))]
    last = (causes or lines or [f"exit code {code}"])[-1].rstrip(".")
    because = _because(said) or last
    for pattern, slug, message, hint in _FAILURES:
        if match := re.search(pattern, said):
            fields = {"last": last, "because": because, **match.groupdict()}
            return UvError(slug, message.format(**fields), hint, said)
    return UvError("uv-failed", f"uv failed: {'; '.join(causes) or last}.", "", said)


def _because(said: str) -> str:
    """uv's reasons without what only uv understands: markers in braces, hints."""
    text = " ".join(said.split())
    if "Because " not in text:
        return ""
    text = text[text.index("Because ") :].partition(" hint: ")[0]
    text = re.sub(r"\{[^{}]*\}", "", text)
    return text.replace("environment depends on", "the profile wants")


def _without_credentials(text: str) -> str:
    return re.sub(r"(://)[^/@\s]+@", r"\1***@", text)
