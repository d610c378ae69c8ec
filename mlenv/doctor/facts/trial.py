"""The trial: parts of the job, started as a user's script starts them, in children.

In the launch environment and the working directory, with the user's variables. A part that fails
is tried again without all these surroundings, and if it works then with one of them at a time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlenv.doctor.facts.files import ModelFile
from mlenv.doctor.facts.packages import normalized
from mlenv.doctor.facts.target import Interpreter
from mlenv.environment import launch
from mlenv.machine.children import Child, Ended
from mlenv.result import MlenvError, redacted

TIME_LIMIT = 120.0  # seconds; the first import from a cold disk takes many times the second
AT_ONCE = 4  # children that look for a guilty variable
KEPT = 6000  # characters of a child's last words
FOLDER = "the working directory"
THEN, DID = "+", "did: "  # end the words of a part on the command line; begin its answer

# Runs a file as if it stood in the working directory: `-c` puts that first on the path.
_AS_A_SCRIPT = (
    "import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
)

# Variables that change what a program loads and how it behaves.
_SURROUNDINGS = re.compile(
    r"^(LD_|PYTHON|CT2_|HF_|HUGGINGFACE_|SSL_|OPENSSL_|TORCH|PYTORCH_|CUDA_|NVIDIA_|CUDNN_|ORT_"
    r"|OMP_|KMP_|MKL_|OPENBLAS_|NUMBA_|MPL|PYANNOTE_|OTEL_|GLIBC_TUNABLES$|MALLOC_|TMPDIR$|HOME$"
    r"|REQUESTS_CA_BUNDLE$|CURL_CA_BUNDLE$|XDG_|TOKENIZERS_|\w+_(PROXY|proxy)$)"
)


@dataclass(frozen=True, slots=True)
class Situation:
    """Conditions of a trial: the distributions that are there for a part, and GPUs."""

    there: tuple[str, ...]
    quick: bool
    gpu: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the job.

    `needs`: distributions of which one must be there, or belong there, for it to be tried.
    `always`: what mlenv builds must hold the first. `arguments` for the script. `quick`: a quick
    look tries it too. `absent`: what to say of an environment of mlenv's that leaves it out.
    """

    name: str
    needs: tuple[str, ...]
    arguments: Callable[[Situation], tuple[str, ...]] = lambda _: ()
    always: bool = False
    quick: bool = False
    absent: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """All that can be tried: a script for the examined Python, and the parts for each child.

    The last child starts when the GPUs are known. `models`: files of models that are here.
    """

    script: Path
    children: tuple[tuple[Part, ...], ...]
    models: tuple[ModelFile, ...] = ()

    def of(self, names: Collection[str]) -> Job:
        """Only the parts of these names."""
        children = (tuple(p for p in parts if p.name in names) for parts in self.children)
        return replace(self, children=tuple(children))


@dataclass(frozen=True, slots=True)
class Tried:
    """A part of the job, and how it went.

    `did`: what ran to its end, empty where it failed. `left_out`: why it was not tried. `lacks`:
    the package that it can't do without, and that what mlenv built does not hold. `alone`:
    it works without the surroundings; `blamed`: variables, or `FOLDER`, any one of which breaks it.
    `hiding`: files of that folder that are named in the last words.
    """

    part: str
    did: str = ""
    left_out: str = ""
    lacks: str = ""
    exit_code: int | None = None
    timed_out: bool = False
    error: str = ""
    last_words: str = ""
    alone: bool = False
    blamed: tuple[str, ...] = ()
    hiding: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return not self.did and not self.left_out


@dataclass(frozen=True, slots=True)
class Place:
    """The environment in which the parts are tried, and the directory, the caller's if None.

    `belongs`: the distributions that mlenv installed, None where it did not build it.
    """

    interpreter: Interpreter
    environ: Mapping[str, str]
    directory: Path | None
    belongs: tuple[str, ...] | None
    quick: bool


Again = Callable[[Collection[str]], Child]


@dataclass(frozen=True, slots=True)
class Begun:
    """Parts that were started in one child, `left_out` those that were not, and why.

    `lacking`: the package without which a part can't be started.
    `again` starts a part alone, without some of the surroundings.
    """

    place: Place
    parts: Mapping[str, Again]
    left_out: Mapping[str, str]
    lacking: Mapping[str, str]
    child: Child | None = None


def place(
    interpreter: Interpreter, environ: Mapping[str, str], directory: Path | None, *, quick: bool
) -> Place:
    """The place for an interpreter; an environment of mlenv's has a record of its packages."""
    from mlenv.environment import generations

    try:
        generation = generations.read(Path(interpreter.prefix))
    except MlenvError:  # damaged, or of a later mlenv: still mlenv's environment
        return Place(interpreter, environ, directory, (), quick)
    belongs = generation.distributions if generation else None
    return Place(interpreter, environ, directory, belongs, quick)


