"""Results and errors of commands.

A command never prints: it returns a `Result`, or raises an `MlenvError` for anything a user
can cause. The command line turns both into one document (`cli.render`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from mlenv.result import next_steps

DONE = 0
FAILED = 1
WRONG_USAGE = 2
NOT_DIAGNOSED = 3


class Problem(NamedTuple):
    """One error of the envelope: a stable `code` for programs, a `message` for people.

    `path`: the file that it is about, where there is one, as the caller named it. `hint`: what to
    do; where it is empty, the code's next step (`next_steps.toml`) stands for it. `uri`: the
    file's address, where its name is not UTF-8 and `path` can't have it.
    """

    code: str
    message: str
    path: str | None = None
    hint: str = ""
    uri: str | None = None

    @property
    def text(self) -> str:
        """The message, and below it what to do."""
        return "\n".join(filter(None, (self.message, self.hint or next_steps.of_code(self.code))))

    def document(self) -> dict[str, str]:
        """It as JSON documents and lines have it."""
        where = {} if self.path is None else {"path": self.path}
        if self.uri:
            where["uri"] = self.uri
        return {"code": self.code, **where, "message": self.text}


T = TypeVar("T", covariant=True)  # records here are NamedTuples: `exec` waits for their imports


class Result(NamedTuple, Generic[T]):
    """The outcome of one command.

    `data`: the command's record; its fields are the keys of `data` in the JSON document.
    `warnings` go to standard error, as text. `lines` makes the text where the renderer takes
    options (`--verbose`); without it the renderer named after the command is used. `to_stderr`:
    standard output belongs to somebody else, so the text goes to standard error. `in_text`: the
    text says what `errors` say, which are for programs then.
    """

    command: str
    data: T | Any = None
    exit_code: int = DONE
    errors: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    lines: Callable[[], Iterable[str]] | None = None
    to_stderr: bool = False
    in_text: bool = False

    @property
    def ok(self) -> bool:
        """The command did all that it was asked to do."""
        return self.exit_code == DONE


class MlenvError(Exception):
    """Something that the user can understand and act on.

    `message` says what happened and where, `hint` (one line) what to do. Without a hint, it is
    that of the system's error which was the cause (`raise .. from error`), else that of the code:
    see `next_steps.toml`. `path`: the file that it is about.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        exit_code: int = FAILED,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
        self.path = None if path is None else os.fspath(path)

    def problem(self) -> Problem:
        hint = self.hint or next_steps.of_cause(self.__cause__)
        return Problem(self.code, self.message, self.path, hint)

    def result(self, command: str) -> Result[Any]:
        return Result(command, exit_code=self.exit_code, errors=(self.problem(),))


def from_import_error(error: ImportError) -> MlenvError | None:
    """A library below mlenv's own Python that does not load; None for any other failing import."""
    words = str(error)
    if ".so" not in words:
        return None
    paths = [name for name in ("LD_PRELOAD", "LD_LIBRARY_PATH") if os.environ.get(name)]
    hint = ""
    if paths:
        values = " and ".join(f"{name}={os.environ[name]}" for name in paths)
        hint = f"Call it without {values}: `env -u {' -u '.join(paths)} mlenv ..`."
    return MlenvError("python-broken", f"mlenv's own Python does not work: {words}.", hint)


def _is_lost() -> bool:
    """Tell if the current directory is gone."""
    try:
        os.getcwd()  # noqa: PTH109 (imports little)
    except FileNotFoundError:
        return True
    return False


# Secrets by their place or their form. A string: not every command needs the expression.
_SECRETS = (
    r"(?<=://)[^/\s\"'<>]*(?=@)"  # name and password in an address
    r"|(?<=[\w/]\?)[^\s\"'<>?]*=[^\s\"'<>]*"  # and what is asked with it: keys, signatures
    r"|\b(?:hf_|gh[pousr]_|glpat-|nvapi-|sk-|pypi-)[A-Za-z0-9-]{16,}"
    r"|(?<=\bBearer )[^\s\"',]+|(?<=\bBasic )[A-Za-z0-9+/]{8,}=*"
    r"|(?<=TOKEN=)[^\s\"',;]+|(?<=PASSWORD=)[^\s\"',;]+|(?<=SECRET=)[^\s\"',;]+"
    r"|(?<=API_KEY=)[^\s\"',;]+"
)


def redacted(text: str) -> str:
    """A quotation with *** for each secret in it: others may read what mlenv prints and keeps."""
    import re

    return re.sub(_SECRETS, "***", text)


def from_os_error(error: OSError) -> MlenvError:
    """A disk, a permission, a mount: the user's to mend, and never a traceback."""
    if isinstance(error, FileNotFoundError) and not error.filename and _is_lost():
        return MlenvError(
            "no-directory", "The current directory has been removed.", "Change to another: `cd ~`."
        )
    where = f": {error.filename}" if error.filename else ""
    code, hint = next_steps.code_of_system(error), next_steps.of_system(error)
    path = error.filename if isinstance(error.filename, str) else None
    return MlenvError(code, f"{error.strerror or error}{where}", hint, path=path)
