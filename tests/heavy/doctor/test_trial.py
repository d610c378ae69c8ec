"""The trial in the real environment: each part runs, with a model, and in a quick look."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlenv.doctor import examine, verdict
from mlenv.doctor.examine import Report
from mlenv.doctor.facts import target
from mlenv.speech import trial
from tests.support.speech import Pulled
from tests.support.venvs import MakeVenv, packages, replaced

pytestmark = pytest.mark.heavy

# What depends on this machine's network, and on how a test copies an environment.
IRRELEVANT = ("hf-download-offline", "hf-download-ssl", "cudnn9-sublib-not-on-loader-path")


@pytest.fixture
def venv(real_venv: Path, copy_of: MakeVenv) -> Path:
    """The real environment, its files shared by hard links."""
    return copy_of(real_venv, "*")


def look(venv: Path, tmp_path: Path, *, quick: bool = False, **variables: str) -> Report:
    home = {"HOME": str(tmp_path), "MLENV_CACHE_DIR": str(tmp_path)}
    environ = {"PATH": "/usr/bin:/bin", **home, **variables}
    (tmp_path / "here").mkdir(exist_ok=True)
    return examine.examine(
        target.of_venv(venv),
        skip=IRRELEVANT,
        job=trial.job(environ),
        environ=environ,
        directory=tmp_path / "here",
        quick=quick,
    )


def bad(report: Report) -> list[tuple[str, str]]:
    """The ids and outcomes of what is shown, as it is shown."""
    findings = [finding for finding in report.findings if finding.bad]
    return [(f.id, f.outcome) for f in sorted(findings, key=lambda f: f.outcome)]


def line(report: Report) -> str:
    return verdict.line(report.findings, report.facts.trial)


def test_all_parts_run(venv: Path, tmp_path: Path) -> None:
    report = look(venv, tmp_path)
    assert (bad(report), line(report)) == ([], "Healthy: torch, speakers, words, hub tried")
    assert {each.part: each.did for each in report.facts.trial} == {
        "torch": "import torch, torchvision, torchaudio",
        "speakers": "imports",
        "words": "imports, tokenizer, voice detection",
        "hub": "imports, proxies, certificates",
    }


def test_a_model_is_tried_with_a_second_of_speech(
    venv: Path, tmp_path: Path, model_cache: Path, pulled: Pulled
) -> None:
    pulled("tiny.en")
    report = look(venv, tmp_path, MLENV_CACHE_DIR=str(model_cache))
    words = next(each for each in report.facts.trial if each.part == "words")
    assert words.did == "a second of speech with tiny.en on cpu (int8)"


def test_a_quick_look_starts_the_transcriber(venv: Path, tmp_path: Path) -> None:
    report = look(venv, tmp_path, quick=True)
    assert line(report) == "Healthy: words tried; torch, speakers, hub not tried (--quick)"


def test_a_quick_look_finds_what_keeps_the_transcriber_from_starting(
    venv: Path, tmp_path: Path
) -> None:
    (library,) = packages(venv).glob("av.libs/libavutil-*")
    replaced(library, b"")
    assert bad(look(venv, tmp_path, quick=True)) == [("package-files-damaged", "fail")]
