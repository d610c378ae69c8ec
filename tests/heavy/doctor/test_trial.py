"""The trial in the real environment: all of it runs, and what breaks it is found and named."""

from __future__ import annotations

import py_compile
import shutil
from collections.abc import Callable
from importlib.util import cache_from_source
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


def seen(report: Report) -> str:
    return "\n".join(next(f for f in report.findings if f.bad).evidence)


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


def emptied(pattern: str) -> Callable[[Path], None]:
    def act(site: Path) -> None:
        for file in site.glob(pattern):
            replaced(file, b"")

    return act


def removed(*patterns: str) -> Callable[[Path], None]:
    def act(site: Path) -> None:
        for path in [path for pattern in patterns for path in site.glob(pattern)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return act


def begins_with(pattern: str, head: bytes) -> Callable[[Path], None]:
    """Overwrite the beginning, the size stays."""

    def act(site: Path) -> None:
        for file in site.glob(pattern):
            replaced(file, head + file.read_bytes()[len(head) :])

    return act


def raises_at_import(pattern: str) -> Callable[[Path], None]:
    def act(site: Path) -> None:
        for file in site.glob(pattern):
            replaced(file, b"raise OSError('out of phase')\n" + file.read_bytes())

    return act


def cut_in_its_compiled_form(module: str) -> Callable[[Path], None]:
    """The header is right, as after a loss of power, and the code ends too soon."""

    def act(site: Path) -> None:
        compiled = Path(cache_from_source(str(site / module)))
        compiled.unlink(missing_ok=True)  # the copy's own: the other file is shared
        py_compile.compile(str(site / module), doraise=True)
        replaced(compiled, compiled.read_bytes()[:200])

    return act


DAMAGED, UNMET = "package-files-damaged", "requirement-unmet"
BROKEN = {
    "a library of PyAV is empty": (emptied("av.libs/libavutil-*"), DAMAGED, "main-job-fails"),
    "numpy's BLAS is empty": (emptied("numpy.libs/*openblas*"), DAMAGED, "main-job-fails"),
    "scipy's BLAS is gone": (removed("scipy.libs/*openblas*"), DAMAGED, "speakers-job-fails"),
    "the voice model is gone": (
        removed("faster_whisper/assets/silero_vad_v6.onnx"),
        DAMAGED,
        "main-job-fails",
    ),
    "the voice model is empty": (
        emptied("faster_whisper/assets/silero_vad_v6.onnx"),
        DAMAGED,
        "main-job-fails",
    ),
    "lightning is gone, its metadata is not": (
        removed("lightning"),
        DAMAGED,
        "speakers-job-fails",
    ),
    "pyannote's metadata is empty": (
        emptied("pyannote_*.dist-info/METADATA"),
        DAMAGED,
        "speakers-job-fails",
    ),
    "pyannote's dist-info is gone": (
        removed("pyannote_audio-*.dist-info"),
        DAMAGED,
        "speakers-job-fails",
    ),
    "a data file is gone": (
        removed("pyannote/audio/telemetry/config.yaml"),
        DAMAGED,
        "speakers-job-fails",
    ),
    "power was lost": (
        emptied("faster_whisper/audio.py"),
        DAMAGED,
        "main-job-fails",
    ),
    "torch's library begins with zeros": (
        begins_with("torch/lib/libtorch_cpu.so", b"\0" * 4096),
        DAMAGED,
        "torch-import-fails",
    ),
    "torchaudio raises when it is imported": (
        raises_at_import("torchaudio/__init__.py"),
        DAMAGED,
        "torch-import-fails",
    ),
    "a compiled module was cut": (
        cut_in_its_compiled_form("tqdm/std.py"),
        "compiled-module-damaged",
        "main-job-fails",
    ),
    "tokenizers was uninstalled": (removed("tokenizers*"), UNMET, "main-job-fails"),
    "httpx was uninstalled": (removed("httpx*"), UNMET, "hub-client-fails"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_has_its_cause_first(venv: Path, tmp_path: Path, name: str) -> None:
    act, cause, part = BROKEN[name]
    act(packages(venv))
    report = look(venv, tmp_path)
    assert bad(report)[0] == (cause, "fail")
    assert f"follows: {part}: " in seen(report)
    assert (report.exit_code(), line(report)[:8]) == (1, "Broken: ")


def test_a_quick_look_finds_what_keeps_the_transcriber_from_starting(
    venv: Path, tmp_path: Path
) -> None:
    emptied("av.libs/libavutil-*")(packages(venv))
    assert bad(look(venv, tmp_path, quick=True)) == [("main-job-fails", "fail")]


# Environments that look odd and work: what is shown of them, and never as a failure.
ODD = {
    "tests and stubs were taken away": (removed("*/tests", "*/*.pyi"), []),
    "a module was edited": (
        lambda site: replaced(site / "tqdm/cli.py", (site / "tqdm/cli.py").read_bytes() + b"#"),
        [(DAMAGED, "warn")],
    ),
    "setuptools was uninstalled": (
        removed("setuptools*", "pkg_resources", "_distutils_hack", "distutils-precedence.pth"),
        [(UNMET, "warn")],
    ),
    "a package was added": (
        lambda site: (site / "cowsay.py").write_text("moo = 1\n"),
        [],
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_what_works_is_no_failure(venv: Path, tmp_path: Path, name: str) -> None:
    act, shown = ODD[name]
    act(packages(venv))
    report = look(venv, tmp_path)
    assert (bad(report), report.exit_code()) == (shown, 0)


def test_surroundings(venv: Path, tmp_path: Path) -> None:
    gone, socks = str(tmp_path / "gone.pem"), "socks5://127.0.0.1:1"
    report = look(venv, tmp_path, SSL_CERT_FILE=gone)
    assert (bad(report), report.findings[0].evidence[0]) == (
        [("surroundings-break-the-job", "fail")],
        f"it does not work with SSL_CERT_FILE={gone}",
    )
    report = look(venv, tmp_path, ALL_PROXY=socks)
    assert (bad(report), report.findings[0].evidence[0]) == (
        [("surroundings-break-the-job", "fail")],
        f"it does not work with ALL_PROXY={socks}",
    )


VARIABLES = {
    "CT2_FORCE_CPU_ISA": "AVX1024",
    "PYTHONOPTIMIZE": "2",
    "HF_ENDPOINT": "huggingface.example",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_breaks_a_part_is_named(venv: Path, tmp_path: Path, name: str) -> None:
    value = VARIABLES[name]
    report = look(venv, tmp_path, **{name: value})
    assert {each.blamed for each in report.facts.trial if each.failed} == {(name,)}
    assert bad(report)[0] == ("surroundings-break-the-job", "fail")
    assert f"it does not work with {name}" in seen(report)


@pytest.mark.parametrize("module", ["inspect", "tokenizers"])
def test_a_file_beside_the_script_is_named(venv: Path, tmp_path: Path, module: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / f"{module}.py").write_text("VALUE = 1\n")
    report = look(venv, tmp_path)
    assert bad(report)[0] == ("local-file-shadows-module", "fail")
    assert f"{tmp_path}/here/{module}.py is imported in place of a package" in seen(report)
