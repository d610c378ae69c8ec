"""Recordings and transcripts at addresses (`s3://..`, `https://..`), by fsspec.

The environment's own Python runs it, beside mlenv and on the nodes. Nothing of mlenv is imported
here: Ray carries it to the nodes as it stands. Addresses may hold secrets, and so may the texts of
errors: mlenv takes them out of whatever it prints or keeps.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# Stores that put a whole object in the place of another; elsewhere that is a matter of renaming.
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "tos"}
# Of what stores say of an object: the first that is there changes whenever its content does, else
# all times that they say.
MARKS = ("etag", "md5hash", "content-md5", "lastmodified", "last-modified", "last_modified")
TIMES = ("mtime", "modified", "modify", "updated", "created", "date_time")
AT_ONCE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "http", "https"}
QUESTIONS = 16  # that a store gets at once
NEW = ".mlenv-new-"  # beginning of the name of what is not yet whole
TRIES, PAUSE = 3, 1.0  # of a download, and seconds after the first
# What the libraries call it where they have no name or key, or one that nobody knows.
NO_CREDENTIALS = {
    *("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "RefreshError"),
    *("ClientAuthenticationError", "AuthenticationException", "PasswordRequiredException"),
    *("NoAuthError", "TokenRetrievalError", "ProfileNotFound", "LogonFailure"),
}
OF_THE_NODE = ("no-package", "no-protocol", "no-credentials")  # true of all such addresses there
UNAUTHORIZED, NO_SUCH = (401, 403), (404, 410)  # of HTTP


class Trouble(Exception):
    """The reason why an address can't be used: a code, a text, and the package that it needs.

    Codes: no-package, no-protocol, no-credentials, not-found, not-permitted, unreachable.
    """

    def __init__(self, code: str, text: str, package: str = "") -> None:
        super().__init__(code, text, package)
        self.code, self.text, self.package = code, text, package

    def fields(self) -> dict[str, Any]:
        """The trouble as JSON has it."""
        return {"code": self.code, "text": self.text, "package": self.package}


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """Raise `Trouble` for any error of a store's library in the block."""
    try:
        yield
    except Trouble:
        raise
    except Exception as error:  # each library has its own
        raise trouble(error) from error


def trouble(error: BaseException) -> Trouble:
    """Tell what an error of one of the libraries means."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__) and cause not in chain:
        chain.append(cause)
    first = chain[-1]
    text = f"{str(first).strip() or type(first).__name__}".splitlines()[0]
    status = next((each for each in map(_status, chain) if each), None)
    if status and hasattr(first, "message"):
        text = f"the server answers {status} ({first.message or 'no reason'})"
    if isinstance(first, ImportError):
        package = (getattr(first, "name", None) or text).split(".")[0]
        return Trouble("no-package", f"the package {package} is missing", package)
    if isinstance(error, ValueError) and text.startswith("Protocol not known"):
        return Trouble("no-protocol", text[0].lower() + text[1:])
    names = {kind.__name__ for each in chain for kind in type(each).__mro__}
    if names & NO_CREDENTIALS or (text.startswith("530") and "error_perm" in names):
        return Trouble("no-credentials", text)
    is_refused = any(isinstance(each, PermissionError) for each in chain)
    if status in UNAUTHORIZED or (not status and is_refused):
        return Trouble("not-permitted", text)
    if status in NO_SUCH or (not status and isinstance(first, FileNotFoundError)):
        return Trouble("not-found", "it does not exist")
    return Trouble("unreachable", text)


def _status(error: BaseException) -> int | None:
    """The status of HTTP that an error tells of, as aiohttp and botocore have it."""
    own = getattr(error, "status", None)
    answer = getattr(error, "response", None)
    if own is None and isinstance(answer, dict):
        own = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return own if isinstance(own, int) else None


def opened(url: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it, as they are now."""
    with in_words():
        from fsspec.core import url_to_fs

        system, path = url_to_fs(url)
        system.invalidate_cache()
        return system, path


def state(url: str) -> dict[str, Any]:
    """Size in bytes (None where nobody says it) and mark of a file; raises `Trouble`."""
    system, path = opened(url)
    with in_words():
        return _state(system.info(path))


def _state(info: dict[str, Any]) -> dict[str, Any]:
    plain = {str(key).lower(): value for key, value in info.items()}
    marks = [f"{key}={plain[key]}" for key in MARKS if plain.get(key)][:1]
    marks = marks or [f"{key}={plain[key]}" for key in TIMES if plain.get(key)]
    return {"size": plain.get("size"), "mark": " ".join(marks).replace('"', "")}


def find(url: str, *, recursive: bool = False) -> dict[str, Any]:
    """Find the files at an address: `kind` file, folder or pattern, and the `files` there.

    Each of those has its `url`, its `place` below the address, `size` and `mark`. `below`: folders
    that were not looked into. Raises `Trouble`.
    """
    system, path = opened(url)
    link, separator, rest = url.partition("::")
    with in_words():
        try:
            info = system.info(path)
        except FileNotFoundError:
            if not (signs := _magic(link)):
                raise
            found = system.glob(path, detail=True)
            link, path = _above(link, signs), _above(path, signs)
            kind = "pattern"
        else:
            if info["type"] != "directory" and not url.endswith("/"):
                file = {"url": url, "place": _name(link), **_state(info)}
                return {"kind": "file", "files": [file]}
            kind = "folder"
            found = _inside(system, path, recursive=recursive)
    files, below = [], []
    for name, info in sorted(found.items()):
        place = name[len(path.rstrip("/")) :].lstrip("/")
        if info["type"] == "directory":
            below.append(place.rstrip("/") + "/")
        elif place and "?" not in place and not name.endswith("/"):
            own = f"{link.rstrip('/')}/{place}{separator}{rest}"
            known = _state(info)
            if not known["mark"]:  # as where a page of a web server lists them
                with contextlib.suppress(Trouble):
                    known = state(own)
            files.append({"url": own, "place": place, **known})
    return {"kind": kind, "files": files, "below": below if kind == "folder" else []}


