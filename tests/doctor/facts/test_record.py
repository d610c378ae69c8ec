"""Installed files against RECORD: real files in a small venv, taken away and changed."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mlenv.doctor import examine
from mlenv.doctor.checks.installed_packages import DAMAGED
from mlenv.doctor.checks.installed_packages import PYTHON as WRONG
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts import packages as facts
from mlenv.doctor.facts.packages import Packages
from mlenv.doctor.facts.target import Interpreter
from mlenv.doctor.facts.trial import Tried

LIBRARY = Path(os.path.realpath(sys.executable)).read_bytes()[:4096]  # an ELF file's head
PYTHON = Interpreter("/venv/bin/python", "/venv", "/venv/lib", "/venv/lib")
FILES = {
    "sound/__init__.py": b"from sound import data\n",
    "sound/data.py": b"volume = 11\n",
    "sound/config.yaml": b"loud: true\n",
    "sound/core.cpython-311-x86_64-linux-gnu.so": LIBRARY,
    "sound/core.pyi": b"def play() -> None: ...\n",
    "sound/tests/test_sound.py": b"assert True\n",
    "sound-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: sound\nVersion: 1.0\n",
    "sound-1.0.dist-info/LICENSE": b"free\n",
    "../../../bin/sound": b"#!/usr/bin/python3\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "lib" / "python3.11" / "site-packages"
    install(folder, "sound-1.0", FILES)
    return folder


def install(site: Path, stem: str, files: Mapping[str, bytes]) -> None:
    """Write files and their RECORD as an installer does."""
    rows = []
    name, _, version = stem.partition("-")
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    for name, content in {f"{stem}.dist-info/METADATA": metadata, **files}.items():
        file = Path(os.path.normpath(site / name))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(content)}\n")
    (site / f"{stem}.dist-info").mkdir(exist_ok=True)
    rows += [f"{stem}.dist-info/RECORD,,\n", "sound/__pycache__/data.cpython-311.pyc,,\n"]
    (site / f"{stem}.dist-info" / "RECORD").write_text("".join(rows))


SUFFIXES = (".cpython-311-x86_64-linux-gnu.so", ".abi3.so", ".so")


def look(site: Path, **options: bool) -> Packages:
    return facts.read([site], sys.executable, SUFFIXES, **options)


def damages(site: Path, **options: bool) -> list[tuple[str, str]]:
    found = look(site, **options).damages
    return [(damage.what, os.path.relpath(damage.file, site)) for damage in found]


def test_what_is_as_it_was_installed_is_silent(site: Path) -> None:
    assert look(site, hashes=True).damages == ()


def test_the_size_of_a_package_is_that_of_its_files(site: Path) -> None:
    install(site, "quiet-2.0", {"quiet.py": b"volume = 0\n"})
    files = [*site.rglob("*"), *(site.parents[2] / "bin").iterdir()]
    quiet = sum(file.stat().st_size for file in files if "quiet" in str(file) and file.is_file())
    sound = sum(file.stat().st_size for file in files if file.is_file()) - quiet
    sizes = {each.name: each.bytes for each in look(site).distributions}
    assert sizes == {"sound": sound, "quiet": quiet}
    (site / "sound/data.py").unlink()
    sizes = {each.name: each.bytes for each in look(site).distributions}
    assert sizes == {"sound": sound - len(FILES["sound/data.py"]), "quiet": quiet}
    assert {each.bytes for each in look(site, quick=True).distributions} == {None}


@pytest.mark.parametrize("name", ["sound/core.pyi", "sound/tests", "sound-1.0.dist-info/LICENSE"])
def test_what_nothing_needs_may_be_gone(site: Path, name: str) -> None:
    there = site / name
    shutil.rmtree(there) if there.is_dir() else there.unlink()
    assert look(site).damages == ()


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5])


def edited(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"#\n")


def overwritten_with_zeros(file: Path) -> None:
    file.write_bytes(b"\0" * 4096)


def for_another_processor(file: Path) -> None:
    file.write_bytes(LIBRARY[:18] + b"\xb7\0" + LIBRARY[20:])  # aarch64


@pytest.mark.parametrize("file", [name for name in FILES if not name.endswith(("pyi", "LICENSE"))])
@pytest.mark.parametrize(
    ("act", "what"),
    [(Path.unlink, "missing"), (emptied, "empty"), (cut, "truncated"), (edited, "changed")],
)
def test_a_file_is_gone_or_of_another_size(
    site: Path, file: str, act: Callable[[Path], object], what: str
) -> None:
    act(Path(os.path.normpath(site / file)))
    spare = what == "missing" and "/tests/" in file
    assert damages(site) == ([] if spare else [(what, file)])


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (overwritten_with_zeros, "no library"),
        (for_another_processor, "for another processor"),
    ],
)
def test_a_library_of_the_right_size_that_is_none(
    site: Path, act: Callable[[Path], object], what: str
) -> None:
    name = "sound/core.cpython-311-x86_64-linux-gnu.so"
    act(site / name)
    assert damages(site) == [(what, name)]


CORE = "noise/core.cpython-310-x86_64-linux-gnu.so"


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        ([], [("for another Python", CORE)]),
        (["noise/core.cpython-312-x86_64-linux-gnu.so"], [("for another Python", CORE)]),
        (["noise/other.cpython-311-x86_64-linux-gnu.so"], [("for another Python", CORE)]),
        (["noise/core.cpython-311-x86_64-linux-gnu.so"], []),
        (["noise/core.abi3.so"], []),
        (["noise/core.so"], []),
    ],
)
def test_an_extension_for_another_python(
    site: Path, beside: list[str], expected: list[tuple[str, str]]
) -> None:
    install(site, "noise-1.0", dict.fromkeys([CORE, *beside], LIBRARY))
    assert damages(site) == expected


def test_a_package_for_another_python_is_one_finding(site: Path) -> None:
    """Its wheel's tag says it where there is one; what runs without the module is no failure."""
    install(site, "noise-1.0", {CORE: LIBRARY})
    wheel = site / "noise-1.0.dist-info" / "WHEEL"
    python = replace(PYTHON, version="3.11.7", implementation="cpython")
    works = (Tried("words", "imports"),)

    def bad(trial: tuple[Tried, ...] = ()) -> dict[str, tuple[str, str]]:
        seen = Facts(str(site), False, python, packages=look(site), trial=trial)
        findings = examine.judge(seen, [DAMAGED, WRONG]).findings
        return {f.id: (f.outcome, f.evidence[0]) for f in findings if f.bad}

    line = f"for another Python: {site}/{CORE}, of noise 1.0"
    assert bad() == {DAMAGED: ("fail", line)}
    assert bad(works) == {DAMAGED: ("warn", line)}
    wheel.write_text("Tag: cp310-cp310-linux_x86_64\n")
    line = "noise 1.0 is a wheel for cp310-cp310-linux_x86_64, and this is Python 3.11.7"
    assert bad() == {WRONG: ("fail", line)}


