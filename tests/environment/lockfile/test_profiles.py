"""Profiles that can't be used say why, where, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlenv.environment.install import select
from mlenv.environment.lockfile import locks, profiles
from mlenv.machine.host import Host
from tests.support.running import Run


def test_an_unknown_name(mlenv: Run, home: Path) -> None:
    done = mlenv("install", "cu999")
    assert done.returncode == 2
    assert done.stderr == (
        f"error: There is no profile `cu999`.\nThere are: {', '.join(profiles.names())}. "
        "`mlenv profiles why` says which one fits this machine.\n"
    )
    assert not (home / ".venvs").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("python =", "python = ="), "can't be read: Invalid value (at line 2, column 10)."),
        (("requires =", "require ="), "Object contains unknown field `require`."),
        (('for = "tests"', "for = 7"), "Expected `str`, got `int` - at `$.for`."),
        (("whisperer==1.0", "whisperer=1.0"), "`whisperer=1.0` is not a package with a version"),
        (("linux-aarch64", "solaris"), "platform solaris is not one of linux-x86_64"),
        (
            ('why = "nothing', 'because = "nothing'),
            "Object contains unknown field `because` - at `$.exclude[0]`.",
        ),
        (('for = "tests"', 'for = "tests"\npithon = 3'), "Object contains unknown field `pithon`."),
        (('python = ">=3.11"', 'python = "new"'), 'python = "new" is not a version range.'),
        (("2025-12-19", "19.12.2025"), 'resolved-as-of = "19.12.2025" is not a date such as'),
        (
            ("[[exclude]]", '[machine]\nglibc = "banana"\n[[exclude]]'),
            '[machine] glibc: "banana" is',
        ),
        (
            ("[[exclude]]", '[machine]\ngpu = ["abc"]\n[[exclude]]'),
            '[machine] gpu: "abc" is not a ver',
        ),
        (
            ("[[exclude]]", "[machine]\ndisk-mb = -5\n[[exclude]]"),
            "[machine] sizes can't be below 0",
        ),
        (('package = "codec"', 'package = "***"'), '"***" in [[exclude]] is not the name of a'),
        (('"whisperer==1.0", "diarizer==2.0"', ""), "`requires` is empty: it must name at least"),
        (
            ('"whisperer==1.0"', "\"whisperer==1.0 ; sys_platform == 'win32'\""),
            "`whisperer==1.0 ; sys_platform == 'win32'` is for none of its platforms",
        ),
        (
            ("whisperer==1.0", "whisperer @ https://me:secret@example.org/w.whl"),
            "whisperer is named by an address: a lock names versions and hashes.",
        ),
        (
            ("[[exclude]]", '[[index]]\nname = "x"\nurl = "no url"\npackages = []\n[[exclude]]'),
            'index x: "no url" is not an address',
        ),
    ],
)
def test_a_broken_file_is_named_with_the_place(
    mlenv: Run, home: Path, profile: Path, change: tuple[str, str], said: str
) -> None:
    profile.write_text(profile.read_text().replace(*change))
    done = mlenv("install", profile)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {profile}") and said in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not (home / ".venvs").exists()


def test_a_date_needs_no_quotes(profile: Path) -> None:
    profile.write_text(profile.read_text().replace('"2025-12-19"', "2025-12-19"))
    assert profiles.load(str(profile)).resolved_as_of == "2025-12-19"


@pytest.mark.parametrize(
    ("range_", "lowest"), [("==3.12.*", "3.12"), (">=3.11,<3.14", "3.11"), ("~=3.12.1", "3.12.1")]
)
def test_the_lowest_python(profile: Path, range_: str, lowest: str) -> None:
    profile.write_text(profile.read_text().replace('python = ">=3.11"', f'python = "{range_}"'))
    assert profiles.load(str(profile)).lowest_python == lowest


HOPPER = Host("linux-x86_64", "2.36", "550.54.14", (("NVIDIA H100", "9.0"),))


@pytest.mark.parametrize(
    ("machine", "against"),
    [
        (HOPPER, ()),
        (Host("linux-x86_64", "2.36", None), ()),
        (Host("linux-x86_64", "2.36", "550.54.14", (("RTX 4090", "8.9"),)), ()),
        (
            Host("linux-x86_64", "2.36", "470.82.01", (("Tesla T4", "7.5"),)),
            ("it needs NVIDIA driver 525.60.13, this machine has 470.82.01",),
        ),
        (
            Host("linux-x86_64", "2.36", "580.65.06", (("NVIDIA GeForce RTX 5090", "12.0"),)),
            ("its builds carry no code for the NVIDIA GeForce RTX 5090 (compute capability 12.0)",),
        ),
        (
            Host("linux-x86_64", "2.17", None),
            ("it needs glibc 2.28, this machine has 2.17",),
        ),
        (
            Host("linux-x86_64", None, None),
            ("it needs glibc 2.28, this machine has another C library (musl?)",),
        ),
        (
            Host("macos-arm64", None, None),
            ("it has no wheels for macos-arm64 (only linux-x86_64)",),
        ),
    ],
)
def test_cu124_on_a_machine(machine: Host, against: tuple[str, ...]) -> None:
    assert select.judge(profiles.load("cu124"), machine).against == against


def test_every_override_and_exclusion_says_why() -> None:
    for name in profiles.names():
        profile = profiles.load(name)
        assert all(len(item.why) > 20 for item in (*profile.overrides, *profile.excludes))


def test_a_part_leaves_the_profile_as_it_is_without() -> None:
    """Only click moves, which Ray wants older than what is newest."""
    assert profiles.extended() == tuple(f"{name}+ray" for name in sorted(profiles.names()))
    for name in profiles.extended():
        whole, base = profiles.load(name), profiles.load(profiles.load(name).extends)
        assert name == f"{base.name}+ray"
        assert whole.requires == (*base.requires, "ray==2.52.1")
        assert (whole.overrides, whole.machine.gpu) == (base.overrides, base.machine.gpu)
        assert whole.machine.disk_mb == base.machine.disk_mb + 220
        with_it, without = locks.load(whole).versions(), locks.load(base).versions()
        assert with_it["ray"] == "2.52.1"
        moved = {each for each in without if with_it[each] != without[each]}
        assert moved <= {"click"}


def test_a_file_that_extends_another_is_read_with_it(tmp_path: Path, mlenv: Run) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "cu124"\nrequires = ["tabulate==0.9.0"]\n')
    profile = profiles.load(str(mine))
    assert profile.requires == (*profiles.load("cu124").requires, "tabulate==0.9.0")
    (tmp_path / "whole.toml").write_text(profiles.whole_text(mine))
    whole = profiles.load(str(tmp_path / "whole.toml"))
    assert (whole.requires, whole.overrides) == (profile.requires, profile.overrides)
    for text, said in {
        'extends = "cu999"\nrequires = []': "there is no profile `cu999` that it could extend.",
        'extends = "../cu124"\nrequires = []': "there is no profile `../cu124` that it could",
        'extends = "cu124"\nrequires = ["a b"]': "`a b` is not a package with a version",
        'extends = "cu124"\nrequires = []\npython = "3"': "unknown field `python`",
    }.items():
        mine.write_text(text)
        done = mlenv("profiles", "show", mine)
        assert (done.returncode, said in done.stderr) == (1, True), done.stderr


ALL = f"There are: {', '.join(profiles.names())}. `mlenv add` takes any package.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cu124", "--with", "dask"),
         "Profile cu124 has no optional part `dask`.\n"
         "It has: ray. `mlenv add` takes any package.\n"),
        (("mine.toml", "--with", "ray"),
         f"--with is for a profile that ships with mlenv, by its name.\n{ALL}"),
        (("--with", "ray"), f"--with is for a profile that ships with mlenv, by its name.\n{ALL}"),
    ],
)  # fmt: skip
def test_a_part_that_there_is_not(mlenv: Run, words: tuple[str, ...], said: str) -> None:
    done = mlenv("install", *words)
    assert (done.returncode, done.stderr) == (2, f"error: {said}")


def test_parts_are_named_once_and_in_order() -> None:
    assert profiles.with_parts("cu124", ("ray", "ray")) == "cu124+ray"
    assert profiles.with_parts("cu124+ray", ("ray",)) == "cu124+ray"
