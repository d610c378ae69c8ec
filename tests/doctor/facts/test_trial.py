"""The trial: real children in a small venv, whose package breaks in several ways."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlenv.doctor import examine, verdict
from mlenv.doctor.examine import Report
from mlenv.doctor.facts import target
from mlenv.doctor.facts.trial import FOLDER, Job, Part, Tried
from tests.support.venvs import empty_venv, packages

SCRIPT = """
import sys
for name in " ".join(sys.argv[2:]).split("+"):
    if name.strip():
        __import__(name.split()[0])
        print("did: import", name.split()[0])
"""
IDS = {"words": "main-job-fails", "hub": "hub-client-fails"}


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment with the packages `words` and `hub`."""
    made = empty_venv(tmp_path / "ml")
    for name in IDS:
        folder = packages(made) / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
    return made


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def look(venv: Path, here: Path, *, quick: bool = False, **variables: str) -> Report:
    (here.parent / "script.py").write_text(SCRIPT)
    parts = (Part("words", ("words",), always=True, quick=True), Part("hub", ("hub",)))
    environ = {"PATH": os.environ["PATH"], "HOME": str(here), **variables}
    return examine.examine(
        target.of_venv(venv),
        IDS.values(),
        job=Job(here.parent / "script.py", (parts,)),
        environ=environ,
        directory=here,
        quick=quick,
    )


def first(report: Report) -> tuple[str, str, tuple[str, ...]]:
    finding = report.documents()[0]
    return finding.id, finding.outcome, finding.evidence


def verdict_of(report: Report) -> str:
    return verdict.line(report.findings, report.facts.trial)


def breaks(venv: Path, name: str, code: str) -> None:
    (packages(venv) / name / "__init__.py").write_text(code)


def test_what_runs_is_healthy(venv: Path, here: Path) -> None:
    report = look(venv, here)
    assert report.facts.trial == (Tried("words", "import words"), Tried("hub", "import hub"))
    assert (verdict_of(report), report.exit_code()) == ("Healthy: words, hub tried", 0)


def test_a_quick_look_tries_the_words_and_says_so(venv: Path, here: Path) -> None:
    report = look(venv, here, quick=True)
    assert verdict_of(report) == "Healthy: words tried; hub not tried (--quick)"


def test_what_is_not_there_is_not_tried(venv: Path, here: Path) -> None:
    (packages(venv) / "hub" / "__init__.py").unlink()
    (packages(venv) / "hub").rmdir()
    assert verdict_of(look(venv, here)) == "Healthy: words tried; hub not tried (hub not installed)"


def test_without_a_job_nothing_is_called_healthy(venv: Path, here: Path) -> None:
    report = examine.examine(target.of_venv(venv), ("cudnn-mixed-versions",), directory=here)
    assert (verdict_of(report), report.exit_code()) == ("No fault found: nothing was tried", 0)


def test_an_unknown_error_is_shown_as_it_is(venv: Path, here: Path) -> None:
    breaks(venv, "words", "raise RuntimeError('the flux is out of phase')")
    report = look(venv, here)
    assert first(report) == ("main-job-fails", "fail", ("RuntimeError: the flux is out of phase",))
    assert verdict_of(report) == "Broken: 1 check failed; hub tried; words failed"
    assert (report.exit_code(), report.facts.trial[1].did) == (1, "import hub")


def test_a_known_error_is_named(venv: Path, here: Path) -> None:
    breaks(venv, "words", "raise OSError('libcublas.so.' + '12: cannot open shared object file')")
    report = look(venv, here)
    assert first(report) == (
        "cublas-missing",
        "fail",
        ("follows: main-job-fails: OSError: libcublas.so.12: cannot open shared object file",),
    )
    followed = next(finding for finding in report.findings if finding.id == "main-job-fails")
    assert (followed.outcome, followed.root) == ("skip", "cublas-missing")


def test_a_process_that_a_signal_ends(venv: Path, here: Path) -> None:
    breaks(venv, "words", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    said = ("its process was ended by SIGSEGV",)
    assert first(look(venv, here)) == ("main-job-fails", "fail", said)


def test_a_file_beside_the_script(venv: Path, here: Path) -> None:
    (here / "words.py").write_text("raise AttributeError(\"module 'words' has no attribute 'x'\")")
    report = look(venv, here)
    assert report.facts.trial[0].blamed == (FOLDER,)
    assert first(report)[:2] == ("local-file-shadows-module", "fail")
    assert first(report)[2][0] == f"{here}/words.py is imported in place of a package"


def test_variables_of_the_shell(venv: Path, here: Path) -> None:
    code = "import os\nassert 'CT2_A' not in os.environ and 'HF_B' not in os.environ"
    breaks(venv, "words", code)
    report = look(venv, here, CT2_A="1", HF_B="2", HF_C="3")
    assert report.facts.trial[0].blamed == ("CT2_A", "HF_B")
    assert first(report) == (
        "surroundings-break-the-job",
        "fail",
        (
            "it does not work with CT2_A",
            "it does not work with HF_B",
            "follows: main-job-fails: AssertionError",
        ),
    )


def test_credentials_in_last_words_are_left_out(venv: Path, here: Path) -> None:
    breaks(venv, "words", "raise ValueError('http://anna:geheim@proxy:1 is no proxy')")
    assert first(look(venv, here))[2] == ("ValueError: http://***@proxy:1 is no proxy",)


def test_an_interpreter_that_does_not_start_is_not_tried(venv: Path, here: Path) -> None:
    python = venv / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    report = look(venv, here)
    assert {each.left_out for each in report.facts.trial} == {"the interpreter does not start"}
    assert verdict_of(report).endswith("words, hub not tried (the interpreter does not start)")


def test_parts_that_fail_with_the_same_words_are_one_finding(venv: Path, here: Path) -> None:
    for name in IDS:
        breaks(venv, name, "raise RuntimeError('out of ' + 'phase')")
    assert first(look(venv, here)) == (
        "main-job-fails",
        "fail",
        (
            "RuntimeError: out of phase",
            "follows: hub-client-fails: RuntimeError: out of phase",
        ),
    )


def test_what_ran_before_a_part_that_fails_is_not_run_again(venv: Path, here: Path) -> None:
    """And what comes after it is tried all the same."""
    count = "import os; open(os.environ['HOME'] + '/words', 'a').write('1')\n"
    breaks(venv, "words", count)
    breaks(venv, "hub", "raise SystemExit(0)")
    report = look(venv, here)
    assert [(each.did, each.exit_code) for each in report.facts.trial] == [
        ("import words", None),
        ("", 0),
    ]
    assert (here / "words").read_text() == "1"
    breaks(venv, "words", f"{count}raise ImportError('now it does')")
    breaks(venv, "hub", "")
    report = look(venv, here)
    assert [each.did for each in report.facts.trial] == ["", "import hub"]
