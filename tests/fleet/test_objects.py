"""What fsspec makes of addresses: what they lead to, whole files or none, and troubles in words."""

from __future__ import annotations

import base64
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mlenv.fleet.ray import object_server, objects
from mlenv.fleet.ray.objects import Trouble


@pytest.fixture
def tree(tmp_path: Path) -> str:
    """The address of a folder with two recordings, one of them below."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.wav").write_bytes(b"sound")
    (tmp_path / "in" / "deep" / "b c.wav").write_bytes(b"more sound")
    return f"file://{tmp_path}/in"


def places(found: dict[str, Any]) -> list[str]:
    return [each["place"] for each in found["files"]]


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_a_folder_a_pattern_and_a_file(tree: str) -> None:
    whole = objects.find(tree, recursive=True)
    assert (whole["kind"], places(whole)) == ("folder", ["a.wav", "deep/b c.wav"])
    assert whole["files"][1]["url"] == f"{tree}/deep/b c.wav"
    flat = objects.find(tree)
    assert (places(flat), flat["below"]) == (["a.wav"], ["deep/"])
    pattern = objects.find(f"{tree}/*/*.wav")
    assert (pattern["kind"], places(pattern)) == ("pattern", ["deep/b c.wav"])
    assert pattern["files"][0]["url"] == f"{tree}/deep/b c.wav"
    single = objects.find(f"{tree}/a.wav")
    assert (single["kind"], places(single), single["files"][0]["size"]) == ("file", ["a.wav"], 5)


def test_many_addresses_are_asked_for_in_their_order(
    tree: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = [f"{tree}/a.wav", f"{tree}/none.wav", f"{tree}/deep/b c.wav"]
    trouble = {"code": "not-found", "text": "it does not exist", "package": ""}
    one_by_one = objects.find_each(urls)
    assert [places(each) if "files" in each else each for each in one_by_one] == [
        ["a.wav"], trouble, ["b c.wav"],
    ]  # fmt: skip
    monkeypatch.setattr(objects, "AT_ONCE", {"file"})
    assert objects.find_each(urls) == one_by_one


def test_files_in_an_archive_at_an_address(tree: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("one/x.wav", b"x")
        archive.writestr("one/y.wav", b"yy")
    found = objects.find(f"zip://one/*.wav::file://{tmp_path}/all.zip")
    assert [each["url"] for each in found["files"]] == [
        f"zip://one/{name}.wav::file://{tmp_path}/all.zip" for name in "xy"
    ]
    path, state = objects.fetch(found["files"][1]["url"], str(tmp_path), "y.wav")
    assert (Path(path).read_bytes(), state["size"]) == (b"yy", 2)


def test_a_mark_changes_with_the_file(tree: str, tmp_path: Path) -> None:
    before = objects.state(f"{tree}/a.wav")
    assert objects.state(f"{tree}/a.wav") == before
    (tmp_path / "in" / "new").write_bytes(b"other")  # of the same size
    (tmp_path / "in" / "new").rename(tmp_path / "in" / "a.wav")
    assert objects.state(f"{tree}/a.wav") != before


@pytest.mark.parametrize(
    ("info", "mark"),
    [
        ({"ETag": '"abc"', "LastModified": "today"}, "etag=abc"),
        ({"etag": "abc", "last_modified": "today"}, "etag=abc"),
        ({"Last-Modified": "today"}, "last-modified=today"),
        ({"mtime": 1.5, "created": 2.5}, "mtime=1.5 created=2.5"),
        ({"size": None}, ""),
    ],
)
def test_what_stores_say_of_an_object(info: dict[str, Any], mark: str) -> None:
    assert objects._state(info)["mark"] == mark


def test_a_file_that_changes_while_it_is_fetched_is_fetched_anew(
    tree: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PAUSE", 0.0)
    real, count = objects.state, iter(range(100))
    monkeypatch.setattr(
        objects, "state", lambda url: {**real(url), **({"mark": "x"} if next(count) < 1 else {})}
    )
    target, state = objects.fetch(f"{tree}/a.wav", str(tmp_path), "got")
    assert (Path(target).read_bytes(), state) == (b"sound", real(f"{tree}/a.wav"))
    assert next(count) == 4
    monkeypatch.setattr(objects, "state", lambda url: {**real(url), "mark": str(next(count))})
    with pytest.raises(Trouble) as caught:
        objects.fetch(f"{tree}/a.wav", str(tmp_path), "got")
    assert caught.value.args == ("unreachable", "it changes while it is read", "")


def test_a_file_is_written_whole_or_not_at_all(
    tree: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{tmp_path}/out/deep/a.txt"
    objects.write(url, encoded(b"first"))
    objects.write(url, encoded(b"second"))
    assert base64.b64decode(objects.read(url)) == b"second"
    assert objects.names(f"file://{tmp_path}/out") == ["deep/a.txt"]
    from fsspec.implementations.local import LocalFileSystem

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalFileSystem, "mv", full)
    with pytest.raises(Trouble) as caught:
        objects.write(url, encoded(b"third"))
    assert caught.value.args == ("unreachable", "[Errno 28] No space left on device", "")
    assert base64.b64decode(objects.read(url)) == b"second"
    assert objects.names(f"file://{tmp_path}/out") == ["deep/a.txt"]


def test_a_place_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    objects.try_to_write(f"file://{tmp_path}/out")
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(Trouble) as caught:
        objects.try_to_write("memory://out")
    assert caught.value.code == "not-permitted"
    assert objects.names(f"file://{tmp_path}/nothing") == []


def test_a_file_gets_another_name(tree: str) -> None:
    objects.move(f"{tree}/a.wav", f"{tree}/a.wav.old")
    assert objects.names(tree) == ["a.wav.old", "deep/b c.wav"]


class NoCredentialsError(Exception):
    """Named as botocore's."""