def start(script: Path, parts: Sequence[Part], place: Place, *, gpu: bool = False) -> Begun:
    """Start those parts that belong to this environment, one after the other in one child."""
    left_out: dict[str, str] = {}
    lacking: dict[str, str] = {}
    arguments: dict[str, tuple[str, ...]] = {}
    for part in parts:
        there = _there(part, place)
        if place.interpreter.error:
            left_out[part.name] = "the interpreter does not start"
        elif not there and part.always and place.belongs is not None:
            lacking[part.name] = part.needs[0]
        elif not there:
            absent = part.absent if place.belongs is not None else ""
            left_out[part.name] = absent or f"{part.needs[0]} not installed"
        elif place.quick and not part.quick:
            left_out[part.name] = "--quick"
        else:
            situation = Situation(there, place.quick, gpu)
            arguments[part.name] = (part.name, *part.arguments(situation), THEN)
    if not arguments:
        return Begun(place, {}, left_out, lacking)

    def alone(name: str) -> Again:
        return lambda without: _child(script, place, arguments[name], without)

    child = _child(script, place, [word for words in arguments.values() for word in words], ())
    return Begun(place, {name: alone(name) for name in arguments}, left_out, lacking, child)


def finish(begun: Sequence[Begun]) -> tuple[Tried, ...]:
    """Results of all parts; those that failed are tried again in other surroundings."""
    return tuple(tried for each in begun for tried in _finished(each))


def _child(script: Path, place: Place, arguments: Sequence[str], without: Collection[str]) -> Child:
    python = place.interpreter
    environ = {name: v for name, v in place.environ.items() if name not in without}
    built = launch.for_interpreter(python.prefix, python.executable, python.packages, environ)
    argv = [python.executable, "-c", _AS_A_SCRIPT, str(script), "trial", *arguments]
    directory = Path("/") if FOLDER in without else place.directory
    return Child(argv, built.applied_to(environ), TIME_LIMIT, directory)


def _there(part: Part, place: Place) -> tuple[str, ...]:
    """The distributions of a part that are installed, or that mlenv installed."""
    if not os.access(place.interpreter.packages, os.R_OK | os.X_OK):
        return part.needs  # who knows
    folders = [*_folders(place.interpreter)]
    entries = {entry for folder in folders for entry in _names(folder)}
    belongs = {normalized(name.rpartition("-")[0]) for name in place.belongs or ()}
    installed = {
        normalized(name.removesuffix(".dist-info").partition("-")[0])
        for name in entries
        if name.endswith(".dist-info")
    }

    def is_there(name: str) -> bool:
        if name in belongs | installed or name.replace("-", "_") in entries:
            return True
        inner = name.replace("-", "/")  # pyannote-audio: a package in a namespace
        return any(os.path.isdir(f"{folder}/{inner}") for folder in folders)  # noqa: PTH112

    return tuple(name for name in part.needs if is_there(name))


def _folders(python: Interpreter) -> Iterator[str]:
    yield from dict.fromkeys((python.packages, python.platform_packages, *python.path))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 (names are all that is wanted)
    except OSError:
        return []


def _finished(begun: Begun) -> Iterator[Tried]:
    yield from (Tried(name, left_out=why) for name, why in begun.left_out.items())
    yield from (Tried(name, lacks=package) for name, package in begun.lacking.items())
    if begun.child is None:
        return
    together, parts = begun.child.ended(), list(begun.parts.items())
    did = _answers(together)[: len(parts)]
    if together.exit_code != 0 and len(did) == len(parts):
        did.pop()  # it ended in another way than it should
    yield from (Tried(name, line) for (name, _), line in zip(parts, did, strict=False))
    failed, after = parts[len(did) : len(did) + 1], parts[len(did) + 1 :]
    tries = [(name, again, again(())) for name, again in after]  # what it did not come to
    ending = replace(together, stdout="")  # which has the answers of those before it
    yield from (_tried(name, again, ending, begun.place) for name, again in failed)
    for name, again, child in tries:
        yield _tried(name, again, child.ended(), begun.place)


def _tried(name: str, again: Again, ended: Ended, place: Place) -> Tried:
    if did := _did(ended):
        return Tried(name, did[0])
    names = [each for each in place.environ if _SURROUNDINGS.match(each)]
    alone = not ended.timed_out and bool(_did(again([FOLDER, *names]).ended()))
    blamed = tuple(_blamed(again, {FOLDER, *names})) if alone else ()
    words = redacted(ended.stderr)[-KEPT:].strip()
    return Tried(
        name,
        exit_code=ended.exit_code,
        timed_out=ended.timed_out,
        error=ended.error,
        last_words=words,
        alone=alone,
        blamed=blamed,
        hiding=_hiding(place.directory or Path(), words) if FOLDER in blamed else (),
    )


def _did(ended: Ended) -> list[str]:
    """The lines in which the child names what it did, one a part; none if it failed."""
    return _answers(ended) if ended.exit_code == 0 else []


def _answers(ended: Ended) -> list[str]:
    lines = ended.stdout.splitlines()
    return [line.removeprefix(DID) for line in lines if line.startswith(DID)]


def _blamed(again: Again, surroundings: Collection[str]) -> Iterator[str]:
    """Those of the surroundings of which one alone breaks the part, tried a few at a time."""
    names = sorted(surroundings)
    for first in range(0, len(names), AT_ONCE):
        tries = [(n, again([m for m in names if m != n])) for n in names[first : first + AT_ONCE]]
        yield from [name for name, child in tries if not _did(child.ended())]


def _hiding(directory: Path, words: str) -> tuple[str, ...]:
    """Modules in the directory that the last words name, by path or by name."""
    names = (name.removesuffix(".py") for name in sorted(_names(str(directory))))
    hiding = (name for name in names if f"'{name}'" in words or f"{directory}/{name}.py" in words)
    files = (directory.absolute() / name for name in dict.fromkeys(hiding))
    return tuple(str(f.with_name(f"{f.name}.py") if not f.is_dir() else f) for f in files)
