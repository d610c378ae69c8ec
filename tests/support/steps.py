"""Commands that change something, cut or disturbed at each of their steps.

A step is a call that changes a file system; `standin/steps.c` stands before the C library,
writes the steps down in their order, and kills the process before one of them, or lets it fail.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from mlenv.environment.install import whole
from tests.support.index import Index, serving
from tests.support.places import ROOT
from tests.support.running import Loaded
from tests.support.small_index import PROFILE, fill

ERRORS = ("ENOSPC", "EIO", "EACCES", "EMFILE")


@dataclass(frozen=True)
class Operation:
    """A command that changes something, begun from a prepared HOME.

    `code`: that of its end. `done`: the beginning of the error that it ends with where it was done
    before. `plain`: on a file system that can't exchange two names in one step.
    """

    words: tuple[str, ...]
    start: str
    code: int = 0
    done: str = "-"
    plain: bool = False


OPERATIONS = {
    "install": Operation(("install", "small.toml", "--no-verify"), "empty"),
    "install over a venv": Operation(("install", "small.toml", "--no-verify"), "hand-made"),
    "install over a venv, plain": Operation(
        ("install", "small.toml", "--no-verify"), "hand-made", plain=True
    ),
    "install of a change": Operation(("install", "small.toml", "--no-verify"), "changed"),
    "add": Operation(("add", "notebook"), "one"),
    "remove": Operation(("remove", "notebook"), "two", done="error: notebook can't be removed"),
    "rollback": Operation(("rollback", "1"), "two"),
    "rollback to a venv": Operation(("rollback", "before"), "over", done="error: There is no gen"),
    "rollback to a venv, plain": Operation(
        ("rollback", "before"), "over", done="error: There is no gen", plain=True
    ),
    "gc": Operation(("gc", "--keep", "1"), "two"),
    "uninstall": Operation(("uninstall", "--yes"), "two", done="error: Nothing to remove"),
    "uninstall over a venv": Operation(
        ("uninstall", "--yes"), "over", done="error: Nothing to remove"
    ),
    "doctor --fix": Operation(("doctor", "--fix", "--yes", "--quick"), "damaged", code=1),
}


@dataclass
class Course:
    """An operation without faults: its steps, and what stands in HOME before and after."""

    steps: tuple[str, ...]
    before: str
    after: str
    generations: set[str]
    entries: tuple[str, ...]
    damaged: str  # what it begins with, where that is not whole
    seconds: float


@dataclass
class Bench:
    """A place where operations are tried: HOME, its prepared states, an index, mlenv loaded."""

    root: Path
    index: Index
    variables: dict[str, str]
    loaded: Loaded
    courses: dict[tuple[str, date], Course] = field(default_factory=dict)
    killed: bool = False  # the last one that was disturbed

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    def run(
        self,
        words: tuple[str, ...],
        more: Mapping[str, str] | None = None,
        limit: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            **self.variables,
            **(more or {}),
        }
        # A file is meant, wherever this runs.
        paths = [str(self.home / word) if word.endswith(".toml") else word for word in words]
        return self.loaded.run(paths, variables, limit)

    def start(self, name: str) -> None:
        """Put HOME into the prepared state of this name."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()
        if not (self.root / name).exists():
            self._prepare(name)
            subprocess.run(["cp", "-a", self.home, self.root / name], check=True)
            return
        subprocess.run(["cp", "-a", self.root / name, self.home], check=True)

    def _prepare(self, name: str) -> None:
        """Make a state from the one that comes before it."""
        profile = self.home / "small.toml"
        if name == "empty":
            self.home.mkdir()
            profile.write_text(PROFILE)
            self._do("lock", "small.toml")
            return
        self.start({"hand-made": "empty", "over": "hand-made", "one": "empty"}.get(name, "one"))
        match name:
            case "hand-made":
                venv = self.home / ".venvs/ml"
                (venv / "bin").mkdir(parents=True)
                (venv / "pyvenv.cfg").write_text("home = /usr/bin\n")
                (venv / "mine.txt").write_text("precious")
            case "one" | "over":
                self._do("install", "small.toml", "--no-verify")
            case "two":
                self._do("add", "notebook")
            case "changed":
                profile.write_text(PROFILE.replace("whisperer==1.0", "whisperer==1.1"))
                self._do("lock", "small.toml")
            case "damaged":
                for folder in (self.home / ".venvs/ml").glob("lib/*/*/tensors*"):
                    shutil.rmtree(folder)

    def _do(self, *words: str) -> None:
        done = self.run(words)
        assert done.returncode == 0, done.stderr

    def course(self, name: str) -> Course:
        """Run the operation undisturbed, once a day: a profile says when it was resolved."""
        key = name, datetime.now(UTC).date()
        if key in self.courses:
            return self.courses[key]
        operation = OPERATIONS[name]
        self.start(operation.start)
        log = self.root / "steps"
        log.unlink(missing_ok=True)
        before, generations = self.active(), self.generations()
        plain = {"STEPS_PLAIN": "1"} if operation.plain else {}
        began = time.monotonic()
        done = self.run(operation.words, {"STEPS": str(log), **plain})
        seconds = time.monotonic() - began
        assert done.returncode == operation.code, done.stderr
        course = Course(
            tuple(log.read_text().replace(f"{self.root}/", "").splitlines()),
            before,
            self.active(),
            generations | self.generations(),
            self.entries(),
            before if operation.start == "damaged" else "",
            seconds,
        )
        self.courses[key] = course
        return course

    def disturbed(self, name: str, *, at: int = 0, what: str = "kill", after: float = 0) -> str:
        """Begin the operation, with a fault at a step or a kill after so many seconds.

        Returns what is wrong then, or after the command that comes next; empty if nothing is.
        """
        operation, course = OPERATIONS[name], self.course(name)
        self.start(operation.start)
        fault = {"STEPS_PLAIN": "1"} if operation.plain else {}
        if at:
            log = str(self.root / "disturbed")
            fault |= {"STEPS": log, "STEPS_AT": str(at), "STEPS_DO": what}
        done = self.run(operation.words, fault, after or None)
        self.killed = done.returncode == -9
        problems = []
        if "Traceback" in done.stderr:
            problems.append(f"a traceback: {done.stderr[-800:]}")
        if what != "kill" and done.returncode not in (0, 1):
            problems.append(f"exit code {done.returncode}: {done.stderr}")
        if what != "kill" and not done.returncode and self.active() != course.after:
            problems.append(f"exit code 0, and it is not done: {done.stdout}")
        problems += self._broken(course, operation.plain)
        again = self.run(operation.words)
        if again.returncode != operation.code and not again.stderr.startswith(operation.done):
            problems.append(f"the next command: {again.stdout[-500:]}{again.stderr[-500:]}")
        problems += self._broken(course, False)
        if self.active() != course.after:
            problems.append("the next command does not do it")
        if self.active() != "nothing":  # the next command may have changed nothing
            self.run(("gc", "--keep", "9"))
        # Without the record of what was active before: where it is missing, the rest tells.
        left = ({*self.entries()} ^ {*course.entries}) - {".venvs/.ml.mlenv/previous"}
        if what != "kill":  # a failing disk may keep them; the next command that needs one sweeps
            left = {path for path in left if not path.startswith("tmp/")}
        if left:
            problems.append(f"other entries than without the fault: {sorted(left)}")
        return "; ".join(problems)

    def _broken(self, course: Course, plain: bool) -> Iterator[str]:
        now = self.active()
        if now not in (course.before, course.after) and not (plain and now == "nothing"):
            yield f"neither the old environment nor the new one, but {now[:300]}"
        if self.generations() - course.generations:
            yield "a generation has a record, and is not whole"
        python = self.home / ".venvs/ml/bin/python"
        if python.exists() and now != course.damaged:
            packages = next((self.home / ".venvs/ml").glob("lib/*/site-packages"))
            for folder in packages.glob("*.dist-info"):
                yield from whole._files(packages, folder)
            code = "import whisperer, tensors, diarizer"
            ran = subprocess.run([python, "-c", code], capture_output=True, text=True)
            if ran.returncode:
                yield f"its imports fail: {ran.stderr}"

    def active(self) -> str:
        """What is at the environment's place."""
        venv = self.home / ".venvs/ml"
        if not os.path.lexists(venv):
            return "nothing"
        return content_of(venv) if (venv / "bin").is_dir() else "a broken link"

    def generations(self) -> set[str]:
        """The content of every generation that has a record."""
        folders = (self.home / ".venvs/.ml.mlenv/generations").glob("*/")
        return {content_of(f) for f in folders if (f / "mlenv.json").exists()}

    def entries(self) -> tuple[str, ...]:
        """All that lies in HOME and in the folder for what is temporary.

        Not: what was built, and the files by which Python tries a folder.
        """
        names = [path.name for path in self.temporary.iterdir()]
        found = [f"tmp/{name}" for name in names if not re.fullmatch(r"[a-z0-9_]{8}", name)]
        for folder, names, files in os.walk(self.home):
            place = Path(folder).relative_to(self.home)
            if place.name == "generations":
                built = [name for name in names if (Path(folder) / name / "mlenv.json").exists()]
                found += [f"{place}/{name}" for name in {*names} - {*built}]
                names.clear()
            found += [f"{place}/{name}" for name in (*names, *files)]
        return tuple(sorted(found))


