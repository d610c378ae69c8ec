"""Addresses as mlenv's side has them: what they lead to, and a folder of transcripts at one.

fsspec is in the environment, so a process there reads and writes (`object_server`). An address may
hold a name, a password or a signature: those go to that process and to the nodes, and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from mlenv.fleet.ray.environment_process import EnvironmentProcess
from mlenv.result import MlenvError, Problem, redacted
from mlenv.speech.transcribe.inputs import NO_AUDIO, RECORDS, Source, State, Survey, printable
from mlenv.speech.transcribe.names import is_address
from mlenv.speech.transcribe.recordings import SUFFIXES

# Parameters of an address by which a store knows who asks; another one each time it is signed.
SIGNATURES = re.compile(
    r"x-(amz|goog|oss|cos)-.*|awsaccesskeyid|googleaccessid|signature|expires|key-pair-id|policy"
    r"|s(ig|v|e|p|r|t|s|rt|ks|ke|kt|kv|koid|ktid|pr|ip|dd|aoid|uoid)|.*(token|key|password|secret).*",
    re.IGNORECASE,
)
# Packages of which the name is not that of what they are imported as.
PACKAGES = {"webdav4": "webdav4", "git": "pygit2", "dropboxdrivefs": "dropboxdrivefs"}
CREDENTIALS = {
    "s3": "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "Set GOOGLE_APPLICATION_CREDENTIALS to the file of a key",
    "az": "Set AZURE_STORAGE_CONNECTION_STRING, or the account's name and key",
    "sftp": "`ssh-add` the key for that host",
}
CREDENTIALS |= {"s3a": CREDENTIALS["s3"], "gcs": CREDENTIALS["gs"], "ssh": CREDENTIALS["sftp"]}
CREDENTIALS |= dict.fromkeys(("abfs", "abfss", "adl"), CREDENTIALS["az"])
FOR_NODES = "where mlenv and each node of Ray are started."
TOGETHER = 200  # addresses that are asked for at once
REFUSED = ("no-package", "no-protocol", "no-credentials")  # no file of such an address can be done


def shown(address: str) -> str:
    """An address as others may read it, the same on each run: without names, keys and signatures.

    What else is asked with it stays as a short hash, so that two files stay two.
    """
    links = []
    for link in address.split("::"):
        scheme, separator, rest = link.partition("://")
        host, slash, path = rest.partition("/")
        plain = f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else link
        before, question, query = plain.partition("?")
        if question and scheme.startswith("http"):
            pairs = parse_qsl(query, keep_blank_values=True) or [(query, "")]
            kept = urlencode([each for each in pairs if not SIGNATURES.fullmatch(each[0])])
            mark = f"~{hashlib.sha256(kept.encode()).hexdigest()[:8]}" if kept else ""
            plain = f"{before}{mark}"
        links.append(plain)
    return "::".join(links)


@dataclass(frozen=True, slots=True)
class RemoteSource(Source):
    """A recording at an address. `seen`: its state when it was last asked for."""

    address: str = field(default="", compare=False, repr=False)
    seen: State | None = field(default=None, compare=False)
    objects: Objects | None = field(default=None, compare=False, repr=False)

    def name(self) -> str:
        return self.shown

    def state(self) -> State | None:
        """Its state as the store told it; None where that tells nothing by which to know it."""
        return self.seen if self.seen and self.seen.mark else None

    def sha256(self) -> str | None:
        """The sha256 of its content, which is fetched for that; None where it can't be read."""
        assert self.objects
        try:
            result: str = self.objects.ask("sha256", self.address)
        except MlenvError:
            return None
        return result


def state_of(answer: Mapping[str, Any]) -> State:
    """The state of an object, from the answer of its store."""
    return State(int(answer["size"] or 0), 0, 0, answer["mark"])


