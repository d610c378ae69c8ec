"""Real environments, broken as people break them: each in a file system of its own.

`unshare -m` gives a process its own mounts. There an overlay lies over the real environment and
over the Python below it: what an act changes is written beside them, nobody else sees it, and it
is gone with the process. Then the real `mlenv doctor` looks at the environment's own path.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.places import ROOT

USER = 54321  # somebody who is not root
MODEL = "tiny.en"


@dataclass
class Scene:
    """An environment about to be looked at.

    `venv`: the directory as users name it. `scratch`: a folder that everybody may read, with the
    user's home and the working directory. `base`: the Python below. `models`: whole models of
    mlenv's. `prefix`: words before the command line. `options`: more words for the doctor.
    `starts_here`: in `here`, not where the act has gone.
    """

    venv: Path
    base: Path
    models: Path
    scratch: Path
    environ: dict[str, str] = field(default_factory=dict)
    prefix: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    starts_here: bool = True

    @property
    def site(self) -> Path:
        return next(self.venv.glob("lib/python3*/site-packages"))

    @property
    def library(self) -> Path:
        """The standard library of the Python below."""
        return self.base / "lib" / self.site.parent.name

    @property
    def home(self) -> Path:
        return self.scratch / "home"

    @property
    def here(self) -> Path:
        """The working directory."""
        return self.scratch / "here"


Act = Callable[[Scene], object]
MENDS, REBUILDS = "mends", "rebuilds"


@dataclass(frozen=True, slots=True)
class Row:
    """An environment of the table.

    `act` makes it; `by_hand`: mlenv has no record of it; `user`: who looks. `cause`: the finding
    that must be the first, empty for one that works. `fails`: parts of the job that really fail.
    `shown`: warnings that are due in one that works. `repair`: `--fix` leaves it healthy
    (`MENDS`), or builds all of it again, which `test_managed` tries (`REBUILDS`); empty where
    nobody but the user can mend it, and `--fix` has nothing to do.
    """

    act: Act
    cause: str = ""
    fails: tuple[str, ...] = ()
    by_hand: bool = False
    user: int = 0
    shown: tuple[str, ...] = ()
    repair: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the doctor said: bad findings as they are shown, failures first."""

    exit_code: int
    verdict: str
    bad: tuple[tuple[str, str, tuple[str, ...]], ...]
    failed: tuple[str, ...]
    repairs: tuple[str, ...]
    stderr: str
    seconds: float

    @property
    def first(self) -> str:
        return self.bad[0][0] if self.bad else ""

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(id for id, _, _ in self.bad)


def possible() -> bool:
    """Tell if this process may mount: only root may, and not in every container."""
    words = ["unshare", "-m", "true"]
    return bool(
        os.getuid() == 0
        and shutil.which("unshare")
        and shutil.which("setpriv")
        and subprocess.run(words, check=False, capture_output=True).returncode == 0
    )


def look(name: str, venv: Path, models: Path, scratch: Path, *, mend: bool = False) -> Seen:
    """Make the environment of that name in a process of its own, and let the doctor look at it."""
    argv = ["unshare", "-m", sys.executable, "-m", "tests.support.scenes.stage"]
    argv += [name, str(venv), str(models), str(scratch), "--fix" if mend else "--no-fix"]
    began = time.monotonic()
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} could not be made: {done.stderr}")
    return seen(json.loads(done.stdout), time.monotonic() - began)


def seen(outcome: dict[str, Any], seconds: float) -> Seen:
    """Read what the doctor printed; words that are no JSON have no findings."""
    try:
        document = json.loads(outcome["stdout"])
    except ValueError:
        words = outcome["stdout"] + outcome["stderr"]
        return Seen(outcome["code"], "no document", (), (), (), words, seconds)
    data: dict[str, Any] = document.get("data") or {}
    bad = [f for f in data.get("findings", ()) if f["outcome"] in ("fail", "warn", "crash")]
    bad.sort(key=lambda finding: ("crash", "fail", "warn").index(finding["outcome"]))
    steps: Sequence[dict[str, Any]] = data.get("fix", {}).get("done", ())
    return Seen(
        outcome["code"],
        data.get("verdict") or str(document.get("errors")),
        tuple((f["id"], f["outcome"], tuple(f["evidence"])) for f in bad),
        tuple(t["part"] for t in data.get("facts", {}).get("trial", ()) if _failed(t)),
        tuple(step["error"] or "done" for step in steps),
        "".join(
            line
            for line in outcome["stderr"].splitlines(keepends=True)
            if not line.startswith("ERROR: ld.so: ")  # the loader's, of mlenv's own Python
        ),
        seconds,
    )


def _failed(tried: dict[str, Any]) -> bool:
    return not tried["did"] and not tried["left_out"]
