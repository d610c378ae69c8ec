"""What a repair would do: only what mends something."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from mlenv.doctor import examine, fix
from mlenv.doctor.checks import below, hub, libraries, root_causes, trial
from mlenv.doctor.checks.common import Check, Finding, fail
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.files import Files, Partial
from mlenv.doctor.facts.libraries import Linkage
from mlenv.doctor.facts.target import Interpreter, Target
from mlenv.doctor.facts.trial import Tried

PYTHON = Interpreter("/venv/bin/python", "/venv", "/venv/lib", "/venv/lib")
TARGET = Target(Path("/venv"), Path("/venv/bin/python"))
SEEN = Facts("/venv", False, PYTHON, linkage=Linkage(ctranslate2_opens=("/venv/lib/ct2.so",)))
FOLDER = "/cache/models--Systran--faster-whisper-tiny.en/snapshots/0d3d1"


def planned(facts: Facts, *findings: Finding) -> list[str]:
    return [step.what for step in fix.plan(facts, findings, TARGET)]


def with_partial(*partial: Partial) -> Facts:
    return replace(SEEN, files=Files(partial=partial))


def test_a_library_that_no_path_leads_to_is_linked() -> None:
    (step,) = planned(SEEN, fail(libraries.CUBLAS))
    assert step == "Link cuDNN and cuBLAS beside CTranslate2"


def test_what_follows_from_a_fault_that_no_repair_mends_is_left() -> None:
    """On a mount without code no library can be loaded, linked or not."""
    follows = Finding(libraries.CUBLAS, "skip", root=below.NOEXEC)
    assert planned(SEEN, fail(below.NOEXEC), follows) == []


def test_files_of_models_that_are_not_whole() -> None:
    missing = Partial(f"{FOLDER}/model.bin", "missing", "tiny.en")
    empty = Partial(f"{FOLDER}/config.json", "empty", "tiny.en")
    closed = Partial(f"{FOLDER}/vocabulary.txt", "unreadable", "tiny.en")
    bad = fail(hub.INCOMPLETE)
    assert planned(with_partial(empty, missing, closed), bad) == [
        "Remove 1 unusable files of models (they are downloaded again)"
    ]
    assert planned(with_partial(missing), bad) == [
        "Take away what is left of tiny.en (it is downloaded again)"
    ]
    assert planned(with_partial(closed), bad) == []


def test_a_model_that_does_not_load_because_a_file_of_it_changed() -> None:
    """The environment is not built again for that."""
    words = f"(the model in {FOLDER})\nTraceback (most recent call last):\nException: token"
    changed = with_partial(Partial(f"{FOLDER}/tokenizer.json", "changed", "tiny.en"))
    failed = (Tried("words", exit_code=1, last_words=words),)
    ids = (hub.INCOMPLETE, trial.IDS["words"])
    report = examine.judge(replace(changed, trial=failed), ids)
    outcomes = {each.id: (each.outcome, each.root) for each in report.findings}
    assert outcomes == {
        hub.INCOMPLETE: ("fail", ""),
        trial.IDS["words"]: ("skip", hub.INCOMPLETE),
    }
    assert planned(changed, *report.findings) == [
        "Remove 1 unusable files of models (they are downloaded again)"
    ]


def test_libraries_that_a_variable_breaks_follow_from_it() -> None:
    """What a broken libz.so.1 on LD_LIBRARY_PATH does to cuDNN is no fault of the environment."""
    blamed = Tried("words", exit_code=1, last_words="ImportError: libz.so.1", alone=True)
    for name, root in (("LD_LIBRARY_PATH", trial.SURROUNDINGS), ("PYTHONPATH", "")):
        cublas = Check("libraries", (libraries.CUBLAS,), lambda _: [fail(libraries.CUBLAS)])
        failing = Check("the trial", (trial.IDS["words"],), partial(trial.judge_part, "words"))
        facts = replace(SEEN, trial=(replace(blamed, blamed=(name,)),))
        judged = [(each, finding) for each in (cublas, failing) for finding in each.judge(facts)]
        folded = root_causes.folded(trial.with_causes(judged, facts))
        findings = {finding.id: finding for _, finding in folded}
        assert findings[trial.SURROUNDINGS].outcome == "fail"
        assert findings[libraries.CUBLAS].root == root
        assert bool(planned(facts, *findings.values())) == (not root)