class Answered(Exception):
    """Has what aiohttp's errors have."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}, url='https://example.org/?key=secret'")
        self.status, self.message = status, message


class Refused(Exception):
    """Has what botocore's errors have."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.response = {"ResponseMetadata": {"HTTPStatusCode": 403}}


def because(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (because(ImportError("Install s3fs"), ModuleNotFoundError("no", name="s3fs.core")),
         ("no-package", "the package s3fs is missing", "s3fs")),
        (ValueError("Protocol not known: foo"), ("no-protocol", "protocol not known: foo", "")),
        (NoCredentialsError("Unable to locate credentials"),
         ("no-credentials", "Unable to locate credentials", "")),
        (because(FileNotFoundError("url"), Answered(404, "Not Found")),
         ("not-found", "it does not exist", "")),
        (because(FileNotFoundError("url"), Answered(401, "")),
         ("not-permitted", "the server answers 401 (no reason)", "")),
        (because(FileNotFoundError("url"), ConnectionRefusedError(111, "Connection refused")),
         ("unreachable", "[Errno 111] Connection refused", "")),
        (because(PermissionError("Forbidden"), Refused("Forbidden")),
         ("not-permitted", "Forbidden", "")),
        (FileNotFoundError("bucket/key"), ("not-found", "it does not exist", "")),
        (TimeoutError(), ("unreachable", "TimeoutError", "")),
    ],
)  # fmt: skip
def test_errors_of_libraries_in_words(error: Exception, trouble: tuple[str, str, str]) -> None:
    assert objects.trouble(error).args == trouble


def test_the_server_answers_or_says_what_is_in_the_way(tree: str) -> None:
    request = {"do": "names", "with": {"url": tree}}
    assert object_server.answer(request) == {"result": ["a.wav", "deep/b c.wav"]}
    request = {"do": "read", "with": {"url": f"{tree}/none"}}
    assert object_server.answer(request) == {
        "code": "not-found", "text": "it does not exist", "package": "",
    }  # fmt: skip
