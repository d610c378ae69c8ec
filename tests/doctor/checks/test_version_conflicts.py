"""Versions that go together and versions that do not, stated as facts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlenv.doctor import examine
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.builds import Build
from mlenv.doctor.facts.files import Cache, Disk, Files
from mlenv.doctor.facts.load_probes import ProbeRun, Step
from mlenv.doctor.facts.network import Access, Network
from mlenv.doctor.facts.packages import Distribution, Packages
from mlenv.doctor.facts.target import Interpreter
from mlenv.doctor.facts.trial import Tried
from mlenv.machine.system import Machine

SITE = "/venv/lib/python3.11/site-packages"
PYTHON = Interpreter(
    "/venv/bin/python", "/venv", SITE, SITE, "3.11.7", "cpython",
    platform="linux-x86_64", libc="glibc 2.36",
)  # fmt: skip
MACHINE = Machine("Linux", "6.8.0", "x86_64", "Debian", "2.36", variables={})


def facts(*installed: str, **other: object) -> Facts:
    """Facts of an environment that holds these (`NAME==VERSION`)."""
    distributions = tuple(Distribution(*word.split("=="), SITE) for word in installed)
    builds = tuple(
        Build(d.name, d.version, _cuda(d.version), flavour=_flavour(d.version))
        for d in distributions
        if d.name in ("torch", "torchvision", "torchaudio")
    )
    return replace(
        Facts("/venv", False, PYTHON, MACHINE, packages=Packages(distributions), builds=builds),
        **other,  # type: ignore[arg-type]
    )


def _cuda(version: str) -> str:
    tag = version.partition("+cu")[2]
    return f"{tag[:-1]}.{tag[-1]}" if tag else ""


def _flavour(version: str) -> str:
    return "cuda" if "+cu" in version else "cpu" if "+cpu" in version else ""


def outcome(seen: Facts, id: str) -> str:
    (finding,) = examine.judge(seen, (id,)).findings
    return finding.outcome


PAIRS = [
    ("numpy2-abi", ("torch==2.2.2+cu121", "numpy==2.0.1"), "fail"),
    ("numpy2-abi", ("torch==2.5.1+cu124", "numpy==2.3.5"), "ok"),
    ("numpy2-removed-alias", ("pyannote-audio==3.1.1", "numpy==2.0.1"), "fail"),
    ("numpy2-removed-alias", ("pyannote-audio==4.0.3", "numpy==2.3.5"), "skip"),
    ("hf-token-kwarg-renamed", ("pyannote-audio==3.3.2", "huggingface-hub==1.2.3"), "fail"),
    ("hf-token-kwarg-renamed", ("pyannote-audio==3.3.2", "huggingface-hub==0.36.0"), "ok"),
    ("hf-token-kwarg-renamed", ("pyannote-audio==4.0.3", "huggingface-hub==1.2.3"), "ok"),
    ("torchaudio-api-removed", ("pyannote-audio==3.3.2", "torchaudio==2.9.1+cu128"), "fail"),
    ("torchaudio-api-removed", ("pyannote-audio==4.0.3", "torchaudio==2.9.1+cu128"), "ok"),
    ("torch-weights-only-default",
     ("torch==2.6.0+cu124", "pyannote-audio==3.3.2", "lightning==2.6.0"), "fail"),
    ("torch-weights-only-default",
     ("torch==2.5.1+cu124", "pyannote-audio==3.3.2", "lightning==2.6.0"), "ok"),
    ("torchvision-torch-mismatch", ("torch==2.8.0+cu128", "torchvision==0.20.1+cu124"), "fail"),
    ("torchvision-torch-mismatch", ("torch==2.8.0+cu128", "torchvision==0.23.0+cu128"), "ok"),
    ("torchaudio-torch-abi-mismatch", ("torch==2.5.1+cu124", "torchaudio==2.11.0"), "fail"),
    ("torch-companion-cuda-mismatch",
     ("torch==2.5.1+cu124", "torchaudio==2.5.1+cu118"), "fail"),
    ("torch-companion-cuda-mismatch",  # torchaudio compares both numbers, and raises
     ("torch==2.15.0+cu132", "torchaudio==2.11.0+cu130"), "fail"),
    ("torch-companion-cuda-mismatch",
     ("torch==2.5.1+cu124", "torchaudio==2.5.1+cu124"), "ok"),
    ("torch-companion-cuda-mismatch",  # of another release, which is worse
     ("torch==2.5.1+cu124", "torchaudio==2.8.0+cu128"), "ok"),
    ("torchaudio-torch-abi-mismatch",
     ("torch==2.5.1+cu124", "torchaudio==2.8.0+cu128"), "fail"),
    ("torch-companion-cuda-mismatch",  # torchvision compares the first
     ("torch==2.5.1+cu124", "torchvision==0.20.1+cu121"), "ok"),
    ("torch-companion-flavour-mismatch",
     ("torch==2.5.1+cu124", "torchaudio==2.5.1+cpu"), "fail"),
    ("torch-companion-flavour-mismatch", ("torch==2.5.1+cpu", "torchaudio==2.5.1+cpu"), "ok"),
    ("torchaudio-backend-missing", ("pyannote-audio==3.3.2", "torchaudio==2.5.1+cu124"), "warn"),
    ("torchaudio-backend-missing",
     ("pyannote-audio==3.3.2", "torchaudio==2.5.1+cu124", "soundfile==0.13.1"), "ok"),
    ("onnxruntime-missing-or-broken", ("faster-whisper==1.2.1",), "fail"),
    ("onnxruntime-missing-or-broken", ("faster-whisper==1.2.1", "onnxruntime==1.23.2"), "ok"),
    ("onnxruntime-missing-or-broken", ("torch==2.5.1+cu124",), "skip"),
    ("ffmpeg-binary-missing-or-broken", ("ffmpeg==1.4",), "warn"),
    ("ffmpeg-binary-missing-or-broken", ("whisperx==3.4.2",), "fail"),
    ("package-not-in-this-interpreter", ("requests==2.32.0",), "warn"),
    ("package-not-in-this-interpreter", ("ctranslate2==4.6.2",), "ok"),
    ("pyav-builds-from-source", ("faster-whisper==1.2.1", "av==16.0.1"), "ok"),
]  # fmt: skip


@pytest.mark.parametrize(("id", "installed", "expected"), PAIRS)
def test_what_goes_together(id: str, installed: tuple[str, ...], expected: str) -> None:
    assert outcome(facts(*installed), id) == expected


def test_no_command_brings_again_what_is_there() -> None:
    """The newest torch of the public index is of a later CUDA than its torchaudio there."""
    seen = facts("torch==2.15.0+cu132", "torchaudio==2.11.0+cu130")
    public = Packages((Distribution("torchaudio", "2.11.0", SITE),))
    (finding,) = examine.judge(
        replace(seen, packages=public), ("torch-companion-cuda-mismatch",)
    ).findings
    assert (finding.outcome, finding.commands) == ("fail", ())


def test_a_torchaudio_that_was_seen_to_load_fits_whatever_its_tag() -> None:
    pair = ("torch==2.5.1+cu124", "torchaudio==2.5.1+cu121")
    seen = facts(*pair, trial=(Tried("torch", did="imported"),))
    assert outcome(seen, "torch-companion-cuda-mismatch") == "ok"


def test_the_right_companion_comes_from_where_torch_came_from() -> None:
    def commands(torch: str) -> tuple[tuple[str, ...], ...]:
        seen = facts(f"torch=={torch}", "torchaudio==2.11.0")
        return examine.judge(seen, ("torchaudio-torch-abi-mismatch",)).findings[0].commands

    install = ("uv", "pip", "install", "--python", "/venv/bin/python", "--no-deps")
    assert commands("2.5.1+cu124") == ((*install, "torchaudio==2.5.1"),)
    index = ("--index", "https://download.pytorch.org/whl/cu121")
    assert commands("2.5.1+cu121") == ((*install, *index, "torchaudio==2.5.1+cu121"),)


def test_the_torch_that_a_companion_was_made_for_is_in_its_metadata() -> None:
    def judged(audio: str, requirement: str) -> tuple[str, tuple[str, ...]]:
        made = Distribution("torchaudio", audio, SITE, (requirement,))
        seen = facts("torch==2.16.0")
        builds = (*seen.builds, Build("torchaudio", audio))
        seen = replace(seen, packages=Packages((made,)), builds=builds)
        (finding,) = examine.judge(seen, ("torchaudio-torch-abi-mismatch",)).findings
        return finding.outcome, finding.evidence

    both = "torchaudio 2.16.1 beside torch 2.16.0"
    assert judged("2.16.1", "torch (==2.16.1)") == (
        "ok",
        (f"{both}: releases that belong together",),
    )
    assert judged("2.16.1", "torch==2.15.0") == (
        "fail",
        (both, "torchaudio 2.16.1 is made for torch 2.15.0"),
    )
    unknown = (f"{both}: not in the table of releases, and not opened",)
    assert judged("2.16.1", "torch>=2.0") == ("unknown", unknown)
    assert judged("2.16.1", "torch-pitch-shift==1.2.0") == ("unknown", unknown)


def test_pins_of_torch_are_judged_by_loading() -> None:
    """pyannote.audio 4.0.3 pins torch 2.8.0 and runs beside 2.5.1: no alarm."""
    requires = ("torch==2.8.0", "torchcodec==0.7.0", "einops>=0.8.1")
    pyannote = Distribution("pyannote-audio", "4.0.3", SITE, requires)
    seen = facts("torch==2.5.1+cu124")
    installed = (*seen.packages.distributions, pyannote)
    seen = replace(seen, packages=Packages(installed))
    (unmet, conflict) = examine.judge(seen, ("requirement-unmet", "resolver-conflict")).findings
    assert (unmet.outcome, conflict.outcome) == ("fail", "ok")
    assert unmet.evidence == ("pyannote-audio 4.0.3 needs einops>=0.8.1, which is not installed",)


def test_a_version_that_another_package_refuses() -> None:
    whisper = Distribution("faster-whisper", "1.2.1", SITE, ("tokenizers<1,>=0.13",))
    seen = facts("tokenizers==1.2.0")
    seen = replace(seen, packages=Packages((*seen.packages.distributions, whisper)))
    (conflict,) = examine.judge(seen, ("resolver-conflict",)).findings
    assert conflict.outcome == "warn"
    assert conflict.evidence == (
        "faster-whisper 1.2.1 needs tokenizers<1,>=0.13; installed is 1.2.0",
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("UV_DEFAULT_INDEX", "https://download.pytorch.org/whl/cu121", "warn"),
        ("PIP_INDEX_URL", "https://mirror.example/simple", "ok"),
    ],
)
def test_an_index_that_replaces_the_package_index(name: str, value: str, expected: str) -> None:
    seen = facts(machine=replace(MACHINE, variables={name: value}))
    assert outcome(seen, "uv-index-or-tag-unsatisfiable") == expected


@pytest.mark.parametrize(
    ("platform", "libc", "expected"),
    [
        ("linux-x86_64", "glibc 2.36", "ok"),
        ("linux-aarch64", "glibc 2.31", "ok"),
        ("linux-x86_64", "glibc 2.17", "warn"),
        ("linux-x86_64", "", "fail"),
        ("linux-armv7l", "glibc 2.36", "fail"),
        ("macosx-14.0-arm64", "", "ok"),
        ("macosx-10.9-x86_64", "", "fail"),
    ],
)
def test_platforms(platform: str, libc: str, expected: str) -> None:
    seen = facts(interpreter=replace(PYTHON, platform=platform, libc=libc))
    assert outcome(seen, "platform-has-no-torch-wheel") == expected


def test_a_wheel_of_another_python() -> None:
    torch = Distribution("torch", "2.5.1", SITE, tags=("cp312-cp312-linux_x86_64",))
    pure = Distribution("rich", "14.0", SITE, tags=("py3-none-any",))
    stable = Distribution("safetensors", "0.5", SITE, tags=("cp38-abi3-manylinux_2_17_x86_64",))
    seen = facts(packages=Packages((torch, pure, stable)))
    (finding,) = examine.judge(seen, ("python-version-unsupported",)).findings
    assert finding.outcome == "fail"
    assert finding.evidence == (
        "torch 2.5.1 is a wheel for cp312-cp312-linux_x86_64, and this is Python 3.11.7",
    )


@pytest.mark.parametrize(
    ("requires", "expected"),
    [(">=3.12", "fail"), (">=3.8,<3.11", "fail"), (">=3.8", "ok"), ("", "ok"), ("three", "ok")],
)
def test_a_package_says_which_pythons_it_is_for(requires: str, expected: str) -> None:
    torch = Distribution("torch", "2.9.0", SITE, requires_python=requires)
    seen = facts(packages=Packages((torch,)))
    assert outcome(seen, "python-version-unsupported") == expected
    works = replace(seen, trial=(Tried("words", "imports"),))
    assert outcome(works, "python-version-unsupported") == "ok"


GATED = Network(
    True, reachable=True, account=200, gated=(Access("pyannote/segmentation-3.0", 403),)
)


@pytest.mark.parametrize(
    ("id", "network", "token", "expected"),
    [
        ("hf-download-offline", Network(True, problem="unreachable"), "", "unknown"),
        ("hf-download-offline", Network(), "", "skip"),
        ("hf-download-ssl", Network(True, problem="tls", error="self-signed"), "", "warn"),
        ("hf-download-ssl", Network(True, reachable=True), "", "ok"),
        ("hf-token-missing-or-wrong", Network(True, reachable=True), "", "skip"),
        ("hf-token-missing-or-wrong", Network(True, account=401), "$HF_TOKEN", "warn"),
        ("hf-token-missing-or-wrong", Network(True), "$HF_TOKEN", "unknown"),
        ("hf-gated-model-not-accepted", GATED, "$HF_TOKEN", "warn"),
        ("hf-gated-model-not-accepted", GATED, "", "skip"),
    ],
)  # fmt: skip
def test_the_hub(id: str, network: Network, token: str, expected: str) -> None:
    seen = facts("pyannote-audio==4.0.3", network=network, files=Files(token=token))
    assert outcome(seen, id) == expected


def test_disks_and_caches() -> None:
    low = Files(
        disks=(Disk("environment", "/venv", 10 * 1024**3), Disk("temporary files", "/tmp", 2**20)),
        caches=(Cache("uv", "/var/cache/uv", True, False, 0),),
        uid=1000,
    )
    seen = facts(files=low)
    assert outcome(seen, "disk-full-or-tmp-too-small") == "warn"
    (finding,) = examine.judge(seen, ("cache-permission-denied",)).findings
    assert finding.evidence == (
        "/var/cache/uv (uv) can't be written: it belongs to user 0, this is user 1000",
    )


LOADER = [
    ("glibc-too-old", "/lib/libc.so.6: version `GLIBC_2.38' not found (required by /x.so)"),
    ("libstdcxx-too-old", "/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found"),
    ("ctranslate2-execstack", "libctranslate2.so: cannot enable executable stack as shared object"),
    ("extension-built-for-other-cuda",
     "libcudart.so.13: cannot open shared object file: No such file or directory"),
]  # fmt: skip


@pytest.mark.parametrize(("id", "error"), LOADER)
@pytest.mark.parametrize(("environment", "expected"), [("launch", "fail"), ("bare", "warn")])
def test_what_the_loader_says(id: str, error: str, environment: str, expected: str) -> None:
    library = f"{SITE}/ctranslate2/_ext.cpython-311-x86_64-linux-gnu.so"
    step = Step("ctranslate2/_ext.so:open", True, error=error)
    run = ProbeRun("extensions", (environment,), {"ctranslate2/_ext.so": library}, (step,), (), 0)
    assert outcome(facts("ctranslate2==4.6.2", runs=(run,)), id) == expected


def test_a_library_that_crashes_is_named() -> None:
    library = f"{SITE}/torchcodec/libtorchcodec_core7.so"
    run = ProbeRun(
        "torchcodec", ("launch",), {"core7": library}, (Step("core7:open"),), (), -6,
        stderr="terminate called after throwing an instance of 'std::bad_alloc'",
    )  # fmt: skip
    (finding,) = examine.judge(facts(runs=(run,)), ("library-crashes-when-loaded",)).findings
    assert finding.outcome == "fail"
    assert finding.evidence == (
        f"in the launch environment: open of {library} was ended by SIGABRT",
        "it said: terminate called after throwing an instance of 'std::bad_alloc'",
    )


def test_a_check_that_breaks_is_a_finding_and_ends_nothing(tmp_path: Path) -> None:
    seen = facts("torch==2.5.1+cu124", files=None)
    report = examine.judge(seen)
    crashed = [finding.id for finding in report.findings if finding.outcome == "crash"]
    assert "disk-full-or-tmp-too-small" in crashed
    assert "glibc-too-old" not in crashed
    assert report.exit_code() in (1, 3)


def test_an_empty_element_stands_for_the_current_directory() -> None:
    here = Files(libraries=("/here/libz.so.1",))
    for path, files, expected in (
        ("/opt/lib:", here, "warn"),
        ("/opt/lib::/usr/lib", here, "warn"),
        ("/opt/lib:", Files(), "ok"),
        ("/opt/lib", here, "ok"),
    ):
        machine = Machine(variables={"LD_LIBRARY_PATH": path})
        seen = facts(files=files, machine=machine)
        assert outcome(seen, "library-path-has-empty-element") == expected
