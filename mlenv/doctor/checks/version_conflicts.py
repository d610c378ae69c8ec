"""Packages whose versions do not go together, known by the versions alone."""

from __future__ import annotations

from collections.abc import Iterator

from mlenv.doctor.checks.common import Check, Finding, fail, ok, skip, warn
from mlenv.doctor.checks.installed_packages import TOPIC
from mlenv.doctor.facts import Facts
from mlenv.machine.versions import at_least, below

NUMPY_ABI, NUMPY_ALIAS = "numpy2-abi", "numpy2-removed-alias"
KWARG = "hf-token-kwarg-renamed"
PKG_RESOURCES = "setuptools-pkg-resources-missing"
BACKEND = "torchaudio-backend-missing"


def judge_numpy(facts: Facts) -> Iterator[Finding]:
    numpy, torch = facts.packages.version("numpy"), facts.packages.version("torch")
    pyannote = facts.packages.version("pyannote-audio")
    two = at_least(numpy, "2")
    both = f"numpy {numpy or '(none)'} beside torch {torch or '(none)'}"
    if two and torch and below(torch, "2.3"):
        yield fail(NUMPY_ABI, f"{both}, which was built for NumPy 1")
    else:
        yield ok(NUMPY_ABI, both) if numpy else skip(NUMPY_ABI, "numpy is not installed")
    if two and pyannote and below(pyannote, "3.3.1"):
        yield fail(NUMPY_ALIAS, f"pyannote.audio {pyannote} uses np.NaN, gone in numpy {numpy}")
    else:
        yield skip(NUMPY_ALIAS, "no package here is known to use a removed name")


def judge_kwarg(facts: Facts) -> Iterator[Finding]:
    hub = facts.packages.version("huggingface-hub")
    pyannote = facts.packages.version("pyannote-audio")
    if not hub or not pyannote:
        yield skip(KWARG, "not both huggingface-hub and pyannote.audio are installed")
    elif below(pyannote, "4") and at_least(hub, "1"):
        yield fail(
            KWARG,
            f"pyannote.audio {pyannote} passes use_auth_token, huggingface-hub {hub} has none",
        )
    else:
        yield ok(KWARG, f"pyannote.audio {pyannote} with huggingface-hub {hub}")


def judge_pkg_resources(facts: Facts) -> Iterator[Finding]:
    """Packages that import pkg_resources: ctranslate2 up to 4.8.1 names setuptools for it."""
    setuptools = facts.packages.version("setuptools")
    users = [
        f"{d.name} {d.version}"
        for d in facts.packages.distributions
        if d.name in ("lightning-utilities", "pytorch-lightning", "openai-whisper", "whisperx")
        and any(r.startswith("setuptools") for r in d.requires)
    ]
    if users and not facts.works and (not setuptools or at_least(setuptools, "82")):
        what = f"setuptools {setuptools}" if setuptools else "no setuptools"
        yield warn(PKG_RESOURCES, f"{', '.join(users)} may import pkg_resources; here is {what}")
    else:
        yield ok(PKG_RESOURCES, "no package here misses pkg_resources")


def judge_backend(facts: Facts) -> Iterator[Finding]:
    """pyannote.audio 3 reads files through torchaudio, which needs something that can."""
    audio, pyannote = facts.packages.version("torchaudio"), facts.packages.version("pyannote-audio")
    if not audio or not pyannote or at_least(pyannote, "4"):
        yield skip(BACKEND, "nothing here reads files through torchaudio")
    elif facts.packages.version("soundfile") or any(
        "libavutil" in file for file in facts.machine.loader_cache
    ):
        yield ok(BACKEND, f"torchaudio {audio} has soundfile or FFmpeg to read files with")
    else:
        yield warn(
            BACKEND,
            f"pyannote.audio {pyannote} reads files through torchaudio {audio}; here is neither "
            "soundfile nor FFmpeg's libraries",
        )


CHECKS = (
    Check(TOPIC, (NUMPY_ABI, NUMPY_ALIAS), judge_numpy),
    Check(TOPIC, (KWARG,), judge_kwarg),
    Check(TOPIC, (PKG_RESOURCES,), judge_pkg_resources),
    Check(TOPIC, (BACKEND,), judge_backend),
)
