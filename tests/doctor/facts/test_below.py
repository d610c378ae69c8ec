"""The Python below an environment: exchanged, moved, without parts of its library."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mlenv.doctor import examine
from mlenv.doctor.checks import below
from mlenv.doctor.facts import Facts, libraries, target
from mlenv.doctor.facts.trial import Tried
from mlenv.result import MlenvError
from tests.support.venvs import empty_venv, packages

IDS = (below.STANDARD, below.EXCHANGED, below.MOVED)


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment with a package and its program."""
    made = empty_venv(tmp_path / "ml")
    (packages(made) / "sound-1.0.dist-info").mkdir()
    program(made, f"#!{made}/bin/python")
    return made


def program(venv: Path, first: str) -> None:
    (venv / "bin" / "sound").write_text(f"{first}\nimport sound\n")


def judged(venv: Path, **changes: object) -> list[tuple[str, str, tuple[str, ...]]]:
    facts = examine.examine(target.of_venv(venv), IDS).facts
    findings = examine.judge(replace(facts, **changes), IDS).findings  # type: ignore[arg-type]
    return [(f.id, f.outcome, f.evidence) for f in findings if f.outcome != "ok"]


def test_as_it_was_made(venv: Path) -> None:
    assert judged(venv) == []


@pytest.mark.parametrize("first", ["#!/bin/sh", "#!/usr/bin/env python3", "\x7fELF", ""])
def test_other_programs_are_no_alarm(venv: Path, first: str) -> None:
    program(venv, first)
    assert judged(venv) == []


def test_a_program_that_names_a_place_that_is_gone(venv: Path) -> None:
    program(venv, "#!/old/ml/bin/python")
    line = f"{venv}/bin/sound starts /old/ml/bin/python, which is gone"
    assert judged(venv) == [(below.MOVED, "warn", (line,))]


def test_the_packages_of_another_python(venv: Path) -> None:
    other = venv / "lib" / "python3.99" / "site-packages"
    other.parent.mkdir()
    packages(venv).rename(other)
    version = ".".join(map(str, sys.version_info[:3]))
    line = f"the packages are in {other}; this is Python {version}"
    assert judged(venv) == [(below.EXCHANGED, "fail", (line,))]


def test_a_python_without_parts_of_its_library(venv: Path, tmp_path: Path) -> None:
    script = tmp_path / "probe.py"
    text = Path(target.PROBES / "interpreter.py").read_text("utf-8")
    script.write_text(text.replace('"zlib"', '"zlib", "_nowhere"'))
    said = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True)
    assert json.loads(said.stdout)["lacking"] == ["_nowhere"]
    facts: Facts = examine.examine(target.of_venv(venv), IDS).facts
    python = replace(facts.interpreter, lacking=("_ssl",), base_prefix="/opt/python")
    line = ("/opt/python has no _ssl",)
    assert judged(venv, interpreter=python) == [(below.STANDARD, "fail", line)]
    works = (Tried("words", "imports"),)
    assert judged(venv, interpreter=python, trial=works) == [(below.STANDARD, "warn", line)]


def test_limits_of_the_shell_and_of_control_groups(venv: Path) -> None:
    facts: Facts = examine.examine(target.of_venv(venv), IDS).facts
    files = {"open files (ulimit -n)": 12}
    ids = (below.PROCESS, below.MEMORY, "main-job-fails")
    for change, tried, line in (
        (
            {"limits": files},
            Tried("words", last_words="OSError: [Errno 24] Too many open files", exit_code=1),
            (below.PROCESS, "a process here may have 12 open files (ulimit -n)"),
        ),
        (
            {"memory": 300 << 20},
            Tried("words", exit_code=-9),
            (below.MEMORY, "words was ended by SIGKILL"),
        ),
    ):
        changed = replace(facts, below=replace(facts.below, **change))  # type: ignore[arg-type]
        report = examine.judge(replace(changed, trial=(tried,)), ids)
        assert [(f.id, f.evidence[0]) for f in report.findings if f.bad] == [line]
        works = examine.judge(replace(changed, trial=(Tried("words", "imports"),)), ids)
        assert (works.exit_code(), [f for f in works.findings if f.bad]) == (0, [])


def test_limits_on_mapping_libraries(venv: Path) -> None:
    facts: Facts = examine.examine(target.of_venv(venv), IDS).facts
    words = "ImportError: libtorch_cpu.so: failed to map segment from shared object"
    failed = (Tried("words", last_words=words, exit_code=1),)
    for below_, cause in (
        (replace(facts.below, noexec=True), below.NOEXEC),
        (replace(facts.below, address_space=3 << 30), below.LIMITED),
    ):
        ids = (below.NOEXEC, below.LIMITED, "main-job-fails")
        report = examine.judge(replace(facts, below=below_, trial=failed), ids)
        assert [f.id for f in report.findings if f.bad] == [cause]
        works = examine.judge(replace(facts, below=below_, trial=(Tried("words", "imports"),)), ids)
        assert works.exit_code() == 0


def test_a_configuration_of_another_python(venv: Path) -> None:
    file = venv / "pyvenv.cfg"
    text = "home = /gone/bin\nversion = 3.99.1\n"
    file.write_text(text)
    facts = examine.examine(target.of_venv(venv), IDS).facts
    assert (facts.below.made_for, facts.below.gone) == ("3.99.1", (("home", "/gone/bin"),))
    here = sys.version.split()[0]
    line = f"pyvenv.cfg is of Python 3.99.1, and bin/python is {here}"
    python = replace(facts.interpreter, error="", version=here, lacking=())
    failed = (Tried("words", exit_code=1, last_words="ImportError: x"),)
    for trial, outcome in (((), "warn"), (failed, "fail"), ((Tried("words", "imports"),), "ok")):
        seen = replace(facts, interpreter=python, trial=trial)
        (finding,) = examine.judge(seen, (below.EXCHANGED,)).findings
        assert finding.outcome == outcome
        assert finding.evidence == (line,) or outcome == "ok"


def test_an_interpreter_that_does_not_start_and_a_home_that_is_gone(venv: Path) -> None:
    (venv / "pyvenv.cfg").write_text("home = /gone/bin\n")
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/gone/bin/python3")
    (finding,) = examine.examine(target.of_venv(venv), ("interpreter-does-not-start",)).findings
    assert finding.evidence[1:] == ("pyvenv.cfg names /gone/bin (home), which is gone",)


def test_an_environment_without_its_configuration(venv: Path) -> None:
    (venv / "pyvenv.cfg").unlink()
    with pytest.raises(MlenvError, match="but its pyvenv"):
        target.of_venv(venv)


def test_a_line_that_a_pth_file_prints_is_no_answer(venv: Path) -> None:
    (packages(venv) / "proxy.pth").write_text("import sys; print('proxy enabled')\n")
    assert examine.examine(target.of_venv(venv), IDS).facts.interpreter.error == ""


def test_the_doctor_goes_on_where_its_own_python_is_broken(
    venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a libz.so.1 on LD_LIBRARY_PATH that is empty."""

    def broken(*_: object) -> object:
        raise ImportError("libz.so.1: file too short")

    monkeypatch.setattr(libraries, "with_elves", broken)
    facts = examine.examine(target.of_venv(venv), IDS).facts
    assert facts.unseen == ("ELF files: libz.so.1: file too short",)
