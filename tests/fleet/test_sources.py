"""Which files are snapshots, and what their hosts are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlenv.fleet import sources
from mlenv.fleet.documents import FileProblem, PassedOver
from mlenv.fleet.sources import Source


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touched(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_directory_holds_a_snapshot_for_each_host(folder: Path) -> None:
    touched(folder, "hosts/gpu02.json", "hosts/gpu01.lab.example.org.json", "hosts/README.md")
    touched(folder, "hosts/.gpu01.json", "hosts/old/gpu01.json", "hosts/more.json/gpu09.json")
    os.mkfifo(folder / "hosts" / "pipe.json")
    (folder / "hosts" / "gone.json").symlink_to("nowhere")
    listing = sources.listed(["hosts"])
    assert listing == sources.Listing(
        (
            Source("gone", "hosts/gone.json"),
            Source("gpu01.lab.example.org", "hosts/gpu01.lab.example.org.json"),
            Source("gpu02", "hosts/gpu02.json"),
            Source("pipe", "hosts/pipe.json"),
        ),
        (),
        (
            PassedOver(file="hosts/.gpu01.json", why="hidden"),
            PassedOver(file="hosts/README.md", why="its name does not end in .json"),
            PassedOver(file="hosts/more.json", why="a directory"),
            PassedOver(file="hosts/old", why="its name does not end in .json"),
        ),
    )


def test_a_file_that_is_named_is_a_snapshot_whatever_its_name(folder: Path) -> None:
    touched(folder, "gpu01", "gpu02.facts")
    listing = sources.listed(["gpu01", "gpu02.facts", "nowhere.json"])
    assert [source.host for source in listing.sources] == ["gpu01", "gpu02.facts", "nowhere"]
    assert listing.problems == ()


def test_hosts_of_one_name_are_told_apart_by_their_paths(folder: Path) -> None:
    touched(folder, "a/gpu01", "a/gpu01.json", "b/gpu01.json", "b/gpu02.json")
    listing = sources.listed(["a", "b", "a/gpu01"])
    assert [source.host for source in listing.sources] == [
        "a/gpu01.json",
        "b/gpu01.json",
        "gpu02",
        "a/gpu01",
    ]
    assert listing.problems == (
        FileProblem(
            file="a/gpu01.json",
            code="duplicate-host",
            message="3 snapshots are called gpu01 (a/gpu01.json, b/gpu01.json, a/gpu01): each is "
            "judged, under its path.",
        ),
    )


def test_a_file_that_is_named_twice_is_one_host(folder: Path) -> None:
    touched(folder, "a/gpu01.json")
    (folder / "a" / "same.json").symlink_to("gpu01.json")
    listing = sources.listed(["a/gpu01.json", "a", "./a/gpu01.json"])
    assert listing.sources == (Source("gpu01", "a/gpu01.json"),)
    assert [(each.file, each.why) for each in listing.passed_over] == [
        ("a/gpu01.json", "the same file as a/gpu01.json"),
        ("a/same.json", "the same file as a/gpu01.json"),
        ("./a/gpu01.json", "the same file as a/gpu01.json"),
    ]


def test_a_directory_without_a_snapshot_is_a_problem(folder: Path) -> None:
    touched(folder, "empty/README.md")
    (folder / "bare").mkdir()
    listing = sources.listed(["empty", "bare"])
    assert [(each.code, each.message) for each in listing.problems] == [
        ("no-snapshots", "empty holds no snapshot: each is a file HOST.json."),
        ("no-snapshots", "bare holds no snapshot: each is a file HOST.json."),
    ]


def test_names_that_are_no_text_are_kept(folder: Path) -> None:
    touched(folder, os.fsdecode(b"hosts/gpu\xff.json"))
    (source,) = sources.listed(["hosts"]).sources
    assert os.fsencode(source.host) == b"gpu\xff"