def find_each(urls: list[str], *, recursive: bool = False) -> list[dict[str, Any]]:
    """Find the files at each address, in their order: as `find`, or the trouble in fields.

    Stores that answer many questions at once are asked so.
    """

    def answer(url: str) -> dict[str, Any]:
        try:
            return find(url, recursive=recursive)
        except Trouble as error:
            return error.fields()

    if any(url.partition("://")[0] not in AT_ONCE for url in urls):
        return [answer(url) for url in urls]
    with ThreadPoolExecutor(QUESTIONS) as threads:
        return list(threads.map(answer, urls))


def _inside(system: Any, path: str, *, recursive: bool) -> dict[str, Any]:
    if recursive:
        return dict(system.find(path, detail=True))
    return {info["name"]: info for info in system.ls(path, detail=True)}


def _magic(link: str) -> str:
    """The signs of a pattern that are in an address; `?` begins a query where HTTP is spoken."""
    return "".join(sign for sign in ("*[" if link.startswith("http") else "*?[") if sign in link)


def _above(path: str, signs: str) -> str:
    """The folder above the first part of a path that is a pattern."""
    first = min(path.index(sign) for sign in signs)
    return path[:first].rpartition("/")[0]


def _name(link: str) -> str:
    return link.partition("?")[0].rstrip("/").rpartition("/")[2]


def fetch(url: str, folder: str, name: str) -> tuple[str, dict[str, Any]]:
    """Bring a whole file into a folder: its path there and its state; raises `Trouble`.

    One that changes meanwhile, or breaks off, is fetched anew.
    """
    target = Path(folder, name)
    pause = PAUSE
    for last in (*[False] * (TRIES - 1), True):
        try:
            before = state(url)
            system, path = opened(url)
            with in_words():
                system.get_file(path, str(target))
            size = target.stat().st_size
            if before["size"] not in (None, size):
                raise Trouble("unreachable", f"{size} of its {before['size']} bytes came")
            if before == state(url):
                return str(target), {**before, "size": size}
            raise Trouble("unreachable", "it changes while it is read")
        except Trouble as error:
            if last or error.code != "unreachable":
                raise
        time.sleep(pause)
        pause *= 4
    raise AssertionError


def names(url: str) -> list[str]:
    """The files below an address, as paths from there; none where there is nothing yet."""
    system, path = opened(url)
    with in_words():
        try:
            found = system.find(path)
        except FileNotFoundError:
            return []
    root = path.rstrip("/")
    return [name[len(root) :].lstrip("/") for name in found if name.startswith(f"{root}/")]


def read(url: str) -> str:
    """The content of a file, in base 64; raises `Trouble`."""
    system, path = opened(url)
    with in_words():
        return base64.b64encode(system.cat_file(path)).decode()


def sha256(url: str) -> str:
    """The sha256 of a file; raises `Trouble`."""
    with tempfile.TemporaryDirectory(prefix="mlenv-run-") as folder:
        target, _ = fetch(url, folder, "content")
        with open(target, "rb") as stream:  # noqa: PTH123
            return hashlib.file_digest(stream, "sha256").hexdigest()


def write(url: str, content: str) -> None:
    """Write a file (`content` in base 64) whole or not at all; raises `Trouble`."""
    system, path = opened(url)
    data = base64.b64decode(content)
    with in_words():
        if _protocols(system) & OBJECT_STORES:
            system.pipe_file(path, data)
            return
        if not _renames(system):
            raise Trouble("not-permitted", "no file can be put in the place of another there")
        folder = path.rpartition("/")[0]
        system.makedirs(folder, exist_ok=True)
        new = f"{folder}/{NEW}{secrets.token_hex(6)}"
        try:
            system.pipe_file(new, data)
            system.mv(new, path)
        except BaseException:
            with contextlib.suppress(Exception):
                system.rm_file(new)
            raise


def move(url: str, to: str) -> None:
    """Give a file another name; raises `Trouble`."""
    system, path = opened(url)
    _, target = opened(to)
    with in_words():
        system.mv(path, target)


def try_to_write(url: str) -> None:
    """Write a file below an address, replace it, read it and remove it; raises `Trouble`."""
    probe = f"{url.rstrip('/')}/{NEW}{secrets.token_hex(6)}"
    for content in (b"first", b"second"):
        write(probe, base64.b64encode(content).decode())
    system, path = opened(probe)
    with in_words():
        is_there = system.cat_file(path) == b"second"
        system.rm_file(path)
    if not is_there:
        raise Trouble("not-permitted", "what is written there can't be read")


def _protocols(system: Any) -> set[str]:
    own = system.protocol
    return {own} if isinstance(own, str) else set(own)


def _renames(system: Any) -> bool:
    """Tell if a store has a way of its own to rename, which replaces what has that name."""
    from fsspec.spec import AbstractFileSystem

    return type(system).mv is not AbstractFileSystem.mv
