"""Stand-ins for whole profiles: indexes of small wheels with the true names, versions and
requirements of a shipped lock.

They stand for the package index and for the PyTorch index, which a test machine may not reach.
Who needs whom is taken from the lock's own comments; the PyTorch index's packages have the
requirements that are recorded of them, and pyannote.audio those that its metadata has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mlenv.environment.lockfile import locks, profiles, recorded_index
from tests.support.index import Index, serving

# Requires-Dist of pyannote.audio, as far as it concerns torch.
PYANNOTE = {
    "4.0.3": ["torch==2.8.0", "torchaudio==2.8.0", "torchcodec==0.7.0"],
    "4.0.7": ["torch>=2.8.0", "torchaudio>=2.8.0", "torchcodec>=0.7.0"],
}


@contextmanager
def of(name: str) -> Iterator[tuple[Index, Index]]:
    """Stand-ins for the package index and the PyTorch index, filled for a shipped profile."""
    profile = profiles.load(name)
    lock = locks.load(profile)
    needs = _needs(lock.text)
    [own] = profile.indexes
    with serving() as packages, serving() as pytorch:
        pytorch.uploaded = None
        for release in recorded_index.releases(own.url):
            pytorch.add(
                release.name, release.version, list(release.requires_dist), tag=TAG[name]
            )  # fmt: skip
            plain = release.version.partition("+")[0]
            packages.add(release.name, plain, _trio(release.name, plain))
        for pin in lock.pins:
            if pin.name in own.packages:
                continue
            wanted = needs.get(pin.name, [])
            if pin.name == "pyannote-audio":
                wanted = [n for n in wanted if n not in own.packages] + PYANNOTE[pin.version]
            packages.add(pin.name, pin.version, wanted)
        rest = [n for n in needs["pyannote-audio"] if n not in own.packages]
        packages.add("pyannote-audio", "4.0.7", rest + PYANNOTE["4.0.7"])
        # What lies in wait: newer builds, and packages that only the wrong ones need.
        for trap, version in (("torch", "2.8.0"), ("torchaudio", "2.8.0"), ("torchcodec", "0.7.0")):
            packages.add(trap, version, _trio(trap, version))
        packages.add("uv", "1.0")
        yield packages, pytorch


_PARENT = re.compile(r"    #(?: via)?\s+([a-z0-9][a-z0-9._-]*)$")
TAG = {"cu121": "py3-none-linux_x86_64", "cpu": "py3-none-linux_x86_64"}


def _trio(name: str, version: str) -> list[str]:
    pairs = {"torchvision": "2.5.1", "torchaudio": version}
    return [f"torch=={pairs[name]}"] if name in pairs else []


def _needs(text: str) -> dict[str, list[str]]:
    """Who needs whom, out of uv's comments: `# via` names the parents of a pin."""
    needs: dict[str, list[str]] = {}
    name = marker = ""
    for line in text.splitlines():
        if pin := re.match(r"([a-z0-9._-]+)==\S+(?: ; (.*?))? \\$", line):
            name, marker = pin[1], pin[2] or ""
        elif (parent := _PARENT.match(line)) and parent[1] != "via":
            listed = needs.setdefault(parent[1], [])
            wanted = f"{name} ; {marker}" if "python_full_version >=" in marker else name
            if wanted not in listed:
                listed.append(wanted)
    return needs