def content_of(venv: Path) -> str:
    """A text that is the same for the same files with the same bytes, whatever their generation."""
    summary = hashlib.sha256()
    real = Path(os.path.realpath(venv))
    for folder, names, files in os.walk(real):
        names[:] = sorted(name for name in names if name != "__pycache__")
        for file in sorted(files):
            path = Path(folder) / file
            if file == "mlenv.json":  # with the time
                continue
            content = b"link" if path.is_symlink() else path.read_bytes()
            name = str(path.relative_to(real)).encode()
            summary.update(name + b"\0" + content.replace(real.name.encode(), b"N") + b"\0")
    return summary.hexdigest()


def library(folder: Path) -> Path:
    """The library that stands before the C library, built there."""
    built, source = folder / "steps.so", ROOT / "tests/support/standin/steps.c"
    options = ("-shared", "-fPIC", "-Wall", "-Werror")
    subprocess.run(["gcc", *options, "-o", built, source], check=True)
    return built


@contextlib.contextmanager
def opened(root: Path) -> Iterator[Bench]:
    """A bench in an empty directory."""
    with serving() as index:
        fill(index)
        index.add("notebook", "7.0")  # to be added
        loaded = Loaded(library(root))
        variables = {"UV_DEFAULT_INDEX": index.url, "UV_CACHE_DIR": str(root / "uv-cache")}
        try:
            yield Bench(root, index, variables, loaded)
        finally:
            loaded.close()