def test_contents_are_compared_when_that_is_asked_for(site: Path) -> None:
    (site / "sound" / "data.py").write_bytes(b"volume = 10\n")
    assert damages(site) == []
    assert damages(site, hashes=True) == [("changed", "sound/data.py")]


def test_a_folder_that_may_not_be_read(site: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root may read everything")
    (site / "sound").chmod(0)
    try:
        assert {what for what, _ in damages(site)} == {"unreadable"}
    finally:
        (site / "sound").chmod(0o755)


def test_a_file_of_two_packages_is_no_damage_of_either(site: Path) -> None:
    install(site, "noise-2.0", {"sound/data.py": b"volume = 12345\n"})
    seen = look(site)
    assert seen.damages == ()
    assert [(os.path.relpath(c.file, site), c.owners) for c in seen.clashes] == [
        ("sound/data.py", ("noise 2.0", "sound 1.0"))
    ]


def test_a_quick_look_leaves_out_packages_whose_libraries_do_not_decide(site: Path) -> None:
    (site / "sound" / "data.py").unlink()
    assert damages(site, quick=True) == []


def test_the_rest_of_another_version(site: Path) -> None:
    """What an upgrade leaves that was cut short: two dist-infos, and one of them is right."""
    install(site, "sound-2.0", {"sound/data.py": b"volume = 12\n", "sound/new.py": b""})
    install(site, "sound-1.0", {"sound/gone.py": b"1"})
    (site / "sound" / "gone.py").unlink()
    assert damages(site) == [("left over beside sound 2.0", "sound-1.0.dist-info")]


def test_a_program_that_is_gone_is_a_warning(site: Path) -> None:
    Path(os.path.normpath(site / "../../../bin/sound")).unlink()
    report = examine.judge(Facts(str(site), False, PYTHON, packages=look(site)), [DAMAGED])
    (finding,) = report.findings
    assert (finding.outcome, len(finding.evidence)) == ("warn", 1)
    (site / "sound" / "data.py").unlink()
    report = examine.judge(Facts(str(site), False, PYTHON, packages=look(site)), [DAMAGED])
    (finding,) = report.findings
    assert finding.outcome == "fail"
    assert finding.evidence[0].startswith(f"missing: {site}/sound/data.py")


def test_metadata_that_is_gone_with_its_record(site: Path) -> None:
    """What is left of a package that was removed halfway."""
    info = site / "sound-1.0.dist-info"
    shutil.rmtree(info)
    info.mkdir()
    assert damages(site) == [("missing", "sound-1.0.dist-info/METADATA")]