class Objects:
    """The process that reads and writes at addresses, which is started when first needed."""

    def __init__(self, venv: Path) -> None:
        self._venv = venv
        self._process: EnvironmentProcess | None = None

    def ask(self, do: str, address: str, **others: object) -> Any:
        """Call a function of the environment's side; raises `MlenvError` for what is in the way."""
        answer = self._answer(do, url=address, **others)
        if "result" in answer:
            return answer["result"]
        raise error_of(answer, address)

    def _answer(self, do: str, **arguments: object) -> dict[str, Any]:
        if self._process is None:
            self._process = EnvironmentProcess(self._venv, "object_server")
        self._process.send({"do": do, "with": arguments})
        return self._process.receive()

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.close()
            self._process = None

    def survey(self, addresses: Sequence[str], into: Survey, *, recursive: bool) -> None:
        """Add the recordings that addresses lead to; raises `MlenvError` where none can be read."""
        for first in range(0, len(addresses), TOGETHER):
            some = addresses[first : first + TOGETHER]
            answer = self._answer("find_each", urls=some, recursive=recursive)
            for address, found in zip(some, answer["result"], strict=True):
                if "code" not in found:
                    self._add(address, found, into, recursive=recursive)
                    continue
                error = error_of(found, address)
                if error.code in REFUSED:
                    raise error
                code = "audio-missing" if error.code == "not-found" else "audio-unreadable"
                into.problems.append(error.problem()._replace(code=code, path=shown(address)))

    def _add(
        self, address: str, found: Mapping[str, Any], into: Survey, *, recursive: bool
    ) -> None:
        """Add what one address leads to."""
        label = printable(shown(address))
        before = len(into.sources)
        for each in found["files"]:
            is_tree = found["kind"] == "folder"
            is_record = RECORDS in each["place"].split("/")
            if is_tree and (is_record or not self._is_named_so(each, into)):
                continue
            place = _place(each["place"], each["url"], is_tree=is_tree)
            name = shown(each["url"])
            own = {"address": each["url"], "seen": state_of(each), "objects": self}
            into.sources.append(RemoteSource(path_of(name), name, place, **own))
        into.below.extend(f"{label.rstrip('/')}/{each}" for each in found.get("below", ()))
        if len(into.sources) == before:
            what = "No file matches" if found["kind"] == "pattern" else "There is no recording in"
            hint = "" if recursive or found["kind"] == "pattern" else " without --recursive"
            into.problems.append(Problem(NO_AUDIO, f"{what} {label}{hint}.", shown(address)))

    @staticmethod
    def _is_named_so(found: Mapping[str, Any], into: Survey) -> bool:
        """Tell if a file is called as recordings are; others are counted, and not looked into."""
        suffix = Path(found["place"]).suffix.lower()
        if suffix not in SUFFIXES:
            into.passed_over[suffix] += 1
        return suffix in SUFFIXES


def error_of(answer: Mapping[str, Any], address: str) -> MlenvError:
    """The error for what a process of the environment met at an address."""
    text = redacted(answer["text"].replace(address, shown(address)))
    scheme = address.partition("://")[0].rpartition("::")[2].lower()
    message = f"{printable(shown(address))} can't be used: {text}."
    hint = ""
    if answer["code"] == "no-package":
        package = PACKAGES.get(answer["package"], answer["package"])
        hint = f"`mlenv add {package}` puts it into the environment, of each node too."
    elif answer["code"] == "no-credentials":
        hint = f"{CREDENTIALS.get(scheme, 'Set what its fsspec package asks for')}, {FOR_NODES}"
    elif answer["code"] == "not-found":
        message = f"{printable(shown(address))} does not exist."
    return MlenvError(answer["code"], message, hint, path=shown(address))


def _place(name: str, address: str, *, is_tree: bool) -> Path:
    """The place of a recording's transcripts: never outside of the output directory."""
    text = unquote(name) if address.startswith("http") else name
    parts = [part for part in text.replace("\0", "").split("/") if part not in ("", ".", "..")]
    return Path(*(parts if is_tree else parts[-1:]) or ("recording",))


def path_of(name: str) -> Path:
    """A path that stands for an address where paths are compared; it is never opened."""
    return Path("/", name.replace("://", ":/", 1))


def merged(first: Survey, second: Survey) -> Survey:
    """Two surveys as one, each source once."""
    once: dict[tuple[Path, str], Source] = {}
    for source in [*first.sources, *second.sources]:
        once.setdefault((source.file, source.shown), source)
    return Survey(
        list(once.values()),
        [*first.problems, *second.problems],
        first.passed_over + second.passed_over,
        [*first.doubtful, *second.doubtful],
        [*first.below, *second.below],
    )


def surveyed(
    words: Sequence[str],
    objects: Objects,
    local: Callable[[Sequence[str]], Survey],
    *,
    recursive: bool,
) -> Survey:
    """The recordings of words that may be addresses; `local` looks at the others."""
    far = [word for word in words if is_address(word)]
    near = [word for word in words if not is_address(word)]
    found = Survey([], [], Counter(), [], [])
    objects.survey(list(dict.fromkeys(far)), found, recursive=recursive)
    if not near:
        return merged(found, Survey([], [], Counter(), [], []))
    return merged(local(near), found)


def with_state(source: RemoteSource, answer: Mapping[str, Any]) -> RemoteSource:
    """A source as it was when a node had read it."""
    return replace(source, seen=state_of(answer))
